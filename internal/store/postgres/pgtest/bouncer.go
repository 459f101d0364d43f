package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// bouncerPool is how many connections a pooler has to each database: few, so
// that clients really share them.
const bouncerPool = 4

// Bouncer is a PgBouncer that pools transactions, on a free port of
// 127.0.0.1, in front of one server.
type Bouncer struct {
	home
	port    int
	target  string // URL
	process *process
}

// PgBouncer starts a pooler in front of the server of the URL and returns the
// URL of the same database behind it. Every transaction may run on another of
// four connections, and a prepared statement is lost after its transaction.
// The pooler ends after the test. The test is skipped, or on the build machine
// failed, when there is no PgBouncer.
func PgBouncer(t testing.TB, dsn string) string {
	t.Helper()
	b, err := StartBouncer(t.Context(), dsn)
	if err != nil {
		stopTest(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of the log of pgbouncer on port %d:\n%s", b.port, tail(b.Log()))
		}
		if err := b.Close(); err != nil {
			t.Errorf("close pgbouncer: %v", err)
		}
	})
	return b.DSN()
}

// StartBouncer starts a pooler in front of the server of the URL. The caller
// closes it. The error is ErrMissing when there is no PgBouncer.
func StartBouncer(ctx context.Context, dsn string) (*Bouncer, error) {
	program, err := findBouncer()
	if err != nil {
		return nil, err
	}
	target, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read URL of pgbouncer's server: %w", err)
	}
	b := &Bouncer{target: dsn}
	if b.home, err = newHome(ctx, "", "", "TERM"); err != nil {
		return nil, err
	}
	for range 5 {
		if err = b.startOnFreePort(ctx, program, target); err == nil || !strings.Contains(err.Error(), "in use") {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, b.remove())
	}
	return b, nil
}

func findBouncer() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/bin/pgbouncer"} {
		if found, err := exec.LookPath(name); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("program pgbouncer: %w; install Debian's package pgbouncer", ErrMissing)
}

func (b *Bouncer) startOnFreePort(ctx context.Context, program string, target *pgx.ConnConfig) (err error) {
	if b.port, err = freePort(ctx); err != nil {
		return err
	}
	path := filepath.Join(b.folder, "pgbouncer.ini")
	// The account that reads it may be another; nobody else gets into the folder.
	if err := os.WriteFile(path, []byte(b.config(target)), 0o644); err != nil { //nolint:gosec // see above
		return fmt.Errorf("configure pgbouncer: %w", err)
	}
	if b.process, err = b.start(ctx, program, path); err != nil {
		return err
	}
	return b.process.waitAnswer(ctx, b.DSN())
}

// config is pgbouncer.ini. Clients need no password: the pooler logs in as the
// user of the target.
func (b *Bouncer) config(target *pgx.ConnConfig) string {
	server := fmt.Sprintf("* = host=%s port=%d user=%s", target.Host, target.Port, quote(target.User))
	if target.Password != "" {
		server += " password=" + quote(target.Password)
	}
	lines := []string{
		"[databases]",
		server,
		"[pgbouncer]",
		"listen_addr = 127.0.0.1",
		"listen_port = " + strconv.Itoa(b.port),
		"unix_socket_dir =",
		"auth_type = any",
		"pool_mode = transaction",
		"default_pool_size = " + strconv.Itoa(bouncerPool),
		"max_client_conn = 300",
		"ignore_startup_parameters = extra_float_digits",
		"",
	}
	return strings.Join(lines, "\n")
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// DSN returns the URL of the target's database behind the pooler.
func (b *Bouncer) DSN() string {
	u, err := url.Parse(b.target)
	if err != nil {
		u = &url.URL{Scheme: "postgres"} // it was read before
	}
	u.User, u.Host = url.User(Superuser), net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port))
	u.RawQuery = "sslmode=disable"
	return u.String()
}

// Pid is the id of the pooler's process.
func (b *Bouncer) Pid() int { return b.process.pid() }

// Close stops the pooler, whatever its clients do, and removes its folder.
func (b *Bouncer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(b.process.stop(ctx, syscall.SIGTERM), b.remove())
}
