package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/sqlite"
)

// growth measures in this process how the median exact look-up grows with ten
// times the records, from a million unless -rows says otherwise, and prints it.
func growth(ctx context.Context, o options, work string, stdout, stderr io.Writer) error {
	fmt.Fprintf(stdout, "| records | rows | exact p50 µs, in process | p99 µs |\n|---|---|---|---|\n")
	base := 1_000_000
	if o.rows > 0 {
		base = o.rows
	}
	var p50 []time.Duration
	for _, rows := range []int{base, 10 * base} {
		b := bench{options: o, work: work, stderr: stderr}
		b.rows = rows
		b.product = product{binary: o.spoor, data: filepath.Join(work, fmt.Sprint(rows)), stderr: stderr}
		var f figures
		if err := b.load(ctx, &f); err != nil {
			return err
		}
		s, err := readSet(b.product.storePath())
		if err != nil {
			return err
		}
		l, err := exactInProcess(ctx, o, b.product.storePath(), s)
		if err != nil {
			return err
		}
		p50 = append(p50, l.percentile(50))
		fmt.Fprintf(stdout, "| %d | %d | %.1f | %.1f |\n", len(s.entries), rows, micro(l.percentile(50)), micro(l.percentile(99)))
	}
	fmt.Fprintf(stdout, "\nten times the records: p50 × %.2f\n", float64(p50[1])/float64(p50[0]))
	return nil
}

// exactInProcess looks every one of 100,000 random known values up, after a
// first pass that warms.
func exactInProcess(ctx context.Context, o options, path string, s *set) (l leg, err error) {
	st, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	r := rand.New(rand.NewPCG(o.seed, 3)) //nolint:gosec // repeatable on purpose
	picks := r.Perm(len(s.entries))[:min(exactValues, len(s.entries))]
	for pass := range 2 {
		for _, i := range picks {
			e := s.entries[i]
			q := store.ExactQuery{Keys: []store.TypedKey{{Type: e.kind, Key: e.key}}, Visibility: store.Visibility{MaxTLP: ioc.Red}, Window: store.Window{Limit: 100}}
			began := time.Now()
			err := st.View(ctx, func(v store.Snapshot) error {
				m, err := v.Exact(ctx, q)
				if err == nil && m.Total == 0 {
					err = fmt.Errorf("look up %s: not found, though it is there", e.key)
				}
				return err
			})
			if err != nil {
				return l, err
			}
			if pass == 1 {
				l.latencies = append(l.latencies, time.Since(began))
			}
		}
	}
	l.sort()
	return l, nil
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
