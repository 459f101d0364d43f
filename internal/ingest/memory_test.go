package ingest

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"

	"spoor/internal/store"
)

// memory is a store that keeps everything in maps, by the contract's own rules
// for making and merging records. It checks what the contract asks of callers.
type memory struct {
	t  testing.TB
	mu sync.Mutex

	feeds    map[string]store.Feed
	records  map[uuid.UUID]store.Record
	articles map[uuid.UUID]store.Article
	runs     []*memoryRun

	// onWrite may refuse or delay a batch.
	onWrite func(ctx context.Context, batch []store.Observation) error
	// discard keeps nothing, for tests of the caller's memory.
	discard bool
}

type memoryRun struct {
	st       *memory
	spec     store.RunSpec
	said     map[uuid.UUID]bool
	outcome  store.Outcome
	batches  int
	finished bool
	stats    store.RunStats
}

func newMemory(t testing.TB) *memory {
	return &memory{
		t: t, feeds: map[string]store.Feed{},
		records: map[uuid.UUID]store.Record{}, articles: map[uuid.UUID]store.Article{},
	}
}

func (m *memory) StartRun(_ context.Context, spec store.RunSpec) (store.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.feeds[spec.Feed.Name]; ok {
		spec.Feed = old
	}
	m.feeds[spec.Feed.Name] = spec.Feed
	r := &memoryRun{st: m, spec: spec, said: map[uuid.UUID]bool{}}
	m.runs = append(m.runs, r)
	return r, nil
}

func (r *memoryRun) Write(ctx context.Context, batch []store.Observation) (store.Outcome, error) {
	m := r.st
	if m.onWrite != nil {
		if err := m.onWrite(ctx, batch); err != nil {
			return store.Outcome{}, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.finished {
		m.t.Error("write to a finished run")
	}
	var out store.Outcome
	r.batches++
	if m.discard {
		out.New = len(batch)
		r.outcome.Add(out)
		return out, nil
	}
	for _, o := range batch {
		r.observe(o, &out)
	}
	r.outcome.Add(out)
	return out, nil
}

func (r *memoryRun) observe(o store.Observation, out *store.Outcome) {
	m := r.st
	if !o.Indicator.Type.Valid() || o.Indicator.Key == "" || o.Origin == 0 {
		m.t.Errorf("observation not complete: %+v", o)
	}
	if (o.Origin == store.OriginArticle) != (o.Article != nil) {
		m.t.Errorf("origin %v with article %v", o.Origin, o.Article)
	}
	if a := o.Article; a != nil {
		if a.ID == uuid.Nil || a.Feed.Name != r.spec.Feed.Name {
			m.t.Errorf("article not complete: %+v", a)
		}
		m.articles[a.ID] = *a
	}
	fresh := store.NewRecord(r.spec.Feed, o, r.spec.Now)
	old, known := m.records[fresh.ID]
	merged, changed := fresh, true
	if known {
		merged, changed = store.Merge(old, o)
	}
	m.records[fresh.ID] = merged
	switch {
	case r.said[fresh.ID]:
		out.Merged++
	case !known:
		out.New++
	case changed:
		out.Updated++
	default:
		out.Unchanged++
	}
	r.said[fresh.ID] = true
}

func (r *memoryRun) Finish(_ context.Context, stats store.RunStats) error {
	r.st.mu.Lock()
	defer r.st.mu.Unlock()
	if r.finished {
		r.st.t.Error("run finished twice")
	}
	r.finished, r.stats = true, stats
	return nil
}

// find returns the records of that value.
func (m *memory) find(value string) []store.Record {
	var found []store.Record
	for _, r := range m.records {
		if r.Value == value {
			found = append(found, r)
		}
	}
	return found
}

// one returns the only record of that value.
func (m *memory) one(value string) store.Record {
	m.t.Helper()
	found := m.find(value)
	if len(found) != 1 {
		m.t.Fatalf("%d records of %q, want 1", len(found), value)
	}
	return found[0]
}
