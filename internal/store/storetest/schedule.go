package storetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func scheduleCases() []testCase {
	return []testCase{
		{"nothing is remembered", scheduleNothing},
		{"a state comes back whole", scheduleWhole},
		{"a state takes the former one's place", scheduleReplaced},
		{"states by feed", scheduleByFeed},
		{"a forgotten state", scheduleForgotten},
		{"a state of many entries", scheduleLarge},
		{"states saved at once", scheduleTogether},
		{"runs, the latest first", scheduleRuns},
		{"a run's stats come back whole", scheduleStats},
		{"what finds nothing leaves no trace", scheduleNoTrace},
	}
}

// state is one with every field set.
func state(feed string) store.FeedState {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return store.FeedState{
		Feed: feed, Setup: "0a1b", ETag: `W/"a\b"`, LastModified: "Fri, 02 Jan 2026 03:04:05 GMT", Digest: "00ff", Cursor: "2026-01-02T03:04:05.678Z", Format: "list",
		Seen: []uint64{math.MaxUint64, 0, 1 << 53, 1<<53 + 1, 7, 7}, Items: 12,
		NextRun: at.Add(time.Hour), LastRun: at, LastGood: at.Add(-time.Hour), Failures: 3, Status: store.RunHeld,
		Reason: "holds 12 items, and held 900", Held: &store.HeldCopy{Digest: "ff00", Items: 12, Since: at},
	}
}

func (w *world) save(s store.FeedState) {
	w.t.Helper()
	must(w.t, w.st.SaveFeedState(w.ctx, s))
	must(w.t, w.model.SaveFeedState(w.ctx, s))
}

// remembered compares what is remembered of feeds and what is allowed with the
// model's.
func (w *world) remembered() []store.FeedState {
	w.t.Helper()
	got, err := w.st.FeedStates(w.ctx)
	must(w.t, err)
	want, err := w.model.FeedStates(w.ctx)
	must(w.t, err)
	same(w.t, "FeedStates", got, want)
	for _, s := range want {
		one, err := w.st.FeedState(w.ctx, s.Feed)
		must(w.t, err)
		same(w.t, "FeedState", one, s)
	}
	list, err := w.st.Allowed(w.ctx)
	must(w.t, err)
	wanted, err := w.model.Allowed(w.ctx)
	must(w.t, err)
	same(w.t, "Allowed", list, wanted)
	return got
}

func (w *world) runRecords(feed string, limit int) []store.RunRecord {
	w.t.Helper()
	all, err := w.st.Runs(w.ctx, feed, limit)
	must(w.t, err)
	return all
}

func scheduleNothing(t *testing.T, open Open) {
	w := newWorld(t, open)
	same(t, "states", w.remembered(), nil)
	one, err := w.st.FeedState(w.ctx, "f")
	must(t, err)
	same(t, "state of a feed that has none", one, store.FeedState{Feed: "f"})
	must(t, w.st.ForgetFeedState(w.ctx, "f"))
	same(t, "runs", w.runRecords("", 10), nil)
	same(t, "runs of a feed", w.runRecords("f", 10), nil)
	w.say(feedNamed("f"), dated("a.example", 1))
	same(t, "states once it has run", w.remembered(), nil)
}

func scheduleWhole(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.save(state("f"))
	same(t, "state", w.remembered(), []store.FeedState{state("f")})
	// Times come back in UTC, in whole seconds.
	s := state("f")
	s.NextRun = time.Date(2026, 1, 2, 5, 4, 5, 999, time.FixedZone("", 7200))
	s.Held.Since = s.NextRun
	w.save(s)
	got := w.remembered()[0]
	same(t, "next run", got.NextRun, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	same(t, "zone", got.NextRun.Location().String(), "UTC")
	// What a server sent may be anything.
	s.ETag, s.Reason = "\"\xff\xfe\"", "a\x00b \"c\" \u2028 \U0001f9a0"
	must(t, w.st.SaveFeedState(w.ctx, s))
	got, err := w.st.FeedState(w.ctx, "f")
	must(t, err)
	same(t, "texts", []string{got.ETag, got.Reason}, []string{"\"\ufffd\ufffd\"", s.Reason})
}

func scheduleReplaced(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.save(state("f"))
	w.save(store.FeedState{Feed: "f", Status: store.RunOK})
	same(t, "states", w.remembered(), []store.FeedState{{Feed: "f", Status: store.RunOK}})
	w.save(store.FeedState{Feed: "f"})
	same(t, "states", w.remembered(), []store.FeedState{{Feed: "f"}})
}

func scheduleByFeed(t *testing.T, open Open) {
	w := newWorld(t, open)
	for _, name := range []string{"b", "B", "é", "a b", "e", "%", "a_b", ""} {
		w.save(store.FeedState{Feed: name, Reason: "of " + name})
	}
	var names []string
	for _, s := range w.remembered() {
		names = append(names, s.Feed)
	}
	same(t, "names", names, []string{"", "%", "B", "a b", "a_b", "b", "e", "é"})
}

func scheduleForgotten(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), dated("a.example", 1))
	w.save(state("f"))
	w.save(state("g"))
	for range 2 {
		must(t, w.st.ForgetFeedState(w.ctx, "f"))
		must(t, w.model.ForgetFeedState(w.ctx, "f"))
		same(t, "states", len(w.remembered()), 1)
	}
	same(t, "runs", len(w.runRecords("f", 10)), 1)
	same(t, "records", len(w.verify()), 1)
}

func scheduleLarge(t *testing.T, open Open) {
	w := newWorld(t, open)
	s, random := state("f"), seeded(91)
	s.Seen = nil
	for range 50_000 {
		s.Seen = append(s.Seen, random.Uint64())
	}
	w.save(s)
	w.remembered()
}

// scheduleTogether: who saves one feed's state touches no other.
func scheduleTogether(t *testing.T, open Open) {
	w := newWorld(t, open)
	var savers []func() error
	for i := range 6 {
		feed := fmt.Sprint("f", i)
		savers = append(savers, func() error {
			for n := range 15 {
				s := state(feed)
				s.Failures = n
				err := w.st.SaveFeedState(w.ctx, s)
				got, rerr := w.st.FeedState(w.ctx, feed)
				if err = errors.Join(err, rerr); err != nil {
					return err
				}
				if got.Failures != n || got.Feed != feed {
					return fmt.Errorf("saved %s with %d failures, read %s with %d", feed, n, got.Feed, got.Failures)
				}
			}
			return nil
		})
	}
	savers = append(savers, func() error {
		return importAll(w.ctx, w.st, feedNamed("f0"), batches(distinct(feedNamed("f0"), 200), 20))
	})
	together(t, savers...)
	all, err := w.st.FeedStates(w.ctx)
	must(t, err)
	same(t, "states", len(all), 6)
	must(t, w.st.Check(w.ctx))
}

func scheduleRuns(t *testing.T, open Open) {
	w := newWorld(t, open)
	for i := range 7 {
		w.say(feedNamed([]string{"f", "g"}[i%2]), dated(fmt.Sprintf("a%d.example", i), 1))
	}
	w.start(store.Feed{Name: "f", Category: store.News})
	same(t, "category", w.runRecords("f", 1)[0].Feed, feedNamed("f"))
	all := w.runRecords("", 100)
	same(t, "runs", len(all), 8)
	seen := map[uuid.UUID]bool{}
	for i, r := range all {
		if i > 0 && r.Started.After(all[i-1].Started) {
			t.Errorf("run %d began at %v, the one before it at %v", i, r.Started, all[i-1].Started)
		}
		open := i == 0
		if r.Source != "test" || r.Started.Location() != time.UTC || r.Finished.IsZero() != open || !open && r.Finished.Before(r.Started) {
			t.Errorf("run %d is %+v", i, r)
		}
		want := store.RunStats{Read: 1, New: 1}
		if open {
			want = store.RunStats{}
		}
		same(t, "stats", r.Stats, want)
		seen[r.ID] = true
	}
	same(t, "distinct runs", len(seen), 8)
	for _, limit := range []int{1, 3, 8, 9} {
		same(t, "the latest", w.runRecords("", limit), all[:min(limit, 8)])
	}
	of := func(feed string) []store.RunRecord {
		return slices.DeleteFunc(slices.Clone(all), func(r store.RunRecord) bool { return r.Feed.Name != feed })
	}
	same(t, "runs of f", w.runRecords("f", 100), of("f"))
	same(t, "latest of g", w.runRecords("g", 2), of("g")[:2])
	same(t, "runs of a feed that has none", w.runRecords("h", 2), nil)
	model, err := w.model.Runs(w.ctx, "g", 100)
	must(t, err)
	same(t, "number of the model's", len(model), len(of("g")))
}

func scheduleStats(t *testing.T, open Open) {
	w := newWorld(t, open)
	want := store.RunStats{
		Read: 9, New: 1, Updated: 2, Unchanged: 1, Merged: 1, Skipped: 4, Dropped: map[string]int64{"range": 3, "a \"b\"": 1},
		Bytes: 1 << 40, Items: 5, Took: 1500*time.Millisecond + 1, Status: store.RunPartial, Error: "one entry of five: it is no XML",
	}
	r, err := w.st.StartRun(w.ctx, store.RunSpec{Feed: feedNamed("f"), Source: "https://feeds.example/f.xml", Now: runNow(1)})
	must(t, err)
	must(t, r.Finish(w.ctx, want))
	got := w.runRecords("f", 1)[0]
	same(t, "stats", got.Stats, want)
	same(t, "source", got.Source, "https://feeds.example/f.xml")
	for _, status := range []store.RunStatus{"", store.RunOK, store.RunUnchanged, store.RunHeld, store.RunFailed} {
		r, err := w.st.StartRun(w.ctx, store.RunSpec{Feed: feedNamed("f"), Now: runNow(1)})
		must(t, err)
		must(t, r.Finish(w.ctx, store.RunStats{Status: status}))
		same(t, "stats", w.runRecords("f", 1)[0].Stats, store.RunStats{Status: status})
	}
}

// scheduleNoTrace: a poll that finds nothing changes no answer, nor how long
// one may be kept.
func scheduleNoTrace(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), dated("a.example", 1))
	seq, before := w.seq(), readAll(t, w.ctx, w.st)
	still := func(what string) {
		t.Helper()
		same(t, "Seq "+what, w.seq(), seq)
		w.view(func(s store.Snapshot) {
			at, err := s.Settled(w.ctx)
			must(t, err)
			same(t, "settled "+what, at.IsZero(), true)
		})
		same(t, "records "+what, readAll(t, w.ctx, w.st), before)
	}
	p := w.start(feedNamed("f"))
	still("while a run polls")
	p.write()
	still("after an empty batch")
	p.finish()
	still("after a run that found nothing")
	w.save(state("f"))
	still("after saving a state")
	must(t, w.st.ForgetFeedState(w.ctx, "f"))
	must(t, w.st.Allow(w.ctx, store.Allowed{Value: "a.example", Reason: "ours"}))
	still("after allowing a value")
	must(t, w.st.Disallow(w.ctx, "a.example"))
	still("after disallowing it")
	same(t, "a new feed's run", w.run(feedNamed("new")), store.Outcome{})
	still("after a new feed's run")
	p = w.start(feedNamed("f"))
	p.write(dated("a.example", 1))
	same(t, "Seq after reading the same", w.seq(), seq)
	p.finish()
	still("after reading the same")
	w.say(feedNamed("f"), dated("b.example", 1))
	same(t, "found", len(w.find(ioc.Domain, "b.example")), 1)
	if w.seq() <= seq {
		t.Error("Seq stands still although there is something new")
	}
}
