package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// startLimit bounds how long a server may take to answer; a standby, or one
// that was killed, reads its log first.
const startLimit = 60 * time.Second

// home is the folder of a server, with what it takes to run it there.
type home struct {
	folder string
	attr   *syscall.SysProcAttr
	guard  *guard
}

// newHome makes the folder, a temporary one below another if it has no name,
// and sets a guard over it that stops the server with the signal.
func newHome(ctx context.Context, folder, below, signal string) (h home, err error) {
	if h.folder = folder; folder == "" {
		h.folder, err = os.MkdirTemp(below, "spoor-pg-")
	} else {
		err = os.Mkdir(folder, 0o700)
	}
	if err != nil {
		return h, fmt.Errorf("make folder of server: %w", err)
	}
	if h.attr, err = account(h.folder); err == nil {
		h.guard, err = newGuard(ctx, signal, h.folder)
	}
	if err != nil {
		return h, errors.Join(err, os.RemoveAll(h.folder))
	}
	return h, nil
}

// Log is the path of the server's log.
func (h *home) Log() string { return filepath.Join(h.folder, "log") }

// remove removes the folder of a server that has ended.
func (h *home) remove() error {
	return errors.Join(os.RemoveAll(h.folder), h.guard.dismiss())
}

// process is a server program that was started and is waited for.
type process struct {
	cmd  *exec.Cmd
	log  string        // path
	done chan struct{} // closed when it has ended
}

// start starts a server in the home. It outlives the context: it ends when it
// is told to, or when the guard finds that we are gone.
func (h *home) start(ctx context.Context, name string, args ...string) (*process, error) {
	log, err := os.OpenFile(h.Log(), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the server has its own
	cmd := exec.CommandContext(context.WithoutCancel(ctx), name, args...)
	cmd.SysProcAttr, cmd.Dir = h.attr, "/"
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{cmd: cmd, log: h.Log(), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in its log
	}()
	if err := h.guard.watch(p.pid()); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	return p, nil
}

// waitAnswer waits until the server accepts a connection. When it does not,
// the server is killed.
func (p *process) waitAnswer(ctx context.Context, dsn string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.done:
			return fmt.Errorf("start %s: it ended: %s", p.cmd.Path, tail(p.log))
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("start %s: it does not answer: %w: %s", p.cmd.Path, err, tail(p.log)), p.kill())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// tail returns the end of a log.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4096):])
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

// kill kills the process and what it started, and waits for the end.
func (p *process) kill() error {
	killTree(p.pid())
	<-p.done
	return nil
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
		return errors.Join(fmt.Errorf("stop process %d: %w: it was killed", p.pid(), ctx.Err()), p.kill())
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
