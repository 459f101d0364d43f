package ingest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spoor/internal/store"
)

// schedule returns the schedule of one server.
func (d *desk) schedule(process string, parallel int, sources ...Source) *Scheduler {
	return NewScheduler(d.poller, d.st, ScheduleOptions{
		Sources: func() []Source { return sources }, Process: process, Parallel: parallel, Now: d.clock.Now,
	})
}

// step runs everything that is due, and moves the clock to what is due next.
func (d *desk) step(s *Scheduler) {
	d.t.Helper()
	s.Start(d.t.Context())
	s.Wait()
	next := s.Start(d.t.Context()) // what ran is due again later
	s.Wait()
	if next.IsZero() {
		d.clock.add(longestIdle)
		return
	}
	d.clock.set(next)
}

func TestScheduleInterval(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.put("/a", "text/plain", lines(0, 5))
	p.put("/b", "text/plain", lines(5, 5))
	often, seldom := source("often", p.URL+"/a", "list"), source("seldom", p.URL+"/b", "list")
	seldom.Interval = 6 * time.Hour
	s, began := d.schedule("one", 4, often, seldom), d.clock.Now()
	for d.clock.Now().Sub(began) < 24*time.Hour {
		d.step(s)
	}
	if a, b := p.count("/a"), p.count("/b"); a < 20 || a > 28 || b < 3 || b > 6 {
		t.Errorf("%d and %d runs in a day", a, b)
	}
}

// TestScheduleRestart restarts a server over and over: what is not due does
// not run again.
func TestScheduleRestart(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	var sources []Source
	for i := range 20 {
		path := fmt.Sprintf("/%d", i)
		p.put(path, "text/plain", lines(i, 1))
		sources = append(sources, source(path[1:], p.URL+path, "list"))
	}
	s := d.schedule("one", 4, sources...)
	first := map[time.Time]int{}
	for range 200 {
		before := len(p.asked)
		d.step(s)
		first[d.clock.Now()] += len(p.asked) - before
		if len(p.asked) == len(sources) {
			break
		}
	}
	if len(p.asked) != len(sources) {
		t.Fatalf("%d of %d feeds have run", len(p.asked), len(sources))
	}
	for at, n := range first {
		if n > len(sources)/2 {
			t.Errorf("%d feeds run at once, at %v", n, at)
		}
	}
	for range 5 {
		d.clock.add(time.Second)
		s = d.schedule("one", 4, sources...)
		s.Start(t.Context())
		s.Wait()
	}
	for path, n := range p.asked {
		if n != 1 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
}

func TestScheduleIsBounded(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	var now, most atomic.Int32
	var sources []Source
	for i := range 8 {
		path := fmt.Sprintf("/%d", i)
		p.serve(path, func(w http.ResponseWriter, _ *http.Request) {
			n := now.Add(1)
			for {
				m := most.Load()
				if n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			time.Sleep(20 * time.Millisecond)
			now.Add(-1)
			_, _ = w.Write([]byte(lines(i, 1)))
		})
		sources = append(sources, source(path[1:], p.URL+path, "list"))
	}
	s := d.schedule("one", 2, sources...)
	d.clock.add(2 * spreadOver)
	for range 100 {
		d.step(s)
		if len(p.asked) == len(sources) {
			break
		}
	}
	if len(p.asked) != len(sources) || most.Load() > 2 {
		t.Errorf("%d feeds have run, %d at once", len(p.asked), most.Load())
	}
}

// TestScheduleServers runs three servers on one store: each feed is run by one
// of them.
func TestScheduleServers(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	var sources []Source
	for i := range 12 {
		path := fmt.Sprintf("/%d", i)
		p.put(path, "text/plain", lines(i, 1))
		sources = append(sources, source(path[1:], p.URL+path, "list"))
	}
	servers := []*Scheduler{d.schedule("one", 4, sources...), d.schedule("two", 4, sources...), d.schedule("three", 4, sources...)}
	d.clock.add(2 * spreadOver)
	for range 20 {
		var all sync.WaitGroup
		for _, s := range servers {
			all.Go(func() {
				s.Start(t.Context())
				s.Wait()
			})
		}
		all.Wait()
	}
	for i := range sources {
		if n := p.count(fmt.Sprintf("/%d", i)); n != 1 {
			t.Errorf("feed %d was fetched %d times", i, n)
		}
	}
}

// TestScheduleEnds wants a run that is under way to end with its server, and
// to leave the feed to the next one.
func TestScheduleEnds(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	asked := make(chan struct{}, 10)
	p.serve("/slow", func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	src := source("slow", p.URL+"/slow", "list")
	d.clock.add(2 * spreadOver)
	s := d.schedule("one", 1, src)
	d.clock.add(2 * spreadOver)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	<-asked
	stop()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the schedule does not end")
	}
	if state := d.state("slow"); state.Failures != 0 || !state.NextRun.IsZero() {
		t.Errorf("state %+v after a run that was broken off", state)
	}
	p.put("/slow", "text/plain", lines(0, 3))
	other := d.schedule("two", 1, src)
	d.clock.add(2 * spreadOver)
	other.Start(t.Context())
	other.Wait()
	if d.state("slow").Status != store.RunOK {
		t.Errorf("state %+v", d.state("slow"))
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	good := store.FeedState{LastRun: now.Add(-time.Hour), LastGood: now.Add(-time.Hour), Status: store.RunOK}
	with := func(change func(*store.FeedState)) store.FeedState {
		s := good
		change(&s)
		return s
	}
	tests := []struct {
		name  string
		state store.FeedState
		want  Health
	}{
		{"never run", store.FeedState{}, Healthy},
		{"good", good, Healthy},
		{"unchanged", with(func(s *store.FeedState) { s.Status = store.RunUnchanged }), Healthy},
		{"failed once", with(func(s *store.FeedState) { s.Failures, s.Reason = 1, "down" }), Degraded},
		{"failed often", with(func(s *store.FeedState) { s.Failures, s.Reason = 3, "down" }), Broken},
		{"partial", with(func(s *store.FeedState) { s.Status, s.Reason = store.RunPartial, "one page" }), Degraded},
		{"held", with(func(s *store.FeedState) { s.Held = &store.HeldCopy{Since: now} }), Degraded},
		{"late", with(func(s *store.FeedState) { s.LastGood = now.Add(-5 * time.Hour) }), Degraded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			word, why := Judge(tt.state, time.Hour, now)
			if word != tt.want || word != Healthy && why == "" {
				t.Errorf("got %s: %q, want %s", word, why, tt.want)
			}
		})
	}
}
