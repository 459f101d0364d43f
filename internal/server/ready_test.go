package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/store"
)

// replicated is the health of a database with two replicas, one of them lost.
func replicated(r store.Replication) store.Health {
	return store.Health{
		Engine: "postgres", Schema: 7, Writable: true, Replication: r,
		Replicas: []store.Replica{
			{Host: "10.0.0.2:5432", State: store.ReplicaOK, Lag: 250 * time.Millisecond, Views: 12},
			{Host: "10.0.0.3:5432", State: store.ReplicaDown, Problem: "dial tcp 10.0.0.3:5432: connection refused"},
		},
	}
}

// readyStates are the conditions of a store and what /readyz says of them.
func readyStates() map[string]readyState {
	readOnly := replicated(store.Asynchronous)
	readOnly.Writable, readOnly.Problem = false, "dial tcp 10.0.0.1:5432: connection refused"
	return map[string]readyState{
		"one file":        {health: store.Health{Engine: "sqlite", Schema: 1, Writable: true, Replication: store.NoReplication}, bare: "ready\n", status: api.StatusReady},
		"one server":      {health: store.Health{Engine: "postgres", Schema: 7, Writable: true, Replication: store.NoReplication}, bare: "ready\n", status: api.StatusReady},
		"asynchronous":    {health: replicated(store.Asynchronous), bare: "ready asynchronous\n", status: api.StatusReady},
		"synchronous":     {health: replicated(store.Synchronous), bare: "ready synchronous\n", status: api.StatusReady},
		"primary is gone": {health: readOnly, bare: "ready read-only\n", status: api.StatusReadOnly},
		"all are gone":    {health: store.Health{Engine: "postgres", Problem: "connection refused"}, err: store.ErrUnavailable, status: api.StatusUnavailable},
		"file is locked":  {health: store.Health{Engine: "sqlite", Problem: "database is locked"}, err: store.ErrBusy, status: api.StatusUnavailable},
		"file is broken":  {health: store.Health{Engine: "sqlite", Writable: true}, err: store.ErrCorrupt, status: api.StatusUnavailable},
		"no answer":       {health: store.Health{Engine: "postgres"}, hang: true, bare: "ready read-only\n", status: api.StatusReadOnly},
	}
}

type readyState struct {
	health store.Health
	err    error
	hang   bool
	bare   string // empty: 503
	status string
}

func (s readyState) rig(t *testing.T) *rig {
	t.Helper()
	g := newRig(t, func(o *Options) { o.QueryDeadline = 20 * time.Millisecond })
	g.mem.health, g.mem.err, g.mem.hang = s.health, s.err, s.hang
	return g
}

func TestReadyWord(t *testing.T) {
	t.Parallel()
	for name, c := range readyStates() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := c.rig(t)
			w := g.do("GET", pathReady)
			if c.bare == "" {
				wantError(t, w, http.StatusServiceUnavailable, api.Unavailable)
				if w.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			} else if w.Code != http.StatusOK || w.Body.String() != c.bare {
				t.Errorf("answer %d %q, want 200 %q", w.Code, w.Body, c.bare)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control = %q", got)
			}
			for _, secret := range []string{"10.0.0", "refused", "5432"} {
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("without a key: %s", w.Body)
				}
			}
		})
	}
}

func TestReadyReport(t *testing.T) {
	t.Parallel()
	for name, c := range readyStates() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := c.rig(t).get(pathReady + "?verbose=true")
			want := http.StatusOK
			if c.bare == "" {
				want = http.StatusServiceUnavailable
			}
			got := decode[api.ReadyResponse](t, w)
			if w.Code != want || got.Data.Status != c.status {
				t.Errorf("answer %d %s, want %d %s", w.Code, got.Data.Status, want, c.status)
			}
			if (w.Header().Get("Retry-After") != "") != (c.bare == "") {
				t.Errorf("Retry-After = %q with %d", w.Header().Get("Retry-After"), w.Code)
			}
			if got.Data.Store.Readable != (c.err == nil) || c.err != nil && got.Data.Store.Problem == nil {
				t.Errorf("readable %t, problem %v, with %v", got.Data.Store.Readable, got.Data.Store.Problem, c.err)
			}
			if got.Data.Store.Replicas == nil {
				t.Error("replicas are null")
			}
		})
	}
}

func TestReadyReportNamesReplicas(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.mem.health = replicated(store.Asynchronous)
	got := decode[api.ReadyResponse](t, g.get(pathReady+"?verbose=true")).Data.Store
	mode, refused := "asynchronous", "dial tcp 10.0.0.3:5432: connection refused"
	want := api.StoreHealth{
		Engine: "postgres", Schema: 7, Readable: true, Writable: true, Replication: &mode,
		Replicas: []api.ReplicaHealth{
			{Host: "10.0.0.2:5432", State: "ok", LagSeconds: lag(0.25), Views: 12},
			{Host: "10.0.0.3:5432", State: "down", Problem: &refused},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// TestReadyChecks: the report is for the operator, and the order of the checks
// is that of every other address.
func TestReadyChecks(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	reader := g.mint(auth.Spec{Tier: auth.Local, Scopes: []auth.Scope{auth.ReadIOCs}})
	tests := []struct {
		name, path, key string
		status          int
		code            api.Code
	}{
		{"bare, with a key", "", g.keys[auth.Free], 200, ""},
		{"bare, with a wrong key", "", "sk_live_wrong", 200, ""},
		{"said to be bare", "?verbose=false", "", 200, ""},
		{"ignored parameter", "?_=1", "", 200, ""},
		{"no key", "?verbose=true", "", 401, api.MissingAPIKey},
		{"no key, name escaped", "?%76erbose=true", "", 401, api.MissingAPIKey},
		{"no key, not a word", "?verbose=yes", "", 401, api.MissingAPIKey},
		{"no key, empty", "?verbose", "", 401, api.MissingAPIKey},
		{"no key, twice", "?verbose=false&verbose=true", "", 401, api.MissingAPIKey},
		{"no key, unknown beside", "?verbose=true&colour=red", "", 401, api.MissingAPIKey},
		{"wrong key", "?verbose=true", "sk_live_wrong", 401, api.InvalidAPIKey},
		{"tier", "?verbose=true", g.keys[auth.Pro], 403, api.TierRequired},
		{"scope", "?verbose=true", reader, 403, api.InsufficientScope},
		{"not a word", "?verbose=yes", g.keys[auth.Local], 400, api.InvalidParameter},
		{"twice", "?verbose=true&verbose=true", g.keys[auth.Local], 400, api.InvalidParameter},
		{"unknown", "?verbos=true", "", 400, api.InvalidParameter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var header []string
			if tt.key != "" {
				header = []string{"X-API-Key", tt.key}
			}
			w := g.do("GET", pathReady+tt.path, header...)
			if tt.code != "" {
				wantError(t, w, tt.status, tt.code)
			} else if w.Code != tt.status || w.Body.String() != "ready\n" {
				t.Errorf("answer %d %q", w.Code, w.Body)
			}
		})
	}
	if w := g.get(pathReady+"?verbose=true", "If-None-Match", "*"); w.Code != 200 || w.Header().Get("ETag") != "" {
		t.Errorf("a report is never the same: answer %d, ETag %q", w.Code, w.Header().Get("ETag"))
	}
}

// TestReadySparesTheStore: any number of probes are one look a second, and
// what changed is seen after it.
func TestReadySparesTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(o *Options) { o.Now = time.Now })
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if w := g.do("GET", pathReady); w.Code != http.StatusOK {
					t.Errorf("answer %d", w.Code)
				}
			})
		}
		all.Wait()
		if n := g.mem.looks.Load(); n != 1 {
			t.Errorf("50 probes at once: %d looks, want 1", n)
		}
		g.mem.err = store.ErrUnavailable
		time.Sleep(checkupKeeps - time.Millisecond)
		if w := g.do("GET", pathReady); w.Code != http.StatusOK {
			t.Errorf("before the time is over: answer %d", w.Code)
		}
		time.Sleep(time.Millisecond)
		if w := g.do("GET", pathReady); w.Code != http.StatusServiceUnavailable {
			t.Errorf("after the time is over: answer %d", w.Code)
		}
		if n := g.mem.looks.Load(); n != 2 {
			t.Errorf("%d looks, want 2", n)
		}
	})
}

// TestReadyIsBounded: a store that does not answer holds nobody up for long,
// and whoever leaves does not leave the next one without a result.
func TestReadyIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(o *Options) { o.Now = time.Now })
		g.mem.hang = true
		gone, leave := context.WithCancel(t.Context())
		leave()
		began := time.Now()
		if _, err := g.srv.checkup.ask(gone); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("ask: %v", err)
		}
		w := g.do("GET", pathReady)
		if w.Code != http.StatusOK || w.Body.String() != "ready read-only\n" {
			t.Errorf("answer %d %q", w.Code, w.Body)
		}
		if took := time.Since(began); took > 2*checkupPatience {
			t.Errorf("took %v", took)
		}
		if n := g.mem.looks.Load(); n != 1 {
			t.Errorf("%d looks, want 1", n)
		}
	})
}

func lag(seconds float64) *float64 { return &seconds }
