//go:build unix

package pgtest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"spoor/internal/store/postgres/pgtest"
)

// must ends the test on an error of a step that it needs.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// gone reports whether the process has ended. One that nobody waits for, as in
// containers, stays behind as a zombie.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(stat, []byte(") Z "))
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestClusterStartsAgain(t *testing.T) {
	t.Parallel()
	c := pgtest.StartCluster(t, "work_mem=7MB")
	dsn := c.DSN("postgres")
	must(t, c.Exec(t.Context(), `CREATE TABLE mark (n text); INSERT INTO mark VALUES ('kept')`))
	if got := ask(t, c.SocketDSN("postgres"), `SHOW work_mem`); got != "7MB" {
		t.Errorf("work_mem: got %s, want 7MB", got)
	}
	ends := []struct {
		name string
		end  func() error
	}{
		{"fast", func() error { return c.Stop(t.Context(), pgtest.Fast) }},
		{"immediate", func() error { return c.Stop(t.Context(), pgtest.Immediate) }},
		{"kill", c.Kill},
	}
	for _, e := range ends {
		pid := c.Pid()
		must(t, e.end())
		if !gone(pid) {
			t.Errorf("%s: process %d is still there", e.name, pid)
		}
		if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
			t.Errorf("%s: it still answers", e.name)
			conn.Close(t.Context())
		}
		must(t, c.Start(t.Context()))
		if got := ask(t, dsn, `SELECT n FROM mark`); got != "kept" {
			t.Errorf("%s: row: got %q, want kept", e.name, got)
		}
	}
}

func TestClusterKillsRunningStatements(t *testing.T) {
	t.Parallel()
	c := pgtest.StartCluster(t)
	conn, err := pgx.Connect(t.Context(), c.DSN("postgres"))
	must(t, err)
	defer conn.Close(context.Background())
	backend := int(conn.PgConn().PID())
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), `SELECT sum(n) FROM generate_series(1, 100000000000) n`)
		ended <- err
	}()
	eventually(t, "statement runs", func() bool {
		return ask(t, c.DSN("postgres"), `SELECT state FROM pg_stat_activity WHERE pid = $1`, backend) == "active"
	})
	must(t, c.Kill())
	if !gone(backend) {
		t.Errorf("backend %d is still there", backend)
	}
	if err := <-ended; err == nil {
		t.Error("the statement ended well")
	}
	must(t, c.Start(t.Context()))
}

func TestStandbyFollowsLagsAndIsPromoted(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartCluster(t)
	standby := primary.Standby(t, "second")
	const count = `SELECT count(*)::text FROM mark`
	insert := func(c *pgtest.Cluster) error { return c.Exec(t.Context(), `INSERT INTO mark VALUES (1)`) }
	want := func(c *pgtest.Cluster, when, rows string) {
		t.Helper()
		if got := ask(t, c.DSN("postgres"), count); got != rows {
			t.Errorf("%s: %s rows, want %s", when, got, rows)
		}
	}

	must(t, primary.Exec(t.Context(), `CREATE TABLE mark (n bigint)`))
	must(t, insert(primary))
	must(t, standby.WaitCaughtUp(t.Context()))
	want(standby, "following", "1")
	if err := insert(standby); err == nil {
		t.Error("a standby takes writes")
	}

	must(t, primary.Set(t.Context(), "synchronous_standby_names=second"))
	eventually(t, "standby is synchronous", func() bool {
		return ask(t, primary.DSN("postgres"), `SELECT sync_state FROM pg_stat_replication WHERE application_name = 'second'`) == "sync"
	})

	must(t, standby.Pause(t.Context()))
	must(t, insert(primary))
	want(standby, "paused", "1")
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := standby.WaitCaughtUp(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a paused standby has caught up: %v", err)
	}
	must(t, standby.Resume(t.Context()))
	must(t, standby.WaitCaughtUp(t.Context()))
	want(standby, "resumed", "2")

	must(t, primary.Kill())
	must(t, standby.Promote(t.Context()))
	must(t, insert(standby)) // would wait for ever if it wanted a standby of its own
	want(standby, "promoted", "3")
}

func TestBouncerSharesConnections(t *testing.T) {
	t.Parallel()
	server := pgtest.DSN(t)
	dsn := pgtest.PgBouncer(t, server)
	if got, want := ask(t, dsn, `SELECT current_database()`), ask(t, server, `SELECT current_database()`); got != want {
		t.Errorf("database behind the pooler: got %s, want %s", got, want)
	}
	backends := map[string]bool{}
	for range 12 {
		conf, err := pgx.ParseConfig(dsn)
		must(t, err)
		conf.DefaultQueryExecMode = pgx.QueryExecModeExec
		conn, err := pgx.ConnectConfig(t.Context(), conf)
		must(t, err)
		defer conn.Close(context.Background())
		var backend string
		must(t, conn.QueryRow(t.Context(), `SELECT pg_backend_pid()::text`).Scan(&backend))
		backends[backend] = true
	}
	if len(backends) > 4 {
		t.Errorf("12 clients had %d connections of the server, want at most 4", len(backends))
	}
}

// TestServerOfAnother runs the tests of databases on a server that the
// environment names: they are made there and dropped, and the server stays.
func TestServerOfAnother(t *testing.T) {
	t.Parallel()
	c := pgtest.StartCluster(t, "log_statement=ddl")
	cmd := exec.Command(os.Args[0], "-test.run=^TestDatabases")
	cmd.Env = append(os.Environ(), pgtest.Variable+"="+c.DSN("postgres"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tests of databases: %v\n%s", err, out)
	}
	log, err := os.ReadFile(c.Log())
	must(t, err)
	if made := strings.Count(string(log), "statement: CREATE DATABASE spoor_test_"); made < 19 {
		t.Errorf("%d databases were made on the server, want 19", made)
	}
	if got := ask(t, c.DSN("postgres"), `SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database`); got != "postgres,template0,template1" {
		t.Errorf("databases left: %s", got)
	}
}

// TestCloseLeavesNothing closes what a program starts, and looks for it.
func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	server := pgtest.DSN(t)
	c, err := pgtest.Start(t.Context(), pgtest.Options{Settings: pgtest.SharedSettings()})
	must(t, err)
	b, err := pgtest.StartBouncer(t.Context(), server)
	must(t, err)
	pids, logs := []int{c.Pid(), b.Pid()}, []string{c.Log(), b.Log()}
	must(t, c.Close())
	must(t, c.Close())
	must(t, b.Close())
	for i, pid := range pids {
		if !gone(pid) {
			t.Errorf("process %d is still there", pid)
		}
		if _, err := os.Stat(filepath.Dir(logs[i])); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("folder of process %d: %v", pid, err)
		}
	}
	if err := c.Start(t.Context()); err == nil {
		t.Error("a closed cluster starts")
	}
}

// helper names the variable that makes TestHelper start servers and wait.
const helper = "SPOOR_PGTEST_HELPER"

// TestHelper is the process that TestKilledProcessLeavesNothing kills.
func TestHelper(t *testing.T) {
	if os.Getenv(helper) == "" {
		return
	}
	c := pgtest.StartCluster(t)
	b, err := pgtest.StartBouncer(t.Context(), c.DSN("postgres"))
	must(t, err)
	fmt.Println("started", c.Pid(), filepath.Dir(c.Log()), b.Pid(), filepath.Dir(b.Log()))
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
}

func TestKilledProcessLeavesNothing(t *testing.T) {
	t.Parallel()
	pgtest.DSN(t) // skips where there is no PostgreSQL
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelper$", "-test.v")
	cmd.Env = append(os.Environ(), helper+"=1")
	stdin, err := cmd.StdinPipe()
	must(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var started []string
	for lines := bufio.NewScanner(stdout); started == nil && lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "started "); ok {
			started = strings.Fields(rest)
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if len(started) != 4 {
		t.Fatalf("the process started %q, want two servers", started)
	}
	for i := 0; i < len(started); i += 2 {
		pid, err := strconv.Atoi(started[i])
		must(t, err)
		eventually(t, "process "+started[i]+" has ended", func() bool { return gone(pid) })
		eventually(t, "folder "+started[i+1]+" is removed", func() bool {
			_, err := os.Stat(started[i+1])
			return errors.Is(err, fs.ErrNotExist)
		})
	}
}
