package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // registers the database/sql driver
	zombiezen "zombiezen.com/go/sqlite"
)

// selectRow is the exact look-up as the engine asks it, but for the id:
// 12 columns, found by the key.
const selectRow = `SELECT rid, key, value, facet_id, article_id, first_seen, last_seen, added_at, updated_at, seq, ports, context
	FROM records WHERE key = ? ORDER BY rid DESC`

// drivers compares the two ways to the same SQLite, on the same file, with the
// same statement and the same keys, one thread, every column read into Go.
func drivers(ctx context.Context, o options, work string, stdout, stderr io.Writer) (err error) {
	b := bench{options: o, work: work, stderr: stderr}
	b.product = product{binary: o.spoor, data: filepath.Join(work, "data"), stderr: stderr}
	var f figures
	if err := b.load(ctx, &f); err != nil {
		return err
	}
	path := b.product.storePath()
	s, err := readSet(path)
	if err != nil {
		return err
	}
	conn, err := zombiezen.OpenConn(path, zombiezen.OpenReadOnly)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	direct, err := conn.Prepare(selectRow)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=mmap_size(2147418112)")
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	standard, err := db.PrepareContext(ctx, selectRow)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	defer func() { err = errors.Join(err, standard.Close()) }()
	r := rand.New(rand.NewPCG(o.seed, 4)) //nolint:gosec // repeatable on purpose
	keys := s.sampleKeys(r, exactValues)
	ways := []struct {
		name string
		find func(key string) (int, error)
	}{
		{"zombiezen.com/go/sqlite", func(k string) (int, error) { return findDirect(direct, k) }},
		{"database/sql with modernc.org/sqlite", func(k string) (int, error) { return findStandard(ctx, standard, k) }},
	}
	p50, p99 := make([][]time.Duration, len(ways)), make([][]time.Duration, len(ways))
	for round := range o.rounds + 1 { // round 0 warms
		for i, w := range ways {
			l, err := lookups(keys, w.find)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			if round > 0 {
				p50[i], p99[i] = append(p50[i], l.percentile(50)), append(p99[i], l.percentile(99))
			}
		}
	}
	fmt.Fprintf(stdout, "%d records, %d keys, median of %d rounds\n\n| | exact p50 µs | p99 µs |\n|---|---|---|\n", len(s.entries), len(keys), o.rounds)
	for i, w := range ways {
		fmt.Fprintf(stdout, "| %s | %.1f | %.1f |\n", w.name, micro(median(p50[i])), micro(median(p99[i])))
	}
	return nil
}

func lookups(keys []string, find func(string) (int, error)) (leg, error) {
	var l leg
	for _, k := range keys {
		began := time.Now()
		n, err := find(k)
		l.latencies = append(l.latencies, time.Since(began))
		if err != nil {
			return l, err
		}
		if n == 0 {
			return l, fmt.Errorf("look up %q: not found, though it is there", k)
		}
	}
	l.sort()
	return l, nil
}

func findDirect(st *zombiezen.Stmt, key string) (rows int, err error) {
	st.BindText(1, key)
	for {
		more, err := st.Step()
		if err != nil || !more {
			return rows, errors.Join(err, st.Reset())
		}
		rows++
		for _, i := range []int{0, 3, 4, 5, 6, 7, 8, 9} {
			_ = st.ColumnInt64(i)
		}
		for _, i := range []int{1, 2, 10, 11} {
			_ = st.ColumnText(i)
		}
	}
}

func findStandard(ctx context.Context, st *sql.Stmt, key string) (n int, err error) {
	rows, err := st.QueryContext(ctx, key)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var k string
	var value, ports, context sql.NullString
	var rid, facet, article, first, last, added, updated, seq int64
	for rows.Next() {
		n++
		if err := rows.Scan(&rid, &k, &value, &facet, &article, &first, &last, &added, &updated, &seq, &ports, &context); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}
