package main

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"spoor/internal/config"
	"spoor/internal/store"
)

// TestReadinessAndMetrics asks a whole server both ways, as an operator does.
func TestReadinessAndMetrics(t *testing.T) {
	t.Parallel()
	onEngines(t, readinessAndMetrics)
}

func readinessAndMetrics(t *testing.T, e engine) {
	t.Helper()
	r := serve(t, full(t, e).after("--metrics-listen", "127.0.0.1:0")...)
	metrics := &running{base: strings.TrimSuffix(r.stderr.await(t, "metrics on ", r.done), "/metrics")}
	client, key := httpClient(t), r.key(t)
	if status, body := r.get(t, client, "", "/readyz", nil); status != http.StatusOK || string(body) != "ready\n" {
		t.Errorf("/readyz: %d %q", status, body)
	}
	status, body := r.get(t, client, key, "/readyz", map[string][]string{"verbose": {"true"}})
	if status != http.StatusOK {
		t.Fatalf("/readyz?verbose=true: %d %s", status, body)
	}
	data := plainJSON(t, body)["data"].(map[string]any)
	health := data["store"].(map[string]any)
	if data["status"] != "ready" || health["engine"] != string(e) || health["replication"] != "none" || health["schema"].(float64) < 1 {
		t.Errorf("report: %s", body)
	}
	if status, body := r.get(t, client, key, searchPath, query("10.0.0.40")); status != http.StatusOK {
		t.Errorf("search: %d %s", status, body)
	}
	status, body = metrics.get(t, client, "", "/metrics", nil)
	if status != http.StatusOK {
		t.Fatalf("/metrics: %d %s", status, body)
	}
	for _, want := range []string{
		`spoor_http_requests_total{code="200",method="GET",route="/api/v1/iocs/search"} 1`,
		`spoor_http_requests_total{code="200",method="GET",route="/readyz"} 2`,
		`spoor_search_seconds_count{stage="exact"} 1`,
		`spoor_store_up 1`, `spoor_store_writable 1`, `spoor_store_info{engine="` + string(e) + `"} 1`,
		`spoor_store_replication{mode="none"} 1`, `go_goroutines `, `process_start_time_seconds `, `spoor_records `,
	} {
		if !strings.Contains(string(body), "\n"+want) {
			t.Errorf("metrics lack %q", want)
		}
	}
	if strings.Contains(string(body), "\nspoor_records 0\n") || strings.Contains(string(body), key[:12]) {
		t.Errorf("metrics count no record, or show a key:\n%s", body)
	}
	if status, _ := r.get(t, client, key, "/metrics", nil); status != http.StatusNotFound {
		t.Errorf("/metrics beside the API: %d, want 404", status)
	}
	if status, _ := metrics.get(t, client, key, searchPath, query("10.0.0.40")); status != http.StatusNotFound {
		t.Errorf("search beside the metrics: %d, want 404", status)
	}
	r.stop(t)
	if _, err := net.Dial("tcp", strings.TrimPrefix(metrics.base, "http://")); err == nil {
		t.Error("the metrics are still served")
	}
}

func TestNoMetricsUnasked(t *testing.T) {
	t.Parallel()
	r := serve(t, "--data", t.TempDir())
	r.stop(t)
	if strings.Contains(r.stderr.String(), "metrics") {
		t.Errorf("standard error: %s", r.stderr)
	}
}

func TestMetricsListenMistakes(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // after the cases
	cases := map[string]struct {
		listen string
		status int
		want   string
	}{
		"public": {"192.0.2.1:9090", statusUsage, "allowed is an address of this machine or of a private network"},
		"taken":  {taken.Addr().String(), statusFailed, "--metrics-listen HOST:PORT"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := spoor(t, "", "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--metrics-listen", c.listen)
			if got.status != c.status || !strings.Contains(got.stderr, c.want) || got.stdout != "" {
				t.Errorf("status %d, %q and %q", got.status, got.stderr, got.stdout)
			}
		})
	}
}

func TestMetricsOnAllNetworksWarn(t *testing.T) {
	t.Parallel()
	r := serve(t, "--data", t.TempDir(), "--metrics-listen", "0.0.0.0:0")
	r.stop(t)
	if !strings.Contains(r.stderr.String(), "metrics can be read from every network") {
		t.Errorf("no warning: %s", r.stderr)
	}
}

func TestHideSecrets(t *testing.T) {
	t.Parallel()
	c := config.Config{Store: "postgres://ann:hunter2@h1,h2/d"}
	if err := hideSecrets(c, nil); err != nil {
		t.Errorf("nothing became %v", err)
	}
	if err := hideSecrets(c, store.ErrBusy); err != store.ErrBusy { //nolint:errorlint // the very same
		t.Errorf("got %v", err)
	}
	err := hideSecrets(c, errors.Join(store.ErrUnavailable, errors.New("parse postgres://ann:hunter2@h1,h2/d: password=hunter2")))
	if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "ann:xxxxx@h1,h2") {
		t.Errorf("got %v", err)
	}
}
