package pgtest_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// ask runs a query for one text.
func ask(t *testing.T, dsn, sql string, args ...any) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func TestDatabasesAreFreshAndSeparate(t *testing.T) {
	t.Parallel()
	const tables = `SELECT count(*)::text FROM pg_class WHERE relname = 'mark'`
	first, second := pgtest.DSN(t), pgtest.SocketDSN(t)
	conn, err := pgx.Connect(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE mark (id bigint)`); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]struct{ dsn, sql, want string }{
		"own table seen":           {first, tables, "1"},
		"other's table not seen":   {second, tables, "0"},
		"encoding":                 {second, `SHOW server_encoding`, "UTF8"},
		"locale":                   {second, `SELECT datcollate FROM pg_database WHERE datname = current_database()`, "C"},
		"no extension but its own": {second, `SELECT string_agg(extname, ',') FROM pg_extension`, "plpgsql"},
	} {
		if got := ask(t, q.dsn, q.sql); got != q.want {
			t.Errorf("%s: got %q, want %q", name, got, q.want)
		}
	}
}

func TestDatabasesAtOnce(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 16)
	t.Run("group", func(t *testing.T) {
		for range cap(seen) {
			t.Run("one", func(t *testing.T) {
				t.Parallel()
				seen <- ask(t, pgtest.DSN(t), `SELECT current_database()`)
			})
		}
	})
	close(seen)
	names := map[string]bool{}
	for name := range seen {
		names[name] = true
	}
	if diff := cmp.Diff(cap(seen), len(names)); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
	left := ask(t, pgtest.DSN(t), `SELECT count(*)::text FROM pg_database WHERE datname = ANY($1)`, keys(names))
	if left != "0" {
		t.Errorf("%s databases are left after their tests", left)
	}
}

// TestCopies: what was prepared, once, is in every database that asks for it,
// and they are separate.
func TestCopies(t *testing.T) {
	t.Parallel()
	var prepared atomic.Int64
	seen := make(chan string, 12)
	t.Run("group", func(t *testing.T) {
		for range cap(seen) {
			t.Run("one", func(t *testing.T) {
				t.Parallel()
				dsn := pgtest.DSNFrom(t, "copies", func(dsn string) error {
					prepared.Add(1)
					conn, err := pgx.Connect(t.Context(), dsn)
					if err != nil {
						return err
					}
					_, err = conn.Exec(t.Context(), `CREATE TABLE mark AS SELECT 7 AS id`)
					return errors.Join(err, conn.Close(t.Context()))
				})
				seen <- ask(t, dsn, `WITH one AS (INSERT INTO mark VALUES (8)) SELECT string_agg(id::text, ',') FROM mark`)
			})
		}
	})
	close(seen)
	for marks := range seen {
		if marks != "7" {
			t.Errorf("a copy has %s, want 7", marks)
		}
	}
	if n := prepared.Load(); n != 1 {
		t.Errorf("prepared %d times", n)
	}
}

func keys(m map[string]bool) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}
