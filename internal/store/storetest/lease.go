package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"spoor/internal/store"
)

func leaseCases() []testCase {
	return []testCase{
		{"exactly one gets it", leaseOne},
		{"it runs out", leaseRunsOut},
		{"a wrong clock", leaseWrongClock},
		{"renewal", leaseRenewal},
		{"release", leaseRelease},
		{"one name is not another", leaseNames},
		{"leases are no records", leaseNoRecords},
	}
}

// lease asks and fails on an error.
func (w *world) lease(name, holder string, ttl time.Duration) bool {
	w.t.Helper()
	ok, err := w.st.Lease(w.ctx, name, holder, ttl)
	must(w.t, err)
	return ok
}

// askTogether has n holders ask at once and returns those that were told true.
func askTogether(w *world, n int, ttl time.Duration) []string {
	w.t.Helper()
	told := make([]bool, n)
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			told[i], errs[i] = w.st.Lease(w.ctx, "work", fmt.Sprint("server ", i), ttl)
		})
	}
	close(start)
	wg.Wait()
	var winners []string
	for i := range n {
		must(w.t, errs[i])
		if told[i] {
			winners = append(winners, fmt.Sprint("server ", i))
		}
	}
	return winners
}

func leaseOne(t *testing.T, open Open) {
	w := newWorld(t, open)
	winners := askTogether(w, 8, time.Hour)
	if len(winners) != 1 {
		t.Fatalf("%v were all told that they have it, want exactly one", winners)
	}
	same(t, "the winner asks again", w.lease("work", winners[0], time.Hour), true)
	same(t, "another asks", w.lease("work", "late", time.Hour), false)
	must(t, w.st.Release(w.ctx, "work", winners[0]))
	if again := askTogether(w, 8, time.Hour); len(again) != 1 {
		t.Fatalf("after the release %v were told that they have it, want exactly one", again)
	}
}

// leaseRunsOut asks until the store's clock has passed the end: the suite's
// clock moves with each asking, a real one within a second.
func leaseRunsOut(t *testing.T, open Open) {
	w := newWorld(t, open)
	same(t, "the first", w.lease("work", "a", 2*time.Second), true)
	deadline := time.Now().Add(20 * time.Second)
	for !w.lease("work", "b", time.Hour) {
		if time.Now().After(deadline) {
			t.Fatal("a lease of two seconds does not run out")
		}
	}
	same(t, "who had it before", w.lease("work", "a", time.Hour), false)
	must(t, w.st.Release(w.ctx, "work", "a"))
	same(t, "after a release by who had it before", w.lease("work", "c", time.Hour), false)
}

// leaseWrongClock has a claim that was made by a clock far ahead: nobody would
// do the work until then.
func leaseWrongClock(t *testing.T, open Open) {
	w := newWorld(t, open)
	same(t, "far ahead", w.lease("work", "a", 1000*time.Hour), true)
	same(t, "renewed by its holder", w.lease("work", "a", 1000*time.Hour), true)
	same(t, "another, whose claim is much shorter", w.lease("work", "b", time.Hour), true)
	same(t, "a claim less than twice as long", w.lease("work", "c", 40*time.Minute), false)
}

func leaseRenewal(t *testing.T, open Open) {
	w := newWorld(t, open)
	same(t, "for a moment", w.lease("work", "a", time.Nanosecond), true)
	same(t, "renewed before anybody else asked", w.lease("work", "a", time.Hour), true)
	same(t, "another", w.lease("work", "b", time.Hour), false)
	same(t, "renewed to end at once", w.lease("work", "a", -time.Second), true)
	same(t, "another then", w.lease("work", "b", time.Hour), true)
}

func leaseRelease(t *testing.T, open Open) {
	w := newWorld(t, open)
	must(t, w.st.Release(w.ctx, "work", "a")) // nobody ever had it
	same(t, "the first", w.lease("work", "a", time.Hour), true)
	must(t, w.st.Release(w.ctx, "work", "b"))
	same(t, "after a release by another", w.lease("work", "b", time.Hour), false)
	must(t, w.st.Release(w.ctx, "work", "a"))
	must(t, w.st.Release(w.ctx, "work", "a"))
	same(t, "after its own release", w.lease("work", "b", time.Hour), true)
}

func leaseNames(t *testing.T, open Open) {
	w := newWorld(t, open)
	same(t, "one", w.lease("one", "a", time.Hour), true)
	same(t, "another", w.lease("two", "b", time.Hour), true)
	must(t, w.st.Release(w.ctx, "two", "b"))
	same(t, "the first is still taken", w.lease("one", "b", time.Hour), false)
}

func leaseNoRecords(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), dated("a.example", 1))
	seq := w.seq()
	w.lease("work", "a", time.Hour)
	_, err := w.st.Spend(w.ctx, spending(1, store.Limits{PerMinute: 100}, 0))
	must(t, err)
	_, err = w.st.PruneUsage(w.ctx, usageStart)
	must(t, err)
	same(t, "Seq, which ETags rest on", w.seq(), seq)
	w.verify()
}
