package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/postgres/pgtest"
)

// fleet is servers on one store, each a process of its own.
type fleet struct {
	servers   []*running
	processes []*exec.Cmd
	client    *http.Client
}

// startFleet starts three at once on a database with nothing in it.
func startFleet(t *testing.T, at place) *fleet {
	t.Helper()
	f := &fleet{client: httpClient(t)}
	for range 3 {
		r, cmd := spawn(t, "spoor", t.TempDir(), at...)
		f.servers, f.processes = append(f.servers, r), append(f.processes, cmd)
	}
	for _, r := range f.servers {
		r.base = r.stdout.await(t, "listening on ", r.done)
	}
	return f
}

// firstKey returns the one key that the servers made.
func (f *fleet) firstKey(t *testing.T) string {
	t.Helper()
	var keys []string
	for _, r := range f.servers {
		// What follows the address is written at once; asking makes sure of it.
		_, _ = r.get(t, f.client, "none", "/healthz", nil)
		if key, ok := r.stdout.after("api key: "); ok {
			keys = append(keys, key)
		}
	}
	if len(keys) != 1 {
		t.Fatalf("three servers made %d first keys, want 1", len(keys))
	}
	return keys[0]
}

// wait asks every server until its answer is the wanted status, with the
// wanted text in it, and returns how long that took.
func (f *fleet) wait(t *testing.T, key, q string, status int, text string) time.Duration {
	t.Helper()
	began := time.Now()
	for i, r := range f.servers {
		for {
			got, body := r.get(t, f.client, key, searchPath, query(q))
			if got == status && strings.Contains(string(body), text) {
				break
			}
			if time.Since(began) > patience {
				t.Fatalf("server %d: status %d, want %d with %s: %s", i, got, status, text, body)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return time.Since(began)
}

// all wants every server to give this answer at once.
func (f *fleet) all(t *testing.T, key, q string, status int, text string) {
	t.Helper()
	for i, r := range f.servers {
		got, body := r.get(t, f.client, key, searchPath, query(q))
		if got != status || !strings.Contains(string(body), text) {
			t.Errorf("server %d: search for %s: status %d, want %d with %s: %s", i, q, got, status, text, body)
		}
	}
}

// TestThreeServers runs three processes on one database: they start together
// on an empty one, share keys and what is imported, and go on when one of them
// is killed.
func TestThreeServers(t *testing.T) {
	t.Parallel()
	at := onDatabase.fresh(t)
	f := startFleet(t, at)
	first := f.firstKey(t)
	f.all(t, first, "fox.example", http.StatusOK, `"found":false`)

	input := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(input, []byte("fox.example\n192.0.2.77\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, at.after("import", "--format", "list", input)...)
	f.all(t, first, "fox[.]example", http.StatusOK, `"found":true`)

	key := strings.TrimSpace(must(t, at.after("keys", "create", "--name", "short-lived")...))
	f.all(t, key, "192.0.2.77", http.StatusOK, `"found":true`)
	must(t, at.after("keys", "revoke", key[:len("sk_live_")+4])...)
	took := f.wait(t, key, "192.0.2.77", http.StatusUnauthorized, `"invalid_api_key"`)
	t.Logf("all three refuse a key %s after it was revoked", took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("a revoked key is refused by all after %s, want 2s", took)
	}
	f.all(t, first, "192.0.2.77", http.StatusOK, `"found":true`)
	f.killOne(t, first)
}

// killOne kills a server while all are asked: the others do not lose a
// request, and another one takes its place.
func (f *fleet) killOne(t *testing.T, key string) {
	t.Helper()
	var stop atomic.Bool
	var asked [3]atomic.Int64
	var wg sync.WaitGroup
	for i, r := range f.servers[1:] {
		wg.Go(func() {
			for !stop.Load() {
				if status, body := r.get(t, f.client, key, searchPath, query("fox.example")); status != http.StatusOK {
					t.Errorf("beside a killed server: status %d: %s", status, body)
				}
				asked[i].Add(1)
			}
		})
	}
	enough := func(n int64) {
		for began := time.Now(); asked[0].Load() < n || asked[1].Load() < n; time.Sleep(time.Millisecond) {
			if time.Since(began) > patience {
				t.Fatal("the other servers do not answer")
			}
		}
	}
	defer wg.Wait()
	defer stop.Store(true)
	enough(20)
	if err := f.processes[0].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-f.servers[0].done
	enough(max(asked[0].Load(), asked[1].Load()) + 50)
}

// TestThreeServersPruneOnce: what is scheduled is done by one of three servers
// that come to it at the same moment.
func TestThreeServersPruneOnce(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	var logs bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logs, nil)) // one writer at a time
	var servers []*maintenance
	for _, name := range []string{"a", "b", "c"} {
		st, err := postgres.Open(t.Context(), postgres.Options{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
		servers = append(servers, &maintenance{st: st, process: name, now: time.Now, log: log})
	}
	for round := range 3 {
		_, err := servers[0].st.Spend(t.Context(), store.Spending{
			Key: uuid.Max, Limits: store.Limits{PerMinute: 100, PerDay: 100}, Server: "x", Turn: int64(round + 1),
			Cost: store.Request, Now: time.Now().Add(-72 * time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range servers {
			m.held = false
		}
		var wg sync.WaitGroup
		for _, m := range servers {
			wg.Go(func() { m.once(t.Context()) })
		}
		wg.Wait()
		holder := -1
		for i, m := range servers {
			if m.held && holder >= 0 {
				t.Errorf("round %d: servers %d and %d did the work", round, holder, i)
			}
			if m.held {
				holder = i
			}
		}
		if holder < 0 {
			t.Fatalf("round %d: nobody did the work:\n%s", round, &logs)
		}
		if got := strings.Count(logs.String(), "old usage pruned"); got != round+1 {
			t.Errorf("round %d: pruned %d times:\n%s", round, got, &logs)
		}
		// It ends, as a server does, and the next round is anybody's.
		if err := servers[holder].st.Release(t.Context(), pruneUsage, servers[holder].process); err != nil {
			t.Fatal(err)
		}
	}
}
