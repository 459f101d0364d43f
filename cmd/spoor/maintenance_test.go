package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"spoor/internal/auth"
	"spoor/internal/store"
	"spoor/internal/store/storetest"
)

// watched is a store that tells who pruned it.
type watched struct {
	*storetest.Model
	pruned   chan struct{}
	released atomic.Int64
	err      error
}

func (w *watched) PruneUsage(ctx context.Context, now time.Time) (int64, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.Model.PruneUsage(ctx, now)
	w.pruned <- struct{}{}
	return n, err
}

func (w *watched) Release(ctx context.Context, name, holder string) error {
	w.released.Add(1)
	return w.Model.Release(ctx, name, holder)
}

// used is a store in which a key was used, some time before now.
func used(t *testing.T, now func() time.Time) *watched {
	t.Helper()
	w := &watched{Model: storetest.NewModel(now), pruned: make(chan struct{}, 100)}
	_, err := w.Spend(t.Context(), store.Spending{
		Key: uuid.Max, Limits: store.Limits{PerMinute: 100, PerDay: 100}, Server: "x", Turn: 1, Cost: store.Request, Now: now().Add(-72 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestMaintenanceIsDoneByOne(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC)
	st := used(t, func() time.Time { return at })
	var logs bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logs, nil))
	var servers []*maintenance
	for _, name := range []string{"a", "b", "c"} {
		servers = append(servers, &maintenance{st: st, process: name, now: func() time.Time { return at }, log: log})
	}
	for _, m := range servers {
		m.once(t.Context())
	}
	if len(st.pruned) != 1 || !servers[0].held || servers[1].held {
		t.Fatalf("pruned %d times by three servers", len(st.pruned))
	}
	if got := logs.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "old usage pruned") || !strings.Contains(got, "buckets=2") {
		t.Errorf("log:\n%s", got)
	}
	at = at.Add(maintainLease)
	for i := range servers {
		servers[len(servers)-1-i].once(t.Context())
	}
	if len(st.pruned) != 2 || !servers[2].held {
		t.Errorf("pruned %d times when the lease had run out", len(st.pruned))
	}
	if got := logs.String(); strings.Count(got, "\n") != 1 {
		t.Errorf("there was nothing to do, and the log says:\n%s", got)
	}
	st.err = errors.New("disk on fire")
	servers[2].once(t.Context())
	if got := logs.String(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "disk on fire") {
		t.Errorf("log of a failure:\n%s", got)
	}
}

func TestMaintenanceRuns(t *testing.T) {
	t.Parallel()
	st := used(t, time.Now)
	m := &maintenance{st: st, process: "a", now: time.Now, log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.run(ctx, time.Millisecond)
	}()
	for range 3 { // it has the lease, and so again and again
		<-st.pruned
	}
	cancel()
	<-done
}

// TestMaintainEnds: what the process holds is given back, a lease only if it
// had one.
func TestMaintainEnds(t *testing.T) {
	t.Parallel()
	st := used(t, time.Now)
	limiter := auth.NewLimiter(st, "a", time.Second, time.Now)
	pro := &auth.Caller{KeyID: uuid.UUID{1}, Tier: auth.Tiers()[1]}
	if _, err := limiter.Spend(t.Context(), pro, store.Request); err != nil {
		t.Fatal(err)
	}
	a := &app{now: time.Now}
	a.maintain(t.Context(), st, limiter, "a", slog.New(slog.DiscardHandler))()
	if st.released.Load() != 0 {
		t.Error("a lease is given back that was never had")
	}
	q, err := auth.NewLimiter(st, "b", time.Second, time.Now).Spend(t.Context(), pro, store.Request)
	if err != nil || q.Remaining != 998 {
		t.Errorf("at the next server: %+v, %v", q, err)
	}
}

// TestMaintenanceOfTheDay: one of the servers does it once a day, and another
// one when that failed.
func TestMaintenanceOfTheDay(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	st := storetest.NewModel(now)
	var done []string
	var failure error
	server := func(name string) *maintenance {
		work := dailyWork{name: "work", do: func(context.Context) (string, error) {
			done = append(done, name)
			return "it", failure
		}}
		return &maintenance{st: st, process: name, now: now, log: slog.New(slog.DiscardHandler), daily: []dailyWork{work}}
	}
	a, b := server("a"), server("b")
	both := func() { a.today(t.Context()); b.today(t.Context()) }
	both()
	at = at.Add(time.Hour)
	both()
	if diff := cmp.Diff([]string{"a"}, done); diff != "" {
		t.Fatalf("on the first day (-want +got):\n%s", diff)
	}
	at, failure = at.Add(daily), errors.New("disk on fire")
	both()
	if diff := cmp.Diff([]string{"a", "a", "b"}, done); diff != "" {
		t.Fatalf("when it failed (-want +got):\n%s", diff)
	}
	failure = nil
	b.today(t.Context())
	both()
	if diff := cmp.Diff([]string{"a", "a", "b", "b"}, done); diff != "" {
		t.Errorf("when it was done (-want +got):\n%s", diff)
	}
}
