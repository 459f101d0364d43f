//go:build unix

package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/postgres/pgtest"
	"spoor/internal/store/storetest"
)

// behind returns the address of the database behind the pooler.
func behind(tb testing.TB, pooler, dsn string) string {
	tb.Helper()
	there, err := url.Parse(pooler)
	if err != nil {
		tb.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	u.Host, u.User = there.Host, there.User
	return u.String()
}

// TestConformanceBehindPooler holds two servers that share a store, through
// connections that each transaction may find to be others, to the contract:
// to what depends on transactions, or with SPOOR_FULL to all of it.
func TestConformanceBehindPooler(t *testing.T) {
	t.Parallel()
	all := os.Getenv("SPOOR_FULL") != ""
	few := []string{"write", "list", "keys", "delete", "lease", "usage", "concurrency"}
	pooler := pgtest.PgBouncer(t, pgtest.DSN(t))
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		if group := strings.Split(t.Name(), "/")[1]; !all && !slices.Contains(few, group) {
			t.Skip("not asked for by SPOOR_FULL")
		}
		dsn, now := behind(t, pooler, migrated(t)), storetest.Clock()
		return &pair{
			Store: openAt(t, postgres.Options{DSN: dsn, Now: now}),
			other: openAt(t, postgres.Options{DSN: dsn, Now: now}),
		}
	})
}

// pair is two servers of one store, asked in turn.
type pair struct {
	*postgres.Store
	other *postgres.Store
	turns atomic.Uint64
}

func (p *pair) next() *postgres.Store {
	if p.turns.Add(1)%2 == 0 {
		return p.Store
	}
	return p.other
}

func (p *pair) View(ctx context.Context, fn func(store.Snapshot) error) error {
	return p.next().View(ctx, fn)
}

func (p *pair) StartRun(ctx context.Context, spec store.RunSpec) (store.Run, error) {
	return p.next().StartRun(ctx, spec)
}

func (p *pair) DeleteRecord(ctx context.Context, id uuid.UUID) error {
	return p.next().DeleteRecord(ctx, id)
}

func (p *pair) AddKey(ctx context.Context, k store.Key) error { return p.next().AddKey(ctx, k) }

func (p *pair) AddFirstKey(ctx context.Context, k store.Key) (bool, error) {
	return p.next().AddFirstKey(ctx, k)
}

func (p *pair) KeyByHash(ctx context.Context, hash [sha256.Size]byte) (store.Key, error) {
	return p.next().KeyByHash(ctx, hash)
}

func (p *pair) Keys(ctx context.Context) ([]store.Key, error) { return p.next().Keys(ctx) }

func (p *pair) RevokeKey(ctx context.Context, id uuid.UUID, at time.Time) error {
	return p.next().RevokeKey(ctx, id, at)
}

func (p *pair) Spend(ctx context.Context, s store.Spending) (store.Balance, error) {
	return p.next().Spend(ctx, s)
}

func (p *pair) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	return p.next().Lease(ctx, name, holder, ttl)
}

func (p *pair) Release(ctx context.Context, name, holder string) error {
	return p.next().Release(ctx, name, holder)
}

func (p *pair) Close() error { return errors.Join(p.Store.Close(), p.other.Close()) }

// TestStartBehindPooler: servers that start at once on an empty database
// behind a pooler make its schema together, then read and write at once.
func TestStartBehindPooler(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	pooled := pgtest.PgBouncer(t, dsn)
	stores := openTogether(t, pooled, 2)
	var wg sync.WaitGroup
	for i, st := range stores {
		run := startRun(t, st)
		wg.Go(func() {
			for n := range 15 {
				from := 10_000*i + 100*n
				if out, err := run.Write(t.Context(), domains(from, 100)); out.New != 100 || err != nil {
					t.Errorf("server %d, batch %d: %+v, %v", i, n, out, err)
				}
			}
		})
		for range 4 {
			wg.Go(func() {
				for range 40 {
					if _, err := find(t.Context(), st, "n1.example"); err != nil {
						t.Errorf("find: %v", err)
					}
					if _, err := list(t.Context(), st); err != nil {
						t.Errorf("list: %v", err)
					}
				}
			})
		}
	}
	wg.Wait()
	direct := openAt(t, postgres.Options{DSN: dsn})
	must(t, direct.Check(t.Context()))
	must(t, direct.View(t.Context(), func(s store.Snapshot) error {
		n, err := s.Counts(t.Context())
		if n.Records != 3000 {
			t.Errorf("%+v", n)
		}
		return err
	}))
}

// TestReplicaBehindPooler: a pooler may stand before a replica only.
func TestReplicaBehindPooler(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	st := openAt(t, postgres.Options{DSN: dsn, ReadDSN: pgtest.PgBouncer(t, dsn)})
	say(t, st, domains(0, 10))
	waitState(t, st, 0, store.ReplicaOK)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				if n, err := find(t.Context(), st, "n1.example"); n != 1 || err != nil {
					t.Errorf("%d records, %v", n, err)
				}
				if n, err := list(t.Context(), st); n != 10 || err != nil {
					t.Errorf("%d records, %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	if r := health(t, st).Replicas[0]; r.State != store.ReplicaOK || r.Views < 400 {
		t.Errorf("%+v", r)
	}
}

// openTogether opens the store from several servers at once.
func openTogether(t *testing.T, dsn string, n int) []*postgres.Store {
	t.Helper()
	stores, errs := make([]*postgres.Store, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { stores[i], errs[i] = postgres.Open(context.Background(), postgres.Options{DSN: dsn}) })
	}
	wg.Wait()
	for _, st := range stores {
		if st != nil {
			t.Cleanup(func() { _ = st.Close() }) // never fails
		}
	}
	must(t, errors.Join(errs...))
	return stores
}

// TestStartTogether: any number of servers may start at once on an empty
// database.
func TestStartTogether(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"two": 2, "eight": 8} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			first := 0
			for i, st := range openTogether(t, withParameter(t, dsn, "pool_max_conns", "2"), n) {
				added, err := st.AddFirstKey(t.Context(), key(string(rune('a'+i))))
				must(t, err)
				if added {
					first++
				}
				say(t, st, domains(100*i, 10))
				must(t, st.Check(t.Context()))
			}
			if first != 1 {
				t.Errorf("%d servers have the first key", first)
			}
			conn, err := pgx.Connect(t.Context(), dsn)
			must(t, err)
			defer conn.Close(context.Background())
			twice := 0
			must(t, conn.QueryRow(t.Context(), `SELECT count(*) - count(DISTINCT version_id) FROM goose_db_version`).Scan(&twice))
			if twice != 0 {
				t.Errorf("%d migrations ran twice", twice)
			}
		})
	}
}
