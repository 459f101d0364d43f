package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"spoor/internal/store/postgres/pgtest"
)

// TestServeThroughPgBouncer: everything works over a pooler that gives every
// transaction another connection, and comes to the same as without.
func TestServeThroughPgBouncer(t *testing.T) {
	t.Parallel()
	direct := onDatabase.fresh(t)
	at := place{"--store", pgtest.PgBouncer(t, direct[1])}
	const public = "https://feed.example"
	r := serve(t, at.after("--public-url", public)...)
	key := r.key(t)
	input := filepath.Join(t.TempDir(), "rows.txt")
	if err := os.WriteFile(input, manyRows(""), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, at.after("import", input)...)
	must(t, at.after("import", "sample")...)
	if got, want := at.stored(t), direct.stored(t); got != want || !strings.HasPrefix(got, "20") {
		t.Errorf("through the pooler the store holds %s, without %s", got, want)
	}
	client := httpClient(t)
	plain := serve(t, direct.after("--public-url", public)...)
	var wg sync.WaitGroup
	for range 8 { // more than the pooler has connections
		wg.Go(func() {
			for _, q := range []string{"lantern-relay[.]example", "10.0.0.40", "kill.example", "heron", "absent.example", "ki"} {
				status, body := r.get(t, client, key, searchPath, query(q))
				_, want := plain.get(t, client, key, searchPath, query(q))
				if status != http.StatusOK || steady(t, body) != steady(t, want) {
					t.Errorf("search for %s: status %d: %.300s\nwant %.300s", q, status, body, want)
				}
			}
		})
	}
	wg.Wait()
	other := strings.TrimSpace(must(t, at.after("keys", "create", "--tier", "free")...))
	if status, body := r.get(t, client, other, searchPath, query("heron")); status != http.StatusOK {
		t.Errorf("with a rationed key: status %d: %s", status, body)
	}
}
