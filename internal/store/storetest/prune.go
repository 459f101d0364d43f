package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func pruneCases() []testCase {
	return []testCase{
		{"nothing without a policy", pruneNothing},
		{"by type and feed", pruneRules},
		{"by validity", pruneValidity},
		{"gone everywhere", pruneGone},
		{"a dry run", pruneDry},
		{"articles", pruneArticles},
		{"runs", pruneRuns},
		{"random histories", pruneHistories},
		{"while others write", pruneTogether},
		{"cancelled", pruneCancelled},
	}
}

const oneDay = 24 * time.Hour

// prune has both stores prune, and compares what went and what is left.
func (w *world) prune(p store.Policy, now time.Time) store.Pruned {
	w.t.Helper()
	before := w.seq()
	got, err := w.st.Prune(w.ctx, p, now)
	must(w.t, err)
	want, err := w.model.Prune(w.ctx, p, now)
	must(w.t, err)
	same(w.t, "pruned", got, want)
	if moved := w.seq() - before; p.DryRun && moved != 0 || !p.DryRun && moved != got.Records+got.Articles {
		w.t.Fatalf("seq moved by %d with %+v", moved, got)
	}
	w.verify()
	w.view(func(s store.Snapshot) {
		for id, a := range w.model.state.articles {
			have, err := s.Article(w.ctx, id)
			must(w.t, err)
			same(w.t, "article", have, a)
		}
	})
	same(w.t, "number of runs", len(w.allRuns()), len(w.model.runs))
	said := int64(0)
	for _, list := range w.model.state.sightings {
		said += int64(len(list))
	}
	same(w.t, "number of sightings", w.counts().Sightings, said)
	return got
}

func (w *world) allRuns() []store.RunRecord {
	w.t.Helper()
	all, err := w.st.Runs(w.ctx, "", 1000)
	must(w.t, err)
	return all
}

// inJanuary is a time of the month in which dated has its days.
func inJanuary(day int) time.Time { return time.Date(2025, 1, day, 0, 0, 0, 0, time.UTC) }

func pruneNothing(t *testing.T, open Open) {
	w := newWorld(t, open)
	far := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	none := store.Policy{Records: []store.Expiry{{}, {Feed: "f"}, {Unseen: -oneDay, Lapsed: -oneDay}}, Articles: -oneDay, Runs: -oneDay}
	same(t, "of nothing", w.prune(store.Policy{Records: []store.Expiry{{Unseen: 1, Lapsed: 1}}, Articles: 1, Runs: 1}, far), store.Pruned{})
	w.run(GeneratedFeed(), Generate(120, 61))
	w.say(feedNamed("f"))
	before := w.verify()
	for _, p := range []store.Policy{{}, none} {
		same(t, "pruned", w.prune(p, far), store.Pruned{})
	}
	sameRecords(t, "records", w.verify(), before)
}

// ofType is a value of another type than dated's.
func ofType(typ ioc.Type, value string, o store.Observation) store.Observation {
	o.Indicator = indicator(typ, value)
	return o
}

func pruneRules(t *testing.T, open Open) {
	w := newWorld(t, open)
	for _, feed := range []string{"f", "g", "kept"} {
		w.say(feedNamed(feed), dated("old.example", 1), dated("young.example", 10),
			ofType(ioc.IPv4, "192.0.2.1", dated("", 1)), ofType(ioc.IPv4, "192.0.2.10", dated("", 10)))
	}
	p := store.Policy{Records: []store.Expiry{
		{Unseen: 15 * oneDay}, {Type: ioc.IPv4, Unseen: 5 * oneDay}, {Feed: "kept"}, {Feed: "g", Type: ioc.IPv4, Unseen: 14 * oneDay},
	}}
	left := func() []string {
		t.Helper()
		var all []string
		for _, r := range w.verify() {
			all = append(all, r.Feed.Name+" "+r.Value)
		}
		slices.Sort(all)
		return all
	}
	same(t, "a second too early", w.prune(p, inJanuary(6).Add(-time.Second)), store.Pruned{})
	same(t, "an address of f", w.prune(p, inJanuary(6)), store.Pruned{Records: 1, Sightings: 1})
	same(t, "and one of g", w.prune(p, inJanuary(15)), store.Pruned{Records: 2, Sightings: 2})
	same(t, "and names", w.prune(p, inJanuary(16)), store.Pruned{Records: 2, Sightings: 2})
	same(t, "left", left(), []string{
		"f young.example", "g 192.0.2.10", "g young.example",
		"kept 192.0.2.1", "kept 192.0.2.10", "kept old.example", "kept young.example",
	})
	w.say(feedNamed("f"), dated("young.example", 20))
	same(t, "what was seen again stays", w.prune(p, inJanuary(26)), store.Pruned{Records: 2, Sightings: 2})
	same(t, "left in the end", left()[0], "f young.example")
}

func pruneValidity(t *testing.T, open Open) {
	w := newWorld(t, open)
	until := func(end int, o store.Observation) store.Observation {
		o.ValidUntil = inJanuary(end)
		return o
	}
	w.say(feedNamed("f"), until(5, dated("short.example", 1)), until(20, dated("long.example", 1)), dated("open.example", 1))
	lapsed := store.Policy{Records: []store.Expiry{{Lapsed: time.Second}}}
	unseen := store.Policy{Records: []store.Expiry{{Unseen: 5 * oneDay}}}
	same(t, "not yet over", w.prune(lapsed, inJanuary(5)), store.Pruned{})
	same(t, "over", w.prune(lapsed, inJanuary(5).Add(time.Second)), store.Pruned{Records: 1, Sightings: 1})
	same(t, "unseen", w.prune(unseen, inJanuary(10)), store.Pruned{Records: 1, Sightings: 1})
	same(t, "unseen and valid", len(w.find(ioc.Domain, "long.example")), 1)
	same(t, "no longer valid", w.prune(unseen, inJanuary(20)), store.Pruned{Records: 1, Sightings: 1})
}

func pruneGone(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.say(feed, in("1", ofFamily("tinfox", tagged(dated("gone.example", 1), "c2"))), in("1", dated("stays.example", 20)),
		ofFamily("tinfox", dated("kin.example", 20)))
	w.say(feed, in("1", tagged(dated("gone.example", 1), "more")))
	was := w.now()
	r := w.one(ioc.Domain, "gone.example")
	p := store.Policy{Records: []store.Expiry{{Unseen: 10 * oneDay}}}
	same(t, "pruned", w.prune(p, inJanuary(15)), store.Pruned{Records: 1, Sightings: 2})
	same(t, "again", w.prune(p, inJanuary(15)), store.Pruned{})
	same(t, "exact", len(w.find(r.Type, r.Key)), 0)
	same(t, "contains", w.contains(holding("gone")).Total, 0)
	same(t, "contains, prefix", w.contains(holding("go")).Total, 0)
	same(t, "related", relatedNames(w.related(relatedTo(w.one(ioc.Domain, "stays.example"), w.one(ioc.Domain, "kin.example")))), nil)
	same(t, "in the past", w.asOf(was.at, r.Type, r.Key).Total, 0)
	f := unfiltered()
	f.Tags = []string{"c2"}
	same(t, "list", w.list(f, store.Page{Limit: 9}).Total, 0)
	w.view(func(s store.Snapshot) {
		_, err := s.Record(w.ctx, r.ID)
		is(t, "Record", err, store.ErrNotFound)
		_, err = s.Sightings(w.ctx, r.ID)
		is(t, "Sightings", err, store.ErrNotFound)
	})
	same(t, "made again", w.say(feed, in("1", dated("gone.example", 25))), store.Outcome{New: 1})
	w.verify()
	if again := w.one(ioc.Domain, "gone.example"); again.ID != r.ID || again.Seq <= r.Seq || len(again.Tags) > 0 {
		t.Fatalf("made again: %+v, was %+v", again, r)
	}
}

func pruneDry(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(Generate(300, 62), 50)...)
	w.say(feedNamed("idle"))
	w.say(GeneratedFeed(), repeatedly(Generate(100, 62))...)
	p := store.Policy{Records: []store.Expiry{{Unseen: 300 * oneDay}}, Articles: oneDay, Runs: oneDay, DryRun: true}
	now := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC) // a part of the records is old
	before := w.verify()
	dry := w.prune(p, now)
	sameRecords(t, "records", w.verify(), before)
	p.DryRun = false
	same(t, "afterwards", w.prune(p, now), dry)
	if dry.Records < 100 || dry.Sightings <= dry.Records || dry.Articles == 0 || dry.Runs != 1 {
		t.Fatalf("pruned %+v", dry)
	}
}

// repeatedly returns the same with something new in it.
func repeatedly(all []store.Observation) []store.Observation {
	for i := range all {
		all[i].Tags = append(slices.Clip(all[i].Tags), "again")
	}
	return all
}

func pruneArticles(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	a := article(feed, "https://reports.example/1")
	a.Summary, a.Digest, a.Tags, a.TLP = "S", "00ff", []string{"t"}, ioc.Green
	o := dated("a.example", 1)
	o.Article, o.Origin = a, store.OriginArticle
	young := in("2", dated("b.example", 1))
	young.Article.Modified = epoch().AddDate(0, 6, 0)
	w.say(feed, o, young)
	p := store.Policy{Articles: 30 * oneDay}
	at := a.Fetched.Add(30 * oneDay)
	same(t, "a second too early", w.prune(p, at.Add(-time.Second)), store.Pruned{})
	same(t, "archived", w.prune(p, at), store.Pruned{Articles: 1})
	same(t, "again", w.prune(p, at.Add(oneDay)), store.Pruned{})
	read := func() (got store.Article) {
		t.Helper()
		w.view(func(s store.Snapshot) {
			var err error
			got, err = s.Article(w.ctx, a.ID)
			must(t, err)
		})
		return got
	}
	got := read()
	same(t, "what is kept", got, a.Archived(at))
	same(t, "ArchivedAt", got.ArchivedAt, at)
	r := w.one(ioc.Domain, "a.example")
	same(t, "the record's article", *r.Article, a.Ref())
	same(t, "list by article", w.list(store.Filter{Article: a.ID, Visibility: everything()}, store.Page{Limit: 9}).Total, 1)
	seq := w.seq()
	w.say(feed, o)
	same(t, "seq after reading it again", w.seq(), seq)
	same(t, "after reading it again", read(), got)
	revised := *a
	revised.Modified, revised.Summary = at.Add(oneDay), "S2"
	o.Article = &revised
	w.say(feed, o)
	same(t, "a newer version", read(), revised)
	same(t, "is young again", w.prune(p, at.Add(oneDay)), store.Pruned{})
}

// pruneRuns: runs are forgotten when nothing is left of what they said.
func pruneRuns(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	a, b := dated("a.example", 1), dated("b.example", 20)
	w.say(feed, a, b)                  // the first run
	w.say(feed, a, b)                  // said nothing new
	w.say(feed, tagged(a, "x"))        // said of a
	w.say(feed, a, tagged(b, "x"))     // said of b
	w.say(feed, dated("c.example", 2)) // made c
	open1 := w.start(feed)             // never ends
	same(t, "runs", len(w.allRuns()), 6)
	began := w.allRuns()[0].Started
	p := store.Policy{Runs: time.Hour}
	same(t, "too early", w.prune(p, began), store.Pruned{})
	same(t, "the one without sightings", w.prune(p, began.Add(2*time.Hour)), store.Pruned{Runs: 1})
	same(t, "and the open one, after a day", w.prune(store.Policy{Runs: time.Hour, DryRun: true}, began.Add(25*time.Hour)), store.Pruned{Runs: 1})
	open1.write(tagged(b, "y"))
	old := store.Policy{Records: []store.Expiry{{Type: ioc.Domain, Unseen: 10 * oneDay}}}
	same(t, "records of a and c", w.prune(old, inJanuary(15)), store.Pruned{Records: 2, Sightings: 3})
	same(t, "their runs", w.prune(store.Policy{Runs: time.Hour}, began.Add(2*time.Hour)), store.Pruned{Runs: 2})
	w.remove(w.one(ioc.Domain, "b.example").ID)
	same(t, "those of b, but for the first and the open one", w.prune(store.Policy{Runs: time.Hour}, began.Add(2*time.Hour)), store.Pruned{Runs: 1})
	open1.write(b)
	open1.finish()
	w.verify()
	same(t, "runs left", len(w.allRuns()), 2)
}

// pruneHistories: whatever was written and pruned, what is left is the model's.
func pruneHistories(t *testing.T, open Open) {
	w := newWorld(t, open)
	rng := seeded(63)
	feeds := []store.Feed{feedNamed("f"), feedNamed("g")}
	var total store.Pruned
	for step := range 20 {
		var batch []store.Observation
		for range 30 {
			batch = append(batch, changing(rng, step*100+len(batch)))
		}
		w.run(feeds[rng.IntN(2)], batches(batch, 10)...)
		p := store.Policy{DryRun: rng.IntN(4) == 0}
		for range rng.IntN(4) {
			e := store.Expiry{Feed: []string{"", "f", "g", "h"}[rng.IntN(4)], Unseen: time.Duration(rng.IntN(30*24)) * time.Hour}
			if rng.IntN(3) == 0 {
				e.Type = ioc.Domain
			}
			if rng.IntN(2) == 0 {
				e.Lapsed = time.Duration(rng.IntN(30*24)) * time.Hour
			}
			p.Records = append(p.Records, e)
		}
		if rng.IntN(2) == 0 {
			p.Articles = time.Duration(1+rng.IntN(40)) * oneDay
		}
		n := w.prune(p, epoch().Add(time.Duration(rng.IntN(60*24))*time.Hour))
		total.Records += n.Records
		w.checkContains(55, uint64(step)) //nolint:gosec // small
	}
	if total.Records < 50 {
		t.Fatalf("only %d records were pruned", total.Records)
	}
}

// pruneTogether: what is read while old records go is there afterwards, and
// the store is whole.
func pruneTogether(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	set := distinct(feed, 300)
	for i := range set {
		set[i].FirstSeen, set[i].LastSeen, set[i].ValidUntil = inJanuary(1), inJanuary(1), time.Time{}
	}
	must(t, importAll(w.ctx, w.st, feed, batches(set, 50)))
	again := slices.Clone(set[:200])
	for i := range again {
		again[i].LastSeen = inJanuary(25)
	}
	var n store.Pruned
	together(t,
		func() error { return importAll(w.ctx, w.st, feed, batches(again, 20)) },
		func() (err error) {
			n, err = w.st.Prune(w.ctx, store.Policy{Records: []store.Expiry{{Unseen: 10 * oneDay}}, Runs: oneDay}, inJanuary(15))
			return err
		})
	must(t, w.st.Check(w.ctx))
	left := readAll(t, w.ctx, w.st)
	if n.Records < 100 || n.Records > 300 || len(left) != 200 {
		t.Fatalf("%d records went, %d are left", n.Records, len(left))
	}
	same(t, "contains", w.contains(holding("batch.exa")).Total, 200)
}

func pruneCancelled(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), Generate(50, 61))
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	p := store.Policy{Records: []store.Expiry{{Unseen: 1}}, Articles: 1, Runs: 1}
	n, err := w.st.Prune(ctx, p, epoch().AddDate(9, 0, 0))
	is(t, "Prune", err, context.Canceled)
	same(t, "pruned", n, store.Pruned{})
	w.verify()
}
