package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"spoor/internal/store"
)

// ErrLimit says that a key has spent what its tier allows for the moment.
var ErrLimit = errors.New("limit of the key reached")

const (
	// askAgain is how long a refusal is believed without asking the store,
	// at most: others may have given something back.
	askAgain = time.Second
	// maxRations bounds the keys that are kept track of, as far as some of
	// them are idle.
	maxRations = 4096
	// maxAsks bounds the questions to the store for one request: the answer to
	// one that broke off earlier may not be enough, the next one is.
	maxAsks = 3
)

// Spender is the part of store.Rationer that limiting needs.
type Spender interface {
	Spend(ctx context.Context, s store.Spending) (store.Balance, error)
}

// Limiter rations the requests of keys, together with all other servers on
// the same store. It serves any number of goroutines.
//
// Of each rationed key it holds a small grant, which it spends without asking;
// store.Rationer has the arithmetic of how far off that can be. When the store
// cannot answer, a request that needs it is not let through: the error is the
// store's, and the answer would have needed the store as well.
type Limiter struct {
	store  Spender
	server string
	wait   time.Duration
	now    func() time.Time
	turn   atomic.Int64

	mu   sync.RWMutex
	keys map[uuid.UUID]*ration
}

// NewLimiter returns a Limiter. server tells this process from all others on
// the store, and from those before it; wait is the longest that a request
// waits for the store.
func NewLimiter(s Spender, server string, wait time.Duration, now func() time.Time) *Limiter {
	return &Limiter{store: s, server: server, wait: wait, now: now, keys: map[uuid.UUID]*ration{}}
}

// Quota is where a key stands in the tighter of its windows, in requests.
type Quota struct {
	Limit, Remaining int64
	// Window is the window's length; zero when the key is not rationed, and
	// then all else is.
	Window time.Duration
	// Reset is when Remaining grows next if nothing more is asked, or when the
	// request that was refused fits; in whole seconds.
	Reset time.Time
	// RetryAfter is how long it is until then for a request that was refused,
	// in whole seconds; zero for others.
	RetryAfter time.Duration
}

// Spend lets a request through that costs so many tenths of one, or returns
// ErrLimit with the Quota, or the store's own error. What costs more than a
// limit costs the whole limit. A caller whose tier is not rationed costs
// nothing here.
func (l *Limiter) Spend(ctx context.Context, c *Caller, cost int64) (Quota, error) {
	if !c.Tier.Rationed() {
		return Quota{}, nil
	}
	limits := c.Tier.limits()
	for _, most := range [...]int64{limits.PerMinute, limits.PerDay} {
		if most > 0 {
			cost = min(cost, most)
		}
	}
	r := l.ration(c.KeyID)
	if q, known, err := r.spend(limits, cost, l.now); known {
		return q, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.wait)
	defer cancel()
	select {
	case r.asking <- struct{}{}:
		defer func() { <-r.asking }()
	case <-ctx.Done():
		return Quota{}, fmt.Errorf("wait for limits: %w", ctx.Err())
	}
	for range maxAsks {
		// Whoever asked before may have brought enough for all.
		if q, known, err := r.spend(limits, cost, l.now); known {
			return q, err
		}
		if q, known, err := l.ask(ctx, c.KeyID, r, limits, cost); known {
			return q, err
		}
	}
	return Quota{}, fmt.Errorf("ration key: %w", store.ErrBusy)
}

// ask takes a grant from the store and spends from it at once. Only one
// goroutine does so for a key. Others wait for the answer, so that it does not
// end with the request that asks.
func (l *Limiter) ask(ctx context.Context, key uuid.UUID, r *ration, limits store.Limits, cost int64) (Quota, bool, error) {
	until, _ := ctx.Deadline() // Spend has set one
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	s := r.begin(l.turn.Add(1), l.now)
	s.Key, s.Server, s.Limits, s.Cost = key, l.server, limits, cost
	b, err := l.store.Spend(ctx, s)
	if err != nil {
		return Quota{}, true, fmt.Errorf("ration key: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(s, b)
	return r.spendLocked(limits, cost, l.now())
}

// Close gives back what is held of all keys. What it cannot give back counts
// as used until it leaves its windows.
func (l *Limiter) Close(ctx context.Context) error {
	l.mu.Lock()
	keys := l.keys
	l.keys = map[uuid.UUID]*ration{}
	l.mu.Unlock()
	for id, r := range keys {
		r.mu.Lock()
		held := r.left > 0 && r.pending == nil
		limits := r.limits
		r.mu.Unlock()
		if !held {
			continue
		}
		s := r.begin(l.turn.Add(1), l.now)
		s.Key, s.Server, s.Limits = id, l.server, limits
		if _, err := l.store.Spend(ctx, s); err != nil {
			return fmt.Errorf("give back what keys did not use: %w", err)
		}
	}
	return nil
}

// ration finds what is held of a key.
func (l *Limiter) ration(key uuid.UUID) *ration {
	l.mu.RLock()
	r := l.keys[key]
	l.mu.RUnlock()
	if r != nil {
		return r
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.keys[key]; r != nil {
		return r
	}
	if len(l.keys) >= maxRations {
		l.forgetIdle()
	}
	r = &ration{asking: make(chan struct{}, 1)}
	l.keys[key] = r
	return r
}

// forgetIdle drops keys that were not used for a minute. What was held of them
// stays counted.
func (l *Limiter) forgetIdle() {
	before := l.now().Add(-time.Minute)
	for id, r := range l.keys {
		r.mu.Lock()
		idle := r.asked.Before(before)
		r.mu.Unlock()
		if idle {
			delete(l.keys, id)
		}
	}
}

// ration is what a server holds of one key.
type ration struct {
	// asking is held by the one goroutine that asks the store.
	asking chan struct{}

	mu     sync.Mutex // guards all below; never held while waiting
	limits store.Limits
	// left of the grant taken at at, tenths.
	left int64
	at   time.Time
	// asked is when the store was asked last, windows what it said then.
	asked   time.Time
	windows []store.WindowBalance
	// refused is the cost that did not fit, until then; 0 when it did.
	refused int64
	until   time.Time
	// pending is a question that got no answer: it is asked again, under its
	// own turn, so that it is counted once.
	pending *store.Spending
}

// spend spends from what is held, or refuses, if it can tell without asking;
// known says whether it could.
func (r *ration) spend(limits store.Limits, cost int64, now func() time.Time) (q Quota, known bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spendLocked(limits, cost, now()) // read under the lock: not before r.asked
}

func (r *ration) spendLocked(limits store.Limits, cost int64, now time.Time) (q Quota, known bool, err error) {
	// A clock that went back, or limits that changed: nothing is known.
	if r.windows == nil || r.limits != limits || now.Before(r.asked) {
		return Quota{}, false, nil
	}
	if r.left >= cost && now.Sub(r.at) < store.GrantLife {
		r.left -= cost
		return r.quota(now), true, nil
	}
	if r.refused > 0 && cost >= r.refused && now.Before(r.until) {
		return r.refusal(now), true, ErrLimit
	}
	return Quota{}, false, nil
}

// begin makes the next question, with all that is left to be given back.
func (r *ration) begin(turn int64, now func() time.Time) store.Spending {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := store.Spending{Turn: turn, Unused: r.left, UnusedAt: r.at, Now: now()}
	if p := r.pending; p != nil {
		s.Turn, s.Unused, s.UnusedAt = p.Turn, p.Unused, p.UnusedAt
	}
	r.left, r.pending = 0, &s
	return s
}

// end takes the answer in.
func (r *ration) end(s store.Spending, b store.Balance) {
	r.pending, r.limits, r.asked, r.windows = nil, s.Limits, s.Now, b.Windows
	r.left, r.at = b.Granted, b.At
	r.refused = 0
	if b.Granted == 0 {
		r.refused, r.until = s.Cost, s.Now.Add(askAgain)
		if fits := latest(b.Windows).Fits; fits.Before(r.until) {
			r.until = fits
		}
	}
}

// quota describes the window with the least room.
func (r *ration) quota(now time.Time) Quota {
	var q Quota
	for _, w := range r.windows {
		left := max(0, w.Limit-w.Used+r.left) / store.Request
		if q.Window == 0 || left < q.Remaining || left == q.Remaining && w.Frees.After(q.Reset) {
			q = Quota{Limit: w.Limit / store.Request, Remaining: left, Window: w.Span.Length(), Reset: w.Frees}
		}
	}
	if q.Reset.Before(now) { // it has left since the store was asked
		q.Reset = now
	}
	q.Reset = wholeSecond(q.Reset)
	return q
}

// refusal describes the window that has no room for longest.
func (r *ration) refusal(now time.Time) Quota {
	w := latest(r.windows)
	q := Quota{
		Limit: w.Limit / store.Request, Remaining: max(0, w.Limit-w.Used) / store.Request,
		Window: w.Span.Length(), Reset: wholeSecond(w.Fits),
	}
	wait := w.Fits.Sub(now) + time.Second - 1
	q.RetryAfter = max(time.Second, wait.Truncate(time.Second))
	return q
}

// latest returns the window in which a request fits last.
func latest(windows []store.WindowBalance) store.WindowBalance {
	last := windows[0]
	for _, w := range windows[1:] {
		if w.Fits.After(last.Fits) {
			last = w
		}
	}
	return last
}

// wholeSecond rounds up.
func wholeSecond(t time.Time) time.Time { return t.Add(time.Second - 1).UTC().Truncate(time.Second) }
