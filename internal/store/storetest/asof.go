package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func asOfCases() []testCase {
	return []testCase{
		{"each change in its time", asOfChanges},
		{"before there was anything", asOfBefore},
		{"dated by us", asOfUndated},
		{"marking is that of now", asOfMarking},
		{"warnings are those of now", asOfWarnings},
		{"what was deleted was never there", asOfDeleted},
		{"random histories", asOfHistories},
		{"a family that grew", asOfBigFamily},
	}
}

// moment is what a store was at a time.
type moment struct {
	at  time.Time
	all []store.Record
}

// now returns what the store is, with its last change's time.
func (w *world) now() moment {
	w.t.Helper()
	m := moment{all: w.verify()}
	for _, r := range m.all {
		if r.UpdatedAt.After(m.at) {
			m.at = r.UpdatedAt
		}
	}
	return m
}

// known returns what may be said of a moment: its records that are there still,
// that may be seen now, with the warnings of now.
func (w *world) known(m moment, may ioc.TLP) []store.Record {
	w.t.Helper()
	now := readAll(w.t, w.ctx, w.st)
	var all []store.Record
	for _, r := range m.all {
		today, ok := now[r.ID]
		if ok && today.AddedAt.Equal(r.AddedAt) && (store.Visibility{MaxTLP: may}).Sees(today.TLP) {
			r.Warnings = today.Warnings
			all = append(all, r)
		}
	}
	return all
}

// asOf asks for a key at a time, as who may see everything.
func (w *world) asOf(at time.Time, t ioc.Type, key string) store.Matches {
	w.t.Helper()
	return w.exact(store.ExactQuery{
		Keys: []store.TypedKey{{Type: t, Key: key}}, AsOf: at, Visibility: everything(), Window: store.Window{Limit: 100},
	})
}

func asOfChanges(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	said := []store.Observation{
		sure(ioc.Low, dated("a.example", 5)), dated("a.example", 9), ofFamily("tinfox", dated("a.example", 2)),
		tagged(dated("a.example", 5), "c2", "b"), sure(ioc.High, dated("a.example", 9)),
	}
	said[1].Context, said[2].Ports, said[3].Evidence = "read on the way", []uint16{443}, store.EvidenceListed
	said[3].Techniques, said[4].Industries = []string{"T1071"}, []string{"dams"}
	said[2].ValidUntil, said[4].ValidUntil, said[4].TLP = said[0].LastSeen.AddDate(0, 9, 0), said[0].LastSeen.AddDate(0, 1, 0), ioc.Green
	var all []moment
	for _, o := range said {
		w.say(feed, o)
		w.say(feed, o) // nothing new
		all = append(all, w.now())
	}
	for i, m := range all {
		for _, at := range []time.Time{m.at, m.at.Add(time.Second - 1)} {
			got := w.asOf(at, ioc.Domain, "a.example")
			sameRecords(t, fmt.Sprint("after statement ", i), got.Records, m.all)
		}
	}
	same(t, "before the first", w.asOf(all[0].at.Add(-1), ioc.Domain, "a.example").Total, 0)
	sameRecords(t, "in a thousand years", w.asOf(all[0].at.AddDate(1000, 0, 0), ioc.Domain, "a.example").Records, all[4].all)
}

func asOfBefore(t *testing.T, open Open) {
	w := newWorld(t, open)
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 2 {
		same(t, "exact", w.asOf(at, ioc.Domain, "a.example").Total, 0)
		q := holding("a.ex")
		q.AsOf = at
		same(t, "contains", w.contains(q).Total, 0)
		w.say(feedNamed("f"), in("1", ofFamily("tinfox", dated("a.example", 1))), in("1", ofFamily("tinfox", dated("b.example", 1))))
	}
	r := relatedTo(w.one(ioc.Domain, "a.example"))
	same(t, "related now", len(w.related(r)), 1)
	for _, at := range []time.Time{at, time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)} {
		r.AsOf = at
		same(t, "related", len(w.related(r)), 0)
	}
}

// asOfUndated: what an undated record was dated with is not lost when its dates
// widen, and what did not say its confidence decides nothing.
func asOfUndated(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	undated := store.Observation{Indicator: indicator(ioc.Domain, "a.example"), Origin: store.OriginFeed}
	w.say(feed, undated)
	first := w.now()
	same(t, "dated with", first.all[0].FirstSeen, runNow(1))
	early, late := dated("a.example", 1), dated("a.example", 2)
	late.FirstSeen, late.LastSeen = runNow(100), runNow(101)
	early.Confidence, late.Confidence = ioc.High, 0
	w.say(feed, early, late)
	second := w.now()
	later := dated("a.example", 3)
	later.FirstSeen, later.LastSeen, later.Confidence = runNow(200), runNow(200), ioc.Low
	w.say(feed, later)
	sameRecords(t, "at first", w.asOf(first.at, ioc.Domain, "a.example").Records, first.all)
	sameRecords(t, "then", w.asOf(second.at, ioc.Domain, "a.example").Records, second.all)
}

func asOfMarking(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	set := []store.Observation{in("1", ofFamily("tinfox", dated("a.example", 1))), in("1", ofFamily("tinfox", dated("b.example", 1)))}
	w.say(feed, set...)
	was := w.now()
	set[1].TLP = ioc.Red
	w.say(feed, set[1])
	w.verify()
	for may, want := range map[ioc.TLP]int{ioc.Clear: 0, ioc.Red: 1} {
		q := store.ExactQuery{
			Keys: []store.TypedKey{{Type: ioc.Domain, Key: "b.example"}}, AsOf: was.at,
			Visibility: store.Visibility{MaxTLP: may}, Window: store.Window{Limit: 9},
		}
		got := w.exact(q)
		same(t, may.String()+": exact", []int{got.Total, len(got.Records)}, []int{want, want})
		c := holding("b.exa")
		c.AsOf, c.MaxTLP = was.at, may
		same(t, may.String()+": contains", w.contains(c).Total, want)
		r := relatedTo(was.all[0])
		r.AsOf, r.MaxTLP = was.at, may
		same(t, may.String()+": related", len(w.related(r)), want)
		for _, r := range got.Records {
			same(t, "marking then", r.TLP, ioc.Clear)
		}
	}
}

func asOfWarnings(t *testing.T, open Open) {
	w := newWorld(t, open)
	a := dated("a.example", 1)
	a.Warnings = []store.Warning{{List: "l", Reason: "at first"}}
	w.say(feedNamed("f"), a)
	was := w.now()
	a.Warnings = []store.Warning{{List: "l", Reason: "later"}}
	w.say(feedNamed("f"), tagged(a, "new"))
	w.verify()
	got := w.asOf(was.at, ioc.Domain, "a.example").Records[0]
	same(t, "tags", got.Tags, nil)
	same(t, "warnings", got.Warnings, []store.Warning{{List: "l", Reason: "at first"}, {List: "l", Reason: "later"}})
	// What is judged again is no other word of its source.
	for _, st := range []store.Store{w.st, w.model} {
		n, err := st.Rejudge(w.ctx, "", func(*store.Record) []store.Warning { return []store.Warning{{List: "judged"}} })
		must(t, err)
		same(t, "judged", n, 1)
	}
	w.verify()
	got = w.asOf(was.at, ioc.Domain, "a.example").Records[0]
	same(t, "tags", got.Tags, nil)
	same(t, "warnings, judged", got.Warnings, []store.Warning{{List: "judged"}})
	same(t, "changed then", got.UpdatedAt, was.at)
}

func asOfDeleted(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.say(feed, dated("a.example", 1), dated("b.example", 1))
	was := w.now()
	w.remove(w.one(ioc.Domain, "a.example").ID)
	w.say(feed, tagged(dated("a.example", 1), "again"))
	w.verify()
	same(t, "exact", w.asOf(was.at, ioc.Domain, "a.example").Total, 0)
	q := holding(".example")
	q.AsOf = was.at
	same(t, "contains", keysOf(w.contains(q)), []string{"b.example"})
}

// changing returns an observation that says something else of one of a few
// values: all that Merge knows of.
func changing(rng *rand.Rand, i int) store.Observation {
	words := func() []string { return []string{"a", "b", "c", "d", "e", "f"}[rng.IntN(6):][:rng.IntN(2)] }
	value := fmt.Sprintf("v%d.hist%d.example", rng.IntN(40), i%2)
	o := store.Observation{
		Indicator: indicator(ioc.Domain, value), Origin: store.OriginFeed,
		Confidence: ioc.Confidence(rng.IntN(4)), Tags: words(), Families: words(), Techniques: words(), Industries: words(), //nolint:gosec // below four
		Evidence: store.Evidence(1<<rng.IntN(8)) & 7, //nolint:gosec // below 128
	}
	if rng.IntN(3) > 0 {
		o = in(fmt.Sprint(rng.IntN(5)), o)
	}
	day := func() time.Time { return epoch().Add(time.Duration(rng.IntN(40*24)) * time.Hour) }
	if rng.IntN(3) > 0 {
		o.FirstSeen = day()
	}
	if rng.IntN(3) > 0 {
		o.LastSeen = day()
	}
	if rng.IntN(4) == 0 {
		o.ValidUntil = day().AddDate(0, 2, 0)
	}
	if rng.IntN(3) == 0 {
		o.Context = "context of statement " + fmt.Sprint(i)
	}
	if rng.IntN(12) == 0 {
		o.TLP = ioc.TLP(rng.IntN(6)) //nolint:gosec // below six
	}
	if rng.IntN(5) == 0 {
		o.Ports = []uint16{uint16(1 + rng.IntN(5))} //nolint:gosec // below six
	}
	if rng.IntN(9) == 0 {
		o.Warnings = []store.Warning{{List: "l", Reason: fmt.Sprint(rng.IntN(3))}}
	}
	return o
}

// asOfHistories: whatever is written, repeated and deleted, a store answers for
// each moment what it would have answered then.
func asOfHistories(t *testing.T, open Open) {
	w := newWorld(t, open)
	rng := seeded(91)
	feeds := []store.Feed{feedNamed("f"), feedNamed("g")}
	var all []moment
	var old []store.Observation
	for step := range 25 {
		var batch []store.Observation
		for range 1 + rng.IntN(12) {
			o := changing(rng, step*100+len(batch))
			if len(old) > 0 && rng.IntN(5) == 0 {
				o = old[rng.IntN(len(old))]
			}
			batch, old = append(batch, o), append(old, o)
		}
		w.run(feeds[rng.IntN(2)], batches(batch, 1+rng.IntN(6))...)
		if rng.IntN(6) == 0 {
			there := w.verify()
			w.remove(there[rng.IntN(len(there))].ID)
		}
		if step == 12 {
			must(t, w.st.Reindex(w.ctx))
		}
		all = append(all, w.now())
	}
	for _, m := range every(2, all) {
		w.askAsOf(m, rng)
	}
}

// askAsOf compares the answers of a moment with what it was.
func (w *world) askAsOf(m moment, rng *rand.Rand) {
	w.t.Helper()
	w.view(func(s store.Snapshot) {
		for _, may := range []ioc.TLP{ioc.Red, ioc.Clear, ioc.Amber} {
			known := w.known(m, may)
			at := m.at.Add(time.Duration(rng.IntN(2)) * time.Second / 2)
			sees := store.Visibility{MaxTLP: may}
			what := fmt.Sprintf("at %s, who may see %s", at, may)
			for range 5 {
				q := store.ExactQuery{AsOf: at, Visibility: sees, Window: store.Window{Limit: 1 + rng.IntN(9), Offset: rng.IntN(3)}}
				for range 1 + rng.IntN(8) {
					r := m.all[rng.IntN(len(m.all))]
					q.Keys = append(q.Keys, store.TypedKey{Type: r.Type, Key: r.Key})
				}
				got, err := s.Exact(w.ctx, q)
				must(w.t, err)
				sameMatches(w.t, what+": exact", got, oracleExact(known, q))
			}
			for _, text := range []string{"v", "v1", "hist0", "1.h", "example", "none"} {
				q := store.ContainsQuery{
					Needle: store.Needle{Text: text}, AsOf: at, Visibility: sees, Window: store.Window{Limit: 1 + rng.IntN(40), Offset: rng.IntN(9)},
				}
				got, err := s.Contains(w.ctx, q)
				must(w.t, err)
				sameMatches(w.t, what+": contains "+text, got, oracleContains(known, q))
			}
			w.askRelatedAsOf(s, known, at, sees, rng)
		}
	})
}

func (w *world) askRelatedAsOf(s store.Snapshot, known []store.Record, at time.Time, sees store.Visibility, rng *rand.Rand) {
	w.t.Helper()
	for range min(5, len(known)) {
		q := store.RelatedQuery{AsOf: at, Visibility: sees, Limit: 1 + rng.IntN(store.RelatedLimit)}
		for range 1 + rng.IntN(3) {
			q.Matches = append(q.Matches, known[rng.IntN(len(known))])
		}
		if rng.IntN(2) == 0 {
			q.IsMatch = func(_ ioc.Type, key string) bool { return key[1] == '1' }
		}
		got, err := s.Related(w.ctx, q)
		must(w.t, err)
		sameRelated(w.t, fmt.Sprintf("at %s: related", at), got, oracleRelated(known, q))
	}
}

// asOfBigFamily: the ten are found among many that are younger, that changed
// since, or that joined the family later.
func asOfBigFamily(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	var set []store.Observation
	for i := range 600 {
		o := dated(fmt.Sprintf("n%d.many.example", i), 1+i%20)
		if i%3 > 0 {
			o = ofFamily("tinfox", o)
		}
		set = append(set, o)
	}
	w.run(feed, batches(set[:300], 50)...)
	was := w.now()
	w.run(feed, batches(set[300:], 50)...)
	for i := range set[:200] {
		set[i] = tagged(ofFamily("tinfox", set[i]), "again")
	}
	w.say(feed, set[100:200]...)
	w.say(feed, set[:50]...)
	w.verify()
	for _, at := range []int{1, 2, 150, 299} {
		q := relatedTo(was.all[at])
		q.AsOf = was.at
		sameRelated(t, fmt.Sprint("related to ", at), w.related(q), oracleRelated(was.all, q))
	}
	q := relatedTo(was.all[1])
	q.AsOf, q.IsMatch = was.at, func(_ ioc.Type, key string) bool { return key > "n13" }
	got := w.related(q)
	sameRelated(t, "few that are no match", got, oracleRelated(was.all, q))
	same(t, "number", len(got) > 2, true)
	if q.Matches[0].ID == uuid.Nil {
		t.Fatal("no match to ask about")
	}
}
