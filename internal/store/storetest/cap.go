package storetest

import (
	"fmt"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// capCases need more records than are ranked. Those take long to write, so one
// world serves whatever reads them.
func capCases() []testCase {
	return []testCase{
		{"one value in many records", capCopies},
		{"many values", capValues},
	}
}

// capCopies: of the records of one value those that were first made last are
// ranked, whatever changed since; and the cap counts what was there at the time
// that is asked about, not what came later.
func capCopies(t *testing.T, open Open) {
	if testing.Short() {
		t.Skip("writes more records than the cap")
	}
	w := newWorld(t, open)
	feed := feedNamed("f")
	const extra = 30
	set := copies(feed, "a.example", store.Cap+extra, func(i int) int { return i % 20 })
	for i := range set[:extra] {
		// The oldest were seen last, and still are not among what is ranked.
		set[i].LastSeen = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	}
	w.run(feed, batches(set[:store.Cap-10], 1000)...)
	was := w.now()
	w.checkCopies("fewer than the cap", was.all, time.Time{}, false)
	w.run(feed, set[store.Cap-10:])
	full := w.now()
	w.checkCopies("at first", full.all, time.Time{}, true)
	for i := range set[:60] {
		set[i].LastSeen = set[i].LastSeen.AddDate(0, 1, i)
	}
	w.say(feed, set[:60]...)
	w.checkCopies("an update adds nothing", w.verify(), time.Time{}, true)
	w.checkCopies("as of the beginning", was.all, was.at, false)
	w.checkCopies("as of when all were there", full.all, full.at, true)
	w.remove(idsOf(full.all[:extra])...)
	w.checkCopies("exactly the cap", w.verify(), time.Time{}, false)
}

// checkCopies asks for the value at a time in both ways, and compares with the
// records that were there.
func (w *world) checkCopies(what string, all []store.Record, at time.Time, bound bool) {
	w.t.Helper()
	for _, win := range []store.Window{{Limit: 50}, {Limit: 50, Offset: 5000}, {Limit: 50, Offset: store.Cap - 60}} {
		q := store.ExactQuery{Keys: []store.TypedKey{{Type: ioc.Domain, Key: "a.example"}}, AsOf: at, Window: win}
		got := w.exact(q)
		sameMatches(w.t, fmt.Sprintf("%s: exact, offset %d", what, win.Offset), got, oracleExact(all, q))
		same(w.t, what+": lower bound", got.LowerBound, bound)
		c := holding("a.exam")
		c.AsOf, c.Window = at, win
		sameMatches(w.t, fmt.Sprintf("%s: contains, offset %d", what, win.Offset), w.contains(c), oracleContains(all, c))
	}
}

// capBatches are 24 batches of 500: some are red, some URLs, so that the clear
// ones and the domains are each as many as are ranked. Names of all lengths
// come in no order; one in six is old, but for a few.
func capBatches(feed store.Feed) [][]store.Observation {
	var set []store.Observation
	for i := range 24 * 500 {
		day := 6 + i%19
		if i%6 == 0 && i/6 < capOld {
			day = 1 + i/6%4
		}
		o := dated(fmt.Sprintf("n%x.many.example", i*7919%12_007), day)
		switch i / 500 % 6 {
		case 1:
			o.TLP = ioc.Red
		case 4:
			o.Indicator = indicator(ioc.URL, "http://"+o.Indicator.Value+"/")
		}
		if i < 300 {
			o.Tags = []string{"few"}
		}
		if i%40 == 0 {
			o.Article = article(feed, fmt.Sprintf("https://reports.example/%d", i))
			o.Article.Fetched = inJanuary(1 + i/40%20)
		}
		set = append(set, o)
	}
	return batches(set, 500)
}

// capOld of capBatches are last seen before the sixth of January; when they are
// gone the rest are exactly the cap.
const capOld = 24*500 - store.Cap

// capValues takes one store through all that has to do with more records than
// are ranked, listed and judged or pruned at once.
func capValues(t *testing.T, open Open) {
	if testing.Short() {
		t.Skip("writes more records than the cap")
	}
	w := newWorld(t, open)
	feed := feedNamed("f")
	parts := capBatches(feed)
	for _, batch := range parts {
		w.say(feed, batch...)
	}
	all := w.verify()
	w.checkCap("at first", all, true)
	w.checkCapFilter(all)
	w.checkCapList(all)

	first := parts[0][:50]
	for i := range first {
		first[i].Tags, first[i].LastSeen = []string{"news"}, first[i].LastSeen.Add(time.Hour)
	}
	w.say(feed, first...)
	same(t, "judged by the index", w.rejudge("many.example", verdict("l", 1)), int64(len(all)))
	same(t, "judged by every key", w.rejudge("n", verdict("l", 2)) > store.Cap/3, true)
	all = w.verify()
	w.checkCap("changes are not additions", all, true)

	old := filter(all, func(r store.Record) bool { return r.LastSeen.Before(inJanuary(6)) })
	same(t, "old ones", len(old), capOld)
	w.remove(idsOf(every(3, old)[:45])...)
	w.checkCap("after deletes", w.verify(), true)
	got := w.prune(store.Policy{Records: []store.Expiry{{Unseen: 10 * oneDay}}, Articles: oneDay}, inJanuary(15))
	same(t, "pruned", got.Records, int64(capOld-45))
	if got.Articles == 0 || got.Articles == 300 {
		t.Fatalf("%d articles of 300 were archived", got.Articles)
	}
	w.checkCap("exactly the cap", w.verify(), false)
}

func (w *world) checkCap(what string, all []store.Record, bound bool) {
	w.t.Helper()
	for _, text := range []string{"many", ".many.example", "n", "n1"} {
		q := holding(text)
		q.Limit = store.Cap
		want := oracleContains(all, q)
		ranked := want.Records
		for _, q.Window = range []store.Window{{Limit: 60}, {Limit: 60, Offset: 4000}, {Limit: 60, Offset: store.Cap - 60}} {
			got := w.contains(q)
			want.Records = window(ranked, q.Window)
			sameMatches(w.t, fmt.Sprintf("%s: %q %+v", what, text, q.Window), got, want)
			if text == "many" {
				same(w.t, what+": lower bound", got.LowerBound, bound)
			}
		}
	}
}

// checkCapFilter: the cap counts what the caller may see and asked for.
func (w *world) checkCapFilter(all []store.Record) {
	w.t.Helper()
	for _, c := range []struct {
		name  string
		types []ioc.Type
		may   ioc.TLP
		total int
		bound bool
	}{
		{"all", nil, ioc.Red, store.Cap, true},
		{"what is clear", nil, ioc.Clear, store.Cap, false},
		{"domains", []ioc.Type{ioc.Domain}, ioc.Red, store.Cap, false},
		{"clear domains", []ioc.Type{ioc.Domain}, ioc.Clear, 8000, false},
		{"urls", []ioc.Type{ioc.URL}, ioc.Red, 2000, false},
	} {
		q := holding("many.example")
		q.Types, q.MaxTLP = c.types, c.may
		for _, q.Offset = range []int{0, 7900, store.Cap - 100} {
			got := w.contains(q)
			same(w.t, c.name+": total", []any{got.Total, got.LowerBound}, []any{c.total, c.bound})
			sameMatches(w.t, fmt.Sprintf("%s, offset %d", c.name, q.Offset), got, oracleContains(all, q))
		}
	}
}

// checkCapList: totals end at the cap, offsets and walks do not.
func (w *world) checkCapList(all []store.Record) {
	w.t.Helper()
	few, seq := unfiltered(), w.seq()
	few.Tags = []string{"few"}
	for _, f := range []store.Filter{unfiltered(), few} {
		for _, p := range []store.Page{{Limit: 10}, {Limit: 10, Offset: store.Cap}, {Limit: 10, Offset: store.Cap - 5}} {
			sameList(w.t, fmt.Sprintf("%+v %+v", f, p), w.list(f, p), oracleList(all, f, p, seq))
		}
	}
	p, n := store.Page{Limit: 3000}, 0
	for {
		l := w.list(unfiltered(), p)
		same(w.t, "total on the way", []any{l.Total, l.LowerBound}, []any{store.Cap, true})
		n += len(l.Records)
		if l.Next == nil {
			break
		}
		p.After = l.Next
	}
	same(w.t, "walked", n, len(all))
}
