package server

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"sync"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"spoor/api"
	"spoor/internal/ioc"
	"spoor/internal/web"
)

// Server answers requests. It is made by New and serves any number of
// goroutines.
type Server struct {
	opts    Options
	deps    Deps
	encoder *Encoder
	hosts   hosts
	pages   *web.Pages
	mux     *http.ServeMux
	ids     *base32.Encoding
	handler http.Handler
	checkup *checkup
	census  *census
	metrics *metrics // nil: nothing is counted

	// Header values that every answer shares. Nobody may append to them.
	nosniff, policy, referrer []string
	exchanges, buffers        sync.Pool
}

// compressFrom is the body size, in bytes, from which compressing pays.
const compressFrom = 1024

// New returns a server, or says which option cannot work.
func New(opts Options, deps Deps) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if deps.Store == nil || deps.Searcher == nil || deps.Authenticator == nil || deps.Limiter == nil {
		return nil, errors.New("make server: store, searcher, authenticator and limiter are all needed")
	}
	pages, err := web.New()
	if err != nil {
		return nil, fmt.Errorf("make pages: %w", err)
	}
	s := &Server{
		opts: opts, deps: deps, pages: pages, hosts: newHosts(opts),
		checkup: newCheckup(opts, deps.Store), census: newCensus(opts, deps.Store),
		encoder:  NewEncoder(opts.PublicURL, opts.SourceName, opts.FeedVersion),
		ids:      base32.NewEncoding("0123456789abcdefghijklmnopqrstuv"),
		nosniff:  []string{"nosniff"},
		policy:   []string{"default-src 'none'; frame-ancestors 'none'"},
		referrer: []string{"no-referrer"},
	}
	s.exchanges.New = func() any { return new(exchange) }
	s.buffers.New = func() any { b := make([]byte, 0, 8<<10); return &b }
	if s.metrics, err = newMetrics(opts); err != nil {
		return nil, fmt.Errorf("set up metrics: %w", err)
	}
	s.mux = s.newMux()
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(compressFrom))
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	s.handler = compress(http.HandlerFunc(s.serve))
	return s, nil
}

// Handler returns the whole of the server, for tests and for other listeners.
func (s *Server) Handler() http.Handler { return s.handler }

// serve is one request: id, common headers, host, route, log line.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	start := s.opts.Now()
	x := s.exchanges.Get().(*exchange) //nolint:forcetypeassert // the pool holds nothing else
	*x = exchange{ResponseWriter: w, values: new([8]string)}
	defer s.finish(x, r, start)
	h := w.Header()
	h["X-Content-Type-Options"] = s.nosniff
	h["Content-Security-Policy"] = s.policy
	h["Referrer-Policy"] = s.referrer
	if err := s.identify(x); err != nil {
		s.fail(x, r, err)
		return
	}
	if !s.hosts.knows(r) && !isProbe(r.URL.Path) {
		s.fail(x, r, wrongHost())
		return
	}
	// ServeMux would redirect what is not clean, and refuse the * of OPTIONS,
	// without our error body.
	if p := r.URL.Path; p != path.Clean(p) || p == "*" {
		s.fail(x, r, noRoute())
		return
	}
	s.mux.ServeHTTP(x, r)
}

// isProbe: orchestrators probe by address, under any host name.
func isProbe(p string) bool { return p == pathHealth || p == pathReady }

// finish recovers, writes the request's one log line and returns the exchange.
func (s *Server) finish(x *exchange, r *http.Request, start time.Time) {
	cause := recover()
	if cause != nil && cause != http.ErrAbortHandler { //nolint:errorlint,err113 // compared as net/http does
		s.opts.Logger.LogAttrs(r.Context(), slog.LevelError, "request panicked",
			slog.String("request_id", x.id), slog.String("panic", ioc.DefangText(fmt.Sprint(cause))), slog.String("stack", string(debug.Stack())))
		if x.status != 0 {
			cause = http.ErrAbortHandler
		} else {
			s.fail(x, r, fmt.Errorf("handle request: panic: %v", cause))
			cause = nil
		}
	}
	took := s.opts.Now().Sub(start)
	s.metrics.request(x, r.Method, took, cause != nil)
	s.log(x, r, took, cause != nil)
	*x = exchange{}
	s.exchanges.Put(x)
	if cause != nil {
		panic(cause)
	}
}

// log writes the request's line. The query string and the key never get there.
func (s *Server) log(x *exchange, r *http.Request, took time.Duration, broken bool) {
	level := slog.LevelInfo
	if x.cause != nil || broken {
		level = slog.LevelError
	}
	if !s.opts.Logger.Enabled(r.Context(), level) {
		return
	}
	pattern, key := "", ""
	if x.route != nil {
		pattern = x.route.path
	}
	if x.caller != nil {
		key = x.caller.Prefix
	}
	attrs := make([]slog.Attr, 0, 14)
	attrs = append(attrs,
		slog.String("request_id", x.id),
		slog.String("method", cut(r.Method, 16)),
		slog.String("route", pattern),
		slog.Int("status", x.status),
		slog.Int64("bytes", x.bytes),
		slog.Int64("took_us", took.Microseconds()),
		slog.String("key", key),
	)
	if x.took != 0 {
		attrs = append(attrs,
			slog.Int64("query_us", x.took.Microseconds()),
			slog.Int("postings", x.work.Postings),
			slog.Int("candidates", x.work.Candidates),
			slog.Int("rows", x.work.Rows),
		)
	}
	if x.cause != nil {
		attrs = append(attrs, slog.String("error", ioc.DefangText(x.cause.Error())))
	}
	if broken {
		attrs = append(attrs, slog.Bool("broken_off", true))
	}
	s.opts.Logger.LogAttrs(r.Context(), level, "request", attrs...)
}

// identify gives the request a new id: 80 random bits. It is never the
// client's.
func (s *Server) identify(x *exchange) error {
	if _, err := io.ReadFull(s.opts.Random, x.random[:]); err != nil {
		return fmt.Errorf("make request id: %w", err)
	}
	var text [len(api.RequestIDPrefix) + 16]byte
	copy(text[:], api.RequestIDPrefix)
	s.ids.Encode(text[len(api.RequestIDPrefix):], x.random[:])
	x.id = string(text[:])
	x.set("X-Request-Id", x.id)
	return nil
}

// buffer borrows an empty buffer; give returns it. A buffer that grew large
// for one answer is not kept.
func (s *Server) buffer() *[]byte {
	b := s.buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	*b = (*b)[:0]
	return b
}

const keepBuffer = 256 << 10

func (s *Server) give(b *[]byte) {
	if cap(*b) <= keepBuffer {
		s.buffers.Put(b)
	}
}
