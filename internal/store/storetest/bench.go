package storetest

import (
	"fmt"
	"testing"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// benchRecords is the size of the set that Bench reads. It is small enough for
// every commit; the large sets are make bench-load's.
const benchRecords = 50_000

// Bench measures a store: a set of 50,000 generated observations, read in
// process.
func Bench(b *testing.B, open func(b *testing.B) store.Store) {
	b.Helper()
	b.Run("write", func(b *testing.B) { benchWrite(b, open) })
	st := open(b)
	set := Generate(benchRecords, 1)
	load(b, st, GeneratedFeed(), batches(set, 5000))
	all := make([]store.Record, 0, len(set))
	for _, o := range set {
		all = append(all, store.NewRecord(GeneratedFeed(), o, runNow(1)))
	}
	benchExact(b, st, all)
	benchContains(b, st, all)
	benchRelated(b, st, all)
	benchList(b, st)
}

func load(b *testing.B, st store.Store, feed store.Feed, all [][]store.Observation) {
	b.Helper()
	must(b, importAll(b.Context(), st, feed, all))
}

// benchWrite measures a whole run, the opening of an empty store left out.
func benchWrite(b *testing.B, open func(b *testing.B) store.Store) {
	for _, size := range []int{500, 5000} {
		all := batches(Generate(10_000, 2), size)
		b.Run(fmt.Sprint("new, batches of ", size), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				st := open(b)
				b.StartTimer()
				load(b, st, GeneratedFeed(), all)
			}
			b.ReportMetric(float64(10_000*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	b.Run("unchanged", func(b *testing.B) {
		st, all := open(b), batches(Generate(10_000, 2), 5000)
		load(b, st, GeneratedFeed(), all)
		for b.Loop() {
			load(b, st, GeneratedFeed(), all)
		}
		b.ReportMetric(float64(10_000*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}

// ask runs one query for each iteration, the i-th of them.
func ask(b *testing.B, st store.Store, name string, query func(s store.Snapshot, i int) (store.Work, error)) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		var sum store.Work
		i := 0
		for b.Loop() {
			must(b, st.View(b.Context(), func(s store.Snapshot) error {
				w, err := query(s, i)
				sum.Postings, sum.Candidates, sum.Rows = sum.Postings+w.Postings, sum.Candidates+w.Candidates, sum.Rows+w.Rows
				return err
			}))
			i++
		}
		n := float64(i)
		b.ReportMetric(float64(sum.Candidates)/n, "candidates/op")
		b.ReportMetric(float64(sum.Rows)/n, "rows/op")
	})
}

// stride visits records far from each other, so that neighbours on a page are
// not measured.
const stride = 7919

func benchExact(b *testing.B, st store.Store, all []store.Record) {
	exact := func(pick func(i int) store.TypedKey) func(store.Snapshot, int) (store.Work, error) {
		return func(s store.Snapshot, i int) (store.Work, error) {
			m, err := s.Exact(b.Context(), store.ExactQuery{
				Keys: []store.TypedKey{pick(i)}, Visibility: everything(), Window: store.Window{Limit: 100},
			})
			return m.Work, err
		}
	}
	ask(b, st, "exact/hit", exact(func(i int) store.TypedKey {
		r := &all[i*stride%len(all)]
		return store.TypedKey{Type: r.Type, Key: r.Key}
	}))
	ask(b, st, "exact/miss", exact(func(i int) store.TypedKey {
		return store.TypedKey{Type: ioc.SHA256, Key: fmt.Sprintf("%064x", i)}
	}))
}

func benchContains(b *testing.B, st store.Store, all []store.Record) {
	piece := func(t ioc.Type, cut func(key string) string) func(i int) string {
		var keys []string
		for i := range all {
			if all[i].Type == t {
				keys = append(keys, all[i].Key)
			}
		}
		return func(i int) string { return cut(keys[i*stride%len(keys)]) }
	}
	always := func(text string) func(int) string { return func(int) string { return text } }
	g := newGenerator(GeneratedFeed(), 404)
	misses := make([]string, 512)
	for i := range misses {
		misses[i] = g.hex(32)
	}
	for _, c := range []struct {
		name string
		text func(i int) string
	}{
		{"three common", always("com")},
		{"five common", always("login")},
		{"two", always("se")},
		{"rare eight", piece(ioc.SHA256, func(k string) string { return k[20:28] })},
		{"address prefix", always("198.18.1")},
		{"network", piece(ioc.IPv4, func(k string) string { return k[:len(k)-2] })},
		{"suffix", always(".dyn.example")},
		{"path", always("/wp-includes/")},
		{"end of a url", piece(ioc.URL, func(k string) string { return k[max(0, len(k)-22):] })},
		{"hash prefix", piece(ioc.MD5, func(k string) string { return k[:12] })},
		{"nothing", always("qqqqzzzz")},
		{"missing hash", func(i int) string { return misses[i%len(misses)] }},
		{"missing domain", func(i int) string { return fmt.Sprintf("login%d.update.secure.test", i) }},
	} {
		ask(b, st, "contains/"+c.name, func(s store.Snapshot, i int) (store.Work, error) {
			m, err := s.Contains(b.Context(), holding(c.text(i)))
			return m.Work, err
		})
	}
}

func benchRelated(b *testing.B, st store.Store, all []store.Record) {
	for _, c := range []struct {
		name string
		keep func(store.Record) bool
	}{
		{"article", func(r store.Record) bool { return r.Article != nil && len(r.Families) == 0 }},
		{"campaign", func(r store.Record) bool { return r.Article == nil && len(r.Families) > 0 }},
		{"neither", func(r store.Record) bool { return r.Article == nil && len(r.Families) == 0 }},
	} {
		some := filter(all, c.keep)
		ask(b, st, "related/"+c.name, func(s store.Snapshot, i int) (store.Work, error) {
			_, err := s.Related(b.Context(), relatedTo(some[i*stride%len(some)]))
			return store.Work{}, err
		})
	}
}

func benchList(b *testing.B, st store.Store) {
	for name, f := range map[string]store.Filter{
		"all": unfiltered(), "type": {Types: []ioc.Type{ioc.CVE}}, "tag": {Tags: []string{"stealer"}},
		"clean high urls": {Types: []ioc.Type{ioc.URL}, Confidences: []ioc.Confidence{ioc.High}, WithoutWarned: true},
	} {
		ask(b, st, "list/"+name, func(s store.Snapshot, _ int) (store.Work, error) {
			l, err := s.List(b.Context(), f, store.Page{Limit: 100})
			return store.Work{Rows: len(l.Records)}, err
		})
	}
}
