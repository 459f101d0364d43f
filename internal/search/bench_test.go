package search_test

import (
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
	"spoor/internal/store/storetest"
)

// BenchmarkSearch measures query text to answer, in process, on the embedded
// engine with 50,000 generated records.
func BenchmarkSearch(b *testing.B) {
	const n = 50_000
	st := engine(b)
	set := storetest.Generate(n, 1)
	for part := range slices.Chunk(set, 5000) {
		load(b, st, storetest.GeneratedFeed(), part)
	}
	rng := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // reproducible on purpose
	pick := func(one func() string) []string {
		out := make([]string, 4096)
		for i := range out {
			out[i] = one()
		}
		return out
	}
	known := pick(func() string { return set[rng.IntN(n)].Indicator.Value })
	missing := pick(func() string {
		var raw [32]byte
		for i := range raw {
			raw[i] = byte(rng.UintN(256))
		}
		return hex.EncodeToString(raw[:])
	})
	words := []string{"login", "secure", "update", "wallet", "invoice"}
	broad := pick(func() string { return words[rng.IntN(len(words))] })
	rare := pick(func() string {
		key := set[rng.IntN(n)].Indicator.Key
		return key[len(key)/3 : len(key)-1]
	})
	for _, c := range []struct {
		name    string
		texts   []string
		related bool
		match   search.Mode
	}{
		{"exact", known, false, search.Auto},
		{"related", known, true, search.Auto},
		{"miss", missing, false, search.Auto},
		{"contains broad", broad, false, search.Auto},
		{"contains rare", rare, false, search.Contains},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			s := search.New(st, time.Now)
			i := 0
			for b.Loop() {
				_, err := s.Search(b.Context(), search.Query{
					Text: c.texts[i%len(c.texts)], Match: c.match, Related: c.related,
					Window: store.Window{Limit: 100}, Visibility: store.Visibility{MaxTLP: ioc.Red},
				})
				if err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
