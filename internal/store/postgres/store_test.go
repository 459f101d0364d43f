package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/postgres/pgtest"
	"spoor/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// open opens a fresh store, in a database that has its schema already.
func open(tb testing.TB, now func() time.Time) *postgres.Store {
	tb.Helper()
	return openAt(tb, postgres.Options{DSN: migrated(tb), Now: now})
}

// migrated returns the address of a fresh store that nobody has opened. Few
// connections: each costs the server a process.
func migrated(tb testing.TB) string {
	tb.Helper()
	dsn := pgtest.DSNFrom(tb, "store of few records", func(dsn string) error {
		s, err := postgres.Open(context.Background(), postgres.Options{DSN: dsn})
		if err != nil {
			return err
		}
		return errors.Join(s.Close(), fewPending(dsn))
	})
	return withParameter(tb, dsn, "pool_max_conns", "4")
}

// fewPending has the index of trigrams take in at 64 kB what it takes in at a
// megabyte otherwise: before that a needle looks through all of what waits, and
// our sets would never be more. So both parts of the index are asked.
func fewPending(dsn string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `ALTER INDEX records_trigram SET (gin_pending_list_limit = 64)`)
	return errors.Join(err, conn.Close(ctx))
}

// withParameter adds a parameter to an address.
func withParameter(tb testing.TB, dsn, name, value string) string {
	tb.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func openAt(tb testing.TB, o postgres.Options) *postgres.Store {
	tb.Helper()
	s, err := postgres.Open(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		return open(t, storetest.Clock())
	})
}

func TestClocks(t *testing.T) {
	t.Parallel()
	storetest.RunClock(t, func(t *testing.T, now func() time.Time) store.Store {
		t.Helper()
		return open(t, now)
	})
}

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Store {
		b.Helper()
		return open(b, time.Now)
	})
}
