package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"spoor/internal/feed"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// errStopped tells the reading side that the writing side has ended.
var errStopped = errors.New("writing has ended")

// lane is what goes to one feed: one run. The reading side owns the counts of
// what was read and skipped and the article, the writing side the rest.
type lane struct {
	feed store.Feed
	now  time.Time // when the import began
	// tlp is the feed's own marking, for articles without one.
	tlp ioc.TLP

	read, skipped int64
	// Consecutive items share their article: one is remembered, not all.
	said *feed.Article
	kept *store.Article

	run     store.Run
	outcome store.Outcome
	// lost is how many observations were read but not stored, because writing
	// ended with an error.
	lost int64
}

// batch is what is written at once: some observations for each of some feeds,
// nearly always one.
type batch struct {
	parts []part
	count int
	bytes int
}

type part struct {
	lane *lane
	list []store.Observation
}

// firstRoom is how many observations the first batch has room for: a report has
// a few, and a list makes it grow.
const firstRoom = 1 << 10

// part returns the batch's part for the lane, made with room for size in all.
func (b *batch) part(l *lane, size int) *part {
	for i := range b.parts {
		if b.parts[i].lane == l {
			return &b.parts[i]
		}
	}
	b.parts = append(b.parts, part{lane: l, list: make([]store.Observation, 0, max(size-b.count, 0))})
	return &b.parts[len(b.parts)-1]
}

// lose accounts for observations that will not be stored.
func (b *batch) lose() {
	for _, p := range b.parts {
		p.lane.lost += int64(len(p.list))
	}
	b.parts = nil
}

// pipe joins the side that reads with the side that writes.
type pipe struct {
	size int
	// room is what the next batch begins with: as much as the last one took.
	room    int
	filling batch
	full    chan batch
	// ended is closed when the writing side has ended, for whatever reason.
	ended   chan struct{}
	written atomic.Int64
}

func newPipe(size int) *pipe {
	return &pipe{size: size, room: firstRoom, full: make(chan batch, queued), ended: make(chan struct{})}
}

// add takes an observation, and waits while the writer is behind. The only
// error is errStopped.
func (p *pipe) add(l *lane, o store.Observation) error {
	b := &p.filling
	to := b.part(l, p.room)
	var last store.Observation
	if n := len(to.list); n > 0 {
		last = to.list[n-1]
	}
	to.list = append(to.list, o)
	b.count++
	b.bytes += weight(&o, &last)
	if b.count >= p.size || b.bytes >= batchBytes {
		return p.flush()
	}
	return nil
}

// weight is how many bytes an observation adds to a batch, beside its fixed
// size. What it shares with the one before, as the rows of a block do, adds
// nothing.
func weight(o, last *store.Observation) int {
	n := len(o.Indicator.Value) + len(o.Context)
	n += addedBytes(o.Tags, last.Tags) + addedBytes(o.Families, last.Families) + addedBytes(o.Techniques, last.Techniques)
	if a := o.Article; a != nil && a != last.Article {
		n += len(a.Title) + len(a.URL) + len(a.Summary) + addedBytes(a.OtherURLs, nil) + addedBytes(a.Tags, nil)
	}
	return n
}

// addedBytes is the size of a list that is not the same one as before.
func addedBytes(list, before []string) int {
	if len(list) == 0 || len(list) == len(before) && &list[0] == &before[0] {
		return 0
	}
	n := 0
	for _, s := range list {
		n += stringHeader + len(s)
	}
	return n
}

// stringHeader is what a string takes beside its bytes.
const stringHeader = 16

// flush hands over what there is.
func (p *pipe) flush() error {
	b := p.filling
	p.filling, p.room = batch{}, max(b.count, firstRoom)
	if b.count == 0 {
		return nil
	}
	select {
	case p.full <- b:
		return nil
	case <-p.ended:
		b.lose()
		return errStopped
	}
}

// close flushes and says that nothing more comes.
func (p *pipe) close() error {
	err := p.flush()
	close(p.full)
	return err
}

// drain accounts for what the writing side left behind. Both sides have ended.
func (p *pipe) drain() {
	for b := range p.full {
		b.lose()
	}
}

// writer is the writing side.
type writer struct {
	st     store.RunStarter
	source string
	now    time.Time
	pipe   *pipe
}

// write stores batches until there are no more, and ends with the first error:
// what it did not store is accounted for as lost.
func (w *writer) write(ctx context.Context) error {
	defer close(w.pipe.ended)
	for b := range w.pipe.full {
		if err := w.store(ctx, &b); err != nil {
			b.lose()
			return err
		}
	}
	return nil
}

// store writes one batch, feed by feed, and takes out of it what is stored.
func (w *writer) store(ctx context.Context, b *batch) error {
	for len(b.parts) > 0 {
		p := b.parts[0]
		out, err := w.storePart(ctx, p.lane, p.list)
		if err != nil {
			return err
		}
		p.lane.outcome.Add(out)
		b.parts = b.parts[1:]
		w.pipe.written.Add(int64(len(p.list)))
	}
	return nil
}

func (w *writer) storePart(ctx context.Context, l *lane, list []store.Observation) (store.Outcome, error) {
	if err := w.start(ctx, l); err != nil {
		return store.Outcome{}, err
	}
	var out store.Outcome
	err := patiently(ctx, func() (err error) {
		out, err = l.run.Write(ctx, list)
		return err
	})
	if err != nil {
		return store.Outcome{}, fmt.Errorf("write to feed %q: %w", l.feed.Name, err)
	}
	return out, nil
}

// patiently tries again while another import holds the store's one write lock.
// Writing a batch again is safe (store.Run).
func patiently(ctx context.Context, do func() error) error {
	err := do()
	for try := 1; errors.Is(err, store.ErrBusy) && try <= busyTries && wait(ctx, busyWait); try++ {
		err = do()
	}
	return err
}

const (
	busyTries = 10
	busyWait  = time.Second
)

// wait reports whether the time passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// start opens the lane's run when it has none yet.
func (w *writer) start(ctx context.Context, l *lane) error {
	if l.run != nil {
		return nil
	}
	err := patiently(ctx, func() (err error) {
		l.run, err = w.st.StartRun(ctx, store.RunSpec{Feed: l.feed, Source: w.source, Now: w.now})
		return err
	})
	if err != nil {
		l.run = nil
		return fmt.Errorf("start run of feed %q: %w", l.feed.Name, err)
	}
	return nil
}

// finish closes the lane's run with its counts. A feed of whose values all
// were skipped has a run as well: that is worth keeping.
// complete, where it is given, adds what else is kept of the run.
func (w *writer) finish(ctx context.Context, l *lane, complete func(store.RunStats) store.RunStats) error {
	if err := w.start(ctx, l); err != nil {
		return err
	}
	o := l.outcome
	stats := store.RunStats{
		Read: l.read - l.lost, Skipped: l.skipped, New: int64(o.New),
		Updated: int64(o.Updated), Unchanged: int64(o.Unchanged), Merged: int64(o.Merged),
	}
	if complete != nil {
		stats = complete(stats)
	}
	if err := patiently(ctx, func() error { return l.run.Finish(ctx, stats) }); err != nil {
		return fmt.Errorf("finish run of feed %q: %w", l.feed.Name, err)
	}
	return nil
}
