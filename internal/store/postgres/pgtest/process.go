package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// process is a server program that was started and is waited for.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// startProcess starts a program that outlives the context: it ends when it is
// told to, or when its guard finds that we are gone.
func startProcess(ctx context.Context, attr *syscall.SysProcAttr, log *os.File, name string, args ...string) (*process, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), name, args...)
	cmd.SysProcAttr, cmd.Dir = attr, "/"
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in its log
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop sends the signal and waits for the end. When the context ends first,
// the process is killed.
func (p *process) stop(ctx context.Context, signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", p.pid(), err)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		killTree(p.pid())
		<-p.done
		return fmt.Errorf("stop process %d: %w: killed", p.pid(), ctx.Err())
	}
}

// guard is a shell that waits for the end of this process. When that comes
// without dismiss, by a panic, a time limit or a kill, it ends the program
// that it was told to watch and removes the folder. It is a shell and not a
// signal on the parent's death because that follows a thread, not a process,
// and removes nothing.
type guard struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// guardScript reads process ids, each in place of the one before, until the
// pipe closes. $1 is the signal, $2 the folder.
const guardScript = `
pid=0
while read -r line; do
  [ "$line" = done ] && exit 0
  pid=$line
done
if [ "$pid" -gt 0 ]; then
  kill -s "$1" "$pid"
  tries=0
  while kill -0 "$pid" && [ "$tries" -lt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
  kill -s KILL "$pid"
fi
rm -rf "$2"
`

func newGuard(ctx context.Context, signal, folder string) (*guard, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", "-c", guardScript, "guard", signal, folder)
	cmd.SysProcAttr, cmd.Dir = ownGroup(), "/" // out of reach of a terminal's interrupt
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start guard of %s: %w", folder, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start guard of %s: %w", folder, err)
	}
	return &guard{cmd: cmd, pipe: pipe}, nil
}

// watch puts the process in the guard's care, in place of the one before; 0 is
// none.
func (g *guard) watch(pid int) error {
	if _, err := io.WriteString(g.pipe, strconv.Itoa(pid)+"\n"); err != nil {
		return fmt.Errorf("tell guard of process %d: %w", pid, err)
	}
	return nil
}

// dismiss ends the guard: all is stopped and removed.
func (g *guard) dismiss() error {
	_, err := io.WriteString(g.pipe, "done\n")
	return errors.Join(err, g.pipe.Close(), g.cmd.Wait())
}
