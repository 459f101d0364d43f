package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"spoor/internal/store"
)

const (
	// watchEvery is how often the servers behind the store are looked at.
	watchEvery = 2 * time.Second
	// watchPatience is the longest that they may take to say how they are.
	watchPatience = 5 * time.Second
)

// storeWatch logs what becomes of the servers behind a store: one line for
// each change, and none while all is as it was.
type storeWatch struct {
	st  store.Reporter
	log *slog.Logger
	// problem is why no writes were taken when the store was last asked; empty
	// when they were.
	problem string
	// skipped are the replicas that were not used then, by their address.
	skipped map[string]store.ReplicaState
}

// watchStore watches the store until the returned function is called, which
// waits for the question that is under way.
func watchStore(ctx context.Context, st store.Reporter, log *slog.Logger) (stop func()) {
	w := &storeWatch{st: st, log: log, skipped: map[string]store.ReplicaState{}}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { w.run(ctx, watchEvery) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// run looks at once and then every so often, until ctx ends.
func (w *storeWatch) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		w.once(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// once asks the store and logs what is not as it was.
func (w *storeWatch) once(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	h, err := w.st.Health(asking)
	switch {
	case ctx.Err() != nil: // the end of the server says nothing about the store
		return
	case err != nil:
		h = store.Health{Problem: "does not answer"} // of the replicas nothing is known
	case !h.Writable && h.Problem == "":
		h.Problem = "not known"
	}
	w.primary(h)
	for _, r := range h.Replicas {
		w.replica(r)
	}
}

func (w *storeWatch) primary(h store.Health) {
	if h.Problem == w.problem {
		return
	}
	w.problem = h.Problem
	if h.Problem != "" {
		w.log.Warn("the store takes no writes", slog.String("problem", h.Problem))
		return
	}
	w.log.Info("the store takes writes again")
}

func (w *storeWatch) replica(r store.Replica) {
	was, is := w.skipped[r.Host], r.State
	switch {
	case is == store.ReplicaOK && was != "":
		delete(w.skipped, r.Host)
		w.log.Info("replica is used again", slog.String("host", r.Host))
	case is != store.ReplicaOK && is != was:
		w.skipped[r.Host] = is
		w.log.Warn("replica is skipped", slog.String("host", r.Host), slog.String("state", string(is)), slog.String("problem", r.Problem))
	}
}
