package search

import (
	"context"
	"fmt"
	"time"

	"spoor/internal/store"
)

// AssessedAt is the moment that an assessment of now is made for: the hour that
// has begun, so that the same question has the same answer for a while.
func AssessedAt(now time.Time) time.Time { return now.UTC().Truncate(time.Hour) }

// explain says of each match what it is worth, at the time that was asked about.
func (a *Answer) explain(ctx context.Context, snap store.Snapshot, q Query, now time.Time) error {
	at := AssessedAt(now)
	if !q.AsOf.IsZero() {
		at = q.AsOf
	}
	feeds := make(map[store.TypedKey]int, len(a.Matches))
	a.Assessments = make([]store.Assessment, len(a.Matches))
	for i := range a.Matches {
		r := &a.Matches[i]
		k := store.TypedKey{Type: r.Type, Key: r.Key}
		if feeds[k] == 0 {
			n, err := a.feedsOf(ctx, snap, q, k)
			if err != nil {
				return fmt.Errorf("count feeds of a match: %w", err)
			}
			feeds[k] = max(n, 1)
		}
		a.Assessments[i] = store.Assess(r, feeds[k], at)
	}
	return nil
}

// feedsOf counts the feeds that name a value, of those that the caller may see.
func (a *Answer) feedsOf(ctx context.Context, snap store.Snapshot, q Query, k store.TypedKey) (int, error) {
	m, err := snap.Exact(ctx, store.ExactQuery{
		Keys: []store.TypedKey{k}, AsOf: q.AsOf, Visibility: q.Visibility, Window: store.Window{Limit: store.Cap},
	})
	if err != nil {
		return 0, err
	}
	a.Work.Rows += m.Work.Rows
	feeds := map[string]bool{}
	for i := range m.Records {
		feeds[m.Records[i].Feed.Name] = true
	}
	return len(feeds), nil
}
