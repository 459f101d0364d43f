package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Request is what to get.
type Request struct {
	// URL is an absolute http or https URL, or a file URL below the root.
	URL string
	// Configured is set when the operator wrote the URL. Only such a URL may
	// name a file, or a port other than 80 and 443.
	Configured bool
	// LinkedFrom is, of a URL that a document named, the source that the
	// operator wrote: only from one at a host of Options.AllowHosts, or to a
	// source's own host, does a link lead to what the operator allows besides
	// the public net. Anybody may write anything into a public feed.
	LinkedFrom string
	// Header is sent to the origin of URL only, not to where that redirects,
	// and is never repeated in an error: it may hold a key.
	Header map[string]string
	// Accept is the media types wanted. Default: any.
	Accept string
	// Known is the fingerprint of the last good copy, zero to get the body in
	// any case.
	Known Fingerprint
	// MaxBytes bounds this body in place of the option.
	MaxBytes int64
}

// Fingerprint tells one copy of a document from another.
type Fingerprint struct {
	// ETag and LastModified are as the source sent them; of a file,
	// LastModified is its size and time of change. Empty when not known.
	ETag, LastModified string
	// Digest is the SHA-256 of the unpacked body in hex.
	Digest string
}

// get is one Get on its way.
type get struct {
	f     *Fetcher
	way   way
	req   Request
	first *url.URL
	limit int64
	// cancel ends the Get with a cause; begin starts the time for it.
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// Get returns the document. The caller closes the result, whose body is
// complete. With ErrUnchanged the result is there too, but for its body: its
// fingerprint is the one to remember. Errors are those of this package, or of
// ctx, or of the machine; Temporary tells which may pass.
func (f *Fetcher) Get(ctx context.Context, req Request) (*Result, error) {
	u, err := parseSource(req.URL)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	g := &get{f: f, way: f.strange, req: req, first: u, limit: f.o.MaxBytes}
	if req.Configured || f.vouched(u, req.LinkedFrom) {
		g.way = f.own
	}
	if req.MaxBytes > 0 {
		g.limit = req.MaxBytes
	}
	var res *Result
	if u.Scheme == "file" {
		res, err = g.file(ctx)
	} else if g.way == f.strange && f.own.guard.lists(u.Hostname()) {
		err = forbid("a link to %s from a source outside; feeds.allow_hosts opens it to sources at such hosts", u.Hostname())
	} else if err = g.way.guard.mayStart(u, req.Configured); err == nil {
		res, err = g.retry(ctx)
	}
	if err != nil {
		return res, fmt.Errorf("fetch %s: %w", shown(u), err)
	}
	return res, nil
}

// retry gets the document, and tries again what may pass.
func (g *get) retry(ctx context.Context) (*Result, error) {
	ctx, g.cancel = context.WithCancelCause(ctx)
	defer g.cancel(nil)
	defer func() {
		if g.timer != nil {
			g.timer.Stop()
		}
	}()
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.Multiplier = g.f.o.Backoff, 2
	var res *Result
	var last error
	attempt := func() (struct{}, error) {
		res, last = g.attempt(ctx)
		if last == nil || again(last) {
			return struct{}{}, last
		}
		return struct{}{}, backoff.Permanent(last)
	}
	_, _ = backoff.Retry(ctx, attempt, // last has the error without what Retry adds
		backoff.WithBackOff(wait), backoff.WithMaxTries(uint(g.f.o.Retries)+1), backoff.WithMaxElapsedTime(0))
	if cause := context.Cause(ctx); again(last) && cause != nil && !errors.Is(last, cause) {
		return nil, fmt.Errorf("%w, after: %w", cause, last)
	}
	return res, last
}

// begin starts the time that the Get has, at its first turn.
func (g *get) begin() {
	if g.timer == nil {
		d := g.f.o.Timeout
		g.timer = time.AfterFunc(d, func() { g.cancel(fmt.Errorf("%w: over %s", ErrTimeout, d)) })
	}
}

// attempt follows the redirects of one try.
func (g *get) attempt(ctx context.Context) (*Result, error) {
	at, own := g.first, true
	seen := map[string]bool{at.String(): true}
	for hops := 0; ; hops++ {
		res, location, err := g.hop(ctx, at, own)
		if err != nil || res != nil {
			return res, err
		}
		if hops == g.f.o.MaxRedirects {
			return nil, fmt.Errorf("%w: more than %d", ErrRedirect, hops)
		}
		to, err := g.way.guard.redirected(g.first, at, location)
		if err != nil {
			return nil, err
		}
		if seen[to.String()] {
			return nil, fmt.Errorf("%w: in a circle, back to %s", ErrRedirect, shown(to))
		}
		seen[to.String()] = true
		// Once away from the origin the header stays at home, also when the
		// other origin sends the Get back with a path of its choice.
		own = own && origin(to) == origin(g.first)
		at = to
	}
}

// hop sends one request. It returns the result, or the location of a redirect.
func (g *get) hop(ctx context.Context, u *url.URL, own bool) (*Result, string, error) {
	leave, err := g.f.hosts.enter(ctx, u.Host)
	if err != nil {
		return nil, "", err
	}
	defer leave()
	g.begin()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := g.request(ctx, u, own)
	if err != nil {
		return nil, "", err
	}
	resp, err := g.way.transport.RoundTrip(req)
	if err != nil {
		return nil, "", unanswered(ctx, err)
	}
	m := &meter{ctx: ctx, r: resp.Body, limit: g.limit, stall: g.f.o.Stall, cancel: cancel}
	defer func() { _ = resp.Body.Close() }() // only read from
	defer m.stop()
	switch {
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusNonAuthoritativeInfo:
		res := newResult(u, resp)
		err := g.receive(resp, res, m)
		if err != nil && !errors.Is(err, ErrUnchanged) {
			res = nil
		}
		return res, "", err
	case resp.StatusCode == http.StatusNotModified && (req.Header.Get("If-None-Match") != "" || req.Header.Get("If-Modified-Since") != ""):
		res := newResult(u, resp)
		res.Fingerprint = g.req.Known.updated(res.Fingerprint)
		return res, "", ErrUnchanged
	case isRedirect(resp.StatusCode):
		m.drain(resp.ContentLength)
		return nil, resp.Header.Get("Location"), nil
	}
	m.drain(resp.ContentLength)
	return nil, "", g.f.status(u.Host, resp)
}

// request is conditional at every hop: which of them has the document is not
// known before.
func (g *get) request(ctx context.Context, u *url.URL, own bool) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be sent", ErrInvalidURL)
	}
	if own {
		for name, value := range g.req.Header {
			req.Header.Set(name, value)
		}
	}
	req.Header.Set("User-Agent", g.f.o.UserAgent)
	req.Header.Set("Accept-Encoding", "zstd, gzip")
	req.Header.Set("Accept", "*/*")
	if g.req.Accept != "" {
		req.Header.Set("Accept", g.req.Accept)
	}
	if tag := g.req.Known.ETag; tag != "" {
		req.Header.Set("If-None-Match", tag)
	}
	if date := g.req.Known.LastModified; date != "" {
		req.Header.Set("If-Modified-Since", date)
	}
	return req, nil
}

// unanswered is the error of a request that got no answer.
func unanswered(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var refused *refusal
	if errors.As(err, &refused) {
		return refused
	}
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		return fmt.Errorf("%w: %w", ErrTimeout, &wireError{err})
	}
	return &wireError{err}
}

func isRedirect(code int) bool {
	switch code {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// status makes the error of an answer without document, and leaves the host
// alone for as long as it asks.
func (f *Fetcher) status(host string, resp *http.Response) error {
	e := &StatusError{Code: resp.StatusCode}
	if e.Code != http.StatusTooManyRequests && e.Code != http.StatusServiceUnavailable {
		return e
	}
	rest, said := retryAfter(resp.Header.Get("Retry-After"), f.o.Now())
	if !said && e.Code == http.StatusTooManyRequests {
		rest = restWithoutTime
	}
	e.RetryAfter = rest
	if rest > 0 {
		f.hosts.close(host, e.Code, rest)
	}
	return e
}

// retryAfter reads the header in both its forms (RFC 9110, section 10.2.3). It
// returns nothing below zero and nothing over a day.
func retryAfter(text string, now time.Time) (d time.Duration, said bool) {
	if date, err := http.ParseTime(text); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter), true
	}
	if text == "" {
		return 0, false
	}
	var seconds int64
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		seconds = min(seconds*10+int64(c-'0'), int64(maxRetryAfter/time.Second))
	}
	return time.Duration(seconds) * time.Second, true
}

// maxDrain is how much of a body that nobody wants is read to keep the
// connection.
const maxDrain = 4 << 10

func (m *meter) drain(length int64) {
	if length >= 0 && length <= maxDrain {
		_, _ = io.Copy(io.Discard, m) // else the connection is not kept
	}
}
