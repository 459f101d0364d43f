package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/store"
)

// RunClock holds a store to what goes by its own clock: open has to stamp
// changes with the clock it is given.
func RunClock(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store) {
	t.Helper()
	runOddClocks(t, open)
	t.Run("settled amid a write", func(t *testing.T) {
		t.Parallel()
		settledAmidWrite(t, open)
	})
	t.Run("runs of one second", func(t *testing.T) {
		t.Parallel()
		runsOfOneSecond(t, open)
	})
}

// settledAmidWrite looks at the store whenever it asks for the time, so also
// in transactions that have dated what they have not shown yet: what a view
// misses is dated no earlier than it says.
func settledAmidWrite(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store) {
	type look struct {
		at, settled time.Time
		seen        map[uuid.UUID]int64
	}
	var mu sync.Mutex
	var looks []look
	var st store.Store
	looking := false // only one goroutine writes, and views ask for the time too
	clock := Clock()
	w := newWorld(t, func(t *testing.T) store.Store {
		return open(t, func() time.Time {
			now := clock()
			mu.Lock()
			defer mu.Unlock()
			if st == nil || looking {
				return now
			}
			looking = true
			mu.Unlock()
			l := look{at: clock(), seen: map[uuid.UUID]int64{}}
			must(t, st.View(t.Context(), func(s store.Snapshot) (err error) {
				if l.settled, err = s.Settled(t.Context()); err != nil {
					return err
				}
				all, err := s.List(t.Context(), unfiltered(), store.Page{Limit: 1000})
				for _, r := range all.Records {
					l.seen[r.ID] = r.Seq
				}
				return err
			}))
			mu.Lock()
			looking, looks = false, append(looks, l)
			return now
		})
	})
	st = w.st
	feed := feedNamed("f")
	p := w.start(feed)
	for _, b := range batches(distinct(feed, 60), 12) {
		p.write(b...)
	}
	p.finish()
	w.say(feed, distinct(feed, 20)...)
	w.say(feedNamed("g"), distinct(feedNamed("g"), 5)...)
	w.rejudge("", verdict("l", 2))
	w.rejudge("batch", verdict("m", 3))
	held := 0
	for _, r := range w.verify() {
		for _, l := range looks {
			from := l.settled
			if from.IsZero() {
				from = l.at
			} else {
				held++
			}
			if l.seen[r.ID] != r.Seq && r.UpdatedAt.Before(from) {
				t.Fatalf("a view at %v says %v, and misses what was changed at %v", l.at, l.settled, r.UpdatedAt)
			}
		}
	}
	if held == 0 {
		t.Error("no view was held back")
	}
	w.view(func(s store.Snapshot) {
		at, err := s.Settled(w.ctx)
		must(t, err)
		same(t, "settled in the end", at.IsZero(), true)
	})
}

// runsOfOneSecond: their order is total, and the same on every engine.
func runsOfOneSecond(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store) {
	w := newWorld(t, func(t *testing.T) store.Store { return open(t, func() time.Time { return runNow(9) }) })
	for range 9 {
		w.run(feedNamed("f"))
	}
	all := w.runRecords("f", 100)
	for i := range all[1:] {
		if byID(all[i].ID, all[i+1].ID) <= 0 {
			t.Errorf("run %s comes before %s", all[i].ID, all[i+1].ID)
		}
	}
	same(t, "runs of all feeds", w.runRecords("", 100), all)
	same(t, "the latest", w.runRecords("", 4), all[:4])
}

// runOddClocks holds a store to "UpdatedAt never runs against Seq" under clocks
// that do not help.
func runOddClocks(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store) {
	t.Helper()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 500, time.FixedZone("", 3600))
	for name, step := range map[string]func(i int) time.Duration{
		"stands still":     func(int) time.Duration { return 0 },
		"runs back":        func(i int) time.Duration { return -time.Duration(i) * time.Hour },
		"jumps to and fro": func(i int) time.Duration { return time.Duration(i*7%5-2) * time.Hour },
		"crawls":           func(i int) time.Duration { return time.Duration(i) * 150 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := 0 // the store is used by one goroutine here
			w := newWorld(t, func(t *testing.T) store.Store {
				return open(t, func() time.Time {
					i++
					return noon.Add(step(i))
				})
			})
			var set []store.Observation
			for n := range 24 {
				set = append(set, dated(fmt.Sprintf("a%d.example", n), 1))
			}
			w.run(feedNamed("f"), batches(set, 3)...)
			for n := range set {
				if n%5 == 0 {
					w.say(feedNamed("f"), tagged(set[n], "news"))
				}
			}
			all, seen := w.verify(), 0
			walk(w, unfiltered(), 4, func(l store.List) { seen += len(l.Records) })
			same(t, "walked", seen, len(all))
			for _, a := range all {
				for _, b := range all {
					if a.Seq < b.Seq && a.UpdatedAt.After(b.UpdatedAt) {
						t.Fatalf("seq %d was updated at %v, seq %d at %v", a.Seq, a.UpdatedAt, b.Seq, b.UpdatedAt)
					}
				}
			}
		})
	}
}
