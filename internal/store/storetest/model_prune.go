package storetest

import (
	"context"
	"time"

	"github.com/google/uuid"

	"spoor/internal/store"
)

// Prune implements store.Pruner, in one piece.
func (m *Model) Prune(ctx context.Context, p store.Policy, now time.Time) (store.Pruned, error) {
	var n store.Pruned
	var runs []uuid.UUID
	err := m.change(ctx, func(s *modelState) error {
		old, due := *s, []uuid.UUID(nil)
		for _, r := range s.records {
			e := p.Expiry(r.Feed.Name, r.Type)
			if e.Due(r.LastSeen, r.ValidUntil, now) {
				due = append(due, r.ID)
				n.Sightings += int64(len(s.sightings[r.ID]))
			}
		}
		n.Records = int64(len(due))
		if !p.DryRun {
			if err := s.remove(due); err != nil {
				return err
			}
		}
		for id, a := range s.articles {
			if p.Archives(&a, now) {
				n.Articles++
				if !p.DryRun {
					s.articles[id] = a.Archived(now)
					s.seq++
				}
			}
		}
		runs = m.forgotten(s, p, now)
		if n.Runs = int64(len(runs)); p.DryRun {
			*s = old
		}
		return nil
	})
	if err != nil || p.DryRun {
		return n, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range runs {
		delete(m.runs, id)
	}
	return n, nil
}

// forgotten returns the runs that are to be forgotten.
func (m *Model) forgotten(s *modelState, p store.Policy, now time.Time) (due []uuid.UUID) {
	said := map[uuid.UUID]bool{}
	for _, list := range s.sightings {
		for _, g := range list {
			said[g.Run] = true
		}
	}
	ended, open := p.Forgets(now)
	m.mu.Lock()
	defer m.mu.Unlock()
	first := uuid.Max
	for id := range m.runs {
		if byID(id, first) < 0 {
			first = id
		}
	}
	for id, r := range m.runs {
		limit := ended
		if r.Finished.IsZero() {
			limit = open
		}
		if !limit.IsZero() && !r.Started.After(limit) && !said[id] && id != first {
			due = append(due, id)
		}
	}
	return due
}
