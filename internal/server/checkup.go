package server

import (
	"context"
	"fmt"
	"time"

	"spoor/api"
	"spoor/internal/store"
)

const (
	// checkupKeeps is how long the result of a look at the store stands:
	// probes are open without a key, and must not be a way to load it.
	checkupKeeps = time.Second
	// checkupPatience bounds each of the two questions of a look.
	checkupPatience = 2 * time.Second
)

// checkup looks at the store for all who ask how it is, one look at a time.
type checkup struct {
	store    Store
	now      func() time.Time
	patience time.Duration
	// turn holds a token while somebody looks. It guards the fields below.
	turn chan struct{}
	last condition
	at   time.Time
	done bool // whether there was a look
}

func newCheckup(o Options, st Store) *checkup {
	return &checkup{store: st, now: o.Now, patience: min(o.QueryDeadline, checkupPatience), turn: make(chan struct{}, 1)}
}

// condition is what a look at the store found.
type condition struct {
	store.Health
	// unreadable is why reads are not answered; nil when they are.
	unreadable error
}

// status is one of the words of readiness of package api.
func (c *condition) status() string {
	switch {
	case c.unreadable != nil:
		return api.StatusUnavailable
	case !c.Writable:
		return api.StatusReadOnly
	default:
		return api.StatusReady
	}
}

// ask returns the store's condition, at most checkupKeeps old. The error is
// the context's: what the store answers, or does not, is the condition.
func (c *checkup) ask(ctx context.Context) (condition, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return condition{}, fmt.Errorf("wait for look at store: %w", ctx.Err())
	}
	now := c.now()
	if age := now.Sub(c.at); !c.done || age < 0 || age >= checkupKeeps {
		// To its end, whoever leaves meanwhile: a look that is given up tells
		// the next one nothing, and could be begun any number of times.
		c.last = c.look(context.WithoutCancel(ctx))
		c.at, c.done = c.now(), true
	}
	return c.last, nil
}

func (c *checkup) look(ctx context.Context) condition {
	var found condition
	reading, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	found.unreadable = c.store.View(reading, func(store.Snapshot) error { return nil })
	asking, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	var err error
	if found.Health, err = c.store.Health(asking); err != nil {
		found.Writable = false
		found.Problem = fmt.Sprintf("no answer within %v", c.patience)
	}
	return found
}
