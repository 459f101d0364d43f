package server

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/auth"
	"spoor/internal/store"
)

// counted is a rig whose server counts.
func counted(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	return newRig(t, append(change, func(o *Options) { o.Metrics = true })...)
}

// scrape returns the lines of one scrape that begin with prefix, without
// those of histograms that depend on the time taken.
func (g *rig) scrape(prefix string) []string {
	g.t.Helper()
	r := httptest.NewRequest(http.MethodGet, PathMetrics, nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	g.srv.metricsHandler().ServeHTTP(w, r)
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=") {
		g.t.Fatalf("scrape: %d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, prefix) && !strings.Contains(line, "_bucket{") && !strings.Contains(line, "_sum") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	g := counted(t)
	g.get(known)
	g.get(known)
	g.get("/api/v1/iocs/search?q=nothing.example")
	g.get("/api/v1/iocs/search?q=evil.exam&match=contains")
	g.get("/api/v1/iocs/search")
	g.do("GET", known)
	g.do("BREW", known)
	g.do("HEAD", pathHealth)
	g.get("/no/such/page-" + g.keys[auth.Local])
	g.do("GET", known, "Host", "rebound.example")
	g.get("/item/" + articleID.String())
	want := []string{
		`spoor_http_requests_total{code="200",method="GET",route="/api/v1/iocs/search"} 4`,
		`spoor_http_requests_total{code="200",method="GET",route="/item/{article_id}"} 1`,
		`spoor_http_requests_total{code="200",method="HEAD",route="/healthz"} 1`,
		`spoor_http_requests_total{code="400",method="GET",route="/api/v1/iocs/search"} 1`,
		`spoor_http_requests_total{code="401",method="GET",route="/api/v1/iocs/search"} 1`,
		`spoor_http_requests_total{code="404",method="GET",route="none"} 1`,
		`spoor_http_requests_total{code="405",method="other",route="none"} 1`,
		`spoor_http_requests_total{code="421",method="GET",route="none"} 1`,
	}
	if diff := cmp.Diff(want, g.scrape("spoor_http_requests_total")); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	want = []string{
		`spoor_http_request_seconds_count{route="/api/v1/iocs/search"} 6`,
		`spoor_http_request_seconds_count{route="/healthz"} 1`,
		`spoor_http_request_seconds_count{route="/item/{article_id}"} 1`,
		`spoor_http_request_seconds_count{route="none"} 3`,
	}
	if diff := cmp.Diff(want, g.scrape("spoor_http_request_seconds")); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	want = []string{
		`spoor_search_seconds_count{stage="contains"} 1`,
		`spoor_search_seconds_count{stage="exact"} 2`,
		`spoor_search_seconds_count{stage="none"} 1`,
	}
	if diff := cmp.Diff(want, g.scrape("spoor_search_seconds")); diff != "" {
		t.Errorf("searches (-want +got):\n%s", diff)
	}
	for _, line := range g.scrape("") {
		if strings.Contains(line, g.keys[auth.Local][:12]) || strings.Contains(line, "evil") || strings.Contains(line, "192.0.2.10") {
			t.Errorf("a key or an indicator: %s", line)
		}
	}
}

// TestBrokenAnswersAreCounted: half a list is not a 200.
func TestBrokenAnswersAreCounted(t *testing.T) {
	t.Parallel()
	g := counted(t)
	g.mem.many(30_000)
	g.mem.failAt, g.mem.err = 8, store.ErrBusy // in the middle of the stream
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the stream was not broken off")
			}
		}()
		g.get("/api/v1/iocs?limit=1000000&format=txt")
	}()
	g.mem.err = nil
	want := []string{`spoor_http_requests_total{code="broken",method="GET",route="/api/v1/iocs"} 1`}
	if diff := cmp.Diff(want, g.scrape("spoor_http_requests_total")); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestScrapeTellsTheStore(t *testing.T) {
	t.Parallel()
	lagging := replicated(store.Synchronous)
	lagging.Replicas[0].State, lagging.Replicas[0].Lag = store.ReplicaLagging, 90*time.Second
	lagging.Replicas = append(lagging.Replicas, lagging.Replicas[0]) // named twice
	gone := store.Health{Engine: "postgres", Problem: "connection refused", Replication: store.Asynchronous}
	tests := []struct {
		name   string
		health store.Health
		err    error
		want   []string
	}{
		{"one file", store.Health{Engine: "sqlite", Writable: true, Replication: store.NoReplication}, nil, []string{
			`spoor_store_info{engine="sqlite"} 1`,
			`spoor_store_replication{mode="asynchronous"} 0`, `spoor_store_replication{mode="none"} 1`, `spoor_store_replication{mode="synchronous"} 0`,
			`spoor_store_up 1`, `spoor_store_writable 1`,
		}},
		{"replicas", lagging, nil, []string{
			`spoor_store_info{engine="postgres"} 1`,
			`spoor_store_replica_lag_seconds{host="10.0.0.2:5432"} 90`,
			`spoor_store_replica_up{host="10.0.0.2:5432"} 1`, `spoor_store_replica_up{host="10.0.0.3:5432"} 0`,
			`spoor_store_replica_used{host="10.0.0.2:5432"} 0`, `spoor_store_replica_used{host="10.0.0.3:5432"} 0`,
			`spoor_store_replica_views_total{host="10.0.0.2:5432"} 12`, `spoor_store_replica_views_total{host="10.0.0.3:5432"} 0`,
			`spoor_store_replication{mode="asynchronous"} 0`, `spoor_store_replication{mode="none"} 0`, `spoor_store_replication{mode="synchronous"} 1`,
			`spoor_store_up 1`, `spoor_store_writable 1`,
		}},
		{"down", gone, store.ErrUnavailable, []string{
			`spoor_store_info{engine="postgres"} 1`,
			`spoor_store_replication{mode="asynchronous"} 0`, `spoor_store_replication{mode="none"} 0`, `spoor_store_replication{mode="synchronous"} 0`,
			`spoor_store_up 0`, `spoor_store_writable 0`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := counted(t)
			g.mem.health, g.mem.err = tt.health, tt.err
			if diff := cmp.Diff(tt.want, g.scrape("spoor_store_")); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			var records []string
			if tt.err == nil {
				records = []string{"spoor_records 5"}
			}
			if diff := cmp.Diff(records, g.scrape("spoor_records")); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFeedMetrics(t *testing.T) {
	t.Parallel()
	g := counted(t)
	g.mem.feeds = []store.FeedState{
		{Feed: "good", Items: 80, LastGood: time.Unix(1_790_000_000, 0)},
		{Feed: "new \"one\"", Failures: 2, Held: &store.HeldCopy{}},
	}
	want := []string{
		`spoor_feed_failures{feed="good"} 0`, `spoor_feed_failures{feed="new \"one\""} 2`,
		`spoor_feed_held{feed="good"} 0`, `spoor_feed_held{feed="new \"one\""} 1`,
		`spoor_feed_items{feed="good"} 80`, `spoor_feed_items{feed="new \"one\""} 0`,
		`spoor_feed_last_good_timestamp_seconds{feed="good"} 1.79e+09`,
	}
	if diff := cmp.Diff(want, g.scrape("spoor_feed_")); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// TestCensusSparesTheStore: counting may read a whole table.
func TestCensusSparesTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := counted(t, func(o *Options) { o.Now = time.Now })
		scrape := func(want string, counts int64) {
			t.Helper()
			if got := g.scrape("spoor_records"); !slices.Equal(got, []string{want}) {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := g.mem.counts.Load(); got != counts {
				t.Errorf("%d counts, want %d", got, counts)
			}
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { scrape("spoor_records 5", 1) })
		}
		all.Wait()
		g.mem.many(2)
		scrape("spoor_records 5", 1)
		time.Sleep(censusKeeps)
		scrape("spoor_records 7", 2)
		time.Sleep(censusKeeps)
		scrape("spoor_records 7", 2) // nothing changed
	})
}

func TestMetricsHaveOneAddress(t *testing.T) {
	t.Parallel()
	g := counted(t, func(o *Options) { o.AllowedHosts = []string{"spoor.internal"} })
	tests := []struct {
		name, method, path, host string
		status                   int
	}{
		{"loopback", "GET", "/metrics", "localhost:9090", 200},
		{"allowed", "GET", "/metrics", "spoor.internal:9090", 200},
		{"head", "HEAD", "/metrics", "127.0.0.1", 200},
		{"rebound", "GET", "/metrics", "rebound.example", 421},
		{"method", "POST", "/metrics", "localhost", 405},
		{"the api", "GET", known, "localhost", 404},
		{"probe", "GET", pathHealth, "localhost", 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(tt.method, tt.path, nil)
			r.Host = tt.host
			w := httptest.NewRecorder()
			g.srv.metricsHandler().ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("answer %d, want %d: %.200s", w.Code, tt.status, w.Body)
			}
		})
	}
	wantStatus := g.get("/metrics").Code
	if wantStatus != http.StatusNotFound {
		t.Errorf("/metrics beside the API: answer %d, want 404", wantStatus)
	}
}

func TestServeMetricsNeedsThem(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := newRig(t).srv.ServeMetrics(context.Background(), ln); err == nil {
		t.Error("no error from a server that counts nothing")
	}
}

// TestMetricsAreDocumented compares docs/api.md with a scrape, both ways.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(spoor_[a-z_]+)").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1])
	}
	g := counted(t)
	g.mem.health = replicated(store.Asynchronous)
	g.mem.feeds = []store.FeedState{{Feed: "names", LastGood: time.Unix(1_790_000_000, 0)}}
	g.get(known)
	var sent []string
	for _, line := range g.scrape("# TYPE spoor_") {
		sent = append(sent, strings.Fields(line)[2])
	}
	slices.Sort(documented)
	slices.Sort(sent)
	if diff := cmp.Diff(sent, documented); diff != "" {
		t.Errorf("metrics (-scrape +docs/api.md):\n%s", diff)
	}
}
