package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spoor/api"
	"spoor/internal/store/postgres/pgtest"
)

// observed is a whole server whose reads may go to a replica, as an operator
// sees it.
type observed struct {
	*running
	metrics *running
	key     string
	client  *http.Client
	at      place
}

// TestReplicaIsReported takes a server's one replica through its states:
// reading goes on in all of them, and /readyz, /metrics and the log say which it is.
func TestReplicaIsReported(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartCluster(t)
	at := place{"--store", primary.DSN("postgres")}
	importText(t, at, "fox.example\n")
	replica := primary.Standby(t, "reader")
	o := observe(t, at.after("--read-store", replica.DSN("postgres")), at)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	o.becomes(t, "asynchronous", "ok")
	o.finds(t, "fox.example")
	do(primary.Set(ctx, "synchronous_standby_names=reader"))
	o.becomes(t, "synchronous", "ok")
	importText(t, at, "heron.example\n")
	o.finds(t, "heron.example")
	do(primary.Set(ctx, "synchronous_standby_names="))

	do(replica.Pause(ctx))
	importText(t, at, "late.example\n")
	o.becomes(t, "asynchronous", "lagging")
	o.finds(t, "late.example")
	do(replica.Resume(ctx))
	o.becomes(t, "asynchronous", "ok")

	do(replica.Kill())
	o.becomes(t, "", "down")
	o.logs(t, `"replica is skipped"`, `"state":"down"`)
	o.finds(t, "late.example")
	do(replica.Start(ctx))
	o.becomes(t, "asynchronous", "ok")
	o.logs(t, `"state":"down"`, `"replica is used again"`)
}

// logs waits until the log has the one text and, somewhere after it, the other.
func (o *observed) logs(t *testing.T, first, then string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		if _, after, ok := strings.Cut(o.stderr.String(), first); ok && strings.Contains(after, then) {
			return
		}
		select {
		case <-o.stderr.more:
		case <-timeout:
			t.Fatalf("the log lacks %s and then %s:\n%s", first, then, o.stderr.String())
		}
	}
}

func importText(t *testing.T, at place, text string) {
	t.Helper()
	if r := spoor(t, text, at.after("import", "--format", "list", "-")...); r.status != statusDone {
		t.Fatalf("import: status %d: %s", r.status, r.stderr)
	}
}

// observe starts the server, which takes half a second for a long lag.
func observe(t *testing.T, args []string, at place) *observed {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "spoor.yaml")
	if err := os.WriteFile(conf, []byte("read_store_max_lag: 500ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := serve(t, append(args, "--config", conf, "--metrics-listen", "127.0.0.1:0")...)
	base := strings.TrimSuffix(r.stderr.await(t, "metrics on ", r.done), "/metrics")
	return &observed{running: r, metrics: &running{base: base}, key: r.key(t), client: httpClient(t), at: at}
}

// becomes waits until the replica has the state and a write survives what it
// says ("" is whatever), in both reports.
func (o *observed) becomes(t *testing.T, replication, state string) {
	t.Helper()
	used := "} 0\n"
	if state == "ok" {
		used = "} 1\n"
	}
	var body, metrics []byte
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		var status int
		if status, body = o.get(t, o.client, o.key, "/readyz", url.Values{"verbose": {"true"}}); status != http.StatusOK {
			t.Fatalf("/readyz: status %d: %s", status, body)
		}
		_, metrics = o.metrics.get(t, o.client, "", "/metrics", nil)
		var answer api.ReadyResponse
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		s := answer.Data.Store
		if len(s.Replicas) == 1 && s.Replicas[0].State == state && s.Writable &&
			(replication == "" || s.Replication != nil && *s.Replication == replication) &&
			(state == "ok") == (s.Replicas[0].Problem == nil) &&
			strings.Contains(string(metrics), `spoor_store_replica_used{host="`+s.Replicas[0].Host+`"`+used) &&
			(replication == "" || strings.Contains(string(metrics), `spoor_store_replication{mode="`+replication+`"} 1`)) {
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("the replica did not become %s %s: %s\n%s", replication, state, body, storeLines(metrics))
		}
	}
	word := "ready"
	if replication != "" {
		word += " " + replication
	}
	if status, text := o.get(t, o.client, "", "/readyz", nil); status != http.StatusOK || !strings.HasPrefix(string(text), word) {
		t.Errorf("/readyz: %d %q, want %q", status, text, word)
	}
}

func storeLines(metrics []byte) string {
	var lines strings.Builder
	for line := range strings.Lines(string(metrics)) {
		if strings.HasPrefix(line, "spoor_store_") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// finds wants the server to find the value, wherever it looks.
func (o *observed) finds(t *testing.T, value string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		status, body := o.get(t, o.client, o.key, searchPath, query(value))
		if status != http.StatusOK {
			t.Fatalf("search for %s: status %d: %s", value, status, body)
		}
		if strings.Contains(string(body), `"found":true`) {
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("%s is not found: %s", value, body)
		}
	}
}
