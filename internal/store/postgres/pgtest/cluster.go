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

// Options say what a cluster is like. The zero value is a server with
// PostgreSQL's own settings in a temporary folder.
type Options struct {
	// Programs is the folder of PostgreSQL's programs; empty finds one.
	Programs string
	// Folder is made, and removed by Close; empty takes a temporary one. The
	// account that PostgreSQL runs as has to be able to reach it.
	Folder string
	// Settings are "name=value", in the words of postgresql.conf.
	Settings []string

	// below is where a temporary folder goes; empty is where those of the
	// system go.
	below string
}

// Cluster is a private PostgreSQL server, with its data in a folder of its
// own, on a free port of 127.0.0.1 and on a socket in that folder. Its
// encoding is UTF-8 and its locale C. Methods may be called concurrently.
type Cluster struct {
	home
	programs string
	port     int
	upstream *Cluster // of a standby; nil otherwise

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

// newCluster makes the home, with nothing in it yet.
func newCluster(ctx context.Context, o Options) (c *Cluster, err error) {
	c = &Cluster{programs: o.Programs}
	if c.programs == "" {
		if c.programs, err = FindPrograms(ctx); err != nil {
			return nil, err
		}
	}
	if c.home, err = newHome(ctx, o.Folder, o.below, "QUIT"); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

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

// configure adds settings to those of the cluster while it is stopped. They go
// where ALTER SYSTEM writes, which comes after postgresql.conf: the last word
// on a setting holds.
func (c *Cluster) configure(settings ...string) error {
	var text strings.Builder
	for _, s := range settings {
		name, value := setting(s)
		text.WriteString(name + " = " + value + "\n")
	}
	file, err := os.OpenFile(filepath.Join(c.data(), "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("configure cluster: %w", err)
	}
	_, err = file.WriteString(text.String())
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("configure cluster: %w", err)
	}
	return nil
}

// setting takes "name=value" apart and quotes the value.
func setting(s string) (name, value string) {
	name, value, _ = strings.Cut(s, "=")
	return name, "'" + strings.ReplaceAll(value, "'", "''") + "'"
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
	server, err := c.home.start(ctx, filepath.Join(c.programs, "postgres"), "-D", c.data(),
		"-c", "listen_addresses="+c.Host(), "-c", "port="+strconv.Itoa(c.port), "-c", "unix_socket_directories="+c.folder)
	if err != nil {
		return err
	}
	// Asked over the socket, in a folder that is ours: on the port there may be
	// somebody else, who took it first.
	if err := server.waitAnswer(ctx, c.SocketDSN("postgres")); err != nil {
		return errors.Join(err, c.guard.watch(0))
	}
	c.server = server
	return nil
}

// Pid is the id of the server's first process, 0 while it is stopped.
func (c *Cluster) Pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return 0
	}
	return c.server.pid()
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
	return c.end((*process).kill)
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

// Close stops the server, at once since nothing is kept, and removes its
// folder. A second call does nothing.
func (c *Cluster) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := c.Stop(ctx, Immediate)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return errors.Join(err, c.remove())
}

// Exec runs statements, separated by semicolons, as the superuser in the
// database "postgres".
func (c *Cluster) Exec(ctx context.Context, sql string) error {
	return c.with(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	})
}

// Set changes settings, "name=value", of the running server for good. They
// hold for connections made afterwards.
func (c *Cluster) Set(ctx context.Context, settings ...string) error {
	const loaded = `SELECT pg_conf_load_time()::text`
	var before string
	err := c.with(ctx, func(conn *pgx.Conn) error {
		for _, s := range settings {
			// Neither part can be a parameter.
			name, value := setting(s)
			if _, err := conn.Exec(ctx, "ALTER SYSTEM SET "+name+" = "+value); err != nil {
				return fmt.Errorf("set %s: %w", name, err)
			}
		}
		return conn.QueryRow(ctx, loaded+`, pg_reload_conf()::text`).Scan(&before, nil)
	})
	if err != nil {
		return err
	}
	return c.wait(ctx, "settings are loaded", func(conn *pgx.Conn) (bool, error) {
		var now string
		err := conn.QueryRow(ctx, loaded).Scan(&now)
		return now != before, err
	})
}

// wait asks on fresh connections until the condition holds.
func (c *Cluster) wait(ctx context.Context, what string, condition func(*pgx.Conn) (bool, error)) error {
	for {
		var holds bool
		err := c.with(ctx, func(conn *pgx.Conn) (err error) {
			holds, err = condition(conn)
			return err
		})
		if err != nil || holds {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// with opens a connection for one use.
func (c *Cluster) with(ctx context.Context, use func(*pgx.Conn) error) error {
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
