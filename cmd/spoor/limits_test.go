package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestServersShareLimits: two servers on one store let through together what
// the day of a key allows, also at the same moment, and a restart forgets
// nothing.
func TestServersShareLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, conf := filepath.Join(dir, "data"), filepath.Join(dir, "spoor.yaml")
	if err := os.WriteFile(conf, []byte("tiers:\n  free:\n    requests_per_minute: 0\n    requests_per_day: 12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() *running { return serve(t, "--data", data, "--config", conf) }
	one, two := start(), start()
	key := strings.TrimSpace(must(t, "keys", "create", "--data", data, "--tier", "free"))
	client := httpClient(t)
	var passed, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 6 {
		server := []*running{one, two}[i%2]
		wg.Go(func() {
			for range 5 {
				switch status, body := server.get(t, client, key, searchPath, query("192.0.2.10")); {
				case status == http.StatusOK:
					passed.Add(1)
				case status == http.StatusTooManyRequests && strings.Contains(string(body), `"rate_limit_exceeded"`):
					refused.Add(1)
				default:
					t.Errorf("status %d: %s", status, body)
				}
			}
		})
	}
	wg.Wait()
	if passed.Load() != 12 || refused.Load() != 18 {
		t.Errorf("%d requests passed and %d were refused, limit 12", passed.Load(), refused.Load())
	}
	one.stop(t)
	two.stop(t)
	three := start()
	if status, body := three.get(t, client, key, searchPath, query("192.0.2.10")); status != http.StatusTooManyRequests {
		t.Errorf("after a restart: status %d: %s", status, body)
	}
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	got := spoor(t, "", "search", "--server", three.base, "--key-file", file, "192.0.2.10")
	if got.status != statusFailed || !strings.Contains(got.stderr, "try again in 2") { // 23h59m or 24h
		t.Errorf("on the command line: status %d: %s", got.status, got.stderr)
	}
}
