package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// leg is what driving one server with one class for a while came to.
type leg struct {
	latencies []time.Duration // sorted
	elapsed   time.Duration
	bytes     int64
	surprises int64 // answers that said found when they should not, or the reverse
}

func (l *leg) sort() { slices.Sort(l.latencies) }

func (l leg) perSecond() float64 { return float64(len(l.latencies)) / l.elapsed.Seconds() }

// percentile returns the latency that p of 100 requests did not exceed.
func (l leg) percentile(p float64) time.Duration {
	if len(l.latencies) == 0 {
		return 0
	}
	i := int(float64(len(l.latencies)) * p / 100)
	return l.latencies[min(i, len(l.latencies)-1)]
}

// script is the requests of one leg: taken one after the other by all
// connections, from the beginning again when they run out.
type script struct {
	address  string
	requests [][]byte
	next     atomic.Int64
	want     verdict
}

// verdict is what every answer of a class has to say.
type verdict uint8

const (
	anything verdict = iota
	found
	notFound
)

// surprising reports whether the answer says otherwise. The word stands near
// the beginning of the body: the whole of it need not be parsed.
func (v verdict) surprising(body []byte) bool {
	if v == anything {
		return false
	}
	head := body[:min(len(body), 1024)]
	return bytes.Contains(head, []byte(`"found":true`)) != (v == found)
}

// drive keeps the given number of connections busy until the time is over or
// the number of requests is reached, whichever is first; 0 is no limit.
func (s *script) drive(ctx context.Context, connections int, limit time.Duration, requests int64) (leg, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		group  sync.WaitGroup
		legs   = make([]leg, connections)
		errs   = make([]error, connections)
		budget atomic.Int64
		start  = time.Now()
	)
	budget.Store(requests)
	more := func() bool {
		if ctx.Err() != nil || limit > 0 && time.Since(start) >= limit {
			return false
		}
		return requests == 0 || budget.Add(-1) >= 0
	}
	for i := range connections {
		group.Go(func() {
			if errs[i] = s.work(ctx, &legs[i], more); errs[i] != nil {
				cancel()
			}
		})
	}
	group.Wait()
	total := leg{elapsed: time.Since(start)}
	for _, l := range legs {
		total.latencies = append(total.latencies, l.latencies...)
		total.bytes += l.bytes
		total.surprises += l.surprises
	}
	slices.Sort(total.latencies)
	if err := errors.Join(errs...); err != nil {
		return leg{}, err
	}
	return total, ctx.Err()
}

// work sends requests over one connection until there are no more.
func (s *script) work(ctx context.Context, l *leg, more func() bool) (err error) {
	w, err := dialWire(ctx, s.address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for more() {
		req := s.requests[int(s.next.Add(1)-1)%len(s.requests)]
		began := time.Now()
		a, err := w.do(req)
		if err != nil {
			return err
		}
		l.latencies = append(l.latencies, time.Since(began))
		l.bytes += int64(len(a.body))
		if a.status != 200 {
			line, _, _ := bytes.Cut(req, []byte("\r\n"))
			return fmt.Errorf("%s: status %d: %.200s", line, a.status, a.body)
		}
		if s.want.surprising(a.body) {
			l.surprises++
		}
	}
	return nil
}

// median returns the middle of the values, which it sorts.
func median[T int64 | float64 | time.Duration](values []T) T {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}
