package storetest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func walkCases() []testCase {
	return []testCase{
		{"every record once", walkOnce},
		{"a full last page is the last", walkLastPage},
		{"changes on the way", walkChanges},
		{"under a filter", walkFilter},
	}
}

func walkOnce(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(Generate(250, 51), 40)...)
	all := w.verify()
	for _, limit := range []int{1, 7, 249, 250, 1000} {
		seen := map[uuid.UUID]bool{}
		walk(w, unfiltered(), limit, func(l store.List) {
			same(t, "total", l.Total, len(all))
			for _, r := range l.Records {
				if seen[r.ID] {
					t.Fatalf("limit %d: record %s twice", limit, r.ID)
				}
				seen[r.ID] = true
			}
		})
		same(t, fmt.Sprint("limit ", limit), len(seen), len(all))
	}
}

// walk calls fn for each page; a page but the first is read after fn returned.
func walk(w *world, f store.Filter, limit int, fn func(store.List)) {
	w.t.Helper()
	p := store.Page{Limit: limit}
	for {
		l := w.list(f, p)
		if len(l.Records) > limit || l.Next != nil && len(l.Records) < limit {
			w.t.Fatalf("page of %d has %d records and next %v", limit, len(l.Records), l.Next)
		}
		fn(l)
		if l.Next == nil {
			return
		}
		if p.After != nil && l.Next.Began != p.After.Began {
			w.t.Fatalf("a walk that began at %d goes on at %d", p.After.Began, l.Next.Began)
		}
		p.After = l.Next
	}
}

func walkLastPage(t *testing.T, open Open) {
	w := newWorld(t, open)
	var set []store.Observation
	for i := range 20 {
		set = append(set, dated(fmt.Sprintf("a%d.example", i), 1))
	}
	w.say(feedNamed("f"), set...)
	pages := 0
	walk(w, unfiltered(), 5, func(l store.List) {
		pages++
		same(t, "records", len(l.Records), 5)
	})
	same(t, "pages of five", pages, 4)
	same(t, "next of a whole page", w.list(unfiltered(), store.Page{Limit: 20}).Next, nil)
	// What is left of a walk may only be records that changed since.
	first := w.list(unfiltered(), store.Page{Limit: 15})
	for i := range 5 {
		w.say(feedNamed("f"), tagged(set[i], "news"))
	}
	rest := w.list(unfiltered(), store.Page{Limit: 15, After: first.Next})
	same(t, "what is left", []any{len(rest.Records), rest.Next == nil, rest.Total}, []any{0, true, 20})
	w.verify()
}

// walkChanges: while a walk is on its way records change, come and go. Those
// that did not are seen exactly once, those that did are left to the next.
func walkChanges(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	const n = 120
	name := func(i int) string { return fmt.Sprintf("a%d.example", i) }
	var set []store.Observation
	for i := range n {
		set = append(set, dated(name(i), 1))
	}
	w.run(feed, batches(set, 25)...)
	begin := map[uuid.UUID]store.Record{}
	for _, r := range w.verify() {
		begin[r.ID] = r
	}
	rng := seeded(51)
	touched, seen := map[string]bool{}, map[string]int{}
	page := 0
	walk(w, unfiltered(), 10, func(l store.List) {
		page++
		for _, r := range l.Records {
			if was, ok := begin[r.ID]; !ok || was.Seq != r.Seq {
				t.Fatalf("page %d: %s came or changed on the way", page, r.Value)
			}
			seen[r.Value]++
		}
		for range 2 {
			v := name(rng.IntN(n))
			touched[v] = true
			w.say(feed, tagged(dated(v, 1), fmt.Sprint("page ", page)))
		}
		w.say(feed, dated(fmt.Sprintf("new%d.example", page), 1))
		if v := name(rng.IntN(n)); !touched[v] {
			touched[v] = true
			w.remove(w.one(ioc.Domain, v).ID)
		}
	})
	w.verify()
	for i := range n {
		if v := name(i); seen[v] > 1 || seen[v] == 0 && !touched[v] {
			t.Fatalf("%s: seen %d times, changed: %v", v, seen[v], touched[v])
		}
	}
}

func walkFilter(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(Generate(600, 52), 100)...)
	all := w.verify()
	f := store.Filter{Types: []ioc.Type{ioc.URL, ioc.Domain}, Tags: []string{"c2", "loader"}, WithoutWarned: true}
	f.MaxTLP = ioc.Green
	want := filter(all, func(r store.Record) bool { return passes(f, r) })
	n := 0
	walk(w, f, 9, func(l store.List) {
		same(t, "total", l.Total, len(want))
		for _, r := range l.Records {
			same(t, "passes the filter", passes(f, r), true)
		}
		n += len(l.Records)
	})
	same(t, "walked", n, len(want))
	if n < 20 {
		t.Fatalf("only %d records to walk: choose a wider filter", n)
	}
}
