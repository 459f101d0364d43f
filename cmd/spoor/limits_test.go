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

// TestServersShareLimits: three servers on one store let through together what
// the day of a key allows, also at the same moment, and a restart forgets
// nothing.
func TestServersShareLimits(t *testing.T) {
	t.Parallel()
	onEngines(t, serversShareLimits)
}

func serversShareLimits(t *testing.T, e engine) {
	t.Helper()
	dir := t.TempDir()
	at, conf := e.fresh(t), filepath.Join(dir, "spoor.yaml")
	if err := os.WriteFile(conf, []byte("tiers:\n  free:\n    requests_per_minute: 0\n    requests_per_day: 12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() *running { return serve(t, at.after("--config", conf)...) }
	servers := []*running{start(), start(), start()}
	key := strings.TrimSpace(must(t, at.after("keys", "create", "--tier", "free")...))
	client := httpClient(t)
	var passed, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 6 {
		server := servers[i%len(servers)]
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
	for _, r := range servers {
		r.stop(t)
	}
	again := start()
	if status, body := again.get(t, client, key, searchPath, query("192.0.2.10")); status != http.StatusTooManyRequests {
		t.Errorf("after a restart: status %d: %s", status, body)
	}
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	got := spoor(t, "", "search", "--server", again.base, "--key-file", file, "192.0.2.10")
	if got.status != statusFailed || !strings.Contains(got.stderr, "try again in 2") { // 23h59m or 24h
		t.Errorf("on the command line: status %d: %s", got.status, got.stderr)
	}
}
