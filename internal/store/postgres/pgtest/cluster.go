package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Superuser is the account that owns everything in a cluster; it needs no
// password.
const Superuser = "spoor"

// startLimit bounds how long a server may take to answer; a standby, or one
// that was killed, reads its log first.
const startLimit = 60 * time.Second

// Options say what a cluster is like. The zero value is a server with
// PostgreSQL's own settings in a temporary folder.
type Options struct {
	// Programs is the folder of PostgreSQL's programs; empty finds one.
	Programs string
	// Folder is made, and removed by Close; empty takes a temporary one. The
	// account that PostgreSQL runs as has to be able to reach it.
	Folder string
	// Settings are lines "name=value" for postgresql.conf.
	Settings []string
}

// Cluster is a private PostgreSQL server, with its data in a folder of its
// own, on a free port of 127.0.0.1 and on a socket in that folder. Its
// encoding is UTF-8 and its locale C. Methods may be called concurrently.
type Cluster struct {
	programs, folder string
	port             int
	attr             *syscall.SysProcAttr
	guard            *guard

	mu     sync.Mutex // held while the server is started or stopped
	server *process   // nil while stopped
	closed bool
}

// Start makes a cluster and starts it. The caller closes it; the context
// bounds the start alone.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	c, err := newCluster(ctx, o)
	if err != nil {
		return nil, err
	}
	err = c.run(ctx, "initdb", "--pgdata", c.data(), "--encoding", "UTF8", "--locale", "C",
		"--username", Superuser, "--auth", "trust", "--no-instructions", "--no-sync")
	if err == nil {
		err = c.configure(o.Settings...)
	}
	if err == nil {
		err = c.startOnFreePort(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// newCluster makes the folder and its guard, with nothing in it yet.
func newCluster(ctx context.Context, o Options) (c *Cluster, err error) {
	c = &Cluster{programs: o.Programs, folder: o.Folder}
	if c.programs == "" {
		if c.programs, err = FindPrograms(ctx); err != nil {
			return nil, err
		}
	}
	if c.folder == "" {
		c.folder, err = os.MkdirTemp("", "spoor-pg-")
	} else {
		err = os.Mkdir(c.folder, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("make folder of cluster: %w", err)
	}
	if c.attr, err = account(c.folder); err == nil {
		c.guard, err = newGuard(ctx, "QUIT", c.folder)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.folder))
	}
	return c, nil
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

// Log is the path of the server's log.
func (c *Cluster) Log() string { return filepath.Join(c.folder, "log") }

// Host is the address that the server listens on.
func (c *Cluster) Host() string { return "127.0.0.1" }

// Port is the port that the server listens on, the same after every start.
func (c *Cluster) Port() int { return c.port }

// Address is host and port, as a connection string has them.
func (c *Cluster) Address() string { return net.JoinHostPort(c.Host(), strconv.Itoa(c.port)) }

// DSN returns the URL of a database of the cluster over TCP.
func (c *Cluster) DSN(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(Superuser), Host: c.Address(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// SocketDSN returns the URL of a database of the cluster over the socket,
// which is faster.
func (c *Cluster) SocketDSN(database string) string {
	query := url.Values{"host": {c.folder}, "port": {strconv.Itoa(c.port)}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(Superuser), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}

// run runs one of PostgreSQL's programs to its end.
func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.programs, program), args...)
	cmd.SysProcAttr, cmd.Dir = c.attr, "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", program, err, out)
	}
	return nil
}

// configure adds settings to those of the cluster; they hold from the next
// start on. ALTER SYSTEM comes before them.
func (c *Cluster) configure(settings ...string) error {
	var text strings.Builder
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''"))
	}
	file, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("configure cluster: %w", err)
	}
	_, err = file.WriteString(text.String())
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("configure cluster: %w", err)
	}
	return nil
}

// startOnFreePort starts the server for the first time. Somebody else may
// take a port between its choice and its use: then another is tried.
func (c *Cluster) startOnFreePort(ctx context.Context) (err error) {
	for range 5 {
		if c.port, err = freePort(ctx); err != nil {
			return err
		}
		if err = c.Start(ctx); err == nil || !strings.Contains(err.Error(), "could not bind") {
			return err
		}
	}
	return err
}

// freePort chooses a port of 127.0.0.1 that nobody listens on. It lies below
// those that systems give to outgoing connections, so that a server that is
// stopped for a while finds it free again.
func freePort(ctx context.Context) (int, error) {
	var last error
	for range 100 {
		port := 20_000 + rand.IntN(12_000) //nolint:gosec // no secret, only a choice
		var conf net.ListenConfig
		l, err := conf.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}

// Start starts the server again after Stop or Kill, on the same port, and
// waits until it answers.
func (c *Cluster) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.server != nil && !c.server.ended() {
		return fmt.Errorf("start postgres on port %d: it runs, or is closed", c.port)
	}
	log, err := os.OpenFile(c.Log(), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open log of postgres: %w", err)
	}
	defer func() { _ = log.Close() }() // the server has its own
	c.server, err = startProcess(ctx, c.attr, log, filepath.Join(c.programs, "postgres"), "-D", c.data(),
		"-c", "listen_addresses="+c.Host(), "-c", "port="+strconv.Itoa(c.port), "-c", "unix_socket_directories="+c.folder)
	if err != nil {
		return err
	}
	if err := c.guard.watch(c.server.pid()); err != nil {
		return errors.Join(err, c.server.stop(ctx, syscall.SIGQUIT))
	}
	if err := c.waitReady(ctx); err != nil {
		return errors.Join(err, c.server.stop(ctx, syscall.SIGQUIT))
	}
	return nil
}

// waitReady waits until the server answers a connection.
func (c *Cluster) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-c.server.done:
			return fmt.Errorf("start postgres: it ended: %s", c.logTail())
		case <-ctx.Done():
			return fmt.Errorf("start postgres: it does not answer: %w: %s", err, c.logTail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// logTail returns the last lines of the server's log.
func (c *Cluster) logTail() string {
	text, err := os.ReadFile(c.Log())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4096):])
}

// Mode is a way to stop a server.
type Mode int

// The ways to stop a server.
const (
	// Fast ends connections, writes everything down and ends; standbys get
	// the rest of the log first.
	Fast Mode = iota
	// Immediate ends at once, as if killed; the next start recovers.
	Immediate
)

// Stop stops the server and waits for its end. Stopping a stopped one does
// nothing.
func (c *Cluster) Stop(ctx context.Context, mode Mode) error {
	signal := syscall.SIGINT
	if mode == Immediate {
		signal = syscall.SIGQUIT
	}
	return c.end(func(p *process) error { return p.stop(ctx, signal) })
}

// Kill kills the server with all its processes, as a power cut would, and
// waits for its end.
func (c *Cluster) Kill() error {
	return c.end(func(p *process) error {
		killTree(p.pid())
		<-p.done
		return nil
	})
}

func (c *Cluster) end(how func(*process) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return nil
	}
	err := how(c.server)
	c.server = nil
	return errors.Join(err, c.guard.watch(0))
}

// Close stops the server and removes its folder. A second call does nothing.
func (c *Cluster) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := c.Stop(ctx, Fast)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return errors.Join(err, os.RemoveAll(c.folder), c.guard.dismiss())
}

// Exec runs statements, separated by semicolons, as the superuser in the
// database "postgres".
func (c *Cluster) Exec(ctx context.Context, sql string) error {
	return c.with(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	})
}

// with opens a connection for one use.
func (c *Cluster) with(ctx context.Context, use func(*pgx.Conn) error) (err error) {
	return withConn(ctx, c.DSN("postgres"), use)
}

func withConn(ctx context.Context, dsn string, use func(*pgx.Conn) error) (err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect to postgres: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return use(conn)
}
