package ingest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"spoor/internal/store"
	"spoor/internal/store/sqlite"
)

// benchTrail is a trail file of n rows with the mix of types of a real one:
// names, addresses with ports, URLs, a few rows that are no indicators.
func benchTrail(n int) []byte {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	var b bytes.Buffer
	b.WriteString("# Copyright (c) 2014-2026 Maltrail developers (https://github.com/stamparm/maltrail/)\n")
	for i := range n {
		if i%13 == 0 {
			fmt.Fprintf(&b, "\n# Reference: https://news.example/%d\n\n", i/13)
		}
		switch k := r.IntN(100); {
		case k < 70:
			fmt.Fprintf(&b, "%x-%x.bad.example\n", r.Uint32(), i)
		case k < 85:
			fmt.Fprintf(&b, "203.%d.%d.%d:%d\n", r.IntN(256), r.IntN(256), r.IntN(256), 1+r.IntN(65535))
		case k < 95:
			fmt.Fprintf(&b, "http://%x.bad.example/Panel/%x.php\n", r.Uint32(), i)
		default:
			fmt.Fprintf(&b, "/panel/%x.php\n", i)
		}
	}
	return b.Bytes()
}

// BenchmarkImport reads a generated trail file of 200,000 rows: into nothing,
// which is the cost of reading, parsing and normalising, and into a new
// embedded store, by the size of a batch.
func BenchmarkImport(b *testing.B) {
	const rows = 200_000
	path := file(b, "malware/bench.txt", benchTrail(rows))
	b.Run("nothing", func(b *testing.B) {
		for b.Loop() {
			st := newMemory(b)
			st.discard = true
			benchImport(b, st, path, Options{})
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	for _, size := range []int{5_000, 10_000, 20_000, 50_000} {
		b.Run(fmt.Sprintf("sqlite/batch=%d", size), func(b *testing.B) {
			dir := b.TempDir()
			for i := 0; b.Loop(); i++ {
				st, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(dir, fmt.Sprintf("%d.db", i)), Now: testNow})
				if err != nil {
					b.Fatal(err)
				}
				benchImport(b, st, path, Options{BatchSize: size})
				if err := st.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func benchImport(b *testing.B, st store.RunStarter, path string, o Options) {
	b.Helper()
	o.Now = testNow
	sum, err := New(st, o).Import(context.Background(), Request{Paths: []string{path}}, nil)
	if err != nil || sum.New == 0 {
		b.Fatalf("%v %+v", err, sum)
	}
}
