package storetest

import (
	"fmt"
	"slices"
	"testing"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func exactCases() []testCase {
	return []testCase{
		{"type and key narrow together", exactTypeAndKey},
		{"order", exactOrder},
		{"windows are disjoint and complete", exactWindows},
		{"marking", exactMarking},
		{"several keys against the oracle", exactOracle},
	}
}

func exactTypeAndKey(t *testing.T, open Open) {
	w := newWorld(t, open)
	a := dated("a.example", 1)
	b := a
	b.Indicator = ioc.Indicator{Type: ioc.Email, Value: "a.example", Key: "a.example"}
	w.say(feedNamed("f"), a, b)
	key := func(t ioc.Type, k string) store.TypedKey { return store.TypedKey{Type: t, Key: k} }
	for _, c := range []struct {
		name string
		keys []store.TypedKey
		want int
	}{
		{"none", nil, 0},
		{"the domain", []store.TypedKey{key(ioc.Domain, "a.example")}, 1},
		{"both", []store.TypedKey{key(ioc.Domain, "a.example"), key(ioc.Email, "a.example")}, 2},
		{"one twice", []store.TypedKey{key(ioc.Domain, "a.example"), key(ioc.Domain, "a.example")}, 1},
		{"a type without it", []store.TypedKey{key(ioc.URL, "a.example")}, 0},
		{"a beginning", []store.TypedKey{key(ioc.Domain, "a.exampl")}, 0},
		{"more than it", []store.TypedKey{key(ioc.Domain, "a.example.")}, 0},
		{"empty", []store.TypedKey{key(ioc.Domain, "")}, 0},
	} {
		m := w.exact(store.ExactQuery{Keys: c.keys, Visibility: everything(), Window: store.Window{Limit: 10}})
		same(t, c.name, []int{m.Total, len(m.Records)}, []int{c.want, c.want})
	}
	w.verify()
}

// copies are n records of one value: each from an article of its own.
func copies(feed store.Feed, name string, n int, day func(i int) int) []store.Observation {
	out := make([]store.Observation, 0, n)
	for i := range n {
		o := dated(name, 1+day(i))
		o.Origin, o.Article = store.OriginArticle, article(feed, fmt.Sprintf("https://reports.example/%s/%d", name, i))
		out = append(out, o)
	}
	return out
}

func exactOrder(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.say(feed, copies(feed, "a.example", 30, func(i int) int { return i * 7 % 5 })...)
	all := w.verify()
	slices.SortFunc(all, func(a, b store.Record) int {
		if c := b.LastSeen.Compare(a.LastSeen); c != 0 {
			return c
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	same(t, "order", values(w.find(ioc.Domain, "a.example")), values(all))
	// A later sighting moves a record to the front.
	last := all[len(all)-1]
	o := dated("a.example", 31)
	o.Article = &store.Article{ID: last.Article.ID, Title: last.Article.Title, URL: last.Article.URL}
	w.say(feed, o)
	same(t, "first after an update", w.find(ioc.Domain, "a.example")[0].ID, last.ID)
	w.verify()
}

func exactWindows(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.say(feed, copies(feed, "a.example", 25, func(i int) int { return i % 3 })...)
	q := store.ExactQuery{Keys: []store.TypedKey{{Type: ioc.Domain, Key: "a.example"}}, Visibility: everything()}
	q.Window = store.Window{Limit: 100}
	whole := w.exact(q)
	same(t, "total", whole.Total, 25)
	var parts []store.Record
	for q.Window = (store.Window{Limit: 4}); q.Offset < 25; q.Offset += 4 {
		m := w.exact(q)
		same(t, "total of a window", m.Total, 25)
		parts = append(parts, m.Records...)
	}
	same(t, "windows together", parts, whole.Records)
	for name, win := range map[string]store.Window{
		"no rows":      {Limit: 0},
		"past the end": {Limit: 10, Offset: 25},
		"deepest":      {Limit: 1, Offset: store.Cap - 1},
	} {
		q.Window = win
		m := w.exact(q)
		same(t, name, []int{m.Total, len(m.Records)}, []int{25, 0})
	}
	w.verify()
}

// marked is one domain for each marking, and one without.
func marked() []store.Observation {
	var set []store.Observation
	for tlp := ioc.TLP(0); tlp <= ioc.Red; tlp++ {
		o := dated(fmt.Sprintf("m%d.marked.example", tlp), 1+int(tlp))
		o.TLP, o.Families = tlp, []string{"tinfox"}
		o.Article = article(feedNamed("f"), "https://reports.example/marked")
		set = append(set, o)
	}
	return set
}

func exactMarking(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), marked()...)
	var keys []store.TypedKey
	for _, r := range w.verify() {
		keys = append(keys, store.TypedKey{Type: r.Type, Key: r.Key})
	}
	for may := ioc.TLP(0); may <= ioc.Red; may++ {
		m := w.exact(store.ExactQuery{
			Keys: keys, Visibility: store.Visibility{MaxTLP: may}, Window: store.Window{Limit: 10},
		})
		want := 1 + int(max(may, ioc.Clear))
		same(t, may.String(), []int{m.Total, len(m.Records)}, []int{want, want})
	}
	// A stricter word hides what was open before.
	o := marked()[1]
	o.TLP = ioc.Red
	w.say(feedNamed("f"), o)
	w.verify()
	m := w.exact(store.ExactQuery{Keys: keys[1:2], Window: store.Window{Limit: 10}})
	same(t, "after a stricter marking", m.Total, 0)
}

func exactOracle(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(Generate(1500, 21), 400)...)
	w.run(feedNamed("g"), generate(feedNamed("g"), 600, 21))
	all := w.verify()
	rng := seeded(5)
	for range 120 {
		var q store.ExactQuery
		for range 1 + rng.IntN(4) {
			r := all[rng.IntN(len(all))]
			q.Keys = append(q.Keys, store.TypedKey{Type: r.Type, Key: r.Key})
		}
		q.MaxTLP = ioc.TLP(rng.IntN(6)) //nolint:gosec // below six
		q.Window = store.Window{Limit: 1 + rng.IntN(20), Offset: rng.IntN(3)}
		sameMatches(t, fmt.Sprintf("%+v", q), w.exact(q), oracleExact(all, q))
	}
}
