package storetest

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func judgeCases() []testCase {
	return []testCase{
		{"an empty store", judgeEmpty},
		{"all records", judgeAll},
		{"records whose key holds a part", judgePart},
		{"only what changes is written", judgeOnlyChanged},
		{"it is no sighting", judgeNoSighting},
		{"what is said later", judgeThenWrite},
		{"warnings in any order", judgeOrder},
		{"filters follow", judgeFilters},
		{"deleted records", judgeDeleted},
		{"a context that ends", judgeCancelled},
		{"beside an import", judgeBesideImport},
		{"beside deletions and another", judgeBesideOthers},
	}
}

// verdict warns of one key in so many, by the list of that name.
func verdict(list string, oneIn uint32) func(*store.Record) []store.Warning {
	return func(r *store.Record) []store.Warning {
		if crc32.ChecksumIEEE([]byte(list+r.Key))%oneIn > 0 {
			return nil
		}
		return []store.Warning{{List: list, Reason: "of " + r.Type.String()}}
	}
}

// rejudge judges both and compares what became of it.
func (w *world) rejudge(part string, ask func(*store.Record) []store.Warning) int64 {
	w.t.Helper()
	got, err := w.st.Rejudge(w.ctx, part, ask)
	must(w.t, err)
	want, err := w.model.Rejudge(w.ctx, part, ask)
	must(w.t, err)
	same(w.t, fmt.Sprintf("records changed by judging %q", part), got, want)
	return got
}

func judgeEmpty(t *testing.T, open Open) {
	w := newWorld(t, open)
	same(t, "all", w.rejudge("", verdict("l", 1)), 0)
	same(t, "part", w.rejudge("example", verdict("l", 1)), 0)
	same(t, "Seq", w.seq(), 0)
	w.verify()
}

func judgeAll(t *testing.T, open Open) {
	w := newWorld(t, open)
	news := store.Feed{Name: "news", Category: store.News}
	w.run(GeneratedFeed(), batches(Generate(350, 101), 70)...)
	w.run(news, generate(news, 200, 102))
	w.run(GeneratedFeed(), Generate(400, 101))
	for _, v := range []func(*store.Record) []store.Warning{verdict("one", 3), verdict("two", 5), verdict("none", 1<<31)} {
		if w.rejudge("", v) == 0 {
			t.Error("nothing has changed")
		}
		for _, r := range w.verify() {
			same(t, "warnings", r.Warnings, v(&r))
		}
		seq := w.seq()
		same(t, "once more", w.rejudge("", v), 0)
		same(t, "Seq", w.seq(), seq)
	}
}

func judgePart(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), append(Generate(160, 103), odd()...))
	w.run(GeneratedFeed(), Generate(200, 103)[160:]) // some that no index knows perhaps
	p := w.start(GeneratedFeed())
	p.write(dated("late.login.example", 1))
	all := w.verify()
	hits := 0
	for i, part := range []string{
		"login", ".example", "example", "ple", "192.0.2.", "http://", "://", "a", "lo", "-", "%", "_", `\`, "%20", "_", "LOGIN", "no such text",
		all[3].Key, all[3].Key + "x", all[len(all)-1].Key, "\xff", "e\xff", "\x00", "exam\x00ple", "",
	} {
		hits += int(w.rejudge(part, verdict(fmt.Sprint("list ", i), 2)))
		w.verify()
	}
	if hits < len(all) {
		t.Errorf("%d changes of %d records: choose other parts", hits, len(all))
	}
	p.finish()
	w.verify()
}

func judgeOnlyChanged(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.run(feed, batches(distinct(feed, 300), 50)...)
	before, seq := w.verify(), w.seq()
	n := w.rejudge("batch", verdict("l", 4))
	after := w.verify()
	last := seq
	for i, r := range after {
		was := before[i]
		if slices.Equal(r.Warnings, was.Warnings) {
			sameRecords(t, "record that was judged as before", []store.Record{r}, []store.Record{was})
			continue
		}
		if r.Seq != last+1 || !r.UpdatedAt.After(before[len(before)-1].UpdatedAt) {
			t.Fatalf("record %d was changed as %d at %v, the one before it as %d", i, r.Seq, r.UpdatedAt, last)
		}
		last = r.Seq
		r.Warnings, r.Seq, r.UpdatedAt = was.Warnings, was.Seq, was.UpdatedAt
		sameRecords(t, "all but the warnings", []store.Record{r}, []store.Record{was})
	}
	same(t, "changed", n, last-seq)
	same(t, "Seq", w.seq(), last)
}

// said returns all sightings by record.
func (w *world) said() map[uuid.UUID][]store.Sighting {
	w.t.Helper()
	all := map[uuid.UUID][]store.Sighting{}
	w.view(func(s store.Snapshot) {
		for id := range readAll(w.t, w.ctx, w.st) {
			var err error
			all[id], err = s.Sightings(w.ctx, id)
			must(w.t, err)
		}
	})
	return all
}

func judgeNoSighting(t *testing.T, open Open) {
	w := newWorld(t, open)
	a, b := dated("a.example", 1), dated("b.example", 1)
	b.FirstSeen, b.LastSeen = epoch().UTC(), epoch().UTC()
	undated := store.Observation{Indicator: indicator(ioc.Domain, "c.example"), Origin: store.OriginFeed, Ports: []uint16{443}, Context: "c"}
	w.say(feedNamed("f"), a, b, undated)
	w.say(feedNamed("f"), tagged(b, "more"))
	said, counts := w.said(), w.counts()
	for i := range 3 {
		same(t, "changed", w.rejudge("", verdict(fmt.Sprint("l", i), 1)), 3)
		same(t, "sightings", w.said(), said)
		same(t, "counts", w.counts(), counts)
	}
	w.verify()
}

// judgeThenWrite: what a source says after a judgement is kept as it would
// have been without.
func judgeThenWrite(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	a, b := dated("a.example", 1), dated("b.example", 1)
	w.say(feed, a, b)
	w.rejudge("a.example", verdict("l", 1))
	same(t, "again", w.say(feed, a, b), store.Outcome{Unchanged: 2})
	same(t, "more", w.say(feed, tagged(a, "x"), tagged(b, "x")), store.Outcome{Updated: 2})
	for _, r := range w.verify() {
		same(t, "sightings of "+r.Value, len(w.said()[r.ID]), 2)
	}
	same(t, "warnings", w.one(ioc.Domain, "a.example").Warnings, []store.Warning{{List: "l", Reason: "of domain"}})
	// Warnings add up until the next judgement.
	a.Warnings = []store.Warning{{List: "k"}}
	same(t, "a warning", w.say(feed, a), store.Outcome{Updated: 1})
	same(t, "warnings", w.one(ioc.Domain, "a.example").Warnings, []store.Warning{{List: "k"}, {List: "l", Reason: "of domain"}})
	p := w.start(feed)
	p.write(a)
	w.rejudge("", verdict("l", 1<<31))
	same(t, "within a run", p.write(b, a, a), store.Outcome{Updated: 0, Unchanged: 1, Merged: 2})
	p.finish()
	w.verify()
	same(t, "counts", w.counts().Sightings, int64(6))
}

func judgeOrder(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), dated("a.example", 1))
	two := []store.Warning{{List: "a", Reason: "r"}, {List: "b", Reason: "q"}, {List: "b", Reason: "r"}}
	give := func(order ...int) func(*store.Record) []store.Warning {
		var list []store.Warning
		for _, i := range order {
			list = append(list, two[i])
		}
		return func(*store.Record) []store.Warning { return list }
	}
	same(t, "first", w.rejudge("", give(2, 0, 1, 0)), 1)
	same(t, "in order", w.verify()[0].Warnings, two)
	same(t, "another order", w.rejudge("", give(0, 1, 1, 2)), 0)
	same(t, "fewer", w.rejudge("", give(2)), 1)
	same(t, "none", w.rejudge("", give()), 1)
	same(t, "none again", w.rejudge("", give()), 0)
	w.verify()
}

func judgeFilters(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(Generate(700, 105), 100)...)
	w.rejudge("", verdict("l", 3))
	w.rejudge("login", verdict("m", 2))
	all, seq := w.verify(), w.seq()
	f := unfiltered()
	f.WithoutWarned = true
	for _, f := range []store.Filter{unfiltered(), f, {WithoutWarned: true, Types: []ioc.Type{ioc.URL}, Tags: []string{"c2"}}} {
		p := store.Page{Limit: 50}
		sameList(t, "list", w.list(f, p), oracleList(all, f, p, seq))
	}
	seen := 0
	walk(w, f, 20, func(l store.List) { seen += len(l.Records) })
	same(t, "walked", seen, len(filter(all, func(r store.Record) bool { return len(r.Warnings) == 0 })))
	w.checkContains(40, 105)
}

func judgeDeleted(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.run(feed, distinct(feed, 120))
	all := w.verify()
	w.remove(idsOf(every(3, all))...)
	same(t, "by the index", w.rejudge("batch", verdict("l", 1)), 80)
	same(t, "by every key", w.rejudge("n", verdict("m", 1)), 80)
	w.remove(w.verify()[5].ID)
	w.verify()
}

// judgeCancelled: what was done before stays done, and the rest is done by
// asking again.
func judgeCancelled(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	const n = 2700
	w.run(feed, batches(distinct(feed, n), 900)...)
	dead, cancel := context.WithCancel(w.ctx)
	cancel()
	done, err := w.st.Rejudge(dead, "", verdict("l", 1))
	is(t, "Rejudge", err, context.Canceled)
	same(t, "changed", done, 0)
	w.verify()

	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	asked := map[uuid.UUID]bool{}
	done, err = w.st.Rejudge(ctx, "batch", func(r *store.Record) []store.Warning {
		if asked[r.ID] = true; len(asked) > n/2 {
			cancel()
		}
		return verdict("l", 1)(r)
	})
	is(t, "Rejudge", err, context.Canceled)
	if done == 0 || done == n {
		t.Errorf("%d of %d records changed before the context ended", done, n)
	}
	w.view(func(s store.Snapshot) {
		at, err := s.Settled(w.ctx)
		must(t, err)
		same(t, "settled after it", at.IsZero(), true)
	})
	rest, err := w.st.Rejudge(w.ctx, "batch", verdict("l", 1))
	must(t, err)
	same(t, "both times", done+rest, int64(n))
	_, err = w.model.Rejudge(w.ctx, "batch", verdict("l", 1))
	must(t, err)
	w.verify()
}

// judgeBesideImport: neither waits for the other's end, and nothing that either
// writes is lost.
func judgeBesideImport(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	set := distinct(feed, 1500)
	w.run(feed, batches(set, 500)...)
	more := slices.Clone(set)
	for i := range more {
		more[i].Tags = append(slices.Clip(more[i].Tags), "more")
	}
	more = append(more, distinct(feed, 1700)[1500:]...)
	var writing atomic.Bool
	writing.Store(true)
	together(t,
		func() error {
			defer writing.Store(false)
			return importAll(w.ctx, w.st, feed, batches(more, 40))
		},
		func() error {
			for n := 0; writing.Load(); n++ {
				part := []string{"", "batch", "n1"}[n%3]
				if _, err := w.st.Rejudge(w.ctx, part, verdict(fmt.Sprint("l", n), 2)); err != nil {
					return err
				}
			}
			return nil
		},
		func() error {
			for writing.Load() {
				if err := w.st.View(w.ctx, func(s store.Snapshot) error { return wholeBatches(w.ctx, s, 20) }); err != nil {
					return err
				}
			}
			return nil
		})
	must(t, importAll(w.ctx, w.model, feed, batches(more, 40)))
	// Both have what an importer with other lists brought back, or not.
	_, err := w.st.Rejudge(w.ctx, "", verdict("last", 3))
	must(t, err)
	_, err = w.model.Rejudge(w.ctx, "", verdict("last", 3))
	must(t, err)
	for _, r := range w.verify() {
		same(t, "warnings", r.Warnings, verdict("last", 3)(&r))
	}
	same(t, "sightings", w.counts().Sightings, int64(3200))
}

// judgeBesideOthers: two that judge alike, and one that deletes, agree in the
// end.
func judgeBesideOthers(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.run(feed, batches(distinct(feed, 1800), 600)...)
	all := w.verify()
	gone := idsOf(every(9, all))
	var changed atomic.Int64
	judge := func() error {
		n, err := w.st.Rejudge(w.ctx, "batch", verdict("l", 2))
		changed.Add(n)
		return err
	}
	together(t, judge, judge, func() error {
		for _, id := range gone {
			if err := w.st.DeleteRecord(w.ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, w.model.change(w.ctx, func(s *modelState) error { return s.remove(gone) }))
	left, err := w.model.Rejudge(w.ctx, "batch", verdict("l", 2))
	must(t, err)
	if n := changed.Load(); n < left || n > left+int64(len(gone)) {
		t.Errorf("%d changes of %d records that are left", n, left)
	}
	w.verify()
}
