//go:build unix

package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3/lock"

	"spoor/internal/store"
	"spoor/internal/store/postgres/pgtest"
)

// TestConditions: what the database says is called what the contract calls
// it, and tried again when that may help.
func TestConditions(t *testing.T) {
	t.Parallel()
	said := func(code string) error {
		return fmt.Errorf("write batch: %w", &pgconn.PgError{Code: code, Message: "told you"})
	}
	for _, c := range []struct {
		name    string
		err     error
		is      error
		passing bool
	}{
		{"disk full", said("53100"), store.ErrFull, false},
		{"out of memory", said("53200"), store.ErrFull, false},
		{"a standby", said("25006"), store.ErrReadOnly, true},
		{"not allowed", said("42501"), store.ErrReadOnly, false},
		{"lock not to be had", said("55P03"), store.ErrBusy, false},
		{"damaged page", said("XX001"), store.ErrCorrupt, false},
		{"damaged index", said("XX002"), store.ErrCorrupt, false},
		{"statement too slow", said("57014"), context.DeadlineExceeded, false},
		{"serialisation", said("40001"), store.ErrUnavailable, true},
		{"deadlock", said("40P01"), store.ErrUnavailable, true},
		{"shut down", said("57P01"), store.ErrUnavailable, true},
		{"crash", said("57P02"), store.ErrUnavailable, true},
		{"starting", said("57P03"), store.ErrUnavailable, true},
		{"too many connections", said("53300"), store.ErrUnavailable, true},
		{"connection", said("08006"), store.ErrUnavailable, true},
		{"pooler", said("08P01"), store.ErrUnavailable, true},
		{"prepared elsewhere", said("26000"), store.ErrUnavailable, true},
		{"schema changed", &pgconn.PgError{Code: "0A000", Message: "cached plan must not change result type"}, store.ErrUnavailable, true},
		{"not supported", said("0A000"), nil, false},
		{"syntax", said("42601"), nil, false},
		{"no standby takes writes", fmt.Errorf("connect: %w", errReadOnlyServer), store.ErrUnavailable, true},
		{"silent", fmt.Errorf("ask: %w", errSilent), store.ErrUnavailable, true},
		{"half taken", &finalError{said("57P01")}, store.ErrUnavailable, false},
		{"called off", fmt.Errorf("write batch: %w", context.Canceled), context.Canceled, false},
		{"disagreement", fmt.Errorf("%w: unexpected EOF", store.ErrCorrupt), store.ErrCorrupt, false},
		{"no such record", store.ErrNotFound, store.ErrNotFound, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := translate(c.err)
			if !errors.Is(got, c.err) || c.is != nil && !errors.Is(got, c.is) {
				t.Errorf("%v is not %v", got, c.is)
			}
			for _, other := range []error{store.ErrFull, store.ErrReadOnly, store.ErrBusy, store.ErrUnavailable, context.DeadlineExceeded} {
				if errors.Is(got, other) && !errors.Is(c.is, other) && !errors.Is(c.err, other) {
					t.Errorf("%v is %v as well", got, other)
				}
			}
			if p := passing(c.err); p != c.passing {
				t.Errorf("passing %t", p)
			}
		})
	}
}

// TestAccept: servers and databases that cannot do what is needed are refused
// in words.
func TestAccept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version  int
		encoding string
		says     string
	}{
		{150018, "UTF8", ""},
		{180001, "UTF8", ""},
		{149999, "UTF8", "the server is PostgreSQL 14: version 15 or later is needed"},
		{90624, "UTF8", "PostgreSQL 9"},
		{160000, "SQL_ASCII", "the database's encoding is SQL_ASCII"},
	} {
		err := accept(c.version, c.encoding)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d, %s: %v", c.version, c.encoding, err)
		}
	}
}

// TestEncodings: a database whose texts are not UTF-8 is refused, and left as
// it was.
func TestEncodings(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	conn := dial(t, dsn)
	for _, encoding := range []string{"SQL_ASCII", "LATIN1"} {
		name := conn.Config().Database + "_" + strings.ToLower(encoding)
		order(t, conn, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING '"+encoding+"' LC_COLLATE 'C' LC_CTYPE 'C'")
		t.Cleanup(func() { order(t, dial(t, dsn), "DROP DATABASE "+name+" WITH (FORCE)") })
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + name
		_, err = Open(t.Context(), Options{DSN: u.String()})
		if err == nil || !strings.Contains(err.Error(), "the database's encoding is "+encoding) {
			t.Errorf("%s: %v", encoding, err)
		}
		tables := 0
		if err := dial(t, u.String()).QueryRow(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables); err != nil || tables > 0 {
			t.Errorf("%s: %d tables, %v", encoding, tables, err)
		}
	}
}

// TestNewerSchema: what a newer spoor wrote is not touched.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	opened(t, dsn)
	order(t, dial(t, dsn), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	if _, err := Open(t.Context(), Options{DSN: dsn}); !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), "99999") {
		t.Errorf("%v", err)
	}
}

// TestMigrationLeft: a server that died while it migrated keeps nobody else
// from going on, after the time of its lock.
func TestMigrationLeft(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a lock that nobody gives back")
	}
	dsn := pgtest.DSN(t)
	conn := dial(t, dsn)
	// Killed half-way: some of the schema is there, and the lock is taken.
	ctx, cancel := context.WithCancel(t.Context())
	died := make(chan error)
	go func() {
		_, err := Open(ctx, Options{DSN: dsn})
		died <- err
	}()
	n := 0
	for n < 5 {
		select {
		case err := <-died:
			t.Fatalf("it did not die, with %d migrations: %v", n, err)
		case <-time.After(time.Millisecond):
		}
		_ = conn.QueryRow(t.Context(), `SELECT count(*) FROM goose_db_version`).Scan(&n) // not there at first
	}
	cancel()
	if err := <-died; err == nil {
		t.Fatal("it did not die")
	}
	// It tidied up, as one that is killed would not.
	order(t, conn, `DELETE FROM spoor_migration_lock`)
	began := time.Now()
	order(t, conn, `INSERT INTO spoor_migration_lock (lock_id, locked, locked_at, locked_by, lease_expires_at, updated_at)
		VALUES ($1, true, now(), 'dead', now() + interval '3 seconds', now())`, lock.DefaultLockID)
	s := opened(t, dsn)
	if took := time.Since(began); took < 3*time.Second || took > 50*time.Second {
		t.Errorf("opened after %v", took)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestBusy: another session that holds the clock is waited for, not for ever.
func TestBusy(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a lock that nobody gives back")
	}
	dsn := pgtest.DSN(t)
	s := opened(t, dsn)
	tx, err := dial(t, dsn).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), lockClock); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = s.AddKey(t.Context(), testKey(1))
	if !errors.Is(err, store.ErrBusy) || time.Since(began) < 9*time.Second || time.Since(began) > 40*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.AddKey(ctx, testKey(2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("in less time: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.AddKey(t.Context(), testKey(3)); err != nil {
		t.Errorf("once it is given back: %v", err)
	}
}

// TestBrokenOff: transactions that the database breaks off, and connections
// that it ends, are begun again without the caller's knowledge.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	s := opened(t, dsn)
	admin := dial(t, dsn)
	const end = `SELECT pg_terminate_backend($1)`
	t.Run("codes", func(t *testing.T) {
		for _, code := range []string{"40001", "40P01", "57P01"} {
			tries := 0
			err := s.update(t.Context(), func(ctx context.Context, x *txn) error {
				if tries++; tries == 1 {
					x.clock.keysMade += 100 // must not stay
					_, err := x.Exec(ctx, `DO $$ BEGIN RAISE EXCEPTION 'broken off' USING ERRCODE = '`+code+`'; END $$`)
					return err
				}
				return nil
			})
			if err != nil || tries != 2 {
				t.Errorf("%s: %d tries, %v", code, tries, err)
			}
		}
		made := int64(-1)
		if err := admin.QueryRow(t.Context(), `SELECT keys_made FROM clock`).Scan(&made); err != nil || made != 0 {
			t.Errorf("%d keys made, %v", made, err)
		}
	})
	t.Run("ended while writing", func(t *testing.T) {
		tries := 0
		err := s.update(t.Context(), func(ctx context.Context, x *txn) error {
			if tries++; tries == 1 {
				order(t, admin, end, x.PgConn().PID())
			}
			return x.addKey(ctx, testKey(1))
		})
		if err != nil || tries != 2 {
			t.Errorf("%d tries, %v", tries, err)
		}
		if _, err := s.KeyByHash(t.Context(), testKey(1).Hash); err != nil {
			t.Error(err)
		}
	})
	t.Run("all ended", func(t *testing.T) {
		for range 3 {
			order(t, admin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			if err := s.View(t.Context(), func(v store.Snapshot) error {
				_, err := v.Counts(t.Context())
				return err
			}); err != nil {
				t.Errorf("read: %v", err)
			}
			order(t, admin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			key := testKey(0)
			key.ID, key.Hash = uuid.New(), sha256.Sum256([]byte(time.Now().String()))
			if err := s.AddKey(t.Context(), key); err != nil {
				t.Errorf("write: %v", err)
			}
			if _, err := s.Keys(t.Context()); err != nil {
				t.Errorf("keys: %v", err)
			}
		}
	})
}

// TestRestart: between two calls the server goes and comes again; while it is
// gone, calls wait for it.
func TestRestart(t *testing.T) {
	t.Parallel()
	c := pgtest.StartCluster(t)
	s := opened(t, c.DSN("postgres"))
	if h, err := s.Health(t.Context()); err != nil || h.Replication != store.NoReplication || !h.Writable {
		t.Errorf("health of a server alone: %+v, %v", h, err)
	}
	read := func(ctx context.Context) error {
		return s.View(ctx, func(v store.Snapshot) error {
			_, err := v.Feeds(ctx)
			return err
		})
	}
	for i, mode := range []pgtest.Mode{pgtest.Fast, pgtest.Immediate} {
		if err := errors.Join(read(t.Context()), s.AddKey(t.Context(), testKey(10*i))); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Stop(t.Context(), mode), c.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
		if err := read(t.Context()); err != nil {
			t.Errorf("read: %v", err)
		}
		if err := s.AddKey(t.Context(), testKey(10*i+1)); err != nil {
			t.Errorf("write: %v", err)
		}
		if err := c.Stop(t.Context(), mode); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		// On a busy machine its time may be over before the refusal came.
		if err := read(ctx); !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a read that cannot wait: %v", err)
		}
		cancel()
		done := make(chan error, 2)
		go func() { done <- read(context.Background()) }()
		go func() { done <- s.AddKey(context.Background(), testKey(10*i+2)) }()
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(<-done, <-done); err != nil {
			t.Errorf("calls that wait: %v", err)
		}
	}
}

// TestCalledOff: a question that nobody waits for any longer is not worked on.
func TestCalledOff(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	s := opened(t, dsn)
	admin := dial(t, dsn)
	running := func() (n int) {
		if err := admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	wait := func(what string, n int) {
		t.Helper()
		for began := time.Now(); running() != n; time.Sleep(5 * time.Millisecond) {
			if time.Since(began) > 20*time.Second {
				t.Fatalf("%s: %d statements run", what, running())
			}
		}
	}
	order(t, dial(t, dsn), `BEGIN; LOCK TABLE feeds IN ACCESS EXCLUSIVE MODE`) // until it is closed
	long := func(ctx context.Context) error {
		return s.View(ctx, func(v store.Snapshot) error {
			_, err := v.Feeds(ctx)
			return err
		})
	}
	wait("at first", 0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- long(ctx) }()
	wait("while asked", 1)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("called off: %v", err)
	}
	wait("once called off", 0)
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := long(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("out of time: %v", err)
	}
	wait("once out of time", 0)
}

// TestDialer: connections of every kind are made; over TCP one that is silent
// for too long is given up.
func TestDialer(t *testing.T) {
	t.Parallel()
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": t.TempDir() + "/socket"} {
		l, err := net.Listen(network, address) //nolint:noctx // at once
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := dialer().DialContext(t.Context(), network, l.Addr().String())
		if err != nil {
			t.Errorf("%s: %v", network, err)
			continue
		}
		defer c.Close()
		if tcp, ok := c.(*net.TCPConn); ok && runtime.GOOS == "linux" {
			checkSilence(t, tcp)
		}
	}
}

// checkSilence reads the limit back from the system.
func checkSilence(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	limit := 0
	if err := raw.Control(func(fd uintptr) { limit, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, 18) }); err != nil {
		t.Fatal(err)
	}
	if err != nil || time.Duration(limit)*time.Millisecond != silence {
		t.Errorf("silent for %d ms at most, %v", limit, err)
	}
}

func opened(t *testing.T, dsn string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // never fails
	return s
}

func dial(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // also for what tidies up
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) }) // nothing is left to write
	return conn
}

func order(t *testing.T, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(context.WithoutCancel(t.Context()), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func testKey(n int) store.Key {
	text := fmt.Sprint("key ", n)
	return store.Key{ID: uuid.NewSHA1(store.Namespace, []byte(text)), Account: "team", Hash: sha256.Sum256([]byte(text)), Prefix: "sk_live_abcd", Tier: "free", CreatedAt: time.Now()}
}
