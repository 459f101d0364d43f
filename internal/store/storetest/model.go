package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"spoor/internal/store"
)

// Model is the contract as plainly as it can be written: a store in memory
// that looks at every record for every answer. It is right, and slow.
type Model struct {
	now func() time.Time

	write sync.Mutex // held by whoever makes the next state
	mu    sync.Mutex // guards the fields below
	state *modelState
	keys  []store.Key
	shut  bool

	leases  map[string]modelLease
	usage   map[uuid.UUID]*store.Usage
	runs    map[uuid.UUID]store.RunRecord
	states  map[string]store.FeedState
	allowed map[string]store.Allowed
}

var _ store.Store = (*Model)(nil)

// modelState is one version of the data; it is never changed once it is
// current, so that a snapshot is a pointer.
type modelState struct {
	seq       int64
	stamp     time.Time               // of the last change
	open      map[uuid.UUID]time.Time // when those that are writing began to
	records   []store.Record          // in the order in which they were first made
	place     map[uuid.UUID]int
	articles  map[uuid.UUID]store.Article
	feeds     map[string]store.Feed
	sightings map[uuid.UUID][]store.Sighting
}

var errClosed = errors.New("model is closed")

// NewModel returns an empty Model that stamps changes with now.
func NewModel(now func() time.Time) *Model {
	return &Model{now: now, leases: map[string]modelLease{}, usage: map[uuid.UUID]*store.Usage{}, runs: map[uuid.UUID]store.RunRecord{},
		states: map[string]store.FeedState{}, allowed: map[string]store.Allowed{}, state: newModelState()}
}

func newModelState() *modelState {
	return &modelState{
		place:     map[uuid.UUID]int{},
		open:      map[uuid.UUID]time.Time{},
		articles:  map[uuid.UUID]store.Article{},
		feeds:     map[string]store.Feed{},
		sightings: map[uuid.UUID][]store.Sighting{},
	}
}

func (s *modelState) clone() *modelState {
	c := *s
	c.records = slices.Clone(s.records)
	c.place = maps.Clone(s.place)
	c.open = maps.Clone(s.open)
	c.articles = maps.Clone(s.articles)
	c.feeds = maps.Clone(s.feeds)
	c.sightings = maps.Clone(s.sightings)
	return &c
}

// current returns the state, or why there is none.
func (m *Model) current(ctx context.Context) (*modelState, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shut {
		return nil, errClosed
	}
	return m.state, nil
}

// change makes the next state with fn; an error leaves the old one.
func (m *Model) change(ctx context.Context, fn func(*modelState) error) error {
	m.write.Lock()
	defer m.write.Unlock()
	old, err := m.current(ctx)
	if err != nil {
		return err
	}
	next := old.clone()
	if at := m.now().UTC().Truncate(time.Second); at.After(next.stamp) {
		next.stamp = at // UpdatedAt never runs against Seq, even if a clock does
	}
	if err := fn(next); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = next
	return nil
}

// View implements store.Viewer.
func (m *Model) View(ctx context.Context, fn func(store.Snapshot) error) error {
	s, err := m.current(ctx)
	if err != nil {
		return err
	}
	return fn(modelSnapshot{s})
}

// DeleteRecord implements store.Editor.
func (m *Model) DeleteRecord(ctx context.Context, id uuid.UUID) error {
	return m.change(ctx, func(s *modelState) error { return s.remove([]uuid.UUID{id}) })
}

// remove takes records out, each with a sequence number of its own.
func (s *modelState) remove(ids []uuid.UUID) error {
	for _, id := range ids {
		if _, ok := s.place[id]; !ok {
			return fmt.Errorf("delete record %s: %w", id, store.ErrNotFound)
		}
		delete(s.place, id)
		delete(s.sightings, id)
		s.seq++
	}
	s.records = slices.DeleteFunc(s.records, func(r store.Record) bool {
		_, stays := s.place[r.ID]
		return !stays
	})
	for i := range s.records {
		s.place[s.records[i].ID] = i
	}
	return nil
}

// Check implements store.Maintainer: it compares the map of places with the
// records.
func (m *Model) Check(ctx context.Context) error {
	s, err := m.current(ctx)
	if err != nil {
		return err
	}
	for i, r := range s.records {
		if at, ok := s.place[r.ID]; !ok || at != i || len(s.records) != len(s.place) {
			return fmt.Errorf("check places: record %s: %w", r.ID, store.ErrCorrupt)
		}
	}
	return nil
}

// Reindex implements store.Maintainer. A Model has no index to build.
func (m *Model) Reindex(ctx context.Context) error {
	_, err := m.current(ctx)
	return err
}

// Health implements store.Reporter.
func (m *Model) Health(context.Context) (store.Health, error) {
	return store.Health{Engine: "model", Writable: true, Replication: store.NoReplication}, nil
}

// Close implements store.Maintainer.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut = true
	return nil
}

// modelSnapshot is one state, read by the oracle.
type modelSnapshot struct{ s *modelState }

func (v modelSnapshot) Seq() int64 { return v.s.seq }

func (v modelSnapshot) Settled(context.Context) (time.Time, error) {
	var first time.Time
	for _, at := range v.s.open {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if !first.IsZero() && v.s.stamp.After(first) {
		first = v.s.stamp
	}
	return first, nil
}

// past returns the records as they were at a time, of those that may be seen
// now. Zero is now.
func (s *modelState) past(sees store.Visibility, t time.Time) []store.Record {
	if t.IsZero() {
		return s.records
	}
	var all []store.Record
	for _, r := range s.records {
		if was, ok := store.AsOf(r, s.sightings[r.ID], t); ok && sees.Sees(r.TLP) {
			all = append(all, was)
		}
	}
	return all
}

func (v modelSnapshot) Exact(ctx context.Context, q store.ExactQuery) (store.Matches, error) {
	m := oracleExact(v.s.past(q.Visibility, q.AsOf), q)
	m.Work = store.Work{Rows: len(v.s.records)}
	return m, ctx.Err()
}

func (v modelSnapshot) Contains(ctx context.Context, q store.ContainsQuery) (store.Matches, error) {
	m := oracleContains(v.s.past(q.Visibility, q.AsOf), q)
	m.Work = store.Work{Candidates: len(v.s.records), Rows: len(v.s.records)}
	return m, ctx.Err()
}

func (v modelSnapshot) Related(ctx context.Context, q store.RelatedQuery) ([]store.Related, error) {
	return oracleRelated(v.s.past(q.Visibility, q.AsOf), q), ctx.Err()
}

func (v modelSnapshot) List(ctx context.Context, f store.Filter, p store.Page) (store.List, error) {
	return oracleList(v.s.records, f, p, v.s.seq), ctx.Err()
}

func (v modelSnapshot) Record(ctx context.Context, id uuid.UUID) (store.Record, error) {
	i, ok := v.s.place[id]
	if !ok {
		return store.Record{}, fmt.Errorf("read record %s: %w", id, store.ErrNotFound)
	}
	return v.s.records[i], ctx.Err()
}

func (v modelSnapshot) Article(ctx context.Context, id uuid.UUID) (store.Article, error) {
	a, ok := v.s.articles[id]
	if !ok {
		return store.Article{}, fmt.Errorf("read article %s: %w", id, store.ErrNotFound)
	}
	return a, ctx.Err()
}

func (v modelSnapshot) Sightings(ctx context.Context, record uuid.UUID) ([]store.Sighting, error) {
	if _, ok := v.s.place[record]; !ok {
		return nil, fmt.Errorf("read sightings of %s: %w", record, store.ErrNotFound)
	}
	return v.s.sightings[record], ctx.Err()
}

func (v modelSnapshot) Feeds(ctx context.Context) ([]store.Feed, error) {
	names := slices.Sorted(maps.Keys(v.s.feeds))
	feeds := make([]store.Feed, 0, len(names))
	for _, n := range names {
		feeds = append(feeds, v.s.feeds[n])
	}
	return feeds, ctx.Err()
}

func (v modelSnapshot) Counts(ctx context.Context) (store.Counts, error) {
	c := store.Counts{
		Records: int64(len(v.s.records)), Articles: int64(len(v.s.articles)), Feeds: int64(len(v.s.feeds)),
	}
	for _, list := range v.s.sightings {
		c.Sightings += int64(len(list))
	}
	return c, ctx.Err()
}
