package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func concurrencyCases() []testCase {
	return []testCase{
		{"two runs and readers", concurrentRuns},
		{"runs of the same feed", concurrentSameFeed},
		{"a view does not move", viewStands},
		{"views inside a busy store", viewsConsistent},
		{"the error of a view", viewError},
		{"cancelled before", cancelledBefore},
		{"cancelled on the way", cancelledOnTheWay},
		{"cancelled write", cancelledWrite},
	}
}

// together runs the functions at the same time and fails with their errors.
func together(t *testing.T, fns ...func() error) {
	t.Helper()
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() { errs[i] = fn() })
	}
	wg.Wait()
	must(t, errors.Join(errs...))
}

// importAll is a run of the feed without a model beside it.
func importAll(ctx context.Context, st store.Store, feed store.Feed, all [][]store.Observation) error {
	r, err := st.StartRun(ctx, store.RunSpec{Feed: feed, Now: runNow(1)})
	if err != nil {
		return err
	}
	var total store.Outcome
	for _, b := range all {
		o, err := r.Write(ctx, b)
		if err != nil {
			return err
		}
		total.Add(o)
	}
	return r.Finish(ctx, store.RunStats{New: int64(total.New), Merged: int64(total.Merged)})
}

// concurrentRuns: two imports and three readers. What is stored in the end is
// what either order of the two would have stored, and no reader sees half a
// batch.
func concurrentRuns(t *testing.T, open Open) {
	w := newWorld(t, open)
	one, two := feedNamed("one"), feedNamed("two")
	const size = 50
	sets := map[store.Feed][][]store.Observation{
		one: batches(distinct(one, 600), size), two: batches(distinct(two, 600), size),
	}
	var writing atomic.Int32
	writing.Store(2)
	write := func(feed store.Feed) func() error {
		return func() error {
			defer writing.Add(-1)
			return importAll(w.ctx, w.st, feed, sets[feed])
		}
	}
	read := func() error {
		var last int64
		for done := false; !done; {
			done = writing.Load() == 0
			if err := w.st.View(w.ctx, func(s store.Snapshot) error {
				if s.Seq() < last {
					return fmt.Errorf("seq went from %d to %d", last, s.Seq())
				}
				last = s.Seq()
				return wholeBatches(w.ctx, s, size)
			}); err != nil {
				return err
			}
		}
		return nil
	}
	together(t, write(one), write(two), read, read, read)
	for _, feed := range []store.Feed{one, two} {
		r, err := w.model.StartRun(w.ctx, store.RunSpec{Feed: feed, Now: runNow(1)})
		must(t, err)
		for _, b := range sets[feed] {
			_, err = r.Write(w.ctx, b)
			must(t, err)
		}
	}
	w.verify()
}

// distinct are n observations of as many records.
func distinct(feed store.Feed, n int) []store.Observation {
	all := generate(feed, n, 71)
	for i := range all {
		all[i].Article, all[i].Origin, all[i].TLP = nil, store.OriginFeed, ioc.Clear
		all[i].Indicator = indicator(ioc.Domain, fmt.Sprintf("n%d.%s.batch.example", i, feed.Name))
	}
	return all
}

// wholeBatches compares the ways to count within one snapshot.
func wholeBatches(ctx context.Context, s store.Snapshot, size int) error {
	c, err := s.Counts(ctx)
	if err != nil {
		return err
	}
	q := holding("batch.example")
	m, err := s.Contains(ctx, q)
	if err != nil {
		return err
	}
	l, err := s.List(ctx, unfiltered(), store.Page{Limit: 1})
	if err != nil {
		return err
	}
	if int64(m.Total) != c.Records || int64(l.Total) != c.Records {
		return fmt.Errorf("one snapshot counts %d records, contains %d, list %d", c.Records, m.Total, l.Total)
	}
	if m.Total%size != 0 {
		return fmt.Errorf("%d records are no whole number of batches of %d", m.Total, size)
	}
	for _, r := range m.Records[:min(3, len(m.Records))] {
		e, err := s.Exact(ctx, store.ExactQuery{
			Keys: []store.TypedKey{{Type: r.Type, Key: r.Key}}, Visibility: everything(), Window: store.Window{Limit: 5},
		})
		if err != nil {
			return err
		}
		if d := cmp.Diff(e.Records, []store.Record{r}); d != "" {
			return fmt.Errorf("exact and contains differ in one snapshot:\n%s", d)
		}
	}
	return nil
}

// concurrentSameFeed: two servers reading one feed at once make no duplicates
// and lose nothing.
func concurrentSameFeed(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	set := distinct(feed, 300)
	write := func() error { return importAll(w.ctx, w.st, feed, batches(set, 20)) }
	together(t, write, write, write)
	w.model = NewModel(Clock())
	r, err := w.model.StartRun(w.ctx, store.RunSpec{Feed: feed, Now: runNow(1)})
	must(t, err)
	_, err = r.Write(w.ctx, set)
	must(t, err)
	w.verifyAnyOrder()
	same(t, "sightings", w.counts().Sightings, int64(len(set)))
}

// verifyAnyOrder is verify where the order of making is not known. It takes
// the store's.
func (w *world) verifyAnyOrder() {
	w.t.Helper()
	must(w.t, w.st.Check(w.ctx))
	got := readAll(w.t, w.ctx, w.st)
	same(w.t, "number of records", len(got), len(w.model.state.records))
	for _, m := range w.model.state.records {
		if d := cmp.Diff(got[m.ID], m, ours()); d != "" {
			w.t.Fatalf("stored record (-got +want):\n%s", d)
		}
	}
}

// viewStands: a write that commits while a view is open is not seen in it, and
// does not wait for it.
func viewStands(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.say(feed, in("1", dated("a.example", 1)), in("1", dated("b.example", 1)))
	gone := w.one(ioc.Domain, "b.example")
	type answers struct {
		Seq             int64
		Exact, Contains store.Matches
		List            store.List
		Counts          store.Counts
		Related         []store.Related
	}
	ask := func(s store.Snapshot) (a answers, err error) {
		a.Seq = s.Seq()
		key := []store.TypedKey{{Type: ioc.Domain, Key: "a.example"}}
		var errs [5]error
		a.Exact, errs[0] = s.Exact(w.ctx, store.ExactQuery{Keys: key, Window: store.Window{Limit: 9}})
		a.Contains, errs[1] = s.Contains(w.ctx, holding("example"))
		a.List, errs[2] = s.List(w.ctx, unfiltered(), store.Page{Limit: 9})
		a.Counts, errs[3] = s.Counts(w.ctx)
		a.Related, errs[4] = s.Related(w.ctx, relatedTo(a.Exact.Records...))
		a.Exact.Work, a.Contains.Work = store.Work{}, store.Work{}
		return a, errors.Join(errs[:]...)
	}
	wrote := make(chan error, 1)
	must(t, w.st.View(w.ctx, func(s store.Snapshot) error {
		before, err := ask(s)
		if err != nil {
			return err
		}
		go func() {
			wrote <- errors.Join(
				importAll(w.ctx, w.st, feed, [][]store.Observation{{
					in("1", tagged(dated("a.example", 9), "new")), in("1", dated("c.example", 1)), dated("a.example", 5),
				}}),
				w.st.DeleteRecord(w.ctx, gone.ID))
		}()
		select {
		case err := <-wrote:
			if err != nil {
				return err
			}
		case <-time.After(20 * time.Second):
			return errors.New("a write waits for a view to end")
		}
		after, err := ask(s)
		if err == nil {
			same(t, "answers of one view before and after a write", after, before)
		}
		return err
	}))
	w.view(func(s store.Snapshot) {
		now, err := ask(s)
		must(t, err)
		same(t, "the next view", []int{now.Exact.Total, now.Contains.Total, now.List.Total, len(now.Related)}, []int{2, 3, 3, 1})
	})
	must(t, w.st.Check(w.ctx))
}

// viewsConsistent: an index kept beside the records is never ahead of them or
// behind, however short the runs are and whatever is deleted between.
func viewsConsistent(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	var stop atomic.Bool
	write := func() error {
		defer stop.Store(true)
		for i := range 40 {
			o := dated(fmt.Sprintf("n%d.batch.example", i), 1)
			if err := importAll(w.ctx, w.st, feed, [][]store.Observation{{o}}); err != nil {
				return err
			}
			if i%3 == 0 {
				if err := w.st.DeleteRecord(w.ctx, store.NewRecord(feed, o, runNow(1)).ID); err != nil {
					return err
				}
			}
		}
		return nil
	}
	read := func() error {
		for !stop.Load() {
			if err := w.st.View(w.ctx, func(s store.Snapshot) error { return wholeBatches(w.ctx, s, 1) }); err != nil {
				return err
			}
		}
		return nil
	}
	together(t, write, read, read)
	must(t, w.st.Check(w.ctx))
	same(t, "records", w.counts().Records, int64(26))
	same(t, "contains", w.contains(holding("batch")).Total, 26)
}

func viewError(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), dated("a.example", 1))
	mine := errors.New("mine")
	for range 20 { // and nothing is used up
		is(t, "View", w.st.View(w.ctx, func(store.Snapshot) error { return mine }), mine)
	}
	w.verify()
}

func cancelledBefore(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), Generate(200, 81))
	dead, cancel := context.WithCancel(w.ctx)
	cancel()
	is(t, "View", w.st.View(dead, func(s store.Snapshot) error {
		_, err := s.Contains(dead, holding("example"))
		return err
	}), context.Canceled)
	_, err := w.st.StartRun(dead, store.RunSpec{Feed: feedNamed("g"), Now: runNow(1)})
	is(t, "StartRun", err, context.Canceled)
	is(t, "Check", w.st.Check(dead), context.Canceled)
	_, err = w.st.Keys(dead)
	is(t, "Keys", err, context.Canceled)
	w.checkContains(60, 81)
}

// cancelledOnTheWay: a query ends soon after its context, and what comes next
// on the same store is not hit by it.
func cancelledOnTheWay(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), Generate(1500, 82))
	queries := map[string]func(context.Context, store.Snapshot) error{
		"contains": func(ctx context.Context, s store.Snapshot) error {
			q := holding("e")
			q.Needle.Text, q.Limit = "example", 1500
			_, err := s.Contains(ctx, q)
			return err
		},
		"list": func(ctx context.Context, s store.Snapshot) error {
			_, err := s.List(ctx, unfiltered(), store.Page{Limit: 1500})
			return err
		},
		"counts": func(ctx context.Context, s store.Snapshot) error {
			_, err := s.Counts(ctx)
			return err
		},
	}
	for name, ask := range queries {
		for i := range 25 {
			ctx, cancel := context.WithTimeout(w.ctx, time.Duration(i*i)*20*time.Microsecond)
			start := time.Now()
			err := w.st.View(ctx, func(s store.Snapshot) error { return ask(ctx, s) })
			took := time.Since(start)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%s: got error %v, want none or the context's", name, err)
			}
			if took > 5*time.Second {
				t.Fatalf("%s: returned %v after its deadline", name, took)
			}
			w.view(func(s store.Snapshot) { must(t, ask(w.ctx, s)) })
		}
	}
	w.verify()
}

// cancelledWrite: all of a batch or none, and the run goes on.
func cancelledWrite(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := GeneratedFeed()
	p := w.start(feed)
	p.write(Generate(100, 83)...)
	seq := w.seq()
	batch := distinct(feed, 400)
	dead, cancel := context.WithCancel(w.ctx)
	cancel()
	_, err := p.real.Write(dead, batch)
	is(t, "Write", err, context.Canceled)
	w.verify()
	same(t, "seq", w.seq(), seq)
	for i := range 12 {
		ctx, cancel := context.WithTimeout(w.ctx, time.Duration(i*i)*50*time.Microsecond)
		_, err := p.real.Write(ctx, batch)
		cancel()
		if err == nil {
			_, err = p.model.Write(w.ctx, batch)
			must(t, err)
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got error %v, want none or the context's", err)
		}
		w.verify()
	}
	p.write(batch...)
	p.finish()
	w.verify()
}
