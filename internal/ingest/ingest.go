package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"spoor/internal/store"
)

var (
	// ErrIncomplete says that some inputs could not be read, or not to their
	// end. Everything else was imported; Summary.Files.Failed says which.
	ErrIncomplete = errors.New("not everything could be read")
	// ErrInterrupted says that the context ended first. What had been read is
	// stored; importing the same again completes it.
	ErrInterrupted = errors.New("interrupted; run the same import again to complete it")
	// ErrRequest says that the request cannot be meant as it is.
	ErrRequest = errors.New("request not usable")
)

// Options say how an Ingester works. All fields may be left out.
type Options struct {
	// Now dates undated input: it is asked once for each import.
	Now func() time.Time
	// Logger gets one line for each import; nil is none.
	Logger *slog.Logger
	// Lists are the known-good lists, asked for once for each pass; nil is our
	// own short ones.
	Lists Lists
	// BatchSize is how many observations are written in one transaction.
	BatchSize int
	Limits    Limits
}

// Ingester reads inputs into one store. It may be used by several goroutines.
type Ingester struct {
	st     store.RunStarter
	now    func() time.Time
	log    *slog.Logger
	lists  Lists
	batch  int
	limits Limits
	bounds bounds
}

// New returns an Ingester that writes to st.
func New(st store.RunStarter, o Options) *Ingester {
	in := &Ingester{st: st, now: o.Now, log: o.Logger, lists: o.Lists, batch: o.BatchSize, limits: o.Limits.orDefaults(), bounds: runBounds()}
	if in.now == nil {
		in.now = time.Now
	}
	if in.log == nil {
		in.log = slog.New(slog.DiscardHandler)
	}
	setDefault(&in.batch, defaultBatch)
	return in
}

// Request says what to import.
type Request struct {
	// Paths are files, folders and "-" for Stdin, in the order of reading.
	Paths []string
	// Format names the one format of all inputs; empty recognises each.
	Format string
	// FeedName is the feed that everything is reported by; empty leaves it to
	// the format, and to LocalFeed where the format has none of its own.
	FeedName string
	Stdin    io.Reader
}

// maxFeedName is the longest name of a feed, in bytes.
const maxFeedName = 200

// Check returns an ErrRequest that says what to do when the request names
// nothing to read, a format that does not exist, or no usable feed.
func (r Request) Check() error {
	if len(r.Paths) == 0 {
		return fmt.Errorf("%w: name at least one file or folder, or - for standard input", ErrRequest)
	}
	if r.FeedName != "" && !isFeedName(r.FeedName) {
		return fmt.Errorf("%w: the feed's name has to be printable, at most %d bytes, without space around it", ErrRequest, maxFeedName)
	}
	_, err := formNamed(r.Format)
	return err
}

// LocalFeed is the feed of input that does not say whose it is: plain lists,
// tables and prose.
const LocalFeed = "local"

// Import reads everything that the request names, in order. Inputs that fail
// do not keep the others from being imported: the error is ErrIncomplete then,
// ErrInterrupted when ctx ended, or the store's own, after which nothing more
// was read. The Summary is right in every case. progress may be nil.
func (in *Ingester) Import(ctx context.Context, req Request, progress Progress) (Summary, error) {
	began := time.Now()
	if err := req.Check(); err != nil {
		return Summary{}, err
	}
	form, err := formNamed(req.Format)
	if err != nil {
		return Summary{}, err
	}
	p := newPass(in, req)
	p.form = form
	stop := p.report(progress)
	err = p.run(ctx, p.readAll)
	stop()
	sum := p.summary(time.Since(began))
	in.log.LogAttrs(ctx, slog.LevelInfo, "import ended",
		slog.Int64("read", sum.Read), slog.Int64("new", sum.New), slog.Int64("updated", sum.Updated),
		slog.Int64("unchanged", sum.Unchanged), slog.Int64("merged", sum.Merged),
		slog.Int64("skipped", sum.Skipped.Total()), slog.Int64("files", sum.Files.Read),
		slog.Int64("files_failed", sum.Files.Failed.Count), slog.Duration("took", sum.Duration))
	return sum, err
}

// pass is one import.
type pass struct {
	in   *Ingester
	req  Request
	form *form // nil: recognise
	now  time.Time
	pipe *pipe
	sum  Summary

	lanes map[string]*lane
	order []*lane

	// What is different for a run of a feed: the source, what counts besides
	// values, and a run that only looks.
	src   *Source
	began time.Time
	// stats completes what is kept of the run; nil keeps the counts.
	stats func(store.RunStats) store.RunStats
	// dry counts items and takes nothing.
	dry   bool
	items int64
	// pages completes news; nil for an import.
	pages pages
	// by are the known-good lists.
	by judge
	// format is how the first document was read.
	format string
	// wasFormat is how the last good copy of the source was read, empty when it
	// has a format or there was none.
	wasFormat string
	// unpacked is how many bytes came out of compressed inputs.
	unpacked int64
	// changed is the latest of the times at which MISP events were changed.
	changed time.Time

	// What the progress goroutine reads.
	totalBytes, readBytes, read atomic.Int64
	finishing                   atomic.Bool
}

func newPass(in *Ingester, req Request) *pass {
	return &pass{
		in: in, req: req, began: time.Now(), now: in.now().UTC().Truncate(time.Second), pipe: newPipe(in.batch), lanes: map[string]*lane{},
		sum: Summary{Skipped: Tally{}, Files: Files{Skipped: Tally{}}},
	}
}

// run reads and writes side by side, and ends with both ended.
func (p *pass) run(ctx context.Context, read func(context.Context) error) error {
	var err error
	if p.by, err = p.in.judgedBy(ctx); err != nil {
		return err
	}
	writing, release := outlive(ctx)
	defer release()
	w := &writer{st: p.in.st, source: p.source(), now: p.now, pipe: p.pipe}
	if p.src != nil {
		// A scheduled run is one from its beginning, whatever it finds.
		if err := w.start(writing, p.lane(nil)); err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.Go(func() error { return w.write(writing) })
	readErr := read(ctx)
	if err := p.pipe.close(); readErr == nil {
		readErr = err
	}
	writeErr := g.Wait()
	p.pipe.drain()
	p.finishing.Store(true)
	for _, l := range p.order {
		if writeErr == nil {
			writeErr = w.finish(writing, l, p.stats)
		}
	}
	switch {
	case ctx.Err() != nil:
		return ErrInterrupted
	case writeErr != nil:
		return writeErr
	case readErr != nil:
		return readErr
	case p.sum.Files.Failed.Count > 0:
		return ErrIncomplete
	}
	return nil
}

// outlive returns a context that ends a while after ctx does, so that what was
// read before an interrupt is still written.
func outlive(ctx context.Context) (context.Context, func()) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		wait(out, grace)
		cancel()
	})
	return out, func() {
		unhook()
		cancel()
	}
}

// readAll is the reading side. Its error ends the import; whatever is wrong
// with single inputs is counted.
func (p *pass) readAll(ctx context.Context) error {
	p.totalBytes.Store(measure(ctx, p.req.Paths))
	for _, named := range p.req.Paths {
		if err := p.named(ctx, named); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// lane returns the lane of a feed, made when it is first used. The feed is the
// source's, where there is one, or else that of the form.
func (p *pass) lane(f *form) *lane {
	var feed store.Feed
	switch {
	case p.src != nil:
		feed = p.src.Feed()
	case p.req.FeedName != "":
		feed = store.Feed{Name: p.req.FeedName, Category: f.category}
	default:
		feed = store.Feed{Name: f.feed, Category: f.category}
	}
	l := p.lanes[feed.Name]
	if l == nil {
		l = &lane{feed: feed, now: p.now}
		if p.src != nil {
			l.tlp = p.src.TLP
		}
		p.lanes[feed.Name] = l
		p.order = append(p.order, l)
	}
	return l
}

// maxSource is as much as a run keeps of what it read.
const maxSource = 500

func (p *pass) source() string { return printable(clean(strings.Join(p.req.Paths, " "), maxSource)) }

// report starts telling progress and returns what ends that.
func (p *pass) report(progress Progress) (stop func()) {
	if progress == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(tick)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
				progress(p.status())
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
		progress(p.status())
	}
}

func (p *pass) status() Status {
	return Status{
		TotalBytes: p.totalBytes.Load(), ReadBytes: p.readBytes.Load(),
		Read: p.read.Load(), Written: p.pipe.written.Load(), Finishing: p.finishing.Load(),
	}
}

// summary adds up the lanes. What was read but not stored, because writing
// ended with an error, was not imported and does not count as read.
func (p *pass) summary(took time.Duration) Summary {
	s := p.sum
	for _, l := range p.order {
		s.Read += l.read - l.lost
		s.New += int64(l.outcome.New)
		s.Updated += int64(l.outcome.Updated)
		s.Unchanged += int64(l.outcome.Unchanged)
		s.Merged += int64(l.outcome.Merged)
	}
	s.Bytes, s.Duration, s.Format = p.readBytes.Load(), took, p.format
	return s
}

// fail counts an input that could not be read, or not to its end.
func (p *pass) fail(where string, err error) {
	p.sum.Files.Failed.add(p.in.limits.Places, func() Place { return Place{Where: where, Detail: fmt.Sprint(err)} })
}

// leave counts a file that is not imported.
func (p *pass) leave(reason, where string) {
	p.sum.Files.Skipped.add(reason, p.in.limits.Places, func() Place { return Place{Where: where} })
}
