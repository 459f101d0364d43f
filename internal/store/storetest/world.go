package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// world is a store under test with a Model beside it to which the same is
// done.
type world struct {
	t     *testing.T
	ctx   context.Context
	st    store.Store
	model *Model
	runs  int
}

func newWorld(t *testing.T, open Open) *world {
	t.Helper()
	return &world{t: t, ctx: t.Context(), st: open(t), model: NewModel(Clock())}
}

// everything is the caller who may see all.
func everything() store.Visibility { return store.Visibility{MaxTLP: ioc.Red} }

func feedNamed(name string) store.Feed { return store.Feed{Name: name, Category: store.ThreatIntel} }

// runNow is the time of the n-th run: before Clock's, so that the source's
// dates and ours cannot be taken for each other.
func runNow(n int) time.Time {
	return time.Date(2026, 2, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
}

// pair is one run on both stores.
type pair struct {
	w           *world
	real, model store.Run
	total       store.Outcome
}

func (w *world) start(feed store.Feed) *pair {
	w.t.Helper()
	w.runs++
	spec := store.RunSpec{Feed: feed, Source: "test", Now: runNow(w.runs)}
	r, err := w.st.StartRun(w.ctx, spec)
	must(w.t, err)
	m, err := w.model.StartRun(w.ctx, spec)
	must(w.t, err)
	return &pair{w: w, real: r, model: m}
}

// write stores the batch in both and compares what became of it.
func (p *pair) write(batch ...store.Observation) store.Outcome {
	p.w.t.Helper()
	got, err := p.real.Write(p.w.ctx, batch)
	must(p.w.t, err)
	want, err := p.model.Write(p.w.ctx, batch)
	must(p.w.t, err)
	same(p.w.t, "outcome of Write", got, want)
	p.total.Add(got)
	return got
}

func (p *pair) finish() {
	p.w.t.Helper()
	o := p.total
	stats := store.RunStats{
		New: int64(o.New), Updated: int64(o.Updated), Unchanged: int64(o.Unchanged), Merged: int64(o.Merged),
	}
	stats.Read = stats.New + stats.Updated + stats.Unchanged + stats.Merged
	must(p.w.t, p.real.Finish(p.w.ctx, stats))
	must(p.w.t, p.model.Finish(p.w.ctx, stats))
}

// run is a whole run of the feed.
func (w *world) run(feed store.Feed, all ...[]store.Observation) store.Outcome {
	w.t.Helper()
	p := w.start(feed)
	for _, batch := range all {
		p.write(batch...)
	}
	p.finish()
	return p.total
}

// say is a run of one batch.
func (w *world) say(feed store.Feed, batch ...store.Observation) store.Outcome {
	w.t.Helper()
	return w.run(feed, batch)
}

func (w *world) remove(ids ...uuid.UUID) {
	w.t.Helper()
	for _, id := range ids {
		must(w.t, w.st.DeleteRecord(w.ctx, id))
	}
	must(w.t, w.model.change(w.ctx, func(s *modelState) error { return s.remove(ids) }))
}

func idsOf(rs []store.Record) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(rs))
	for _, r := range rs {
		ids = append(ids, r.ID)
	}
	return ids
}

// verify compares everything that is stored with the model, has the store
// check itself, and returns the store's records in the order in which they
// were first made.
func (w *world) verify() []store.Record {
	w.t.Helper()
	must(w.t, w.st.Check(w.ctx))
	got := readAll(w.t, w.ctx, w.st)
	want := w.model.state
	seqs := make(map[int64]bool, len(got))
	all := make([]store.Record, 0, len(got))
	for _, m := range want.records {
		r, ok := got[m.ID]
		if !ok {
			w.t.Fatalf("record %s of %s %q is missing from the list", m.ID, m.Type, m.Value)
		}
		if !equal(&r, &m) {
			w.t.Fatalf("stored record (-got +want):\n%s", cmp.Diff(r, m, ours()))
		}
		checkStamps(w.t, r)
		seqs[r.Seq] = true
		all = append(all, r)
	}
	same(w.t, "number of records in the list", len(got), len(want.records))
	same(w.t, "number of distinct sequence numbers", len(seqs), len(want.records))
	w.view(func(s store.Snapshot) {
		c, err := s.Counts(w.ctx)
		must(w.t, err)
		same(w.t, "Counts().Records", c.Records, int64(len(want.records)))
		same(w.t, "Counts().Articles", c.Articles, int64(len(want.articles)))
		same(w.t, "Counts().Feeds", c.Feeds, int64(len(want.feeds)))
		for _, r := range all {
			if r.Seq > s.Seq() {
				w.t.Fatalf("record %s has seq %d, the store only %d", r.ID, r.Seq, s.Seq())
			}
		}
		for _, r := range every(1+len(all)/20, all) {
			w.verifySightings(s, r)
		}
	})
	return all
}

// verifySightings compares what was said of a record with the model, and with
// the record itself.
func (w *world) verifySightings(s store.Snapshot, r store.Record) {
	w.t.Helper()
	got, err := s.Sightings(w.ctx, r.ID)
	must(w.t, err)
	bare := func(all []store.Sighting) []store.Sighting {
		all = slices.Clone(all)
		for i := range all {
			all[i].Run, all[i].SeenAt, all[i].Seq = uuid.Nil, time.Time{}, 0
		}
		return all
	}
	same(w.t, "sightings of "+r.Value, bare(got), bare(w.model.state.sightings[r.ID]))
	for i, g := range got {
		if g.SeenAt.Location() != time.UTC || i > 0 && (g.Seq <= got[i-1].Seq || g.SeenAt.Before(got[i-1].SeenAt)) {
			w.t.Fatalf("sighting %d of %s is out of order: %+v", i, r.Value, got)
		}
	}
	if !got[0].SeenAt.Equal(r.AddedAt) || got[len(got)-1].Seq > r.Seq || got[len(got)-1].SeenAt.After(r.UpdatedAt) {
		w.t.Fatalf("sightings %+v of record %+v", got, r)
	}
}

// ours leaves out what each store stamps by itself, and does not tell an empty
// list from none.
func ours() cmp.Option {
	return cmp.Options{cmpopts.IgnoreFields(store.Record{}, "AddedAt", "UpdatedAt", "Seq"), cmpopts.EquateEmpty()}
}

// checkStamps holds the times of a record to UTC and whole seconds.
func checkStamps(t *testing.T, r store.Record) {
	t.Helper()
	for name, at := range map[string]time.Time{
		"FirstSeen": r.FirstSeen, "LastSeen": r.LastSeen, "AddedAt": r.AddedAt, "UpdatedAt": r.UpdatedAt,
	} {
		if at.IsZero() || at.Location() != time.UTC || at.Nanosecond() != 0 {
			t.Fatalf("%s of %s is %v, want whole seconds in UTC", name, r.ID, at)
		}
	}
	for name, at := range map[string]time.Time{"ValidUntil": r.ValidUntil, "ValidSaid": r.ValidSaid} {
		if at.Location() != time.UTC || at.Nanosecond() != 0 {
			t.Fatalf("%s of %s is %v, want whole seconds in UTC", name, r.ID, at)
		}
	}
	if r.UpdatedAt.Before(r.AddedAt) || r.LastSeen.Before(r.FirstSeen) || r.Seq <= 0 {
		t.Fatalf("record %s: times or seq run backwards: %+v", r.ID, r)
	}
}

// readAll walks the whole list.
func readAll(t *testing.T, ctx context.Context, st store.Store) map[uuid.UUID]store.Record { //nolint:revive // t first, as in testing
	t.Helper()
	all := map[uuid.UUID]store.Record{}
	view(t, ctx, st, func(s store.Snapshot) {
		p := store.Page{Limit: 1000}
		var last *store.Record
		for {
			l, err := s.List(ctx, store.Filter{Visibility: everything()}, p)
			must(t, err)
			for i := range l.Records {
				r := &l.Records[i]
				if last != nil && byChange(last, r) >= 0 {
					t.Fatalf("list is out of order: %s (seq %d) before %s (seq %d)", last.ID, last.Seq, r.ID, r.Seq)
				}
				all[r.ID], last = *r, r
			}
			if l.Next == nil {
				return
			}
			p.After = l.Next
		}
	})
	return all
}

func (w *world) view(fn func(store.Snapshot)) {
	w.t.Helper()
	view(w.t, w.ctx, w.st, fn)
}

func view(t *testing.T, ctx context.Context, st store.Store, fn func(store.Snapshot)) { //nolint:revive // t first, as in testing
	t.Helper()
	must(t, st.View(ctx, func(s store.Snapshot) error {
		fn(s)
		return nil
	}))
}

func (w *world) seq() int64 {
	w.t.Helper()
	var seq int64
	w.view(func(s store.Snapshot) { seq = s.Seq() })
	return seq
}

func (w *world) exact(q store.ExactQuery) store.Matches {
	w.t.Helper()
	var m store.Matches
	w.view(func(s store.Snapshot) {
		var err error
		m, err = s.Exact(w.ctx, q)
		must(w.t, err)
	})
	return m
}

// find is an exact look for one key by the caller who may see all.
func (w *world) find(t ioc.Type, key string) []store.Record {
	w.t.Helper()
	return w.exact(store.ExactQuery{
		Keys: []store.TypedKey{{Type: t, Key: key}}, Visibility: everything(), Window: store.Window{Limit: 100},
	}).Records
}

// one is find where there is one.
func (w *world) one(t ioc.Type, key string) store.Record {
	w.t.Helper()
	got := w.find(t, key)
	if len(got) != 1 {
		w.t.Fatalf("found %d records of %s %q, want 1", len(got), t, key)
	}
	return got[0]
}

func (w *world) contains(q store.ContainsQuery) store.Matches {
	w.t.Helper()
	var m store.Matches
	w.view(func(s store.Snapshot) {
		var err error
		m, err = s.Contains(w.ctx, q)
		must(w.t, err)
	})
	return m
}

// holding is what the plain contains query for text needs.
func holding(text string) store.ContainsQuery {
	return store.ContainsQuery{
		Needle: store.Needle{Text: text}, Visibility: everything(), Window: store.Window{Limit: 100},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// is holds an error to a sentinel.
func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got error %v, want %v", what, err, want)
	}
}
