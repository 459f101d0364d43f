package storetest

import (
	"sync"
	"testing"
	"time"

	"spoor/internal/store"
)

// Open gives a fresh, empty store that is closed by t.Cleanup. Its own clock
// (what stamps AddedAt and UpdatedAt) has to move by a second or more from one
// batch to the next; Clock makes such a one.
type Open = func(t *testing.T) store.Store

// testCase is one named behaviour.
type testCase struct {
	name string
	run  func(t *testing.T, open Open)
}

// Run holds a store to the contract.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	groups := []struct {
		name  string
		cases []testCase
	}{
		{"write", writeCases()},
		{"merge", mergeCases()},
		{"exact", exactCases()},
		{"contains", containsCases()},
		{"related", relatedCases()},
		{"list", listCases()},
		{"cap", capCases()},
		{"walk", walkCases()},
		{"keys", keyCases()},
		{"as of", asOfCases()},
		{"prune", pruneCases()},
		{"drift", driftCases()},
		{"delete", deleteCases()},
		{"lease", leaseCases()},
		{"usage", usageCases()},
		{"schedule", scheduleCases()},
		{"allow", allowCases()},
		{"judge", judgeCases()},
		{"concurrency", concurrencyCases()},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, open)
				})
			}
		})
	}
}

// Clock returns a clock that moves on by a second each time it is read. It may
// be read from several goroutines.
func Clock() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}
