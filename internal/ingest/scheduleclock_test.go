package ingest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"spoor/internal/store"
)

// askedStore counts how often a schedule asks, and fails to keep states when
// it is told to.
type askedStore struct {
	FeedStore
	store.Leaser
	leases, saved atomic.Int32
	broken        bool
}

var errDisk = errors.New("no space left")

func (s *askedStore) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	s.leases.Add(1)
	return s.Leaser.Lease(ctx, name, holder, ttl)
}

func (s *askedStore) SaveFeedState(ctx context.Context, state store.FeedState) error {
	s.saved.Add(1)
	if s.broken {
		return errDisk
	}
	return s.FeedStore.SaveFeedState(ctx, state)
}

// runFor lets a schedule run for some real time.
func runFor(t *testing.T, s *Scheduler, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	s.Run(ctx)
}

// TestScheduleLeavesTheClaimed wants a feed that another server runs to be
// asked for now and then, not all the time.
func TestScheduleLeavesTheClaimed(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.put("/a", "text/plain", lines(0, 3))
	st := &askedStore{FeedStore: d.st, Leaser: d.st}
	src := source("a", p.URL+"/a", "list")
	s := NewScheduler(newPoller(t, st, d.clock, d.root), st, ScheduleOptions{Sources: func() []Source { return []Source{src} }, Process: "one", Now: d.clock.Now})
	d.clock.add(2 * spreadOver)
	if has, err := d.st.Lease(t.Context(), "feed a", "another", feedLease); err != nil || !has {
		t.Fatal(has, err)
	}
	runFor(t, s, 300*time.Millisecond)
	if n := st.leases.Load(); n != 1 {
		t.Errorf("asked %d times in a moment for a feed that another server runs", n)
	}
	if err := d.st.Release(t.Context(), "feed a", "another"); err != nil {
		t.Fatal(err)
	}
	d.clock.add(leastPause)
	s.Start(t.Context())
	s.Wait()
	if d.state("a").Status != store.RunOK {
		t.Errorf("state %+v after the other server gave the feed back", d.state("a"))
	}
}

// TestScheduleWithoutStates wants a source to be left in peace when what it
// said cannot be kept.
func TestScheduleWithoutStates(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.put("/a", "text/plain", lines(0, 3))
	st := &askedStore{FeedStore: d.st, Leaser: d.st, broken: true}
	src := source("a", p.URL+"/a", "list")
	s := NewScheduler(newPoller(t, st, d.clock, d.root), st, ScheduleOptions{Sources: func() []Source { return []Source{src} }, Process: "one", Now: d.clock.Now})
	d.clock.add(2 * spreadOver)
	runFor(t, s, 300*time.Millisecond)
	if n := p.count("/a"); n != 1 {
		t.Errorf("asked the source %d times in a moment", n)
	}
	for range 24 * 60 {
		d.clock.add(time.Minute)
		s.Start(t.Context())
		s.Wait()
	}
	if n := p.count("/a"); n < 5 || n > 15 {
		t.Errorf("asked the source %d times in a day in which nothing could be kept", n)
	}
}

// TestScheduleClockSetBack starts a server whose clock is a year ahead, and is
// put right then.
func TestScheduleClockSetBack(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.put("/a", "text/plain", lines(0, 3))
	src := source("a", p.URL+"/a", "list")
	right := d.clock.Now()
	d.clock.add(365 * 24 * time.Hour)
	s := d.schedule("one", 1, src)
	d.clock.add(2 * spreadOver)
	s.Start(t.Context())
	s.Wait()
	if n := p.count("/a"); n != 1 {
		t.Fatalf("asked %d times by the wrong clock", n)
	}
	d.clock.mu.Lock()
	d.clock.now = right
	d.clock.mu.Unlock()
	for range 10 * 60 {
		d.clock.add(time.Minute)
		s.Start(t.Context())
		s.Wait()
	}
	if n := p.count("/a"); n < 9 || n > 13 {
		t.Errorf("asked %d times in ten hours after the clock was put right, want about ten", n-1)
	}
}
