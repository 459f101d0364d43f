package auth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"spoor/internal/store"
	"spoor/internal/store/sqlite"
	"spoor/internal/store/storetest"
)

// hands is a clock that tests turn.
type hands struct{ since atomic.Int64 }

func (h *hands) now() time.Time          { return start.Add(time.Duration(h.since.Load())) }
func (h *hands) turn(d time.Duration)    { h.since.Add(int64(d)) }
func (h *hands) elapsed() time.Duration  { return time.Duration(h.since.Load()) }
func callerOf(tier Tier, n byte) *Caller { return &Caller{KeyID: uuid.UUID{15: n}, Tier: tier} }

// counting is a store that counts what it is asked, and fails on demand.
type counting struct {
	Spender
	asked atomic.Int64
	err   error
	late  error // returned after the store did what it was asked
}

func (c *counting) Spend(ctx context.Context, s store.Spending) (store.Balance, error) {
	c.asked.Add(1)
	if _, ok := ctx.Deadline(); !ok {
		return store.Balance{}, errors.New("limits are asked for without a deadline")
	}
	if c.err != nil {
		return store.Balance{}, c.err
	}
	b, err := c.Spender.Spend(ctx, s)
	if c.late != nil {
		return store.Balance{}, c.late
	}
	return b, err
}

func newCounting() *counting { return &counting{Spender: storetest.NewModel(time.Now)} }

func newLimiter(s Spender, c *hands, name string) *Limiter {
	return NewLimiter(s, name, 5*time.Second, c.now)
}

// mustSpend spends one request.
func mustSpend(t *testing.T, l *Limiter, c *Caller) Quota {
	t.Helper()
	q, err := l.Spend(t.Context(), c, store.Request)
	if err != nil {
		t.Fatalf("Spend: %v", err)
	}
	return q
}

func TestLimitOfATier(t *testing.T) {
	t.Parallel()
	clock, asked := &hands{}, newCounting()
	l := newLimiter(asked, clock, "a")
	free := callerOf(Tiers()[0], 1)
	for i := range int64(10) {
		want := Quota{Limit: 10, Remaining: 9 - i, Window: time.Minute, Reset: start.Add(time.Minute)}
		if diff := cmp.Diff(want, mustSpend(t, l, free)); diff != "" {
			t.Fatalf("request %d (-want +got):\n%s", i+1, diff)
		}
		clock.turn(1500 * time.Millisecond)
	}
	q, err := l.Spend(t.Context(), free, store.Request)
	if !errors.Is(err, ErrLimit) {
		t.Fatalf("the eleventh: %v", err)
	}
	// The first was at 0 s, the second, in another second, at 1.5.
	want := Quota{Limit: 10, Window: time.Minute, Reset: start.Add(time.Minute), RetryAfter: 45 * time.Second}
	if diff := cmp.Diff(want, q); diff != "" {
		t.Errorf("refusal (-want +got):\n%s", diff)
	}
	clock.turn(q.RetryAfter - 1)
	if _, err := l.Spend(t.Context(), free, store.Request); !errors.Is(err, ErrLimit) {
		t.Errorf("a nanosecond too early: %v", err)
	}
	clock.turn(1)
	mustSpend(t, l, free)
	if _, err := l.Spend(t.Context(), free, store.Request); !errors.Is(err, ErrLimit) {
		t.Errorf("a second one: %v", err)
	}
	if q := mustSpend(t, l, callerOf(Tiers()[0], 2)); q.Remaining != 9 {
		t.Errorf("another key: %+v", q)
	}
}

// TestTighterWindow: the day shows once it has less room than the minute.
func TestTighterWindow(t *testing.T) {
	t.Parallel()
	clock := &hands{}
	l := newLimiter(newCounting(), clock, "a")
	c := callerOf(Tier{Name: "x", RequestsPerMinute: 5, RequestsPerDay: 8}, 1)
	var got []string
	for range 10 {
		q, err := l.Spend(t.Context(), c, store.Request)
		got = append(got, fmt.Sprint(q.Limit, q.Remaining, q.Window, q.Reset.Sub(start), q.RetryAfter, errors.Is(err, ErrLimit)))
		clock.turn(20 * time.Second)
	}
	want := []string{
		"5 4 1m0s 1m0s 0s false", "5 3 1m0s 1m0s 0s false", "5 2 1m0s 1m0s 0s false", "5 2 1m0s 1m20s 0s false", "5 2 1m0s 1m40s 0s false",
		// The first three of the day share the bucket of the first minute.
		"8 2 24h0m0s 24h0m40s 0s false", "8 1 24h0m0s 24h0m40s 0s false", "8 0 24h0m0s 24h0m40s 0s false",
		"8 0 24h0m0s 24h0m40s 23h58m0s true", "8 0 24h0m0s 24h0m40s 23h57m40s true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLocalCostsNothing(t *testing.T) {
	t.Parallel()
	l := NewLimiter(nil, "a", time.Second, nil) // any use of either panics
	c := callerOf(Tiers()[2], 1)
	ctx := t.Context()
	if q, err := l.Spend(ctx, c, store.Request); err != nil || q != (Quota{}) {
		t.Errorf("Spend = %+v, %v", q, err)
	}
	if len(l.keys) > 0 {
		t.Error("a key that is not rationed is kept track of")
	}
}

func TestLocalAllocatesNothing(t *testing.T) { // not parallel: it counts allocations
	l := NewLimiter(nil, "a", time.Second, nil)
	c, ctx := callerOf(Tiers()[2], 1), context.Background()
	if n := testing.AllocsPerRun(100, func() { _, _ = l.Spend(ctx, c, store.Request) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestStoreIsAskedSeldom: a busy key costs about forty questions a minute, a
// refused one at most one a second.
func TestStoreIsAskedSeldom(t *testing.T) {
	t.Parallel()
	clock, asked := &hands{}, newCounting()
	l := newLimiter(asked, clock, "a")
	pro := callerOf(Tiers()[1], 1)
	for range 1000 {
		mustSpend(t, l, pro)
		clock.turn(50 * time.Millisecond)
	}
	if n := asked.asked.Load(); n > 50 {
		t.Errorf("the store was asked %d times for 1,000 requests", n)
	}
	asked.asked.Store(0)
	for range 100 { // refused, for ten seconds
		if _, err := l.Spend(t.Context(), pro, store.Request); !errors.Is(err, ErrLimit) {
			break
		}
		clock.turn(10 * time.Millisecond)
	}
	if n := asked.asked.Load(); n > 2 {
		t.Errorf("the store was asked %d times within a second of refusals", n)
	}
	// A grant that is not used up is given back after a while.
	clock.turn(time.Hour)
	for range 100 {
		mustSpend(t, l, pro)
		clock.turn(time.Minute)
	}
	if q := mustSpend(t, l, pro); q.Remaining < 998 {
		t.Errorf("%+v after one request a minute", q)
	}
}

// TestCosts: tenths of a request, and more than there is.
func TestCosts(t *testing.T) {
	t.Parallel()
	clock := &hands{}
	l := newLimiter(newCounting(), clock, "a")
	free := callerOf(Tiers()[0], 1)
	for i, want := range []int64{7, 5, 2, 0} {
		q, err := l.Spend(t.Context(), free, 25)
		if err != nil || q.Remaining != want {
			t.Errorf("two and a half, %d times: %+v, %v", i+1, q, err)
		}
	}
	if _, err := l.Spend(t.Context(), free, store.Request); !errors.Is(err, ErrLimit) {
		t.Errorf("after ten: %v", err)
	}
	clock.turn(time.Hour)
	if q, err := l.Spend(t.Context(), free, 5000); err != nil || q.Remaining != 0 {
		t.Errorf("more than the limit: %+v, %v", q, err)
	}
	// What is too dear for the moment does not refuse what is not.
	clock.turn(time.Hour)
	mustSpend(t, l, free)
	if q, err := l.Spend(t.Context(), free, 100); !errors.Is(err, ErrLimit) || q.Remaining != 9 {
		t.Errorf("ten after one: %+v, %v", q, err)
	}
	mustSpend(t, l, free)
}

// TestAtOnce: requests of one key at the same moment do not race past it.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	for _, tier := range Tiers()[:2] {
		clock := &hands{}
		l := newLimiter(newCounting(), clock, "a")
		c := callerOf(tier, 1)
		var passed, refused atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range tier.RequestsPerMinute / 8 {
					switch _, err := l.Spend(context.Background(), c, store.Request); {
					case err == nil:
						passed.Add(1)
					case errors.Is(err, ErrLimit):
						refused.Add(1)
					default:
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		want := int64(tier.RequestsPerMinute)
		if passed.Load() != want && want >= 16 || passed.Load() > want || passed.Load()+refused.Load() != int64(16*(tier.RequestsPerMinute/8)) {
			t.Errorf("%s: %d passed, %d refused", tier.Name, passed.Load(), refused.Load())
		}
	}
}

// TestStoreDown: the request is not let through, and a question that broke off
// is not counted twice.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	clock, st := &hands{}, newCounting()
	l := newLimiter(st, clock, "a")
	pro := callerOf(Tiers()[1], 1)
	mustSpend(t, l, pro)
	clock.turn(time.Minute + time.Second)
	st.err = store.ErrUnavailable
	if _, err := l.Spend(t.Context(), pro, store.Request); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrLimit) {
		t.Errorf("store out of reach: %v", err)
	}
	st.err, st.late = nil, store.ErrUnavailable
	for range 3 { // it arrives, the answer does not
		if _, err := l.Spend(t.Context(), pro, store.Request); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("answer lost: %v", err)
		}
	}
	st.late = nil
	if q := mustSpend(t, l, pro); q.Remaining != 999 {
		t.Errorf("after answers were lost: %+v", q)
	}
	clock.turn(store.GrantLife) // the grant of the lost answer is over
	if q := mustSpend(t, l, pro); q.Remaining != 998 {
		t.Errorf("a grant later: %+v", q)
	}
}

// TestWaitIsBounded: while one request asks, others wait no longer than told.
func TestWaitIsBounded(t *testing.T) {
	t.Parallel()
	clock := &hands{}
	stuck := make(chan struct{})
	l := NewLimiter(spendFunc(func(ctx context.Context, _ store.Spending) (store.Balance, error) {
		close(stuck)
		<-ctx.Done()
		return store.Balance{}, ctx.Err()
	}), "a", 50*time.Millisecond, clock.now)
	free := callerOf(Tiers()[0], 1)
	first := make(chan error, 1)
	gone, cancel := context.WithCancel(context.Background())
	go func() {
		_, err := l.Spend(gone, free, store.Request)
		first <- err
	}()
	<-stuck
	cancel() // the client goes; the question is others' too
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Spend(dead, free, store.Request); !errors.Is(err, context.Canceled) {
		t.Errorf("a second one that is given up: %v", err)
	}
	if err := <-first; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the first: %v", err)
	}
}

type spendFunc func(context.Context, store.Spending) (store.Balance, error)

func (f spendFunc) Spend(ctx context.Context, s store.Spending) (store.Balance, error) {
	return f(ctx, s)
}

// TestChanges: a tier that changed, a clock that went back, a server that ends.
func TestChanges(t *testing.T) {
	t.Parallel()
	clock, st := &hands{}, newCounting()
	l := newLimiter(st, clock, "a")
	pro := callerOf(Tiers()[1], 1)
	for range 30 {
		mustSpend(t, l, pro)
	}
	if _, err := l.Spend(t.Context(), callerOf(Tiers()[0], 1), store.Request); !errors.Is(err, ErrLimit) {
		t.Errorf("thirty, and then free: %v", err)
	}
	if q := mustSpend(t, l, pro); q.Remaining != 969 {
		t.Errorf("pro again: %+v", q)
	}
	clock.turn(-time.Hour)
	if q := mustSpend(t, l, pro); q.Remaining != 968 {
		t.Errorf("an hour earlier: %+v", q)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if q := mustSpend(t, newLimiter(st, clock, "b"), pro); q.Remaining != 967 {
		t.Errorf("at another server after the first has ended: %+v", q)
	}
	st.err = store.ErrUnavailable
	if err := l.Close(ctx); err != nil {
		t.Errorf("nothing to give back: %v", err)
	}
}

func TestIdleKeysAreForgotten(t *testing.T) {
	t.Parallel()
	clock := &hands{}
	l := newLimiter(newCounting(), clock, "a")
	tier := Tiers()[0]
	for i := range maxRations {
		mustSpend(t, l, &Caller{KeyID: uuid.UUID{14: byte(i >> 8), 15: byte(i)}, Tier: tier})
	}
	clock.turn(2 * time.Minute)
	mustSpend(t, l, &Caller{KeyID: uuid.Max, Tier: tier})
	if len(l.keys) != 1 {
		t.Errorf("%d keys are kept track of", len(l.keys))
	}
}

// TestServersTogether: one to five servers under more load than the limit lets
// through. In no minute do they let through more than the limit and the larger
// of 5 % and one request a server, and none refuses before the limit less that
// was let through in the last minute and the second that a bucket takes.
func TestServersTogether(t *testing.T) {
	t.Parallel()
	engines := map[string]func(t *testing.T) store.Store{
		"model": func(*testing.T) store.Store { return storetest.NewModel(time.Now) },
		"sqlite": func(t *testing.T) store.Store {
			st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "spoor.db"), Readers: 1})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := st.Close(); err != nil {
					t.Error(err)
				}
			})
			return st
		},
	}
	for name, open := range engines {
		for _, limit := range []int{10, 60, 1000} {
			for servers := 1; servers <= 5; servers++ {
				t.Run(fmt.Sprintf("%s/%d a minute/%d servers", name, limit, servers), func(t *testing.T) {
					t.Parallel()
					saturate(t, open(t), limit, servers)
				})
			}
		}
	}
}

func saturate(t *testing.T, st store.Store, limit, servers int) {
	t.Helper()
	rng, clock := rand.New(rand.NewPCG(uint64(limit), uint64(servers))), &hands{}
	c := callerOf(Tier{Name: "x", RequestsPerMinute: limit, RequestsPerDay: 100 * limit}, 1)
	var fleet []*Limiter
	for i := range servers {
		fleet = append(fleet, newLimiter(st, clock, fmt.Sprint("server ", i)))
	}
	var passed, refused []time.Duration
	gap := float64(min(time.Minute/time.Duration(limit)/4, 300*time.Millisecond))
	for clock.elapsed() < 3*time.Minute {
		clock.turn(time.Duration(rng.ExpFloat64() * gap))
		q, err := fleet[rng.IntN(servers)].Spend(t.Context(), c, store.Request)
		switch {
		case err == nil:
			passed = append(passed, clock.elapsed())
		case !errors.Is(err, ErrLimit):
			t.Fatal(err)
		default:
			refused = append(refused, clock.elapsed())
			if q.RetryAfter < time.Second || q.RetryAfter > time.Minute || q.Remaining != 0 {
				t.Fatalf("refused with %+v", q)
			}
		}
	}
	within := func(from, to time.Duration) int { // in [from, to)
		i, _ := slices.BinarySearch(passed, from)
		j, _ := slices.BinarySearch(passed, to)
		return j - i
	}
	off := max(limit/20, servers)
	for _, at := range passed {
		if n := within(at, at+time.Minute); n > limit+off {
			t.Fatalf("%d in the minute from %v, limit %d", n, at, limit)
		}
	}
	for _, at := range refused {
		if n := within(at-61*time.Second, at); n < limit-off {
			t.Fatalf("refused at %v after %d in a minute and a second, limit %d", at, n, limit)
		}
	}
	if len(refused) < len(passed) || len(passed) < 2*limit {
		t.Errorf("%d passed, %d refused in three minutes, limit %d", len(passed), len(refused), limit)
	}
}
