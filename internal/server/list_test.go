package server

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/store"
)

func values(l api.ListResponse) []string {
	var out []string
	for _, r := range l.Data {
		out = append(out, r.Value)
	}
	return out
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	const ip, domain, gate, dns, secret = "192.0.2.10", "c2.evil.example", "http://evil.example/Gate?a=1&b=<2>", "198.51.100.53", "secret.example"
	tests := []struct {
		name, query string
		want        []string
	}{
		{"all, latest first", "", []string{secret, dns, gate, domain, ip}},
		{"type", "type=ipv4", []string{dns, ip}},
		{"types", "type=url,%20ipv4,url", []string{dns, gate, ip}},
		{"category", "category=threat-intel,vendor", []string{secret, domain, ip}},
		{"confidence", "confidence=low,medium", []string{gate, domain}},
		{"industry", "industry=energy", []string{ip}},
		{"tag", "tag=c2", []string{domain, ip}},
		{"tag in capitals", "tag=C2", []string{domain, ip}},
		{"feed", "feed=Krebs%20%26%20Co", []string{domain, ip}},
		{"origin", "origin=article", []string{domain, ip}},
		{"technique", "technique=t1071", []string{ip}},
		{"article", "article_id=" + articleID.String(), []string{domain, ip}},
		{"since", "since=2026-05-17T04:00:00Z", []string{secret, dns}},
		{"since, a fraction later", "since=2026-05-17T04:00:00.001Z", []string{secret}},
		{"until", "until=2026-05-17T04:00:00Z", []string{gate, domain, ip}},
		{"until, a fraction later", "until=2026-05-17T04:00:00.001Z", []string{dns, gate, domain, ip}},
		{"since a day", "since=2026-05-17", []string{secret, dns, gate, domain, ip}},
		{"until a day", "until=2026-05-17", nil},
		{"without warned", "include_benign=false", []string{secret, gate, domain, ip}},
		{"with warned", "include_benign=true", []string{secret, dns, gate, domain, ip}},
		{"together", "type=ipv4&tag=c2", []string{ip}},
		{"window", "limit=2&offset=1", []string{dns, gate}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := g.get("/api/v1/iocs?" + tt.query)
			if diff := cmp.Diff(tt.want, values(decode[api.ListResponse](t, w))); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListSaysWhatApplied(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	l := decode[api.ListResponse](t, g.get("/api/v1/iocs?confidence=high,low&type=mitre_attack&since=2026-05-01&technique=t1071&_x=1"))
	want := unsetFilters()
	want.Type, want.Confidence, want.Since, want.Technique = "mitre-attack", "high,low", "2026-05-01T00:00:00Z", "T1071"
	if diff := cmp.Diff(want, l.Meta.Filters); diff != "" {
		t.Errorf("filters (-want +got):\n%s", diff)
	}
	self := "https://feed.example/api/v1/iocs?type=mitre_attack&confidence=high%2Clow&technique=t1071&since=2026-05-01"
	if l.Links.Self != self || l.Links.Next != nil {
		t.Errorf("links %+v, want self %s", l.Links, self)
	}
	if got := decode[api.ListResponse](t, g.get("/api/v1/iocs")).Links.Self; got != "https://feed.example/api/v1/iocs" {
		t.Errorf("self without parameters = %s", got)
	}
}

func TestLookBack(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	// The minute is whole: equal answers for a minute.
	const earliest = "2026-05-16T10:30:00Z"
	for query, want := range map[string]string{
		"": earliest, "since=2020-01-01": earliest, "since=2026-05-17": "2026-05-17T00:00:00Z",
	} {
		l := decode[api.ListResponse](t, g.get("/api/v1/iocs?"+query, "X-API-Key", g.keys[auth.Free]))
		if l.Meta.Filters.Since != want {
			t.Errorf("%q: since %s, want %s", query, l.Meta.Filters.Since, want)
		}
	}
	if l := decode[api.ListResponse](t, g.get("/api/v1/iocs")); l.Meta.Filters.Since != api.Unset {
		t.Errorf("a local key is shown since %s", l.Meta.Filters.Since)
	}
	e := wantError(t, g.get("/api/v1/iocs?until=2026-05-16", "X-API-Key", g.keys[auth.Free]), 403, api.LookbackExceeded)
	if !strings.Contains(e.Message, earliest) {
		t.Errorf("message %q does not say how far", e.Message)
	}
	if w := g.get(known, "X-API-Key", g.keys[auth.Free]); !decode[api.SearchResponse](t, w).Data.Found {
		t.Error("look-back bounds the search")
	}
}

func TestCursorWalk(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.mem.many(95)
	seen, pages := map[string]int{}, 0
	path := "/api/v1/iocs?limit=7&offset=0&include_benign=true"
	for path != "" {
		l := decode[api.ListResponse](t, g.get(path))
		for _, r := range l.Data {
			seen[r.ID]++
		}
		pages++
		if l.Meta.Total != 100 || l.Meta.TotalIsLowerBound {
			t.Fatalf("page %d: total %d", pages, l.Meta.Total)
		}
		path = ""
		if l.Links.Next != nil {
			var ok bool
			if path, ok = strings.CutPrefix(*l.Links.Next, "https://feed.example"); !ok {
				t.Fatalf("next = %s", *l.Links.Next)
			}
		}
	}
	if len(seen) != 100 || pages != 15 {
		t.Errorf("saw %d records on %d pages, want 100 on 15", len(seen), pages)
	}
}

func TestCursorIsBound(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.mem.many(50)
	token := func(path, key string) string {
		l := decode[api.ListResponse](t, g.get(path, "X-API-Key", g.keys[key]))
		_, token, ok := strings.Cut(*l.Links.Next, "cursor=")
		if !ok {
			t.Fatalf("no cursor in %s", *l.Links.Next)
		}
		return token
	}
	c := token("/api/v1/iocs?limit=2&type=domain,url", auth.Local)
	for _, good := range []string{"type=domain,url&limit=9", "limit=2&type=domain%2Curl&format=csv", "type=domain,url,url"} {
		if w := g.get("/api/v1/iocs?" + good + "&cursor=" + c); w.Code != 200 {
			t.Errorf("%s: %d %s", good, w.Code, w.Body)
		}
	}
	for _, bad := range []string{"", "type=domain", "type=domain,url&tag=c2", "type=domain,url&since=2026-01-01", "type=domain,url&format=txt"} {
		e := wantError(t, g.get("/api/v1/iocs?"+bad+"&cursor="+c), 400, api.InvalidParameter)
		if !strings.Contains(e.Message, "other filters") || e.Details.Parameter != "cursor" {
			t.Errorf("%q: message %q", bad, e.Message)
		}
	}
	e := wantError(t, g.get("/api/v1/iocs?type=domain,url&offset=3&cursor="+c), 400, api.InvalidParameter)
	if e.Details.Parameter != "offset" {
		t.Errorf("details %+v", e.Details)
	}
	// The look-back of a free key moves on; its cursor stays good.
	free := token("/api/v1/iocs?limit=2", auth.Free)
	later := newRig(t, func(o *Options) { o.Now = func() time.Time { return testNow.Add(5 * time.Minute) } })
	later.mem.keys, later.mem.records = g.mem.keys, g.mem.records
	if w := later.get("/api/v1/iocs?cursor="+free, "X-API-Key", g.keys[auth.Free]); w.Code != 200 {
		t.Errorf("minutes later: %d %s", w.Code, w.Body)
	}
}

func FuzzCursor(f *testing.F) {
	scope := [cursorScope]byte{1, 2, 3}
	f.Add(encodeCursor(store.Position{UpdatedAt: testNow, Seq: 17, Began: 99, ID: articleID}, scope))
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, token string) {
		p, err := decodeCursor(token, scope)
		if err == nil && encodeCursor(p, scope) != token {
			t.Errorf("%q decodes to %+v, which encodes differently", token, p)
		}
	})
}

func TestCSV(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.mem.records[0].Article.Title = `=HYPERLINK("http://x.example","a, b")`
	g.mem.records[1].Tags = []string{"-2+3", "c2"}
	w := g.get("/api/v1/iocs?format=csv")
	if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/csv") {
		t.Errorf("content type %q", got)
	}
	body := w.Body.String()
	if !strings.HasPrefix(body, "id,type,value,confidence,first_seen,last_seen,source_article,source_feed,category,tags\r\n") {
		t.Fatalf("header of %s", body)
	}
	if strings.Count(body, "\r\n") != strings.Count(body, "\n") || !strings.HasSuffix(body, "\r\n") {
		t.Error("lines do not end in CR LF")
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	first := g.mem.records[0]
	want := []string{
		first.ID.String(), "ipv4", "192.0.2.10", "high", "2026-05-15T08:21:30Z", "2026-05-16T18:42:11Z",
		`'=HYPERLINK("http://x.example","a, b")`, "Krebs & Co", "threat-intel", "botnet;c2",
	}
	if diff := cmp.Diff(want, rows[len(rows)-1]); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	if got := rows[len(rows)-2][9]; got != "'-2+3;c2" {
		t.Errorf("tags %q are run by a spreadsheet", got)
	}
}

func TestTXT(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.mem.many(10) // five values, twice each
	w := g.get("/api/v1/iocs?format=txt")
	want := "host4.bulk.example\nhost3.bulk.example\nhost2.bulk.example\nhost1.bulk.example\nhost0.bulk.example\n" +
		"secret.example\nhttp://evil.example/Gate?a=1&b=<2>\nc2.evil.example\n192.0.2.10\n"
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Errorf("txt (-want +got):\n%s", diff)
	}
	if got := g.get("/api/v1/iocs?format=txt&include_benign=true").Body.String(); !strings.Contains(got, "198.51.100.53\n") {
		t.Errorf("with include_benign: %s", got)
	}
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	w := g.get("/api/v1/iocs?format=ndjson&limit=3")
	lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		if want := strings.TrimSuffix(oracle(t, apiRecord(g.mem.records[4-i])), "\n"); line != want {
			t.Errorf("line %d = %s, want %s", i, line, want)
		}
	}
	if got := w.Header().Get("Link"); !strings.HasPrefix(got, "<https://feed.example/api/v1/iocs?format=ndjson&limit=3&cursor=") || !strings.HasSuffix(got, `>; rel="next"`) {
		t.Errorf("Link = %q", got)
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for accept, want := range map[string]string{
		"":                                   typeJSON,
		"*/*":                                typeJSON,
		"application/json":                   typeJSON,
		"text/csv":                           typeCSV,
		"text/plain":                         typeText,
		"application/x-ndjson":               typeNDJSON,
		"text/html,*/*;q=0.8":                typeJSON,
		"application/json;q=0.5, text/csv":   typeCSV,
		"text/*":                             typeCSV,
		"*/*;q=0.1, text/plain;q=0.2":        typeText,
		"application/json;q=0, */*":          typeCSV,
		"image/png":                          "",
		"application/json;q=0":               "",
		"nonsense":                           "",
		"TEXT/CSV ; Q=0.9":                   typeCSV,
		"application/*;q=0.3, text/*;q=0.29": typeJSON,
	} {
		w := g.get("/api/v1/iocs", "Accept", accept)
		if want == "" {
			wantError(t, w, 406, api.NotAcceptable)
			continue
		}
		if got := w.Header().Get("Content-Type"); got != want {
			t.Errorf("Accept %q: %d %q, want %q", accept, w.Code, got, want)
		}
		if !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Accept") {
			t.Errorf("Vary = %q", w.Header().Values("Vary"))
		}
	}
	lines := httptest.NewRequest(http.MethodGet, "/api/v1/iocs", nil)
	lines.Header["Accept"] = []string{"image/png", "text/csv"}
	if got := acceptWeight(accepted(lines), "text", "csv"); got != 1 {
		t.Errorf("the second line of Accept is not read: weight %v", got)
	}
	tag := g.get("/api/v1/iocs").Header().Get("ETag")
	w := g.get("/api/v1/iocs", "If-None-Match", tag)
	if w.Code != 304 || !slices.Contains(w.Header().Values("Vary"), "Accept") {
		t.Errorf("not modified: %d, Vary = %q", w.Code, w.Header().Values("Vary"))
	}
	if got := g.get("/api/v1/iocs?format=csv", "Accept", "application/json").Header().Get("Content-Type"); got != typeCSV {
		t.Errorf("format loses against Accept: %q", got)
	}
}

// TestListIsDatedWhatItHolds: polling on from generated_at misses nothing that
// a run had dated and not committed yet.
func TestListIsDatedWhatItHolds(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for settled, want := range map[time.Time]string{
		{}: "2026-05-17T10:30:42Z", testNow.Add(-time.Hour): "2026-05-17T09:30:42Z", testNow.Add(time.Hour): "2026-05-17T10:30:42Z",
	} {
		g.mem.settled = settled
		if l := decode[api.ListResponse](t, g.get("/api/v1/iocs")); l.Meta.GeneratedAt.Format(time.RFC3339) != want {
			t.Errorf("settled %s: generated at %s, want %s", settled, l.Meta.GeneratedAt, want)
		}
	}
}

// TestLongList walks 25,000 rows in every format: whole, valid, each row once,
// written as it is read, and never under a view of the store.
func TestLongList(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.mem.records = nil
	g.mem.many(25_000)
	count := func(body string) int { return strings.Count(body, "\n") }
	for format, rows := range map[string]func(string) int{
		api.FormatNDJSON: count,
		api.FormatCSV:    func(b string) int { return count(b) - 1 },
		api.FormatTXT:    func(b string) int { return 2 * count(b) },
		api.FormatJSON: func(b string) int {
			var l api.ListResponse
			if err := json.Unmarshal([]byte(b), &l); err != nil {
				t.Errorf("a long list is not JSON: %v", err)
			}
			if l.Meta.Total != store.Cap || !l.Meta.TotalIsLowerBound || l.Links.Next != nil {
				t.Errorf("meta %+v, links %+v", l.Meta, l.Links)
			}
			return len(l.Data)
		},
	} {
		w := &watcher{ResponseRecorder: httptest.NewRecorder(), mem: g.mem}
		r := httptest.NewRequest("GET", "/api/v1/iocs?limit=1000000&format="+format, nil)
		r.Host = "feed.example"
		r.Header.Set("X-API-Key", g.keys[auth.Local])
		g.srv.Handler().ServeHTTP(w, r)
		if got := rows(w.Body.String()); got != 25_000 || w.Code != 200 {
			t.Errorf("%s: %d with %d rows, want 25000", format, w.Code, got)
		}
		if w.held > 0 {
			t.Errorf("%s: wrote %d times while it held a view", format, w.held)
		}
		if w.writes < 3 {
			t.Errorf("%s: only %d writes: not streamed", format, w.writes)
		}
	}
}

// watcher is a client that notices writes under a view.
type watcher struct {
	*httptest.ResponseRecorder
	mem          *memory
	held, writes int
}

func (w *watcher) Write(b []byte) (int, error) {
	w.writes++
	if w.mem.holding.Load() > 0 {
		w.held++
	}
	return w.ResponseRecorder.Write(b)
}

// TestLongListLimit: a limit between pages and streams is kept to the row.
func TestLongListLimit(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.mem.many(25_000)
	for _, limit := range []int{1, 1999, 2000, 2001, 9_999, 10_000, 10_001, 24_999} {
		l := decode[api.ListResponse](t, g.get(fmt.Sprint("/api/v1/iocs?limit=", limit)))
		if len(l.Data) != limit || l.Links.Next == nil {
			t.Errorf("limit %d: %d rows, next %v", limit, len(l.Data), l.Links.Next)
		}
	}
}

// TestBrokenStream: before the first byte there is an error body; afterwards
// the connection is broken off, so that half a block list is never taken for
// a whole one.
func TestBrokenStream(t *testing.T) {
	t.Parallel()
	for failAt, encoding := range map[int64]string{2: "identity", 8: "identity", 9: "gzip"} {
		g := newRig(t)
		g.mem.many(30_000)
		ts := httptest.NewServer(g.srv.Handler())
		defer ts.Close()
		g.mem.failAt, g.mem.err = failAt, store.ErrBusy
		req, err := http.NewRequestWithContext(t.Context(), "GET", ts.URL+"/api/v1/iocs?limit=1000000&format=txt", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-API-Key", g.keys[auth.Local])
		req.Header.Set("Accept-Encoding", encoding)
		res, err := ts.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		switch {
		case failAt == 2 && (res.StatusCode != 503 || err != nil):
			t.Errorf("before the first byte: %d, %v", res.StatusCode, err)
		case failAt > 2 && (res.StatusCode != 200 || err == nil):
			t.Errorf("view %d (%s): %d, %v: want a body that breaks off", failAt, encoding, res.StatusCode, err)
		}
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.mem.many(30_000)
	ts := httptest.NewServer(g.srv.Handler())
	defer ts.Close()
	for _, path := range []string{known, "/api/v1/iocs?limit=3", "/api/v1/iocs?limit=1000000", "/item/" + articleID.String(), "/api/openapi.json", "/healthz"} {
		views := g.mem.views.Load()
		req, err := http.NewRequestWithContext(t.Context(), "HEAD", ts.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-API-Key", g.keys[auth.Local])
		res, err := ts.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 || len(body) != 0 || err != nil {
			t.Errorf("HEAD %s: %d, %d bytes, %v", path, res.StatusCode, len(body), err)
		}
		if n := g.mem.views.Load() - views; n > bufferRows/pageRows {
			t.Errorf("HEAD %s read %d pages", path, n)
		}
	}
}

// TestLongListMemory: what a stream holds does not grow with its length.
func TestLongListMemory(t *testing.T) {
	g := newRig(t)
	g.mem.many(60_000)
	peak := uint64(0)
	w := &meter{header: http.Header{}, each: func() {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
	}}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	r := httptest.NewRequest("GET", "/api/v1/iocs?limit=1000000&format=ndjson", nil)
	r.Host = "feed.example"
	r.Header.Set("X-API-Key", g.keys[auth.Local])
	g.srv.Handler().ServeHTTP(w, r)
	if grown := int64(peak) - int64(before.HeapAlloc); grown > 12<<20 || w.bytes < 20<<20 {
		t.Errorf("held %d MB more while writing %d MB", grown>>20, w.bytes>>20)
	}
}

// meter is a client that counts and forgets.
type meter struct {
	header http.Header
	bytes  int
	each   func()
}

func (m *meter) Header() http.Header { return m.header }
func (m *meter) WriteHeader(int)     {}
func (m *meter) Write(b []byte) (int, error) {
	m.bytes += len(b)
	m.each()
	return len(b), nil
}

func TestHashSet(t *testing.T) {
	t.Parallel()
	var h hashSet
	for round := range 2 {
		for i := range 100_000 {
			if got := h.add(fmt.Sprint("value", i)); got != (round == 0) {
				t.Fatalf("round %d: add(%d) = %t", round, i, got)
			}
		}
	}
	if len(h.slots) > 4*100_000 {
		t.Errorf("%d slots for 100000 texts", len(h.slots))
	}
}
