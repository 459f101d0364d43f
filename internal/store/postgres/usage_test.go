package postgres_test

import (
	"context"
	"fmt"
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

func TestReopen(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	storetest.RunReopen(t, func(t *testing.T) store.Store {
		t.Helper()
		return openAt(t, postgres.Options{DSN: dsn, Now: storetest.Clock()})
	})
}

// TestSpendersOfManyServers: servers with connections of their own spend for
// one key while all its connections break again and again: what was granted is
// what is counted, and no more than the limit.
func TestSpendersOfManyServers(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	start := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	limits := store.Limits{PerMinute: 3000, PerDay: 100_000}
	var granted atomic.Int64
	var spenders, breaker sync.WaitGroup
	done := make(chan struct{})
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for i := range 3 {
		st := openAt(t, postgres.Options{DSN: dsn})
		spenders.Go(func() {
			for turn := range int64(200) {
				b, err := st.Spend(t.Context(), store.Spending{
					Key: uuid.Max, Limits: limits, Server: fmt.Sprint("server ", i), Turn: turn + 1, Cost: store.Request, Now: start,
				})
				if err != nil {
					t.Error(err)
					return
				}
				granted.Add(b.Granted)
			}
		})
	}
	breaker.Go(func() {
		const kill = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				if _, err := conn.Exec(t.Context(), kill); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	spenders.Wait()
	close(done)
	breaker.Wait()
	if granted.Load() != limits.PerMinute {
		t.Errorf("%d granted, limit %d", granted.Load(), limits.PerMinute)
	}
	var counted int64
	if err := conn.QueryRow(t.Context(), `SELECT sum(amount)::bigint FROM usage WHERE span = 60`).Scan(&counted); err != nil || counted != granted.Load() {
		t.Errorf("%d granted, %d counted, %v", granted.Load(), counted, err)
	}
}

// TestSpendGivesUp: a row that somebody else holds is no reason to hang.
func TestSpendGivesUp(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	st := openAt(t, postgres.Options{DSN: dsn})
	s := store.Spending{
		Key: uuid.Max, Limits: store.Limits{PerMinute: 100}, Server: "a", Turn: 1, Cost: store.Request, Now: time.Now(),
	}
	if _, err := st.Spend(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT 1 FROM usage_keys FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	s.Turn = 2
	began := time.Now()
	if _, err := st.Spend(ctx, s); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, err := st.Spend(t.Context(), s); err != nil || b.Windows[0].Used != 20 {
		t.Errorf("afterwards: %+v, %v", b, err)
	}
}

// TestUsagePlans: what is asked for each grant walks no table, however many
// keys there are.
func TestUsagePlans(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	openAt(t, postgres.Options{DSN: dsn})
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, fill := range []string{
		`INSERT INTO usage_keys SELECT gen_random_uuid(), '[]' FROM generate_series(1, 20000)`,
		`INSERT INTO usage SELECT key_id, span, start, 0, 10 FROM (SELECT key_id FROM usage_keys LIMIT 300) AS k, generate_series(1, 60) AS start, unnest(ARRAY[60, 86400]) AS span`,
		`ANALYZE`,
	} {
		if _, err := conn.Exec(t.Context(), fill); err != nil {
			t.Fatal(err)
		}
	}
	for name, query := range map[string]string{
		"usage":   `SELECT start, last_at, amount FROM usage WHERE key_id = '00000000-0000-0000-0000-000000000001' AND span = 60 AND start >= 30`,
		"holders": `SELECT holders FROM usage_keys WHERE key_id = '00000000-0000-0000-0000-000000000001' FOR UPDATE`,
		"prune":   `DELETE FROM usage WHERE span = 60 AND start < 3`,
	} {
		rows, err := conn.Query(t.Context(), "EXPLAIN "+query)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if plan := strings.Join(steps, "\n"); strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "Index") {
			t.Errorf("%s:\n%s", name, plan)
		}
	}
}
