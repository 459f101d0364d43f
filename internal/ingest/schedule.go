package ingest

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"sync"
	"time"

	"spoor/internal/store"
)

const (
	// feedLease is how long the claim on a feed lasts without being renewed:
	// what a killed server holds is free after that.
	feedLease = 2 * time.Minute
	// renewEvery leaves room for two renewals that fail.
	renewEvery = feedLease / 4
	// longestRun ends a run that hangs in spite of all other limits.
	longestRun = 2 * time.Hour
	// longestIdle is the longest that the schedule sleeps: feeds may be added,
	// and other servers may have run some.
	longestIdle = 15 * time.Second
	// spreadOver is the time over which feeds that are all due when a server
	// starts are spread.
	spreadOver = time.Minute
	// defaultParallel is how many feeds run at once.
	defaultParallel = 4
	// leastPause is the least time between two tries of one server to run one
	// feed, whatever its state says: another server may have it, or the state
	// cannot be kept. It is less than the shortest interval.
	leastPause = minInterval / 2
	// clocksDiffer is how far ahead another server's clock may be. A run that
	// began later than that is one of a clock that was wrong.
	clocksDiffer = 2 * time.Hour
)

// ScheduleStore is what a schedule needs of a store.
type ScheduleStore interface {
	store.Leaser
	store.FeedKeeper
}

// ScheduleOptions say how a Scheduler works.
type ScheduleOptions struct {
	// Sources returns the feeds to run, as they are set up now. It is asked at
	// every look.
	Sources func() []Source
	// Process is the name under which feeds are claimed: its own for every
	// server on a store.
	Process string
	// Parallel is how many feeds run at once; 0 is a sane number.
	Parallel int
	// Now is the time that the schedule goes by.
	Now    func() time.Time
	Logger *slog.Logger
}

// Scheduler runs each feed at its interval, for all servers on a store
// together: a feed is run by whoever claims it first, by one at a time.
type Scheduler struct {
	poller *Poller
	st     ScheduleStore
	opt    ScheduleOptions

	mu      sync.Mutex
	began   time.Time
	running map[string]bool
	// pauses are until when feeds are left alone by this server.
	pauses map[string]pause
	slots  chan struct{}
	ended  chan struct{}
	runs   sync.WaitGroup
}

// pause is until when a feed is left alone after this server tried to run it,
// and how often in a row that was an error of ours.
type pause struct {
	until  time.Time
	failed int
}

// NewScheduler returns a schedule that begins now.
func NewScheduler(p *Poller, st ScheduleStore, o ScheduleOptions) *Scheduler {
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Scheduler{
		poller: p, st: st, opt: o, began: o.Now().Round(0), running: map[string]bool{}, pauses: map[string]pause{},
		slots: make(chan struct{}, o.Parallel), ended: make(chan struct{}, 1),
	}
}

// Run runs feeds until ctx ends, and returns when the runs that are under way
// have.
func (s *Scheduler) Run(ctx context.Context) {
	defer s.runs.Wait()
	for {
		next := s.Start(ctx)
		pause := min(max(next.Sub(s.opt.Now()), time.Second), longestIdle)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-s.ended:
		case <-t.C:
		}
		t.Stop()
	}
}

// Wait returns when no run is under way.
func (s *Scheduler) Wait() { s.runs.Wait() }

// Start starts the feeds that are due, as many as there is room for, and
// returns when the next one is: now when one is that there was no room for,
// and the zero time when there are no feeds.
func (s *Scheduler) Start(ctx context.Context) time.Time {
	states, err := s.st.FeedStates(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.opt.Logger.WarnContext(ctx, "the feeds' state cannot be read; they run later", slog.String("error", err.Error()))
		}
		return s.opt.Now().Add(longestIdle)
	}
	return s.startDue(ctx, s.queue(states))
}

// turn is when a feed is due.
type turn struct {
	src Source
	at  time.Time
}

// queue returns the feeds in the order in which they are due.
func (s *Scheduler) queue(states []store.FeedState) []turn {
	known := make(map[string]store.FeedState, len(states))
	for _, st := range states {
		known[st.Feed] = st
	}
	var all []turn
	for _, src := range s.opt.Sources() {
		at := s.due(src, known[src.Name])
		all = append(all, turn{src, later(at, s.pausedUntil(src.Name))})
	}
	slices.SortStableFunc(all, func(a, b turn) int { return a.at.Compare(b.at) })
	return all
}

// due is when a feed runs next. What is overdue when the server starts, all of
// it after a long night, is spread over a while.
func (s *Scheduler) due(src Source, state store.FeedState) time.Time {
	now := s.opt.Now()
	began, at := s.start(now), state.NextRun
	if at.After(now.Add(2*max(src.Interval, longestRetry))) || state.LastRun.After(now.Add(clocksDiffer)) {
		at = began // a clock was wrong once, or the interval was shortened
	}
	if at.After(began) {
		return at
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(src.Name))
	return began.Add(spreadOver * time.Duration(h.Sum32()%1000) / 1000)
}

// start is when the schedule began, by a clock that was right: one that has
// been set back since would have everything overdue until that time is back.
func (s *Scheduler) start(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now = now.Round(0); now.Before(s.began) {
		s.began = now
		clear(s.pauses)
	}
	return s.began
}

// pausedUntil is until when this server leaves a feed alone.
func (s *Scheduler) pausedUntil(feed string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pauses[feed].until
}

// pause leaves a feed alone for a while: after an error of ours, with which the
// feed's state could not be kept, longer each time.
func (s *Scheduler) pause(src Source, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, d := s.pauses[src.Name], leastPause
	if p.failed++; err == nil {
		p.failed = 0
	} else {
		d = backoff(p.failed, src.Interval)
	}
	p.until = s.opt.Now().Add(d)
	s.pauses[src.Name] = p
}

func (s *Scheduler) startDue(ctx context.Context, queue []turn) (next time.Time) {
	now := s.opt.Now()
	for _, t := range queue {
		if t.at.After(now) {
			if next.IsZero() {
				next = t.at
			}
			break
		}
		if s.isRunning(t.src.Name) {
			continue
		}
		select {
		case s.slots <- struct{}{}:
		default:
			return now
		}
		s.launch(ctx, t.src)
	}
	return next
}

func (s *Scheduler) isRunning(feed string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[feed]
}

// launch runs a feed beside everything else.
func (s *Scheduler) launch(ctx context.Context, src Source) {
	s.mu.Lock()
	s.running[src.Name] = true
	s.mu.Unlock()
	s.runs.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.running, src.Name)
			s.mu.Unlock()
			<-s.slots
			select {
			case s.ended <- struct{}{}:
			default:
			}
		}()
		err := s.once(ctx, src)
		s.pause(src, err)
		if err != nil && ctx.Err() == nil {
			s.opt.Logger.WarnContext(ctx, "feed not run; it is tried again later",
				slog.String("feed", src.Name), slog.String("error", said(err)))
		}
	})
}

// once runs a feed if nobody else does or just has.
func (s *Scheduler) once(ctx context.Context, src Source) error {
	return Claimed(ctx, s.st, src.Name, s.opt.Process, func(ctx context.Context) error {
		state, err := s.st.FeedState(ctx, src.Name)
		if err != nil {
			return fmt.Errorf("read state of feed %q: %w", src.Name, err)
		}
		if s.due(src, state).After(s.opt.Now()) {
			return nil // another server was faster
		}
		ctx, cancel := context.WithTimeout(ctx, longestRun)
		defer cancel()
		_, err = s.poller.Poll(ctx, src, false)
		return err
	})
}

// Claimed calls do while the process has the claim on a feed, and does nothing
// when another one has it. The context that do gets ends when the claim is
// lost.
func Claimed(ctx context.Context, st store.Leaser, feed, process string, do func(context.Context) error) error {
	name := "feed " + feed
	has, err := st.Lease(ctx, name, process, feedLease)
	if err != nil || !has {
		return err
	}
	held, cancel := context.WithCancel(ctx)
	var renewal sync.WaitGroup
	renewal.Go(func() { renew(held, cancel, st, name, process) })
	err = do(held)
	cancel()
	renewal.Wait()
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if gone := st.Release(release, name, process); gone != nil && err == nil {
		return fmt.Errorf("give back feed %q: %w", feed, gone)
	}
	return err
}

// renew keeps a claim until ctx ends, and ends it when the claim is lost.
func renew(ctx context.Context, lost context.CancelFunc, st store.Leaser, name, process string) {
	until := time.Now().Add(feedLease)
	for wait(ctx, renewEvery) {
		asked := time.Now()
		has, err := st.Lease(ctx, name, process, feedLease)
		switch {
		case err == nil && has:
			until = asked.Add(feedLease)
		case err == nil, time.Now().Add(renewEvery).After(until):
			lost()
			return
		}
	}
}
