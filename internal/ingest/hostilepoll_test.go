package ingest

import (
	"net/http"
	"testing"
	"time"

	"spoor/internal/store"
)

// TestPollHeldCopyIsTakenBack: a source that goes back to the copy that is
// known has nothing held any more.
func TestPollHeldCopyIsTakenBack(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("names", p.URL+"/list.txt", "list")
	p.put("/list.txt", "text/plain", lines(0, 100))
	d.poll(src, store.RunOK)
	p.put("/list.txt", "text/plain", lines(0, 10))
	d.clock.add(time.Hour)
	d.poll(src, store.RunHeld)
	p.put("/list.txt", "text/plain", lines(0, 100))
	d.clock.add(time.Hour)
	rep := d.poll(src, store.RunUnchanged)
	if word, why := Judge(rep.State, src.Interval, d.clock.Now()); word != Healthy || rep.State.Held != nil {
		t.Errorf("%s: %s; held %+v", word, why, rep.State.Held)
	}
}

// TestPollRestIsCountedFromTheAnswer: a run takes time, and what the server
// asks for begins when it asks.
func TestPollRestIsCountedFromTheAnswer(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("names", p.URL+"/list.txt", "list")
	p.serve("/list.txt", func(w http.ResponseWriter, _ *http.Request) {
		d.clock.add(40*time.Second + 500*time.Millisecond)
		w.Header().Set("Retry-After", "7200")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	rep := d.poll(src, store.RunFailed)
	if left := rep.State.NextRun.Sub(d.clock.Now()); left < 2*time.Hour {
		t.Errorf("next run %s after the answer that asked for two hours", left)
	}
	d.clock.set(rep.State.NextRun)
	p.put("/list.txt", "text/plain", lines(0, 3))
	d.poll(src, store.RunOK)
}
