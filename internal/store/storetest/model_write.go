package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"spoor/internal/store"
)

// modelRun is one pass over a feed.
type modelRun struct {
	m    *Model
	id   uuid.UUID
	feed store.Feed
	now  time.Time
	said map[uuid.UUID]bool // records this run has spoken of
	// writes is set once it has begun to write.
	writes bool
}

// StartRun implements store.RunStarter.
func (m *Model) StartRun(ctx context.Context, spec store.RunSpec) (store.Run, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make run id: %w", err)
	}
	r := &modelRun{m: m, id: id, feed: spec.Feed, now: spec.Now, said: map[uuid.UUID]bool{}}
	err = m.change(ctx, func(s *modelState) error {
		if known, ok := s.feeds[spec.Feed.Name]; ok {
			r.feed = known
		}
		s.feeds[r.feed.Name] = r.feed
		return nil
	})
	if err != nil {
		return nil, err
	}
	at := second(m.now())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs[id] = store.RunRecord{ID: id, Feed: r.feed, Source: spec.Source, Started: at}
	return r, nil
}

// Write implements store.Run.
func (r *modelRun) Write(ctx context.Context, batch []store.Observation) (store.Outcome, error) {
	var out store.Outcome
	if len(batch) > 0 && !r.writes {
		if err := r.m.beginWriting(ctx, r.id); err != nil {
			return out, err
		}
		r.writes = true
	}
	said := map[uuid.UUID]bool{}
	err := r.m.change(ctx, func(s *modelState) error {
		for _, o := range batch {
			r.put(s, o, said, &out)
		}
		return nil
	})
	if err != nil {
		return store.Outcome{}, err
	}
	for id := range said {
		r.said[id] = true
	}
	return out, nil
}

// beginWriting notes who is about to write; endWriting takes it back.
func (m *Model) beginWriting(ctx context.Context, id uuid.UUID) error {
	at := second(m.now())
	return m.change(ctx, func(s *modelState) error { s.open[id] = at; return nil })
}

func (m *Model) endWriting(ctx context.Context, id uuid.UUID) error {
	return m.change(ctx, func(s *modelState) error { delete(s.open, id); return nil })
}

func (r *modelRun) put(s *modelState, o store.Observation, said map[uuid.UUID]bool, out *store.Outcome) {
	if o.Article != nil {
		have, ok := s.articles[o.Article.ID]
		if merged, changed := store.MergeArticle(have, o.Article); ok && changed {
			s.articles[have.ID] = merged
		}
		if !ok {
			a := *o.Article
			a.Feed = r.feed
			s.articles[a.ID] = a
		}
	}
	made := store.NewRecord(r.feed, o, r.now)
	i, known := s.place[made.ID]
	again := said[made.ID] || r.said[made.ID]
	said[made.ID] = true
	changed := true
	if known {
		var merged store.Record
		merged, changed = store.Merge(s.records[i], o)
		made = merged
	} else {
		i = len(s.records)
		s.records = append(s.records, made)
		s.place[made.ID] = i
		made.AddedAt = s.stamp
	}
	switch {
	case !known:
		out.New++
	case again:
		out.Merged++
	case changed:
		out.Updated++
	default:
		out.Unchanged++
	}
	if !changed {
		return
	}
	s.seq++
	made.Seq, made.UpdatedAt = s.seq, s.stamp
	s.records[i] = made
	s.sightings[made.ID] = append(slices.Clip(s.sightings[made.ID]), r.sighting(s, o, !known))
}

// sighting is what an observation said, to the record that it made or another.
func (r *modelRun) sighting(s *modelState, o store.Observation, first bool) store.Sighting {
	alone := store.NewRecord(r.feed, o, r.now)
	g := store.Sighting{
		Run: r.id, SeenAt: s.stamp, Seq: s.seq, Confidence: o.Confidence, FirstSeen: second(o.FirstSeen), LastSeen: second(o.LastSeen),
		ValidUntil: alone.ValidUntil, Context: alone.Context, Tags: alone.Tags, Families: alone.Families,
		Techniques: alone.Techniques, Industries: alone.Industries, Ports: alone.Ports, TLP: alone.TLP, Evidence: alone.Evidence,
	}
	if first {
		g.Confidence = alone.Confidence
	}
	if first && !o.FirstSeen.IsZero() && !o.LastSeen.IsZero() {
		g.FirstSeen, g.LastSeen = alone.FirstSeen, alone.LastSeen // in order
	}
	if first && o.FirstSeen.IsZero() && o.LastSeen.IsZero() {
		g.Assumed = alone.FirstSeen
	}
	return g
}

func second(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Second)
}

// Finish implements store.Run.
func (r *modelRun) Finish(ctx context.Context, stats store.RunStats) error {
	if err := r.m.endWriting(ctx, r.id); err != nil {
		return err
	}
	at := second(r.m.now())
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	record := r.m.runs[r.id]
	record.Finished, record.Stats = at, stats
	r.m.runs[r.id] = record
	return nil
}

// AddKey implements store.KeyKeeper.
func (m *Model) AddKey(ctx context.Context, k store.Key) error {
	if _, err := m.current(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.keys, func(have store.Key) bool { return have.ID == k.ID || have.Hash == k.Hash }) {
		return fmt.Errorf("add key %s: %w", k.ID, store.ErrExists)
	}
	m.keys = append(m.keys, k)
	return nil
}

// AddFirstKey implements store.KeyKeeper.
func (m *Model) AddFirstKey(ctx context.Context, k store.Key) (bool, error) {
	if _, err := m.current(ctx); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.keys) > 0 {
		return false, nil
	}
	m.keys = append(m.keys, k)
	return true, nil
}

// KeyByHash implements store.KeyKeeper.
func (m *Model) KeyByHash(ctx context.Context, hash [sha256.Size]byte) (store.Key, error) {
	all, err := m.Keys(ctx)
	if err != nil {
		return store.Key{}, err
	}
	for _, k := range all {
		if k.Hash == hash {
			return k, nil
		}
	}
	return store.Key{}, fmt.Errorf("read key by hash: %w", store.ErrNotFound)
}

// Keys implements store.KeyKeeper.
func (m *Model) Keys(ctx context.Context) ([]store.Key, error) {
	if _, err := m.current(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.Clone(m.keys)
	slices.SortStableFunc(all, func(a, b store.Key) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return all, nil
}

// RevokeKey implements store.KeyKeeper.
func (m *Model) RevokeKey(ctx context.Context, id uuid.UUID, at time.Time) error {
	if _, err := m.current(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.keys {
		if m.keys[i].ID == id {
			if m.keys[i].RevokedAt.IsZero() {
				m.keys[i].RevokedAt = at
			}
			return nil
		}
	}
	return fmt.Errorf("revoke key %s: %w", id, store.ErrNotFound)
}
