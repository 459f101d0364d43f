package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"spoor/internal/fetch"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// FeedStore is what running feeds needs of a store.
type FeedStore interface {
	store.RunStarter
	store.FeedKeeper
}

// Getter reads addresses; *fetch.Fetcher is the one that there is.
type Getter interface {
	Get(ctx context.Context, r fetch.Request) (*fetch.Result, error)
	Local(rawURL string) (path string, isDir bool, err error)
}

// Poller runs feeds, each by itself. It may be used by several goroutines, for
// different feeds: of one feed there is one run at a time, which is for the
// caller to see to (Scheduler does).
type Poller struct {
	in    *Ingester
	st    FeedStore
	fetch Getter
}

// NewPoller returns a Poller that writes with in's options.
func NewPoller(in *Ingester, st FeedStore, get Getter) *Poller {
	return &Poller{in: in, st: st, fetch: get}
}

// Report is what one run of a feed did.
type Report struct {
	Source  Source
	Started time.Time
	// Summary counts values, as for an import.
	Summary Summary
	// Stats are what is kept of the run.
	Stats store.RunStats
	// State is what is remembered for the next one.
	State store.FeedState
}

// Poll fetches the source, and stores what is new in it. A copy that differs
// too much from the last one is held, unless accept is set. What is wrong with
// the source is in the report (Stats.Status, Stats.Error) and no error: the
// errors are the store's, ErrRequest, and ErrInterrupted when ctx ended first,
// which leaves the state as it was.
func (po *Poller) Poll(ctx context.Context, src Source, accept bool) (Report, error) {
	if err := src.Check(); err != nil {
		return Report{}, err
	}
	began := time.Now()
	state, err := po.st.FeedState(ctx, src.Name)
	if err != nil {
		return Report{}, fmt.Errorf("read state of feed %q: %w", src.Name, err)
	}
	state = src.remembered(state)
	p := newPass(po.in, Request{FeedName: src.Name, Paths: []string{shownURL(src.URL)}})
	p.src, p.wasFormat = &src, state.Format
	if p.form, err = src.form(); err != nil {
		return Report{}, err
	}
	r := &poll{Poller: po, pass: p, src: src, was: state, is: state, accept: accept, readBefore: setOf(state.Seen), left: map[string]int64{}}
	p.pages = r
	p.lane(nil)
	p.stats = r.stats
	err = p.run(ctx, r.read)
	rep := Report{Source: src, Started: p.now, Summary: p.summary(time.Since(began)), Stats: r.end, State: state}
	if errors.Is(err, ErrIncomplete) {
		err = nil // it is in the report
	}
	if err != nil {
		return rep, err
	}
	r.settle()
	if err := po.st.SaveFeedState(ctx, r.is); err != nil {
		return rep, fmt.Errorf("keep state of feed %q: %w", src.Name, err)
	}
	rep.State = r.is
	r.log(ctx, rep)
	return rep, nil
}

// poll is one run of one feed.
type poll struct {
	*Poller
	pass   *pass
	src    Source
	accept bool
	// was is the state before the run, is the one after it.
	was, is store.FeedState
	// end is what the run comes to.
	end store.RunStats
	// bytes is how much was fetched.
	bytes int64
	// readBefore are the entries that need not be read, left counts what was
	// left out before its values were read, fetched the pages that were asked for.
	readBefore map[uint64]bool
	left       map[string]int64
	fetched    int
	// problems are what could not be read of a source that could.
	problems []string
	// retryAfter is when the source wants to be asked again at the earliest.
	retryAfter time.Duration
	// soon says that there is more to be had than this run took, unfinished
	// that some of it could not be had just now.
	soon, unfinished bool
}

// read is the reading side of the run. What is wrong with the source becomes
// the end of the run; an error is the context's or the writing side's.
func (r *poll) read(ctx context.Context) error {
	status, err := r.take(ctx)
	switch {
	case ctx.Err() != nil:
		r.end.Status, r.end.Error = store.RunFailed, "interrupted"
		return ctx.Err()
	case errors.Is(err, errStopped):
		return err
	case errors.Is(err, fetch.ErrUnchanged):
		status = store.RunUnchanged
	case err != nil:
		status = store.RunFailed
		r.end.Error = said(err)
		var refused *fetch.StatusError
		if errors.As(err, &refused) {
			r.retryAfter = refused.RetryAfter
		}
	case status == store.RunOK && len(r.problems) > 0:
		status = store.RunPartial
		r.end.Error = said(errors.New(r.problems[0]))
		if n := len(r.problems); n > 1 {
			r.end.Error += fmt.Sprintf(" (and %d more)", n-1)
		}
	}
	r.end.Status = status
	return nil
}

// take reads the source by its kind.
func (r *poll) take(ctx context.Context) (store.RunStatus, error) {
	switch r.src.Format {
	case FormatTAXII:
		return r.collection(ctx)
	case FormatMISPFeed:
		return r.manifest(ctx)
	}
	if isFileURL(r.src.URL) {
		path, isDir, err := r.fetch.Local(r.src.URL)
		if err != nil {
			return store.RunFailed, err
		}
		if isDir {
			return r.folder(ctx, path)
		}
	}
	return r.document(ctx)
}

// document reads a source that is one document: first to see that it is whole
// and of the size that it should be, then for what is in it.
func (r *poll) document(ctx context.Context) (store.RunStatus, error) {
	res, err := r.get(ctx, fetch.Request{URL: r.src.URL, Configured: true, Header: r.src.Header, Known: fingerprintOf(r.was)})
	if err != nil {
		return store.RunFailed, err
	}
	defer func() { _ = res.Close() }() // only read from
	open := func(p *pass) error {
		if _, err := res.Body.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read copy: %w", err)
		}
		return p.document(ctx, res)
	}
	items, err := r.rehearse(open)
	if err != nil {
		return store.RunFailed, err
	}
	if status := r.gate(items, res.Digest); status == store.RunHeld {
		return status, nil
	}
	r.is.Seen = nil
	if err := open(r.pass); err != nil {
		return store.RunFailed, err
	}
	if r.src.Format == "" {
		r.is.Format = r.pass.format
	}
	r.know(res)
	return store.RunOK, nil
}

// rehearse reads a copy without taking anything from it, and returns how many
// items it holds. Its error says why it is not to be taken.
func (r *poll) rehearse(open func(*pass) error) (int64, error) {
	dry := r.rehearsal()
	if err := open(dry); err != nil {
		return 0, err
	}
	if bad := dry.sum.Files.Failed; bad.Count > 0 {
		return 0, errors.New(bad.Places[0].Detail)
	}
	return dry.items, nil
}

// rehearsal is a pass that takes nothing.
func (r *poll) rehearsal() *pass {
	dry := newPass(r.in, r.pass.req)
	dry.src, dry.form, dry.wasFormat, dry.dry = r.pass.src, r.pass.form, r.pass.wasFormat, true
	return dry
}

// gate decides whether a copy of so many items is applied, and remembers it
// either way.
func (r *poll) gate(items int64, digest string) store.RunStatus {
	r.end.Items = items
	why := differs(r.was.Items, items, r.src.MaxChange)
	if why == "" || r.accept {
		r.is.Items, r.is.Held = items, nil
		return store.RunOK
	}
	if r.was.Held == nil || r.was.Held.Digest != digest {
		r.is.Held = &store.HeldCopy{Digest: digest, Items: items, Since: r.pass.now}
	}
	r.end.Error = why
	return store.RunHeld
}

// get fetches, and counts what came. It remembers what the source says of a
// copy that is unchanged.
func (r *poll) get(ctx context.Context, req fetch.Request) (*fetch.Result, error) {
	res, err := r.fetch.Get(ctx, req)
	if res != nil {
		r.bytes += res.Received
	}
	if errors.Is(err, fetch.ErrUnchanged) {
		r.know(res)
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}

func setOf(list []uint64) map[uint64]bool {
	set := make(map[uint64]bool, len(list))
	for _, v := range list {
		set[v] = true
	}
	return set
}

func fingerprintOf(s store.FeedState) fetch.Fingerprint {
	return fetch.Fingerprint{ETag: s.ETag, LastModified: s.LastModified, Digest: s.Digest}
}

// stats completes what is kept of the run with what became of its values.
func (r *poll) stats(counted store.RunStats) store.RunStats {
	s := r.end
	s.Read, s.New, s.Updated = counted.Read, counted.New, counted.Updated
	s.Unchanged, s.Merged, s.Skipped = counted.Unchanged, counted.Merged, counted.Skipped
	s.Bytes, s.Took = r.bytes, time.Since(r.pass.began)
	dropped := r.pass.sum.Skipped.Counts()
	for reason, n := range r.left {
		dropped[reason] += n
	}
	if len(dropped) > 0 {
		s.Dropped = dropped
	}
	r.end = s
	return s
}

// settle makes the next state of what happened.
func (r *poll) settle() {
	s := &r.is
	s.LastRun, s.Status, s.Reason = r.pass.now, r.end.Status, r.end.Error
	if r.end.Status == store.RunFailed {
		// The last good copy stays, and what is known of it.
		s.Failures = r.was.Failures + 1
	} else {
		s.Failures, s.LastGood = 0, r.pass.now
	}
	if r.end.Status == store.RunUnchanged {
		s.Held = nil // the source is back at the last good copy
	}
	wait := r.src.Interval
	switch {
	case s.Failures > 0:
		wait = backoff(s.Failures, r.src.Interval)
	case r.soon:
		wait = min(wait, soonAfter)
	}
	s.NextRun = r.pass.now.Add(jittered(wait)).Truncate(time.Second)
	if r.retryAfter > 0 {
		// It counts from the answer, and a second too early is one more refusal.
		rested := r.in.now().UTC().Add(r.retryAfter).Truncate(time.Second).Add(time.Second)
		s.NextRun = later(s.NextRun, rested)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

const (
	// firstRetry is the pause after a first failure; it doubles each time.
	firstRetry = 2 * time.Minute
	// longestRetry is the longest pause, for feeds that run more often.
	longestRetry = 24 * time.Hour
	// soonAfter is when a feed with more to read is read again.
	soonAfter = 5 * time.Minute
)

// backoff is how long to wait after so many failures in a row: for a source
// that is down for a moment less than its interval, for one that is gone more.
func backoff(failures int, interval time.Duration) time.Duration {
	longest := max(interval, longestRetry)
	d := firstRetry
	for range failures - 1 {
		if d *= 2; d >= longest {
			return longest
		}
	}
	return d
}

// jittered moves a pause by up to a tenth to either side, so that feeds that
// started together drift apart.
func jittered(d time.Duration) time.Duration {
	const part = 10
	if d < part {
		return d
	}
	return d - d/part + rand.N(2*d/part) //nolint:gosec // jitter
}

// said is an error as it is kept and shown: bounded, printable, with nothing in
// it that could be followed.
func said(err error) string {
	text := printable(ioc.DefangText(err.Error()))
	// The settings that errors point at are no names of hosts.
	return strings.ReplaceAll(text, "feeds[.]", "feeds.")
}

// shownURL is an address without what may be secret in it.
func shownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(an address that does not parse)"
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

func isFileURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "file"
}

// log writes the line of the run.
func (r *poll) log(ctx context.Context, rep Report) {
	level := slog.LevelInfo
	if s := rep.Stats.Status; s == store.RunFailed || s == store.RunHeld || s == store.RunPartial {
		level = slog.LevelWarn
	}
	s := rep.Stats
	r.in.log.LogAttrs(ctx, level, "feed run ended",
		slog.String("feed", r.src.Name), slog.String("status", string(s.Status)), slog.String("reason", s.Error),
		slog.Int64("items", s.Items), slog.Int64("read", s.Read), slog.Int64("new", s.New), slog.Int64("updated", s.Updated),
		slog.Int64("skipped", s.Skipped), slog.Int64("bytes", s.Bytes), slog.Int64("took_ms", s.Took.Milliseconds()),
		slog.Time("next_run", rep.State.NextRun))
}
