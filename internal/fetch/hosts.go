package fetch

import (
	"context"
	"sync"
	"time"
)

// hosts keeps the manners towards each host: how many requests it gets at
// once, how soon after each other, and the rest that it asked for.
type hosts struct {
	perHost int
	pause   time.Duration
	now     func() time.Time

	mu sync.Mutex
	// gates are by host name, with the port where that is not the scheme's.
	gates map[string]*gate
}

// maxGates is how many hosts are remembered before those are forgotten that
// there is nothing to remember of.
const maxGates = 4096

// gate is one host. Its fields are guarded by the mutex of hosts, but for turn.
type gate struct {
	// turn has room for as many as may ask at once.
	turn chan struct{}
	// users wait for a turn or have one.
	users int
	// next is when the next request may start.
	next time.Time
	// rest is when the host may be asked again after it answered code.
	rest time.Time
	code int
}

func newHosts(o *Options) *hosts {
	return &hosts{perHost: o.PerHost, pause: o.Pause, now: o.Now, gates: map[string]*gate{}}
}

// enter waits for a turn at the host and returns what ends it. A host at rest
// is not waited for: that is a *StatusError.
func (h *hosts) enter(ctx context.Context, host string) (leave func(), err error) {
	g := h.use(host)
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		h.drop(g)
		return nil, context.Cause(ctx)
	}
	leave = func() {
		<-g.turn
		h.drop(g)
	}
	wait, err := h.reserve(g)
	if err == nil && wait > 0 {
		if err = sleep(ctx, wait); err == nil {
			// Another request may have been told to stop meanwhile.
			err = h.resting(g)
		}
	}
	if err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

func (h *hosts) use(host string) *gate {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.gates[host]
	if g == nil {
		h.forget()
		g = &gate{turn: make(chan struct{}, h.perHost)}
		h.gates[host] = g
	}
	g.users++
	return g
}

func (h *hosts) drop(g *gate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g.users--
}

// forget makes room: links in feeds name any number of hosts. The rests of
// hosts are forgotten last.
func (h *hosts) forget() {
	now := h.now()
	for _, resting := range []bool{false, true} {
		if len(h.gates) < maxGates {
			return
		}
		for name, g := range h.gates {
			if g.users == 0 && !g.next.After(now) && (resting || !g.rest.After(now)) {
				delete(h.gates, name)
			}
		}
	}
}

// reserve takes the next start at the host, and returns how far off it is.
func (h *hosts) reserve(g *gate) (time.Duration, error) {
	if err := h.resting(g); err != nil {
		return 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	wait := max(g.next.Sub(now), 0)
	// Only those with a turn hold a start, so more than this is a clock that
	// was set back.
	wait = min(wait, time.Duration(h.perHost)*h.pause)
	g.next = now.Add(wait + h.pause)
	return wait, nil
}

// resting returns a *StatusError while the host wants to be left alone.
func (h *hosts) resting(g *gate) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := g.rest.Sub(h.now())
	if left <= 0 {
		return nil
	}
	return &StatusError{Code: g.code, RetryAfter: min(left, maxRetryAfter), Held: true}
}

// close leaves the host alone for a time, for every Get.
func (h *hosts) close(host string, code int, d time.Duration) {
	g := h.use(host)
	defer h.drop(g)
	h.mu.Lock()
	defer h.mu.Unlock()
	if until := h.now().Add(min(d, maxRetryAfter)); until.After(g.rest) {
		g.rest, g.code = until, code
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
