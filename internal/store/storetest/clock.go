package storetest

import (
	"fmt"
	"testing"
	"time"

	"spoor/internal/store"
)

// RunClock holds a store to "UpdatedAt never runs against Seq" under clocks
// that do not help: open has to stamp changes with the clock it is given.
func RunClock(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store) {
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
