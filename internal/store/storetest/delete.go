package storetest

import (
	"fmt"
	"testing"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func deleteCases() []testCase {
	return []testCase{
		{"gone everywhere", deleteGone},
		{"only the one", deleteOnlyOne},
		{"made again", deleteAgain},
		{"the latest record", deleteLatest},
		{"all", deleteAll},
	}
}

func deleteGone(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), in("1", ofFamily("tinfox", tagged(dated("gone.example", 1), "c2"))),
		in("1", dated("stays.example", 1)), ofFamily("tinfox", dated("kin.example", 1)))
	w.verify()
	r := w.one(ioc.Domain, "gone.example")
	before, counts := w.seq(), w.counts()
	w.remove(r.ID)
	w.verify()
	if w.seq() <= before {
		t.Fatalf("Seq is %d after the delete, was %d", w.seq(), before)
	}
	counts.Records--
	counts.Sightings--
	same(t, "counts", w.counts(), counts)
	same(t, "exact", len(w.find(r.Type, r.Key)), 0)
	same(t, "contains", w.contains(holding("gone")).Total, 0)
	same(t, "contains, prefix", w.contains(holding("go")).Total, 0)
	same(t, "related by article", relatedNames(w.related(relatedTo(w.one(ioc.Domain, "stays.example")))), nil)
	same(t, "related by family", relatedNames(w.related(relatedTo(w.one(ioc.Domain, "kin.example")))), nil)
	f := unfiltered()
	f.Tags = []string{"c2"}
	same(t, "list", w.list(f, store.Page{Limit: 9}).Total, 0)
	w.view(func(s store.Snapshot) {
		_, err := s.Record(w.ctx, r.ID)
		is(t, "Record", err, store.ErrNotFound)
		_, err = s.Sightings(w.ctx, r.ID)
		is(t, "Sightings", err, store.ErrNotFound)
	})
	is(t, "a second time", w.st.DeleteRecord(w.ctx, r.ID), store.ErrNotFound)
	w.verify()
}

func deleteOnlyOne(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.say(feed, copies(feed, "a.example", 5, func(i int) int { return i })...)
	all := w.verify()
	w.remove(all[2].ID)
	w.verify()
	same(t, "exact", len(w.find(ioc.Domain, "a.example")), 4)
	same(t, "contains", w.contains(holding("a.ex")).Total, 4)
	same(t, "contains, prefix", w.contains(holding("a.")).Total, 4)
}

func deleteAgain(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	p := w.start(feed)
	p.write(tagged(dated("a.example", 1), "old"), dated("b.example", 1))
	was := w.one(ioc.Domain, "a.example")
	w.remove(was.ID)
	p.finish()
	same(t, "outcome", w.say(feed, tagged(dated("a.example", 2), "new")), store.Outcome{New: 1})
	all := w.verify()
	r := w.one(ioc.Domain, "a.example")
	same(t, "id", r.ID, was.ID)
	same(t, "tags", r.Tags, []string{"new"})
	same(t, "place in the order of making", all[1].ID, r.ID)
	if r.Seq <= was.Seq {
		t.Fatalf("made again with Seq %d, had %d", r.Seq, was.Seq)
	}
	same(t, "contains", w.contains(holding("a.ex")).Total, 1)
	w.view(func(s store.Snapshot) {
		seen, err := s.Sightings(w.ctx, r.ID)
		must(t, err)
		same(t, "sightings", len(seen), 1)
	})
}

// deleteLatest: the number of the last change is not handed out again.
func deleteLatest(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	used := map[int64]bool{}
	for i := range 6 {
		w.say(feed, dated(fmt.Sprintf("a%d.example", i), 1))
		r := w.one(ioc.Domain, fmt.Sprintf("a%d.example", i))
		if used[r.Seq] {
			t.Fatalf("Seq %d is handed out again", r.Seq)
		}
		used[r.Seq] = true
		before := w.seq()
		w.remove(r.ID)
		if after := w.seq(); after <= before {
			t.Fatalf("Seq went from %d to %d with a delete", before, after)
		}
	}
	w.verify()
}

func deleteAll(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(Generate(120, 61), 50)...)
	w.remove(idsOf(w.verify())...)
	w.verify()
	same(t, "list", w.list(unfiltered(), store.Page{Limit: 9}).Total, 0)
	same(t, "contains", w.contains(holding("example")).Total, 0)
	c := w.counts()
	same(t, "records and sightings", []int64{c.Records, c.Sightings}, []int64{0, 0})
	w.run(GeneratedFeed(), Generate(120, 61))
	w.checkContains(55, 61)
}
