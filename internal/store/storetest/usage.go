package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/store"
)

func usageCases() []testCase {
	return []testCase{
		{"a limit a minute", usageMinute},
		{"two windows", usageDay},
		{"grants and what comes back", usageGrants},
		{"a call made again", usageAgain},
		{"as the arithmetic says", usageLikeModel},
		{"spenders at once", usageTogether},
		{"pruning", usagePrune},
		{"cancelled", usageCancelled},
	}
}

// usageStart is a whole minute: what is counted has its own times, not the
// store's.
var usageStart = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant

// usageKey is the n-th key. Use is counted for any id.
func usageKey(n int) uuid.UUID { return uuid.UUID{15: byte(n)} }

// spending asks for one request of the first key.
func spending(turn int64, l store.Limits, after time.Duration) store.Spending {
	return store.Spending{
		Key: usageKey(1), Limits: l, Server: "one", Turn: turn, Cost: store.Request, Now: usageStart.Add(after),
	}
}

// spend asks and fails on an error.
func (w *world) spend(s store.Spending) store.Balance {
	w.t.Helper()
	b, err := w.st.Spend(w.ctx, s)
	must(w.t, err)
	return b
}

func usageMinute(t *testing.T, open Open) {
	w := newWorld(t, open)
	free := store.Limits{PerMinute: 100}
	for i := range int64(10) {
		b := w.spend(spending(i+1, free, time.Duration(i)*time.Second))
		same(t, "granted", b.Granted, store.Request)
		same(t, "window", b.Windows, []store.WindowBalance{{
			Span: store.Minute, Limit: 100, Used: 10 * (i + 1), Frees: usageStart.Add(time.Minute),
			Fits: usageStart.Add(time.Duration(i) * time.Second),
		}})
	}
	for turn := range int64(5) { // refusals cost nothing
		b := w.spend(spending(20+turn, free, 10*time.Second))
		same(t, "granted over the limit", b.Granted, 0)
		same(t, "used, and when it fits", b.Windows[0].Used == 100 && b.Windows[0].Fits.Equal(usageStart.Add(time.Minute)), true)
	}
	other := spending(30, free, 10*time.Second)
	other.Key = usageKey(2)
	same(t, "another key", w.spend(other).Granted, store.Request)
	same(t, "a nanosecond early", w.spend(spending(40, free, time.Minute-1)).Granted, 0)
	same(t, "in time", w.spend(spending(41, free, time.Minute)).Granted, store.Request)
	same(t, "and no second one", w.spend(spending(42, free, time.Minute)).Granted, 0)
	back := w.spend(spending(43, free, -time.Hour))
	same(t, "with a clock an hour back", back.Granted, 0)
}

func usageDay(t *testing.T, open Open) {
	w := newWorld(t, open)
	l := store.Limits{PerMinute: 20, PerDay: 30}
	at := func(turn int64, after time.Duration) store.Balance { return w.spend(spending(turn, l, after)) }
	at(1, 0)
	at(2, 30*time.Second)
	b := at(3, 31*time.Second)
	same(t, "refused by the minute", b.Granted, 0)
	same(t, "it fits", []time.Time{b.Windows[0].Fits, b.Windows[1].Fits}, []time.Time{usageStart.Add(time.Minute), usageStart.Add(31 * time.Second)})
	same(t, "the minute again", at(4, time.Minute).Granted, store.Request)
	b = at(5, 2*time.Hour)
	same(t, "refused by the day", b.Granted, 0)
	// The first two share a bucket, and leave when the second does.
	same(t, "it fits in the day", b.Windows[1].Fits, usageStart.Add(24*time.Hour+30*time.Second))
	same(t, "minute and day", []int64{b.Windows[0].Used, b.Windows[1].Used}, []int64{0, 30})
	same(t, "a day later", at(6, 24*time.Hour+30*time.Second).Granted, store.Request)
	// Without a limit for a window nothing is counted in it.
	same(t, "windows", len(w.spend(spending(7, store.Limits{PerDay: 1000}, 25*time.Hour)).Windows), 1)
}

// usageGrants: more than one request at a time, within what may be held, and
// what comes back is there for others at once.
func usageGrants(t *testing.T, open Open) {
	w := newWorld(t, open)
	pro := store.Limits{PerMinute: 10_000, PerDay: 10_000_000}
	ask := func(server string, turn, unused int64, taken, after time.Duration) store.Balance {
		s := spending(turn, pro, after)
		s.Server, s.Unused, s.UnusedAt = server, unused, usageStart.Add(taken)
		return w.spend(s)
	}
	same(t, "one server", ask("a", 1, 0, 0, 0).Granted, 260)
	same(t, "a second", ask("b", 1, 0, 0, time.Second).Granted, 170)
	b := ask("a", 2, 200, 0, 2*time.Second)
	same(t, "the first again", b.Granted, 170)
	same(t, "used", []int64{b.Windows[0].Used, b.Windows[1].Used}, []int64{260 + 170 - 200 + 170, 260 + 170 - 200 + 170})
	give := spending(3, pro, 3*time.Second)
	give.Server, give.Cost, give.Unused, give.UnusedAt = "a", 0, 100, usageStart.Add(2*time.Second)
	b = w.spend(give)
	same(t, "giving back only", []int64{b.Granted, b.Windows[0].Used}, []int64{0, 300})
	// Long after, what is given back is out of the minute, not out of the day.
	b = ask("b", 2, 100, time.Second, 5*time.Minute)
	same(t, "used later", []int64{b.Windows[0].Used, b.Windows[1].Used}, []int64{b.Granted, 200 + b.Granted})
	// What ten servers hold beside the request at hand is 5 % at the most.
	held := int64(0)
	for i := range 10 {
		held += ask(fmt.Sprint("server ", i), 1, 0, 0, time.Hour).Granted - store.Request
	}
	if held > 500 || held < 250 {
		t.Fatalf("ten servers hold %d tenths, want 250 to 500 of 10,000", held)
	}
}

// usageAgain: the same turn twice is counted once.
func usageAgain(t *testing.T, open Open) {
	w := newWorld(t, open)
	pro := store.Limits{PerMinute: 10_000}
	first := w.spend(spending(1, pro, 0))
	s := spending(2, pro, time.Second)
	s.Unused, s.UnusedAt = 100, usageStart
	want := w.spend(s)
	same(t, "the same turn again", w.spend(s), want)
	s.Now = s.Now.Add(time.Second)
	got := w.spend(s)
	same(t, "granted, and when", []any{got.Granted, got.At, got.Windows[0].Used}, []any{want.Granted, want.At, first.Granted - 100 + want.Granted})
}

// usageLikeModel does the same to the store and to the plain arithmetic.
func usageLikeModel(t *testing.T, open Open) {
	w := newWorld(t, open)
	rng := rand.New(rand.NewPCG(1, 91)) //nolint:gosec // repeatable on purpose
	limits := []store.Limits{{PerMinute: 300}, {PerMinute: 2000, PerDay: 5000}, {PerDay: 4000}}
	after := time.Duration(0)
	type grant struct {
		left int64
		at   time.Time
	}
	held := map[string]grant{}
	for turn := range int64(300) {
		after += time.Duration(rng.ExpFloat64() * float64(700*time.Millisecond))
		if rng.IntN(40) == 0 {
			after += time.Duration(rng.IntN(900)) * time.Minute
		}
		if rng.IntN(50) == 0 {
			after -= time.Duration(rng.IntN(30)) * time.Second
		}
		n := rng.IntN(3)
		s := spending(turn+1, limits[n], after)
		s.Key, s.Server = usageKey(n), fmt.Sprint("server ", rng.IntN(3))
		s.Cost = []int64{10, 10, 25, 0}[rng.IntN(4)]
		name := fmt.Sprint(n, s.Server)
		if g := held[name]; g.left > 0 {
			s.Unused, s.UnusedAt = rng.Int64N(g.left+1), g.at
		}
		got := w.spend(s)
		want, err := w.model.Spend(w.ctx, s)
		must(t, err)
		same(t, fmt.Sprintf("balance of turn %d", turn), got, want)
		held[name] = grant{max(0, got.Granted-s.Cost), got.At}
		if rng.IntN(60) == 0 {
			gone, err := w.st.PruneUsage(w.ctx, s.Now)
			must(t, err)
			want, err := w.model.PruneUsage(w.ctx, s.Now)
			must(t, err)
			same(t, "pruned", gone, want)
		}
	}
}

// usageTogether: eight servers that ask for one key at the same moment, each
// many times, get what the limit has and not one more.
func usageTogether(t *testing.T, open Open) {
	w := newWorld(t, open)
	for name, l := range map[string]store.Limits{
		"in ones":   {PerMinute: 150, PerDay: 100_000},
		"in grants": {PerMinute: 6000, PerDay: 6000},
	} {
		var granted atomic.Int64
		fns := make([]func() error, 8)
		key := uuid.NewSHA1(uuid.Nil, []byte(name))
		for i := range fns {
			fns[i] = func() error {
				for turn := range int64(60) {
					s := spending(turn+1, l, time.Duration(i*50)*time.Millisecond)
					s.Key, s.Server = key, fmt.Sprint("server ", i)
					b, err := w.st.Spend(w.ctx, s)
					if err != nil {
						return err
					}
					granted.Add(b.Granted)
				}
				return nil
			}
		}
		together(t, fns...)
		same(t, "granted "+name, granted.Load(), l.PerMinute)
		b := w.spend(store.Spending{Key: key, Limits: l, Server: "late", Turn: 1, Cost: store.Request, Now: usageStart.Add(time.Second)})
		same(t, "afterwards "+name, []int64{b.Granted, b.Windows[0].Used}, []int64{0, l.PerMinute})
	}
}

func usagePrune(t *testing.T, open Open) {
	w := newWorld(t, open)
	l := store.Limits{PerMinute: 150, PerDay: 150}
	for i := range int64(4) {
		w.spend(spending(i+1, l, time.Duration(i)*time.Second))
	}
	prune := func(after time.Duration) int64 {
		n, err := w.st.PruneUsage(w.ctx, usageStart.Add(after))
		must(t, err)
		return n
	}
	same(t, "pruned while it counts", prune(time.Minute), 0)
	same(t, "pruned of the minute", prune(2*time.Minute+2*time.Second), 2)
	same(t, "used in the day", w.spend(spending(9, l, time.Hour)).Windows[1].Used, 50)
	same(t, "pruned of the rest of the minute", prune(10*time.Hour), 3)
	same(t, "pruned of the day", prune(72*time.Hour), 2)
	same(t, "left", prune(1000*time.Hour), 0)
}

func usageCancelled(t *testing.T, open Open) {
	w := newWorld(t, open)
	dead, cancel := context.WithCancel(w.ctx)
	cancel()
	l := store.Limits{PerMinute: 100}
	_, err := w.st.Spend(dead, spending(1, l, 0))
	is(t, "Spend", err, context.Canceled)
	_, err = w.st.Lease(dead, "work", "a", time.Hour)
	is(t, "Lease", err, context.Canceled)
	same(t, "used", w.spend(spending(2, l, 0)).Windows[0].Used, 10)
	same(t, "the lease is free", w.lease("work", "b", time.Hour), true)
}

// RunReopen holds a store to what is to outlive a process. Each call of open
// opens the same store, which is empty at first.
func RunReopen(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	l := store.Limits{PerDay: 30}
	do := func(fn func(st store.Store)) {
		t.Helper()
		st := open(t)
		defer func() { must(t, st.Close()) }()
		fn(st)
	}
	for i := range int64(4) {
		do(func(st store.Store) {
			s := spending(i+1, l, time.Duration(i)*time.Hour)
			s.Server = fmt.Sprint("process ", i)
			b, err := st.Spend(t.Context(), s)
			must(t, err)
			same(t, fmt.Sprintf("opened %d times: granted", i+1), b.Granted > 0, i < 3)
			ok, err := st.Lease(t.Context(), "work", s.Server, time.Hour)
			must(t, err)
			same(t, fmt.Sprintf("opened %d times: lease", i+1), ok, i == 0)
		})
	}
}
