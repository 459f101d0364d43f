package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/api"
	"spoor/client"
	"spoor/internal/auth"
	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
	"spoor/internal/store/sqlite"
)

// whole is a running server on the real engine, real search, real keys and a
// real connection: nothing in it stands in for anything.
type whole struct {
	t      testing.TB
	store  *sqlite.Store
	url    string
	key    string
	client *client.Client
}

func newWhole(t testing.TB) *whole {
	t.Helper()
	ctx := context.Background()
	st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "spoor.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	key, err := auth.FirstKey(ctx, st, rand.Reader, auth.Spec{}, time.Now())
	if err != nil || key == "" {
		t.Fatalf("first key %q, %v", key, err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := New(Options{Listen: ln.Addr().String(), PublicURL: "https://feed.example", AllowedHosts: []string{"127.0.0.1"}},
		Deps{
			Store: st, Searcher: search.New(st, time.Now), Authenticator: auth.New(st, nil, time.Now),
			Limiter: auth.NewLimiter(st, "test", time.Second, time.Now),
		})
	if err != nil {
		t.Fatal(err)
	}
	serving, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(serving, ln) }()
	w := &whole{t: t, store: st, url: "http://" + ln.Addr().String(), key: key}
	w.client, err = client.New(w.url, key, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.client.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return w
}

// write imports observations of one feed.
func (w *whole) write(feed store.Feed, batch ...store.Observation) {
	w.t.Helper()
	ctx := context.Background()
	run, err := w.store.StartRun(ctx, store.RunSpec{Feed: feed, Source: "test", Now: time.Now()})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := run.Write(ctx, batch); err != nil {
		w.t.Fatal(err)
	}
	if err := run.Finish(ctx, store.RunStats{}); err != nil {
		w.t.Fatal(err)
	}
}

func observed(t testing.TB, text string) store.Observation {
	t.Helper()
	ind, err := ioc.Identify(text)
	if err != nil {
		t.Fatal(err)
	}
	return store.Observation{Indicator: ind, Origin: store.OriginFeed, Confidence: ioc.High, TLP: ioc.Clear}
}

// writeSeed stores what the examples of the two seed pages are about, with
// values of our own.
func (w *whole) writeSeed() {
	w.t.Helper()
	feed := store.Feed{Name: "Example Security", Category: store.ThreatIntel}
	article := &store.Article{Feed: feed, Title: "Botnet on home routers", URL: "https://news.example/botnet", Fetched: time.Now()}
	article.ID = store.ArticleID(feed.Name, article.URL)
	address, domain := observed(w.t, "192.0.2.1"), observed(w.t, "c2.example")
	for _, o := range []*store.Observation{&address, &domain} {
		o.Article, o.Origin, o.Tags, o.Techniques = article, store.OriginArticle, []string{"c2", "botnet"}, []string{"T1071"}
		o.FirstSeen = time.Date(2026, 5, 15, 8, 21, 30, 0, time.UTC)
		o.LastSeen = time.Date(2026, 5, 16, 18, 42, 11, 0, time.UTC)
	}
	address.Context = "C2 server named in the botnet report."
	w.write(feed, address, domain)
	w.write(store.Feed{Name: "Example Alerts", Category: store.Government}, observed(w.t, "evil-domain.example"))
}

// raw asks without the client: the answer as it is.
func (w *whole) raw(path string, header ...string) (status int, h http.Header, body []byte) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), "GET", w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, res.Header, body
}

// seedField is one field that a seed page documents: where it is, and the JSON
// types that it may have. A path ends in its names; [] is the first element of
// a list.
type seedField struct{ path, types string }

// recordFields are what seed 000 shows of a match, below prefix.
func recordFields(prefix string) []seedField {
	fields := []seedField{
		{"id", "string"}, {"type", "string"}, {"value", "string"}, {"confidence", "string"}, {"first_seen", "string"}, {"last_seen", "string"},
		{"source", "object"}, {"source.article_id", "string"}, {"source.article_title", "string"}, {"source.article_url", "string"},
		{"source.reference_url", "string|null"}, {"source.feed_name", "string"}, {"source.category", "string"}, {"source.origin", "string"},
		{"tags", "array"}, {"tags[]", "string"}, {"mitre_techniques", "array"}, {"mitre_techniques[]", "string"},
	}
	for i := range fields {
		fields[i].path = prefix + "." + fields[i].path
	}
	return fields
}

// seedCases are the documented requests of the two seed pages with the fields
// that they show.
func seedCases(key string) []seedCase {
	detail := append([]seedField{
		{"meta", "object"}, {"meta.generated_at", "string"}, {"meta.feed_version", "string"}, {"meta.source", "string"},
		{"data", "object"}, {"data.found", "boolean"}, {"data.query", "string"}, {"data.matches", "array"}, {"data.relatedIOCs", "array"},
		{"data.matches[].context", "string"},
		{"data.meta", "object"}, {"data.meta.total_matches", "integer"}, {"data.meta.related_count", "integer"}, {"data.meta.search_time_ms", "integer"},
	}, append(recordFields("data.matches[]"), recordFields("data.relatedIOCs[]")...)...)
	list := []seedField{
		{"meta", "object"}, {"meta.total", "integer"}, {"meta.limit", "integer"}, {"meta.offset", "integer"}, {"data", "array"},
		{"data[].type", "string"}, {"data[].value", "string"}, {"data[].confidence", "string"},
		{"data[].source", "object"}, {"data[].source.feed_name", "string"}, {"data[].source.category", "string"},
	}
	refusal := []seedField{{"error", "object"}, {"error.code", "string"}, {"error.message", "string"}, {"error.request_id", "string"}}
	return []seedCase{
		{"seed 000", "/api/v1/iocs/search?q=192.0.2.1", []string{"Authorization", "Bearer " + key}, 200, detail},
		{"seed 000, key in X-API-Key", "/api/v1/iocs/search?q=192.0.2.1&include_related=true", []string{"X-API-Key", key}, 200, detail},
		{"seed 003", "/api/v1/iocs/search?q=evil-domain.example&view=list", []string{"Authorization", "Bearer " + key}, 200, list},
		{"seed 003, type", "/api/v1/iocs/search?q=evil-domain.example&type=domain&view=list", []string{"Authorization", "Bearer " + key}, 200, list},
		{"seed 003, GET /api/v1/iocs", "/api/v1/iocs", []string{"Authorization", "Bearer " + key}, 200, list},
		{"seed 003, no key", "/api/v1/iocs/search?q=evil-domain.example", nil, 401, refusal},
		{"seed 003, wrong key", "/api/v1/iocs/search?q=evil-domain.example", []string{"Authorization", "Bearer sk_live_YOUR_KEY"}, 401, refusal},
	}
}

type seedCase struct {
	name, path string
	header     []string
	status     int
	fields     []seedField
}

func TestSeeds(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.writeSeed()
	for _, tt := range seedCases(w.key) {
		t.Run(tt.name, func(t *testing.T) {
			status, _, body := w.raw(tt.path, tt.header...)
			if status != tt.status {
				t.Fatalf("status %d, want %d: %s", status, tt.status, body)
			}
			dec := json.NewDecoder(bytes.NewReader(body))
			dec.UseNumber()
			var v any
			if err := dec.Decode(&v); err != nil {
				t.Fatal(err)
			}
			for _, f := range tt.fields {
				if got, ok := jsonTypeAt(v, f.path); !ok || !strings.Contains("|"+f.types+"|", "|"+got+"|") {
					t.Errorf("%s is %q (there: %t), want %s", f.path, got, ok, f.types)
				}
			}
		})
	}
}

// jsonTypeAt returns the JSON type of what is at the path.
func jsonTypeAt(v any, path string) (string, bool) {
	for name := range strings.SplitSeq(path, ".") {
		name, element := strings.CutSuffix(name, "[]")
		object, ok := v.(map[string]any)
		if !ok {
			return "", false
		}
		if v, ok = object[name]; !ok {
			return "", false
		}
		if element {
			list, ok := v.([]any)
			if !ok || len(list) == 0 {
				return "", false
			}
			v = list[0]
		}
	}
	switch v := v.(type) {
	case nil:
		return "null", true
	case bool:
		return "boolean", true
	case string:
		return "string", true
	case []any:
		return "array", true
	case map[string]any:
		return "object", true
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return "integer", true
		}
		return "number", true
	}
	return "", false
}

// TestSeedValues: what the pages say in words.
func TestSeedValues(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.writeSeed()
	d, err := w.client.Search(t.Context(), client.SearchParams{Q: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	if !d.Data.Found || d.Data.Query != "192.0.2.1" || d.Meta.FeedVersion != "1.0" || d.Meta.Source != "SOC Defenders" ||
		len(d.Data.Matches) != 1 || d.Data.Meta.TotalMatches != 1 || d.Data.Meta.RelatedCount != 1 || d.Data.Meta.Stage != "exact" {
		t.Errorf("answer %+v", d)
	}
	m, rel := d.Data.Matches[0], d.Data.RelatedIOCs[0]
	if want := "https://feed.example/item/" + *m.Source.ArticleID; *m.Source.ArticleURL != want || *rel.Source.ArticleURL != want {
		t.Errorf("article_url %s, want %s", *m.Source.ArticleURL, want)
	}
	if rel.Value != "c2.example" || rel.Relation != "article" {
		t.Errorf("related %+v", rel)
	}
	if diff := cmp.Diff([]string{"botnet", "c2"}, m.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	none, err := w.client.Search(t.Context(), client.SearchParams{Q: "203.0.113.9"})
	if err != nil || none.Data.Found || none.Data.Meta.Stage != "none" || none.Data.Matches == nil || none.Data.RelatedIOCs == nil {
		t.Errorf("nothing: %+v, %v", none, err)
	}
	for _, spelling := range []string{"hxxps://EVIL-domain[.]example", "evil-domain[dot]example.", "\"Evil-Domain.example\"", "*.evil-domain.example"} {
		l, err := w.client.SearchList(t.Context(), client.SearchParams{Q: spelling})
		if err != nil || l.Meta.Total != 1 || l.Data[0].Value != "evil-domain.example" || l.Data[0].Source.Category != "government" {
			t.Errorf("%q: %+v, %v", spelling, l, err)
		}
	}
	status, h, body := w.raw("/api/v1/iocs/search?q=x")
	e := api.ErrorResponse{}
	if err := json.Unmarshal(body, &e); err != nil || status != 401 || e.Error.Message != api.MissingAPIKeyMessage || h.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("no key: %d %s", status, body)
	}
}

// TestWholePath: what the CLI and scripts do, on the real engine.
func TestWholePath(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.writeSeed()
	var bulk []store.Observation
	for i := range 2500 {
		bulk = append(bulk, observed(t, fmt.Sprintf("host%d.bulk.example", i)))
	}
	w.write(store.Feed{Name: "bulk", Category: store.Community}, bulk...)
	ctx := t.Context()

	var txt bytes.Buffer
	if err := w.client.ListTo(ctx, &txt, api.FormatTXT, client.ListParams{Feeds: []string{"bulk"}, Limit: 1_000_000}); err != nil || strings.Count(txt.String(), "\n") != 2500 {
		t.Errorf("txt: %d lines, %v", strings.Count(txt.String(), "\n"), err)
	}
	seen, p := map[string]bool{}, client.ListParams{Feeds: []string{"bulk"}, Limit: 700}
	for pages := 0; ; pages++ {
		l, err := w.client.List(ctx, p)
		if err != nil || pages > 4 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, r := range l.Data {
			seen[r.ID] = true
		}
		if p.Cursor = client.NextCursor(l); p.Cursor == "" {
			break
		}
	}
	if len(seen) != 2500 {
		t.Errorf("the walk saw %d records, want 2500", len(seen))
	}
	l, err := w.client.List(ctx, client.ListParams{Types: []string{"ipv4"}})
	if err != nil || len(l.Data) != 1 {
		t.Fatalf("list: %+v, %v", l, err)
	}
	one, err := w.client.Record(ctx, l.Data[0].ID)
	if diff := cmp.Diff(l.Data[0], one.Data); err != nil || diff != "" {
		t.Errorf("record: %v (-list +record):\n%s", err, diff)
	}
	status, h, page := w.raw("/item/"+*one.Data.Source.ArticleID, "X-API-Key", w.key)
	if status != 200 || !bytes.Contains(page, []byte("192[.]0[.]2[.]1")) || bytes.Contains(page, []byte("href")) || !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
		t.Errorf("article page: %d\n%s", status, page)
	}
	_, err = w.client.List(ctx, client.ListParams{Types: []string{"ip"}})
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.InvalidParameter || e.Details.Parameter != "type" {
		t.Errorf("error %v", err)
	}
}

// TestJSONIsTheAPIs: Encoder.Detail, which the CLI prints, is the body of
// view=detail but for the times.
func TestJSONIsTheAPIs(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.writeSeed()
	body, err := w.client.SearchRaw(t.Context(), client.SearchParams{Q: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	var over api.SearchResponse
	if err := json.Unmarshal(body, &over); err != nil {
		t.Fatal(err)
	}
	res := Result{Query: "192.0.2.1", Window: store.Window{Limit: 100}, GeneratedAt: over.Meta.GeneratedAt}
	res.Answer, err = search.New(w.store, time.Now).Search(t.Context(), search.Query{
		Text: res.Query, Related: true, Window: res.Window, Visibility: store.Visibility{MaxTLP: ioc.Red},
	})
	if err != nil {
		t.Fatal(err)
	}
	res.Answer.Took = time.Duration(over.Data.Meta.SearchTimeUS) * time.Microsecond
	if diff := cmp.Diff(string(body), string(NewEncoder("https://feed.example", "", "").Detail(nil, &res))); diff != "" {
		t.Errorf("body (-over HTTP +Encoder):\n%s", diff)
	}
}

func TestRevokedKey(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	keys, err := w.store.Keys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	if _, err := w.client.List(t.Context(), client.ListParams{}); err != nil {
		t.Fatal(err)
	}
	revoked := time.Now()
	if err := w.store.RevokeKey(t.Context(), keys[0].ID, revoked); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := w.client.List(t.Context(), client.ListParams{})
		if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.InvalidAPIKey {
			return
		}
		if err != nil || time.Since(revoked) > 2*time.Second {
			t.Fatalf("after %v: %v, want invalid_api_key within two seconds", time.Since(revoked), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// BenchmarkWholeSearch is a search through the handler on the real engine, of
// a store of 50,000.
func BenchmarkWholeSearch(b *testing.B) {
	w := newWhole(b)
	var bulk []store.Observation
	for i := range 50_000 {
		bulk = append(bulk, observed(b, fmt.Sprintf("host%d.bulk.example", i)))
	}
	w.write(store.Feed{Name: "bulk", Category: store.Community}, bulk...)
	srv, err := New(Options{Listen: "127.0.0.1:1"}, Deps{
		Store: w.store, Searcher: search.New(w.store, time.Now), Authenticator: auth.New(w.store, nil, time.Now),
		Limiter: auth.NewLimiter(w.store, "test", time.Second, time.Now),
	})
	if err != nil {
		b.Fatal(err)
	}
	h := srv.Handler()
	for name, query := range map[string]string{"exact": "q=host%d.bulk.example&include_related=false", "miss": "q=miss%d.bulk.example"} {
		b.Run(name, func(b *testing.B) {
			out := &meter{header: http.Header{}, each: func() {}}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r, err := http.NewRequestWithContext(b.Context(), "GET", "http://localhost/api/v1/iocs/search?"+fmt.Sprintf(query, i*7919%50_000), nil)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("X-API-Key", w.key)
				clear(out.header)
				h.ServeHTTP(out, r)
			}
		})
	}
}
