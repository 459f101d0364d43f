package search

import (
	"context"
	"fmt"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// Stage says which stage answered.
type Stage string

// The stages of contract section 3.
const (
	StageExact    Stage = "exact"
	StageContains Stage = "contains"
	StageNone     Stage = "none"
)

// Answer is what a search found.
type Answer struct {
	// Found is whether anything matches, inside the window or not.
	Found bool
	Stage Stage
	// Matches is the window of the matches, in the order of the stage.
	Matches []store.Record
	// Assessments say what each of the Matches is worth, and why; nil unless
	// that was asked for.
	Assessments []store.Assessment
	// Related are up to store.RelatedLimit records that belong to Matches.
	Related []store.Related
	// Total counts all matches, up to store.Cap; LowerBound says that there
	// are more.
	Total      int
	LowerBound bool
	// Interpretations is what the text was read as, best first, after the
	// query's type narrowed it.
	Interpretations []ioc.Reading
	// Seq is the store's, at the moment that the answer describes.
	Seq int64
	// Took is the time from query to answer, and Work what it cost the store.
	Took time.Duration
	Work store.Work
}

// Searcher runs queries on a store. It may be used by any number of goroutines.
type Searcher struct {
	store store.Viewer
	now   func() time.Time
}

// New returns a Searcher over the store that tells time by now.
func New(v store.Viewer, now func() time.Time) *Searcher { return &Searcher{store: v, now: now} }

// Search answers the query from one view of the store. The error is a
// *QueryError, or the store's, or the context's.
func (s *Searcher) Search(ctx context.Context, q Query) (Answer, error) {
	began := s.now()
	p, err := makePlan(q)
	if err != nil {
		return Answer{}, err
	}
	if q.AsOf.After(began) {
		return Answer{}, &QueryError{"as_of", "lies in the future; give a time that is over, or leave it out"}
	}
	var a Answer
	err = s.store.View(ctx, func(snap store.Snapshot) error {
		var err error
		a, err = p.run(ctx, snap, q)
		if err == nil && q.Explain {
			err = a.explain(ctx, snap, q, began)
		}
		a.Seq = snap.Seq() // last: the questions mostly bring it along
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("search store: %w", err)
	}
	a.Took = s.now().Sub(began)
	return a, nil
}

// run takes the plan through its stages.
func (p plan) run(ctx context.Context, snap store.Snapshot, q Query) (Answer, error) {
	a := Answer{Stage: StageNone, Interpretations: p.readings}
	if len(p.readings) > 0 {
		m, err := snap.Exact(ctx, store.ExactQuery{Keys: p.keys(), AsOf: q.AsOf, Visibility: q.Visibility, Window: q.Window})
		if err != nil {
			return Answer{}, fmt.Errorf("look for the whole value: %w", err)
		}
		a.take(StageExact, m)
	}
	if !a.Found && p.needle.Text != "" {
		m, err := snap.Contains(ctx, store.ContainsQuery{
			Needle: p.needle, Types: p.types, AsOf: q.AsOf, Visibility: q.Visibility, Window: q.Window,
		})
		if err != nil {
			return Answer{}, fmt.Errorf("look for a part: %w", err)
		}
		a.take(StageContains, m)
	}
	if !q.Related || len(a.Matches) == 0 {
		return a, nil
	}
	related, err := snap.Related(ctx, store.RelatedQuery{
		Matches: a.Matches, IsMatch: p.isMatch(a.Stage), Limit: store.RelatedLimit, AsOf: q.AsOf, Visibility: q.Visibility,
	})
	if err != nil {
		return Answer{}, fmt.Errorf("look for related records: %w", err)
	}
	a.Related = related
	return a, nil
}

// take adds what a stage found; a stage that found nothing adds its work only.
func (a *Answer) take(s Stage, m store.Matches) {
	a.Work.Postings += m.Work.Postings
	a.Work.Candidates += m.Work.Candidates
	a.Work.Rows += m.Work.Rows
	if m.Total == 0 {
		return
	}
	a.Found, a.Stage = true, s
	a.Matches, a.Total, a.LowerBound = m.Records, m.Total, m.LowerBound
}
