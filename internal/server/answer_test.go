package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/search"
	"spoor/internal/store"
)

func TestSearchViews(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	d := decode[api.SearchResponse](t, g.get("/api/v1/iocs/search?q=192.0.2%5B.%5D10"))
	if !d.Data.Found || d.Data.Query != "192.0.2[.]10" || len(d.Data.Matches) != 1 || len(d.Data.RelatedIOCs) != 1 || d.Meta.Total != 1 {
		t.Errorf("detail = %+v", d)
	}
	if got := d.Data.Matches[0].Source.ArticleURL; got == nil || *got != "https://feed.example/item/"+articleID.String() {
		t.Errorf("article_url = %v", got)
	}
	l := decode[api.ListResponse](t, g.get("/api/v1/iocs/search?q=192.0.2.10&type=ipv4&view=list"))
	want := api.ListResponse{
		Meta: api.ListMeta{
			GeneratedAt: testNow.Truncate(time.Second), FeedVersion: "1.0", Source: "SOC Defenders", Total: 1, Limit: 100, Filters: unsetFilters(),
		},
		Data:  []api.Record{apiRecord(g.mem.records[0])},
		Links: api.Links{Self: "https://feed.example/api/v1/iocs/search?q=192.0.2.10&type=ipv4&view=list"},
	}
	want.Meta.Filters.Type = "ipv4"
	if diff := cmp.Diff(want, l); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	byDefault := newRig(t, func(o *Options) { o.DefaultView = api.ViewList })
	if got := byDefault.get(known); !bytes.Contains(got.Body.Bytes(), []byte(`"data":[`)) {
		t.Errorf("default_view list: %s", got.Body)
	}
	if g.get(known + "&include_related=false"); g.finder.last.Load().Related {
		t.Error("include_related=false is not passed on")
	}
}

func TestSearchListPages(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	twin := g.mem.records[0]
	twin.Feed.Name, twin.Article = "other", nil
	g.mem.records = append(g.mem.records, twin)
	l := decode[api.ListResponse](t, g.get(known+"&view=list&limit=1"))
	if l.Meta.Total != 2 || l.Links.Next == nil || *l.Links.Next != "https://feed.example/api/v1/iocs/search?q=192.0.2.10&limit=1&view=list&offset=1" {
		t.Fatalf("first page %+v %v", l.Meta, l.Links.Next)
	}
	l = decode[api.ListResponse](t, g.get(strings.TrimPrefix(*l.Links.Next, "https://feed.example")))
	if len(l.Data) != 1 || l.Meta.Offset != 1 || l.Links.Next != nil {
		t.Errorf("second page %+v", l)
	}
	for range store.Cap {
		g.mem.records = append(g.mem.records, twin)
	}
	l = decode[api.ListResponse](t, g.get(known+"&view=list&limit=300&offset=9600"))
	if l.Links.Next == nil || !strings.HasSuffix(*l.Links.Next, "&offset=9900&limit=100") {
		t.Errorf("page before the last that can be reached: %v", l.Links.Next)
	}
	l = decode[api.ListResponse](t, g.get(strings.TrimPrefix(*l.Links.Next, "https://feed.example")))
	if len(l.Data) != 100 || l.Links.Next != nil {
		t.Errorf("last page that can be reached: %d records, next %v", len(l.Data), l.Links.Next)
	}
}

// TestETag: equal for equal answers, another for every input that may change
// the answer.
func TestETag(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	base := g.get(known)
	tag := base.Header().Get("ETag")
	if tag == "" || base.Header().Get("Cache-Control") != "private, no-cache" {
		t.Fatalf("headers %v", base.Header())
	}
	if again := g.get(known).Header().Get("ETag"); again != tag {
		t.Errorf("the same answer has ETags %s and %s", tag, again)
	}
	if cosmetic := g.get(known + "&_t=1").Header().Get("ETag"); cosmetic != tag {
		t.Errorf("an ignored parameter changes the ETag")
	}
	seen := map[string]string{tag: "base"}
	note := func(name string, w *httptest.ResponseRecorder) {
		t.Helper()
		got := w.Header().Get("ETag")
		if other, dup := seen[got]; dup || got == "" {
			t.Errorf("%s has the ETag of %s: %q", name, other, got)
		}
		seen[got] = name
	}
	note("query", g.get("/api/v1/iocs/search?q=192.0.2.11"))
	note("spelling, which is echoed", g.get("/api/v1/iocs/search?q=192.0.2%5B.%5D10"))
	note("parameter", g.get(known+"&view=list"))
	note("explained", g.get(known+"&explain=true"))
	note("as of a time", g.get(known+"&as_of=2026-05-01"))
	note("free key", g.get(known, "X-API-Key", g.keys[auth.Free]))
	note("fewer scopes", g.get(known, "X-API-Key", g.mint(auth.Spec{Scopes: []auth.Scope{auth.ReadIOCs}})))
	note("list", g.get("/api/v1/iocs"))
	note("csv", g.get("/api/v1/iocs?format=csv"))
	note("csv by Accept", g.get("/api/v1/iocs", "Accept", "text/csv"))
	note("record", g.get("/api/v1/iocs/"+g.mem.records[0].ID.String()))
	note("other record", g.get("/api/v1/iocs/"+g.mem.records[1].ID.String()))
	note("article", g.get("/item/"+articleID.String()))
	later := newRig(t, func(o *Options) { o.Now = func() time.Time { return testNow.Add(time.Minute) } })
	later.mem.keys = g.mem.keys
	note("a minute later, with look-back", later.get(known, "X-API-Key", g.keys[auth.Free]))
	if got := later.get(known, "X-API-Key", g.keys[auth.Local]).Header().Get("ETag"); got != tag {
		t.Error("a minute changes the ETag of a key without look-back")
	}
	hour := newRig(t, func(o *Options) { o.Now = func() time.Time { return testNow.Add(time.Hour) } })
	hour.mem.keys = g.mem.keys
	note("an hour later, explained", hour.get(known+"&explain=true", "X-API-Key", g.keys[auth.Local]))
	g.mem.many(1)
	note("a change of the store", g.get(known))
	if w := g.get("/api/v1/iocs/search"); w.Header().Get("ETag") != "" {
		t.Error("an error has an ETag")
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	tag := g.get(known).Header().Get("ETag")
	asked := g.finder.asked.Load()
	for _, header := range []string{tag, strings.TrimPrefix(tag, "W/"), `"other", ` + tag} {
		w := g.get(known, "If-None-Match", header)
		if w.Code != 304 || w.Body.Len() != 0 || w.Header().Get("ETag") != tag || w.Header().Get("Cache-Control") != "private, no-cache" {
			t.Errorf("If-None-Match %s: %d %v", header, w.Code, w.Header())
		}
	}
	if n := g.finder.asked.Load(); n != asked {
		t.Errorf("304 ran the query %d times", n-asked)
	}
	if w := g.get(known, "If-None-Match", `"other"`); w.Code != 200 {
		t.Errorf("another tag: %d", w.Code)
	}
	wantError(t, g.get("/api/v1/iocs/search?q=a", "If-None-Match", tag), 400, api.InvalidParameter)
	wantError(t, g.do("GET", known, "If-None-Match", tag), 401, api.MissingAPIKey)
	g.mem.many(1)
	if w := g.get(known, "If-None-Match", tag); w.Code != 200 {
		t.Errorf("after a change: %d", w.Code)
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.mem.many(200)
	plain := g.get("/api/v1/iocs?limit=200")
	if plain.Header().Get("Content-Encoding") != "" || !strings.Contains(strings.Join(plain.Header().Values("Vary"), ","), "Accept-Encoding") {
		t.Fatalf("headers %v", plain.Header())
	}
	for encoding, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	} {
		w := g.get("/api/v1/iocs?limit=200", "Accept-Encoding", encoding)
		if got := w.Header().Get("Content-Encoding"); got != encoding {
			t.Errorf("Content-Encoding = %q, want %q", got, encoding)
			continue
		}
		r, err := open(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, plain.Body.Bytes()) {
			t.Errorf("%s: %d bytes, %v, want %d", encoding, len(got), err, plain.Body.Len())
		}
		// The tag is weak: one for all encodings.
		if tag := w.Header().Get("ETag"); tag != plain.Header().Get("ETag") || !strings.HasPrefix(tag, "W/") {
			t.Errorf("%s: ETag %s", encoding, tag)
		}
		if not := g.get("/api/v1/iocs?limit=200", "Accept-Encoding", encoding, "If-None-Match", w.Header().Get("ETag")); not.Code != 304 || not.Body.Len() != 0 {
			t.Errorf("%s: %d with %d bytes, want 304", encoding, not.Code, not.Body.Len())
		}
	}
	if w := g.get(known+"&include_related=false&type=domain", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Errorf("%d bytes are compressed", w.Body.Len())
	}
}

// TestLogLine: one line a request, and nothing of the query or the key in it.
func TestLogLine(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	g := newRig(t, func(o *Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
	key := g.keys[auth.Local]
	tests := []struct {
		name string
		do   func() *httptest.ResponseRecorder
		want map[string]any
	}{
		{"found", func() *httptest.ResponseRecorder { return g.get(known) }, map[string]any{
			"level": "INFO", "msg": "request", "method": "GET", "route": pathSearch, "status": 200.0, "key": key[:12], "query_us": 1234.0,
			"postings": 0.0, "candidates": 0.0, "rows": 0.0,
		}},
		{"nowhere", func() *httptest.ResponseRecorder { return g.do("PUT", "/secret/192.0.2.10") }, map[string]any{
			"level": "INFO", "msg": "request", "method": "PUT", "route": "", "status": 404.0, "key": "",
		}},
		{"fault", func() *httptest.ResponseRecorder {
			g.finder.err = errors.New("read 192.0.2.10: disk")
			defer func() { g.finder.err = nil }()
			return g.get(known)
		}, map[string]any{
			"level": "ERROR", "msg": "request", "method": "GET", "route": pathSearch, "status": 500.0, "key": key[:12],
			"error": "read 192[.]0[.]2[.]10: disk",
		}},
	}
	for _, tt := range tests { // one after the other: they share the log
		log.Reset()
		w := tt.do()
		if strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s: want one line, got %s", tt.name, &log)
		}
		for _, secret := range []string{key, "192.0.2.10", "q="} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("%s: the log holds %q: %s", tt.name, secret, &log)
			}
		}
		var got map[string]any
		if err := json.Unmarshal(log.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got["request_id"] != w.Header().Get("X-Request-Id") || got["bytes"] != float64(w.Body.Len()) || got["took_us"] == nil {
			t.Errorf("%s: line %s", tt.name, &log)
		}
		for _, k := range []string{"time", "request_id", "bytes", "took_us"} {
			delete(got, k)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// panicker panics instead of answering.
type panicker struct{}

func (panicker) Search(context.Context, search.Query) (search.Answer, error) {
	panic("impossible state")
}

func TestPanicIs500(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	g := newRig(t, func(o *Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
	g.srv.deps.Searcher = panicker{}
	wantError(t, g.get(known), 500, api.InternalError)
	if !strings.Contains(log.String(), "impossible state") || !strings.Contains(log.String(), "stack") {
		t.Errorf("log %s", &log)
	}
	if w := g.get("/api/v1/iocs"); w.Code != 200 {
		t.Errorf("the next request: %d", w.Code)
	}
}

// slow answers when it is told to.
type slow struct {
	Searcher
	started chan struct{}
	finish  chan struct{}
}

func (s slow) Search(ctx context.Context, q search.Query) (search.Answer, error) {
	s.started <- struct{}{}
	select {
	case <-s.finish:
		return s.Searcher.Search(ctx, q)
	case <-ctx.Done():
		return search.Answer{}, ctx.Err()
	}
}

// serving starts g's server on a free port.
func serving(t *testing.T, g *rig) (url string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.srv.Serve(ctx, ln) }()
	return "http://" + ln.Addr().String(), sync.OnceValue(func() error { cancel(); return <-done })
}

func ask(t *testing.T, g *rig, url string) (*http.Response, error) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", g.keys[auth.Local])
	return (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Do(req)
}

func TestGracefulStop(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	g := newRig(t)
	s := slow{g.finder, make(chan struct{}), make(chan struct{})}
	g.srv.deps.Searcher = s
	url, stop := serving(t, g)
	answer := make(chan error, 1)
	go func() {
		res, err := ask(t, g, url+known)
		if err == nil {
			defer res.Body.Close()
			var body api.SearchResponse
			if err = json.NewDecoder(res.Body).Decode(&body); err == nil && !body.Data.Found {
				err = errors.New("nothing found")
			}
		}
		answer <- err
	}()
	<-s.started
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for { // until it takes no more
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request in flight: %v", err)
	default:
	}
	close(s.finish)
	if err := <-answer; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
}

func TestStopIsBounded(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	g := newRig(t, func(o *Options) { o.ShutdownGrace = 20 * time.Millisecond; o.QueryDeadline = time.Minute })
	s := slow{g.finder, make(chan struct{}), make(chan struct{})}
	g.srv.deps.Searcher = s
	url, stop := serving(t, g)
	answer := make(chan error, 1)
	go func() {
		res, err := ask(t, g, url+known)
		if err == nil {
			res.Body.Close()
		}
		answer <- err
	}()
	<-s.started
	if err := stop(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Serve = %v, want that requests were broken off", err)
	}
	if err := <-answer; err == nil {
		t.Error("the request was answered")
	}
}

func TestQueryDeadline(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *Options) { o.QueryDeadline = 10 * time.Millisecond })
	s := slow{g.finder, make(chan struct{}, 1), make(chan struct{})}
	g.srv.deps.Searcher = s
	w := g.get(known)
	wantError(t, w, 503, api.Unavailable)
	if w.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After = %q", w.Header().Get("Retry-After"))
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	deps := g.srv.deps
	for name, o := range map[string]Options{
		"no address":   {},
		"bad view":     {Listen: "127.0.0.1:1", DefaultView: "table"},
		"no scheme":    {PublicURL: "feed.example"},
		"query in URL": {PublicURL: "https://feed.example/?a=b"},
		"user in URL":  {PublicURL: "https://u:p@feed.example/"},
		"other scheme": {PublicURL: "ftp://feed.example/"},
	} {
		if _, err := New(o, deps); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(Options{Listen: "127.0.0.1:1"}, Deps{}); err == nil {
		t.Error("no parts: no error")
	}
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", "0.0.0.0:80": "http://localhost:80", "[::]:80": "http://localhost:80",
		":80": "http://localhost:80", "[::1]:80": "http://[::1]:80", "feed.example:80": "http://feed.example:80",
	} {
		if got := publicURL(listen); got != want {
			t.Errorf("publicURL(%s) = %s, want %s", listen, got, want)
		}
	}
}

// BenchmarkSearchHandler is a search from the request to the last byte, with
// everything but the network and the store: key, checks, encoding, log line.
func BenchmarkSearchHandler(b *testing.B) {
	for _, bench := range []struct {
		name, path string
		metrics    bool
	}{
		{"related", known, false}, {"alone", known + "&include_related=false", false}, {"miss", "/api/v1/iocs/search?q=203.0.113.200", false},
		{"alone, counted", known + "&include_related=false", true},
	} {
		b.Run(bench.name, func(b *testing.B) {
			g := newRig(b, func(o *Options) {
				o.Logger = slog.New(slog.NewJSONHandler(io.Discard, nil))
				o.Now, o.Metrics = time.Now, bench.metrics
			})
			h := g.srv.Handler()
			r := httptest.NewRequest("GET", bench.path, nil)
			r.Host = "feed.example"
			r.Header.Set("X-API-Key", g.keys[auth.Local])
			w := &meter{header: http.Header{}, each: func() {}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}
