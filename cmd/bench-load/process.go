package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server of our own making: started, told to stop, waited for.
type process struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	address string // HOST:PORT
}

// start runs the command and waits for its line "listening on http://…".
func start(ctx context.Context, stderr io.Writer, name string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{cmd: cmd, stdin: stdin}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "listening on http://"); ok {
			p.address = strings.TrimSuffix(at, "/")
			return p, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("start %s: it ended without listening", name), lines.Err(), p.stop())
}

// stop ends the process and waits for it.
func (p *process) stop() error {
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	err = errors.Join(err, p.stdin.Close())
	wait := p.cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(wait, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
			wait = nil // the static handler does not catch the signal
		}
	}
	return errors.Join(err, wait)
}

// rssAnon returns the resident memory that is the process's own, in bytes:
// pages of mapped files belong to the kernel's cache and are not counted.
func (p *process) rssAnon() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read memory of process: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("read memory of process: no RssAnon in its status")
}
