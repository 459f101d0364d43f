package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
)

// heap is a dump of so many runs, articles and records, at the positions 10,
// 20 and so on.
type heap struct{ runs, articles, records int }

func (h heap) Ledger(context.Context) (Ledger, error) {
	return Ledger{Seq: 1, Counts: Counts{Records: int64(h.records)}, Runs: int64(h.runs)}, nil
}
func (heap) Feeds(context.Context) ([]Feed, error)       { return []Feed{{Name: "f"}}, nil }
func (heap) Accounts(context.Context) ([]Account, error) { return nil, nil }
func (heap) Keys(context.Context) ([]Key, error)         { return []Key{{}}, nil }
func (heap) FeedStates(context.Context) ([]FeedState, error) {
	return []FeedState{{Feed: "f"}}, nil
}
func (heap) Allowed(context.Context) ([]Allowed, error) { return []Allowed{{Value: "v"}}, nil }
func (heap) Sample(context.Context, int, *rand.Rand) ([]uuid.UUID, error) {
	return nil, nil
}

// pieces returns the positions after one.
func pieces[T any](n int, after int64, limit int, one func(position int64) T) (all []T) {
	for p := after + 10; p <= int64(n)*10 && len(all) < limit; p += 10 {
		all = append(all, one(p))
	}
	return all
}

func (h heap) Runs(_ context.Context, after int64, limit int) ([]MovedRun, error) {
	return pieces(h.runs, after, limit, func(p int64) MovedRun { return MovedRun{Position: p} }), nil
}
func (h heap) Articles(_ context.Context, after int64, limit int) ([]MovedArticle, error) {
	return pieces(h.articles, after, limit, func(p int64) MovedArticle { return MovedArticle{Position: p} }), nil
}
func (h heap) Records(_ context.Context, after int64, limit int) ([]MovedRecord, error) {
	return pieces(h.records, after, limit, func(p int64) MovedRecord { return MovedRecord{Position: p} }), nil
}

// shelf is a target that counts, and fails when it has taken failAt parts.
type shelf struct {
	at                            Moved
	feeds, runs, articles, record int
	parts, failAt                 int
	complete                      bool
}

var errShelf = errors.New("shelf is full")

func (s *shelf) BeginMove(context.Context, Ledger) (Moved, error) { return s.at, nil }
func (s *shelf) LoadMove(_ context.Context, p Part) error {
	if p.Begin != s.at {
		return fmt.Errorf("part begins at %+v, not %+v", p.Begin, s.at)
	}
	if s.parts++; s.parts == s.failAt {
		return errShelf
	}
	s.feeds, s.runs, s.articles, s.record = max(s.feeds, len(p.Feeds)), s.runs+len(p.Runs), s.articles+len(p.Articles), s.record+len(p.Records)
	s.at = p.End
	return nil
}
func (s *shelf) CompleteMove(context.Context, Ledger) error { s.complete = true; return nil }
func (s *shelf) ConfirmMove(context.Context) error          { return nil }
func (s *shelf) AbandonMove(context.Context) error          { return nil }
func (s *shelf) Ledger(context.Context) (Ledger, error)     { return Ledger{}, nil }

// TestMoveParts: everything comes once, whatever there is of it and wherever
// it was broken off.
func TestMoveParts(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]heap{
		"nothing":       {},
		"runs only":     {runs: 3},
		"a part each":   {runs: 1, articles: partSize, records: partSize},
		"one more each": {runs: partSize + 1, articles: partSize + 1, records: 2*partSize + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for failAt := range 9 {
				s := &shelf{failAt: failAt}
				for try := 0; ; try++ {
					_, err := Move(t.Context(), h, s, nil)
					if err == nil {
						break
					}
					if !errors.Is(err, errShelf) || try > 1 {
						t.Fatal(err)
					}
				}
				if s.feeds != 1 || s.runs != h.runs || s.articles != h.articles || s.record != h.records || !s.complete {
					t.Errorf("broken off at part %d: %+v of %+v", failAt, s, h)
				}
				if got := s.at.Count; got != int64(h.records) {
					t.Errorf("counted %d records of %d", got, h.records)
				}
			}
		})
	}
}

// short gives fewer records than it says.
type short struct{ heap }

func (s short) Ledger(ctx context.Context) (Ledger, error) {
	l, err := s.heap.Ledger(ctx)
	l.Records++
	return l, err
}

func TestMoveCounts(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	if _, err := Move(t.Context(), short{heap{records: 5}}, s, nil); !errors.Is(err, ErrCorrupt) || s.complete {
		t.Errorf("a source that gives fewer records than it counts: %v, complete %v", err, s.complete)
	}
}
