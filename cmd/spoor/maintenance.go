package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"spoor/internal/auth"
	"spoor/internal/store"
)

const (
	// maintainEvery is how often the store is looked after; each server is up
	// to a fifth early, so that servers that start together drift apart.
	maintainEvery = 5 * time.Minute
	// maintainLease ends when the holder asks again at the earliest: whoever
	// asks first from then on has it next.
	maintainLease = maintainEvery * 4 / 5
	// maintainPatience is the longest that one piece of work may take.
	maintainPatience = time.Minute
	// farewell is the longest that the end of a server waits for the store.
	farewell = 2 * time.Second
)

// keeper is what looking after a store needs of it.
type keeper interface {
	store.Leaser
	store.Rationer
}

// maintenance is the work that exactly one of the servers on a store does, as
// often as it is to be done.
type maintenance struct {
	st keeper
	// process is the name under which leases are held.
	process string
	now     func() time.Time
	log     *slog.Logger
	// held says that the process had a lease at some time.
	held bool
	// daily is done once a day, by one of the servers.
	daily []dailyWork
}

// dailyWork is work for once a day. It is not given back when it is done: the
// claim on it is what says so to all servers.
type dailyWork struct {
	// name is that of the claim.
	name string
	// do returns in words what it did, or nothing.
	do func(context.Context) (string, error)
	// last is when this process did it.
	last time.Time
}

const (
	// daily is a little less than a day: work that is late must not get later
	// every day.
	daily = 23 * time.Hour
	// dailyPatience is the longest that it may take.
	dailyPatience = time.Hour
)

// today does what has not been done today.
func (m *maintenance) today(ctx context.Context) {
	for i := range m.daily {
		w := &m.daily[i]
		if m.now().Sub(w.last) < daily {
			continue
		}
		if err := m.claimed(ctx, w); err != nil && ctx.Err() == nil {
			m.log.Warn("maintenance failed; it is tried again later", slog.String("work", w.name), slog.String("error", err.Error()))
		}
	}
}

// claimed does a day's work unless another server has.
func (m *maintenance) claimed(ctx context.Context, w *dailyWork) error {
	has, err := m.st.Lease(ctx, w.name, m.process, daily)
	if err != nil || !has {
		return err
	}
	began := m.now()
	ctx, cancel := context.WithTimeout(ctx, dailyPatience)
	defer cancel()
	did, err := w.do(ctx)
	if err != nil {
		// Somebody has to do it yet.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		return errors.Join(err, m.st.Release(ctx, w.name, m.process))
	}
	w.last = began
	if did != "" {
		m.log.Info("maintenance done", slog.String("work", w.name), slog.String("did", did), slog.Int64("took_ms", m.now().Sub(began).Milliseconds()))
	}
	return nil
}

// maintain looks after the store until the returned function is called, which
// waits for what is under way and gives back what the process holds.
func (a *app) maintain(ctx context.Context, st keeper, limiter *auth.Limiter, process string, log *slog.Logger, works ...dailyWork) (stop func()) {
	m := &maintenance{st: st, process: process, now: a.now, log: log, daily: works}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { m.run(ctx, maintainEvery) })
	return func() {
		cancel()
		wg.Wait()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		if err := limiter.Close(ctx); err != nil {
			log.Warn("limits: what keys did not use stays counted", slog.String("error", err.Error()))
		}
		if !m.held {
			return
		}
		if err := st.Release(ctx, pruneUsage, process); err != nil {
			log.Warn("maintenance: the lease was not given back and runs out", slog.String("error", err.Error()))
		}
	}
}

// run does the work every so often, the first time after a part of that.
func (m *maintenance) run(ctx context.Context, every time.Duration) {
	for wait := rand.N(every); ; wait = every - rand.N(every/5) { //nolint:gosec // jitter
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		m.once(ctx)
		m.today(ctx)
	}
}

// pruneUsage is the name of the work that removes old buckets of usage.
const pruneUsage = "prune usage"

// once does what is due and logs what it did.
func (m *maintenance) once(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maintainPatience)
	defer cancel()
	began := m.now()
	gone, err := m.prune(ctx)
	switch {
	case ctx.Err() != nil && err != nil:
		m.log.Debug("maintenance was broken off", slog.String("error", err.Error()))
	case err != nil:
		m.log.Warn("maintenance failed; it is tried again later", slog.String("error", err.Error()))
	case gone > 0:
		m.log.Info("old usage pruned", slog.Int64("buckets", gone), slog.Int64("took_us", m.now().Sub(began).Microseconds()))
	}
}

// prune removes old usage, if no other server does.
func (m *maintenance) prune(ctx context.Context) (int64, error) {
	has, err := m.st.Lease(ctx, pruneUsage, m.process, maintainLease)
	if err != nil || !has {
		return 0, err
	}
	m.held = true
	return m.st.PruneUsage(ctx, m.now())
}
