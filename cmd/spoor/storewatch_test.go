package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"spoor/internal/store"
)

// patient is a store whose health the test says.
type patient struct {
	health store.Health
	err    error
	asked  chan struct{}
}

func (p *patient) Health(context.Context) (store.Health, error) {
	if p.asked != nil {
		p.asked <- struct{}{}
	}
	return p.health, p.err
}

// TestStoreWatchLogsChanges: each step is one look at the store, asked twice.
func TestStoreWatchLogsChanges(t *testing.T) {
	t.Parallel()
	replica := func(state store.ReplicaState, problem string) []store.Replica {
		return []store.Replica{{Host: "one.example:5432", State: store.ReplicaOK}, {Host: "two.example:5432", State: state, Problem: problem}}
	}
	well := store.Health{Writable: true, Replicas: replica(store.ReplicaOK, "")}
	steps := []struct {
		name   string
		health store.Health
		err    error
		want   string
	}{
		{"not well at the start", store.Health{Writable: true, Replicas: replica(store.ReplicaDown, "does not answer")}, nil,
			`level=WARN msg="replica is skipped" host=two.example:5432 state=down problem="does not answer"`},
		{"behind", store.Health{Writable: true, Replicas: replica(store.ReplicaLagging, "6s behind")}, nil,
			`level=WARN msg="replica is skipped" host=two.example:5432 state=lagging problem="6s behind"`},
		{"further behind", store.Health{Writable: true, Replicas: replica(store.ReplicaLagging, "8s behind")}, nil, ""},
		{"back", well, nil, `level=INFO msg="replica is used again" host=two.example:5432`},
		{"no writes", store.Health{Problem: "does not answer", Replicas: well.Replicas}, nil,
			`level=WARN msg="the store takes no writes" problem="does not answer"`},
		{"no writes, for another reason", store.Health{Problem: "a standby", Replicas: well.Replicas}, nil,
			`level=WARN msg="the store takes no writes" problem="a standby"`},
		{"writes", well, nil, `level=INFO msg="the store takes writes again"`},
		{"silence", store.Health{}, errors.New("took too long"), `level=WARN msg="the store takes no writes" problem="does not answer"`},
		{"well", well, nil, `level=INFO msg="the store takes writes again"`},
	}
	var logs strings.Builder
	drop := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	p := &patient{}
	w := &storeWatch{st: p, log: slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{ReplaceAttr: drop})), skipped: map[string]store.ReplicaState{}}
	for _, s := range steps {
		logs.Reset()
		p.health, p.err = s.health, s.err
		w.once(t.Context())
		w.once(t.Context())
		if got := strings.TrimSuffix(logs.String(), "\n"); got != s.want {
			t.Errorf("%s:\ngot  %s\nwant %s", s.name, got, s.want)
		}
	}
	logs.Reset()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	p.err = ended.Err()
	w.once(ended)
	if logs.Len() > 0 {
		t.Errorf("the end of the server is logged as the store's:\n%s", logs.String())
	}
}

func TestStoreWatchEnds(t *testing.T) {
	t.Parallel()
	p := &patient{health: store.Health{Writable: true}, asked: make(chan struct{})}
	w := &storeWatch{st: p, log: slog.New(slog.DiscardHandler), skipped: map[string]store.ReplicaState{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx, time.Microsecond)
	}()
	for range 3 {
		<-p.asked
	}
	cancel()
	for {
		select {
		case <-p.asked: // one that was under way
		case <-done:
			return
		}
	}
}
