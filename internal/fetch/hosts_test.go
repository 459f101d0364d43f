package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPace counts in the time of a bubble: starts are a pause apart for each
// host, no more than allowed are at it at once, and hosts do not wait for each
// other.
func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(&Options{PerHost: 2, Pause: time.Second, Now: time.Now})
		start := time.Now()
		var mu sync.Mutex
		starts := map[string][]time.Duration{}
		at, most := map[string]int{}, 0
		var wg sync.WaitGroup
		for _, host := range []string{"a.example", "b.example"} {
			for range 5 {
				wg.Go(func() {
					leave, err := h.enter(t.Context(), host)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					starts[host] = append(starts[host], time.Since(start))
					at[host]++
					most = max(most, at[host])
					mu.Unlock()
					time.Sleep(5 * time.Second)
					mu.Lock()
					at[host]--
					mu.Unlock()
					leave()
				})
			}
		}
		wg.Wait()
		each := []time.Duration{0, time.Second, 5 * time.Second, 6 * time.Second, 10 * time.Second}
		if d := cmp.Diff(map[string][]time.Duration{"a.example": each, "b.example": each}, starts); d != "" {
			t.Error(d)
		}
		if most != 2 {
			t.Errorf("got %d at once, want 2", most)
		}
	})
}

// TestRestReachesThoseWaiting: who waits for its turn when the host asks for a
// rest is not sent.
func TestRestReachesThoseWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(&Options{PerHost: 2, Pause: time.Minute, Now: time.Now})
		leave, err := h.enter(t.Context(), "a.example")
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 3)
		for range cap(got) {
			go func() {
				_, err := h.enter(t.Context(), "a.example")
				got <- err
			}()
		}
		synctest.Wait()
		h.close("a.example", 429, time.Hour)
		h.close("a.example", 503, time.Minute) // does not shorten it
		leave()
		for range cap(got) {
			var status *StatusError
			if err := <-got; !errors.As(err, &status) || !status.Held || status.Code != 429 || status.RetryAfter < 58*time.Minute {
				t.Errorf("got %v", err)
			}
		}
		if _, err := h.enter(t.Context(), "b.example"); err != nil {
			t.Errorf("another host: %v", err)
		}
		time.Sleep(time.Hour)
		if _, err := h.enter(t.Context(), "a.example"); err != nil {
			t.Errorf("after the rest: %v", err)
		}
	})
}

func TestWaitEndsWithContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(&Options{PerHost: 1, Pause: time.Minute, Now: time.Now})
		leave, _ := h.enter(t.Context(), "a.example")
		for _, waits := range []string{"for a turn", "for the pause"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := h.enter(ctx, "a.example")
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: got %v", waits, err)
			}
			if waits == "for a turn" {
				leave()
			}
		}
		if g := h.gates["a.example"]; g.users != 0 || len(g.turn) != 0 {
			t.Errorf("%d users, %d turns left behind", g.users, len(g.turn))
		}
	})
}

// TestClockSetBack: a clock that is an hour wrong does not cost an hour.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	h := newHosts(&Options{PerHost: 2, Pause: time.Second, Now: func() time.Time { return now }})
	g := h.use("a.example")
	if wait, err := h.reserve(g); wait != 0 || err != nil {
		t.Errorf("got %v, %v", wait, err)
	}
	now = now.Add(-time.Hour)
	if wait, err := h.reserve(g); wait != 2*time.Second || err != nil {
		t.Errorf("got %v, %v", wait, err)
	}
}

func TestHostsAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	h := newHosts(&Options{PerHost: 2, Pause: time.Second, Now: func() time.Time { return now }})
	h.close("resting.example", 429, time.Hour)
	h.use("busy.example")
	for i := range 3 * maxGates {
		leave, err := h.enter(t.Context(), fmt.Sprint(i, ".example"))
		if err != nil {
			t.Fatal(err)
		}
		leave()
		now = now.Add(time.Millisecond)
	}
	if got := len(h.gates); got > maxGates {
		t.Errorf("%d hosts are remembered", got)
	}
	for _, name := range []string{"resting.example", "busy.example"} {
		if h.gates[name] == nil {
			t.Errorf("%s is forgotten", name)
		}
	}
}

// TestGetsArePaced is the same through Get.
func TestGetsArePaced(t *testing.T) {
	t.Parallel()
	srv, _ := newServer(t, func(int, http.ResponseWriter, *http.Request) {})
	f := newFetcher(t, func(o *Options) { o.Pause = 50 * time.Millisecond })
	start := time.Now()
	for range 3 {
		if _, _, err := ask(t, f, Request{URL: srv.URL}); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("three Gets took %v, want two pauses of 50ms at least", took)
	}
}

// TestQueueIsNoTimeout: the time of a Get begins at its turn.
func TestQueueIsNoTimeout(t *testing.T) {
	t.Parallel()
	srv, _ := newServer(t, func(int, http.ResponseWriter, *http.Request) {})
	f := newFetcher(t, func(o *Options) { o.Pause, o.Timeout, o.PerHost = 300*time.Millisecond, 500*time.Millisecond, 1 })
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			res, err := f.Get(t.Context(), Request{URL: srv.URL, Configured: true})
			if err != nil {
				t.Error(err)
			}
			_ = res.Close()
		})
	}
	wg.Wait()
}
