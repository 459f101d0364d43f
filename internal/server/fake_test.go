package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
	"spoor/internal/store/storetest"
)

var testNow = time.Date(2026, 5, 17, 10, 30, 42, 0, time.UTC)

// memory is a store in memory: what the tests of one room need of the contract,
// with failures on demand. The engines have a suite of their own.
type memory struct {
	store.Snapshot // panics where a method is not wanted here

	records  []store.Record
	articles []store.Article
	keys     map[[sha256.Size]byte]store.Key
	settled  time.Time
	err      error
	failAt   int64 // the view that fails; 0: all, when err is set
	views    atomic.Int64
	holding  atomic.Int64

	// health is what Health answers; by default that of a store in one file.
	// With hang it waits for its context.
	health store.Health
	hang   bool
	looks  atomic.Int64
	feeds  []store.FeedState
	counts atomic.Int64
}

// Health implements store.Reporter.
func (m *memory) Health(ctx context.Context) (store.Health, error) {
	m.looks.Add(1)
	if m.hang {
		<-ctx.Done()
		return m.health, ctx.Err()
	}
	return m.health, nil
}

// FeedStates implements Store.
func (m *memory) FeedStates(context.Context) ([]store.FeedState, error) { return m.feeds, m.err }

func (m *memory) View(ctx context.Context, fn func(store.Snapshot) error) error {
	n := m.views.Add(1)
	if m.err != nil && (m.failAt == 0 || m.failAt == n) {
		return m.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.holding.Add(1)
	defer m.holding.Add(-1)
	return fn(m)
}

func (m *memory) Seq() int64 {
	var seq int64
	for i := range m.records {
		seq = max(seq, m.records[i].Seq)
	}
	return seq
}

func (m *memory) Counts(context.Context) (store.Counts, error) {
	m.counts.Add(1)
	return store.Counts{Records: int64(len(m.records))}, nil
}

func (m *memory) Settled(context.Context) (time.Time, error) { return m.settled, nil }

func (m *memory) Record(_ context.Context, id uuid.UUID) (store.Record, error) {
	for _, r := range m.records {
		if r.ID == id {
			return r, nil
		}
	}
	return store.Record{}, store.ErrNotFound
}

func (m *memory) Article(_ context.Context, id uuid.UUID) (store.Article, error) {
	for _, a := range m.articles {
		if a.ID == id {
			return a, nil
		}
	}
	return store.Article{}, store.ErrNotFound
}

func (m *memory) KeyByHash(_ context.Context, h [sha256.Size]byte) (store.Key, error) {
	k, ok := m.keys[h]
	if !ok {
		return k, store.ErrNotFound
	}
	return k, nil
}

// List relies on the records being in the order of their Seq.
func (m *memory) List(_ context.Context, f store.Filter, p store.Page) (store.List, error) {
	began, skip := m.Seq(), p.Offset
	if p.After != nil {
		began = p.After.Began
	}
	var out store.List
	more := false
	for i := len(m.records) - 1; i >= 0; i-- {
		r := &m.records[i]
		if !passes(r, &f) {
			continue
		}
		out.Total++
		switch {
		case p.After != nil && r.Seq >= p.After.Seq:
		case skip > 0:
			skip--
		case len(out.Records) < p.Limit:
			out.Records = append(out.Records, *r)
		default:
			more = true
		}
	}
	if more {
		last := out.Records[len(out.Records)-1]
		out.Next = &store.Position{UpdatedAt: last.UpdatedAt, Seq: last.Seq, ID: last.ID, Began: began}
	}
	out.LowerBound = out.Total > store.Cap
	out.Total = min(out.Total, store.Cap)
	return out, nil
}

func passes(r *store.Record, f *store.Filter) bool {
	return oneOf(f.Types, r.Type) && oneOf(f.Categories, r.Feed.Category) && oneOf(f.Confidences, r.Confidence) &&
		anyOf(f.Industries, r.Industries) && anyOf(f.Tags, r.Tags) && anyOf(f.Techniques, r.Techniques) &&
		oneOf(f.Feeds, r.Feed.Name) && oneOf(f.Origins, r.Origin) &&
		(f.Article == uuid.Nil || r.Article != nil && r.Article.ID == f.Article) &&
		!r.UpdatedAt.Before(f.Since) && (f.Until.IsZero() || r.UpdatedAt.Before(f.Until)) &&
		(!f.WithoutWarned || len(r.Warnings) == 0) && f.Sees(r.TLP)
}

func oneOf[T comparable](want []T, got T) bool { return len(want) == 0 || slices.Contains(want, got) }

func anyOf(want, got []string) bool {
	return len(want) == 0 || slices.ContainsFunc(want, func(w string) bool { return slices.Contains(got, w) })
}

// finder is the real Searcher on the memory, with failures on demand and a
// time taken that does not change.
type finder struct {
	m     *memory
	err   error
	asked atomic.Int64
	last  atomic.Pointer[search.Query]
}

func (f *finder) Search(ctx context.Context, q search.Query) (search.Answer, error) {
	f.asked.Add(1)
	f.last.Store(&q)
	if f.err != nil {
		return search.Answer{}, f.err
	}
	if _, ok := ctx.Deadline(); !ok {
		return search.Answer{}, fmt.Errorf("search without a deadline")
	}
	a, err := search.New(f.m, time.Now).Search(ctx, q)
	a.Took = 1234 * time.Microsecond
	return a, err
}

// matches are the records that match says yes to.
func (m *memory) matches(v store.Visibility, w store.Window, match func(*store.Record) bool) store.Matches {
	var all []store.Record
	for i := range m.records {
		if v.Sees(m.records[i].TLP) && match(&m.records[i]) {
			all = append(all, m.records[i])
		}
	}
	return store.Matches{Records: all[min(w.Offset, len(all)):min(w.Offset+w.Limit, len(all))], Total: len(all)}
}

func (m *memory) Exact(_ context.Context, q store.ExactQuery) (store.Matches, error) {
	return m.matches(q.Visibility, q.Window, func(r *store.Record) bool {
		return slices.Contains(q.Keys, store.TypedKey{Type: r.Type, Key: r.Key})
	}), nil
}

func (m *memory) Contains(_ context.Context, q store.ContainsQuery) (store.Matches, error) {
	return m.matches(q.Visibility, q.Window, func(r *store.Record) bool {
		_, ok := q.Needle.Match(r.Type, r.Key)
		return ok && oneOf(q.Types, r.Type)
	}), nil
}

func (m *memory) Related(_ context.Context, q store.RelatedQuery) ([]store.Related, error) {
	found := m.matches(q.Visibility, store.Window{Limit: q.Limit}, func(r *store.Record) bool {
		return r.Article != nil && slices.Contains(q.ArticleIDs(), r.Article.ID) && !q.IsMatch(r.Type, r.Key)
	})
	var out []store.Related
	for _, r := range found.Records {
		out = append(out, store.Related{Record: r, Relation: store.RelationArticle})
	}
	return out, nil
}

var (
	articleID = uuid.MustParse("c59a6bb4-f69a-4b90-babe-ca1afcda3514")
	secretID  = uuid.MustParse("c59a6bb4-f69a-4b90-babe-ca1afcda3515")
)

// sample is a small store: two values of one article, one feed row with
// nothing optional, one warned, one marked red.
func sample() *memory {
	feed := store.Feed{Name: "Krebs & Co", Category: store.ThreatIntel}
	ref := &store.ArticleRef{ID: articleID, Title: "New botnet <observed>", URL: "https://news.example/a?b=1&c=2"}
	first, last := time.Date(2026, 5, 15, 8, 21, 30, 0, time.UTC), time.Date(2026, 5, 16, 18, 42, 11, 0, time.UTC)
	m := &memory{health: store.Health{Engine: "sqlite", Schema: 1, Writable: true, Replication: store.NoReplication}, articles: []store.Article{
		{ID: articleID, Feed: feed, Title: ref.Title, URL: ref.URL, Fetched: last, TLP: ioc.Clear},
		{ID: secretID, Feed: feed, Title: "Not for everybody", TLP: ioc.Red},
	}}
	add := func(r store.Record) {
		r.Key = strings.ToLower(r.Value)
		r.FirstSeen, r.LastSeen = first, last
		r.Seq = int64(len(m.records) + 1)
		r.AddedAt = testNow.Add(time.Duration(r.Seq-10) * time.Hour).Truncate(time.Hour)
		r.UpdatedAt = r.AddedAt
		article := uuid.Nil
		if r.Article != nil {
			article = r.Article.ID
		}
		r.ID = store.RecordID(r.Feed.Name, article, r.Type, r.Value)
		m.records = append(m.records, r)
	}
	add(store.Record{
		Type: ioc.IPv4, Value: "192.0.2.10", Confidence: ioc.High, Origin: store.OriginArticle, Feed: feed, Article: ref,
		Context: "C2 server \"named\" in the write-up.\n", Tags: []string{"botnet", "c2"}, Techniques: []string{"T1071"},
		Ports: []uint16{443, 8443}, TLP: ioc.Clear, Industries: []string{"energy"},
	})
	add(store.Record{
		Type: ioc.Domain, Value: "c2.evil.example", Confidence: ioc.Medium, Origin: store.OriginArticle, Feed: feed, Article: ref,
		Tags: []string{"c2"}, TLP: ioc.Green,
	})
	add(store.Record{
		Type: ioc.URL, Value: "http://evil.example/Gate?a=1&b=<2>", Confidence: ioc.Low, Origin: store.OriginFeed,
		Feed: store.Feed{Name: "urls", Category: store.ThreatFeed},
	})
	add(store.Record{
		Type: ioc.IPv4, Value: "198.51.100.53", Confidence: ioc.High, Origin: store.OriginFeed, TLP: ioc.Clear,
		Feed: store.Feed{Name: "urls", Category: store.ThreatFeed}, Warnings: []store.Warning{{List: "public-dns", Reason: "a public resolver"}},
	})
	add(store.Record{
		Type: ioc.Domain, Value: "secret.example", Confidence: ioc.High, Origin: store.OriginFeed, TLP: ioc.Red,
		Feed: store.Feed{Name: "own", Category: store.Vendor},
	})
	return m
}

// many adds n records without articles.
func (m *memory) many(n int) {
	for i := range n {
		v := fmt.Sprintf("host%d.bulk.example", i/2) // every value twice
		feed := store.Feed{Name: fmt.Sprint("bulk", i%2), Category: store.Community}
		seq := int64(len(m.records) + 1)
		m.records = append(m.records, store.Record{
			ID: store.RecordID(feed.Name, uuid.Nil, ioc.Domain, v), Type: ioc.Domain, Value: v, Key: v, Confidence: ioc.Low,
			Origin: store.OriginFeed, Feed: feed, TLP: ioc.Clear, FirstSeen: testNow, LastSeen: testNow,
			AddedAt: testNow, UpdatedAt: testNow, Seq: seq,
		})
	}
}

// rig is a server over a memory, with a key of every tier.
type rig struct {
	t      testing.TB
	mem    *memory
	finder *finder
	srv    *Server
	keys   map[string]string
	limits *storetest.Model
}

func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	g := &rig{t: t, mem: sample(), keys: map[string]string{}, limits: storetest.NewModel(time.Now)}
	g.finder = &finder{m: g.mem}
	g.mem.keys = map[[sha256.Size]byte]store.Key{}
	for _, tier := range auth.Tiers() {
		g.keys[tier.Name] = g.mint(auth.Spec{Tier: tier.Name})
	}
	opts := Options{
		Listen: "127.0.0.1:8080", PublicURL: "https://feed.example/", Now: func() time.Time { return testNow }, Version: "test",
	}
	for _, c := range change {
		c(&opts)
	}
	srv, err := New(opts, Deps{
		Store: g.mem, Searcher: g.finder, Authenticator: auth.New(g.mem, nil, opts.Now),
		Limiter: auth.NewLimiter(g.limits, "test", time.Second, opts.Now),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	g.srv = srv
	return g
}

func (g *rig) mint(spec auth.Spec) string {
	g.t.Helper()
	text, key, err := auth.NewKey(rand.Reader, spec, testNow.Add(-time.Hour))
	if err != nil {
		g.t.Fatal(err)
	}
	g.mem.keys[key.Hash] = key
	return text
}

// get asks with the local key, unless a header is given as name and value.
func (g *rig) get(path string, header ...string) *httptest.ResponseRecorder {
	g.t.Helper()
	return g.do(http.MethodGet, path, append([]string{"X-API-Key", g.keys[auth.Local]}, header...)...)
}

func (g *rig) do(method, path string, header ...string) *httptest.ResponseRecorder {
	g.t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Host = "feed.example"
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	g.srv.Handler().ServeHTTP(w, r)
	return w
}

// decode reads a JSON body into a T, strictly.
func decode[T any](t testing.TB, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	dec := json.NewDecoder(strings.NewReader(w.Body.String()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("decode %d %s: %v", w.Code, w.Body.String(), err)
	}
	return v
}

// wantError checks status and code, and returns the error.
func wantError(t testing.TB, w *httptest.ResponseRecorder, status int, code api.Code) api.Error {
	t.Helper()
	e := decode[api.ErrorResponse](t, w).Error
	if w.Code != status || e.Code != code {
		t.Errorf("answer %d %s, want %d %s: %s", w.Code, e.Code, status, code, e.Message)
	}
	if e.RequestID == "" || e.RequestID != w.Header().Get("X-Request-Id") || !strings.HasPrefix(e.RequestID, "req_") {
		t.Errorf("request_id %q, header %q", e.RequestID, w.Header().Get("X-Request-Id"))
	}
	return e
}
