package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func containsCases() []testCase {
	return []testCase{
		{"few records", containsFew},
		{"after several small runs", containsSmallRuns},
		{"after one big run", containsBigRun},
		{"after deletes", containsDeletes},
		{"interleaved", containsInterleaved},
		{"after a reindex", containsReindex},
		{"order", containsOrder},
		{"short needles are prefixes", containsShort},
		{"long keys", containsLong},
		{"no near miss", containsNearMiss},
		{"marking", containsMarking},
		{"one key in many records", containsSameKey},
	}
}

func seeded(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 99)) //nolint:gosec // reproducible on purpose
}

// needles are texts to look for in keys: pieces of them of all lengths, pieces
// with something changed, and what has a meaning in pattern languages.
func needles(keys []string, n int, rng *rand.Rand) []string {
	out := []string{
		"%", "_", "*", `\`, "'", `"`, "''", `%\`, "%%%", "___", ".*.", `\\\`, `'"'`, "a' or 'a", "a%e", "l_g",
		"ü", "ünï", "пример", "\U0001f9a0", "…", "...", "---", "://", "http://", ".example", ".ex", "ple", "com",
		"login", "198.18.", "192.0.2.", "203.0.113.1", "2001:db8", "no such text at all", "zzz", "qx7", "e", "a.",
		"cve-2", "@", "/wp-includes/", "gate", "%20v", "?id=", " ", "   ", ";", "and", "near(a b)", "key:http",
	}
	for len(out) < n {
		key := keys[rng.IntN(len(keys))]
		length := 1 + rng.IntN(40)
		from := rng.IntN(len(key))
		text := key[from:min(len(key), from+length)]
		switch rng.IntN(8) {
		case 0: // probably absent
			text += string(rune('a' + rng.IntN(26)))
		case 1: // absent, of common pieces
			other := keys[rng.IntN(len(keys))]
			text += other[:min(len(other), 6)]
		case 2:
			text = key
		}
		if utf8.ValidString(text) && text == strings.ToLower(text) {
			out = append(out, text)
		}
	}
	return out
}

// odd are records whose keys hold what engines are known to stumble over.
func odd() []store.Observation {
	var set []store.Observation
	for i, v := range []string{
		"http://a.example/100%25/x_y", "http://a.example/100%2525/xzy", `http://a.example/it's"quoted"`,
		`http://a.example/back\slash`, "http://a.example/star*star", "http://a.example/a%e", "http://a.example/abe",
		"http://a.example/l_g", "http://a.example/log", "http://a.example/пример/ünï", "http://a.example/\U0001f9a0…",
		"http://[2001:db8::1]:8080/x", "http://a.example/---...---", "http://a.example/aaaaaaaaaaaaaaaa", "ftp://b.example/",
		"http://a.example/naïve", "http://a.example/nai\u0308ve", "http://a.example/NEAR(a b)", "http://a.example/key:http",
	} {
		o := dated("a.example", 1+i)
		o.Indicator = indicator(ioc.URL, v)
		set = append(set, o)
	}
	return set
}

// checkContains asks n needles, all rules, with and without types, in several
// windows, and compares with the oracle.
func (w *world) checkContains(n int, seed uint64) {
	w.t.Helper()
	all := w.verify()
	rng := seeded(seed)
	keys := make([]string, 0, len(all))
	for _, r := range all {
		keys = append(keys, r.Key)
	}
	if len(keys) == 0 {
		keys = []string{"nothing.example"}
	}
	types := [][]ioc.Type{nil, nil, {ioc.URL}, {ioc.Domain, ioc.IPv4}, {ioc.SHA256, ioc.MD5, ioc.CVE}, {ioc.MITREAttack}}
	windows := []store.Window{{Limit: 100}, {Limit: 1}, {Limit: 7, Offset: 3}, {Limit: 25, Offset: 40}, {}}
	w.view(func(s store.Snapshot) {
		for _, text := range needles(keys, n, rng) {
			for _, rule := range []store.Rule{store.Anywhere, store.WholeToken, store.WholeHost} {
				q := store.ContainsQuery{
					Needle: store.Needle{Text: text, Rule: rule}, Types: types[rng.IntN(len(types))],
					Visibility: store.Visibility{MaxTLP: ioc.Red - ioc.TLP(rng.IntN(2)*rng.IntN(5))}, //nolint:gosec // at most 4
					Window:     windows[rng.IntN(len(windows))],
				}
				got, err := s.Contains(w.ctx, q)
				must(w.t, err)
				sameMatches(w.t, fmt.Sprintf("contains %+q, types %v, %+v", q.Needle, q.Types, q.Window), got, oracleContains(all, q))
			}
		}
	})
}

// every is each n-th element.
func every[T any](n int, all []T) []T {
	var out []T
	for i := 0; i < len(all); i += n {
		out = append(out, all[i])
	}
	return out
}

func containsFew(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), odd()...)
	w.checkContains(150, 1)
}

func containsSmallRuns(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), odd()...)
	for _, part := range batches(Generate(1500, 2), 50) {
		w.run(GeneratedFeed(), batches(part, 20)...)
	}
	w.checkContains(150, 2)
}

func containsBigRun(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(append(odd(), Generate(3000, 3)...), 1000)...)
	w.checkContains(150, 3)
}

func containsDeletes(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(append(odd(), Generate(1200, 4)...), 500)...)
	rng := seeded(4)
	w.remove(idsOf(filter(w.verify(), func(store.Record) bool { return rng.IntN(4) == 0 }))...)
	w.checkContains(120, 4)
	w.run(GeneratedFeed(), Generate(600, 4)) // some of what was deleted comes back
	w.checkContains(60, 5)
	w.remove(idsOf(w.verify())...)
	w.checkContains(60, 6)
	same(t, "records left", w.counts().Records, 0)
}

func containsInterleaved(t *testing.T, open Open) {
	w := newWorld(t, open)
	rng := seeded(7)
	parts := batches(Generate(900, 7), 75)
	p := w.start(GeneratedFeed())
	for i, part := range parts {
		p.write(part...)
		if rng.IntN(3) == 0 {
			p.finish()
			p = w.start(GeneratedFeed())
		}
		all := w.verify()
		for range rng.IntN(12) {
			if r := all[rng.IntN(len(all))]; len(w.model.state.place) > 0 {
				if _, ok := w.model.state.place[r.ID]; ok {
					w.remove(r.ID)
				}
			}
		}
		w.checkContains(55, uint64(i)) //nolint:gosec // small
	}
	p.finish()
	w.checkContains(100, 99)
}

func containsReindex(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(append(odd(), Generate(800, 8)...), 90)...)
	w.remove(idsOf(every(9, w.verify()))...)
	before, seq := w.verify(), w.seq()
	must(t, w.st.Reindex(w.ctx))
	same(t, "seq", w.seq(), seq)
	sameRecords(t, "records", w.verify(), before)
	w.checkContains(100, 8)
	w.run(GeneratedFeed(), Generate(1000, 8))
	w.checkContains(60, 9)
}
