package postgres

import (
	"cmp"
	"container/heap"
	"context"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
)

// A walk gives places in the order of a list: last changed first.
type walk interface {
	// next returns the next place; false at the end.
	next(ctx context.Context) (e entry, more bool, err error)
}

// entry is a record's place in the order.
type entry struct {
	updatedAt time.Time
	seq       int64
	facetID   uuid.UUID
}

// bounds limits a walk.
type bounds struct {
	since time.Time
	// (beforeAt, beforeSeq) is exclusive.
	beforeAt  time.Time
	beforeSeq int64
}

// The ends of time, as far as records go: beyond both of what RFC 3339 writes.
func never() time.Time   { return time.Date(-4000, 1, 1, 0, 0, 0, 0, time.UTC) }
func forever() time.Time { return time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC) }

// boundsOf returns the bounds of a filter's times and of the place where a
// walk goes on. Records changed since the walk began need no bound of their
// own: their seq, and with it their place, is before any place in the walk.
func boundsOf(f store.Filter, after *store.Position) bounds {
	b := bounds{since: never(), beforeAt: forever(), beforeSeq: math.MaxInt64}
	if !f.Since.IsZero() {
		b.since = ceiling(f.Since)
	}
	if !f.Until.IsZero() {
		b.beforeAt, b.beforeSeq = ceiling(f.Until), 0
	}
	if after != nil && (f.Until.IsZero() || after.UpdatedAt.Before(b.beforeAt)) {
		b.beforeAt, b.beforeSeq = after.UpdatedAt, after.Seq
	}
	b.since, b.beforeAt = within(b.since), within(b.beforeAt)
	return b
}

// within keeps a time that a client sent inside what the database can hold.
func within(t time.Time) time.Time {
	switch {
	case t.Before(never()):
		return never()
	case t.After(forever()):
		return forever()
	default:
		return t.UTC()
	}
}

// ceiling returns the first whole second that is not before t: what record
// times, which are whole, are compared with.
func ceiling(t time.Time) time.Time {
	if s := t.Truncate(time.Second); s.Before(t) {
		return s.Add(time.Second)
	}
	return t
}

func (b bounds) holds(e entry) bool {
	return !e.updatedAt.Before(b.since) && cmp.Or(e.updatedAt.Compare(b.beforeAt), cmp.Compare(e.seq, b.beforeSeq)) < 0
}

// facetRef is a facet before its records are looked at.
type facetRef struct {
	id      uuid.UUID
	lastSeq int64
}

// facetWalk merges the records of some facets: each is an index range that is
// in order already. Facets are opened only when their last change could be
// next, several in one round trip.
type facetWalk struct {
	*snapshot
	bounds  bounds
	ranges  facetHeap
	waiting []facetRef // not opened yet, last changed first
	group   int        // how many to open next
	first   int        // how many entries to ask of each at first
}

// facetRange is what is left of one facet.
type facetRange struct {
	facetID uuid.UUID
	ready   []entry
	done    bool
}

const (
	firstGroup = 8
	lastGroup  = 512
	laterChunk = 256
)

// newFacetWalk makes a walk of which about want entries will be taken.
func (v *snapshot) newFacetWalk(facets []facetRef, b bounds, want int) *facetWalk {
	waiting := slices.Clone(facets)
	slices.SortFunc(waiting, func(a, b facetRef) int { return cmp.Compare(b.lastSeq, a.lastSeq) })
	first := want
	if len(waiting) > 1 {
		first = min(want, max(4, 4*want/len(waiting)))
	}
	return &facetWalk{snapshot: v, bounds: b, waiting: waiting, group: firstGroup, first: first}
}

const selectFacetRange = `SELECT updated_at, seq FROM records WHERE facet_id = $1 AND updated_at >= $2 AND (updated_at, seq) < ($3, $4) ORDER BY updated_at DESC, seq DESC LIMIT $5`

// fill asks for more of the ranges, from where each is.
func (w *facetWalk) fill(ctx context.Context, ranges []*facetRange, chunk int) error {
	qs := make([]question, len(ranges))
	for i, r := range ranges {
		b := w.bounds
		if n := len(r.ready); n > 0 {
			b.beforeAt, b.beforeSeq = r.ready[n-1].updatedAt, r.ready[n-1].seq
		}
		qs[i] = question{sql: selectFacetRange, args: []any{[16]byte(r.facetID), b.since, b.beforeAt, b.beforeSeq, chunk}}
		r.ready = nil
	}
	err := w.askAll(ctx, qs, func(i int, rows pgx.Rows) error {
		e := entry{facetID: ranges[i].facetID}
		err := rows.Scan(&e.updatedAt, &e.seq)
		ranges[i].ready = append(ranges[i].ready, e)
		return err
	})
	for _, r := range ranges {
		r.done = len(r.ready) < chunk
	}
	return err
}

// open opens the facets that may have the next entry. That the times of
// records never run against their seq is what makes seq enough to tell.
func (w *facetWalk) open(ctx context.Context) error {
	for len(w.waiting) > 0 && (len(w.ranges) == 0 || w.ranges[0].ready[0].seq < w.waiting[0].lastSeq) {
		n := min(w.group, len(w.waiting))
		w.group = min(4*w.group, lastGroup)
		group := make([]*facetRange, n)
		for i := range group {
			group[i] = &facetRange{facetID: w.waiting[i].id}
		}
		w.waiting = w.waiting[n:]
		if err := w.fill(ctx, group, w.first); err != nil {
			return err
		}
		for _, r := range group {
			if len(r.ready) > 0 {
				heap.Push(&w.ranges, r)
			}
		}
	}
	return nil
}

func (w *facetWalk) next(ctx context.Context) (entry, bool, error) {
	if err := w.open(ctx); err != nil {
		return entry{}, false, err
	}
	if len(w.ranges) == 0 {
		return entry{}, false, nil
	}
	r := w.ranges[0]
	e := r.ready[0]
	if len(r.ready) == 1 && !r.done {
		if err := w.fill(ctx, []*facetRange{r}, laterChunk); err != nil {
			return entry{}, false, err
		}
	} else {
		r.ready = r.ready[1:]
	}
	if len(r.ready) == 0 {
		heap.Pop(&w.ranges)
	} else {
		heap.Fix(&w.ranges, 0)
	}
	return e, true, nil
}

// facetHeap has the range with the next entry on top.
type facetHeap []*facetRange

func (h facetHeap) Len() int           { return len(h) }
func (h facetHeap) Less(i, j int) bool { return h[i].ready[0].seq > h[j].ready[0].seq }
func (h facetHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *facetHeap) Push(x any) { *h = append(*h, x.(*facetRange)) } //nolint:forcetypeassert // only ours

// Pop implements heap.Interface.
func (h *facetHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// indexWalk goes through all records, keeping those of some facets.
type indexWalk struct {
	*snapshot
	bounds bounds
	facets map[uuid.UUID]bool // nil: all
	ready  []entry
	chunk  int
	done   bool
}

const selectUpdatedRange = `SELECT updated_at, seq, facet_id FROM records WHERE updated_at >= $1 AND (updated_at, seq) < ($2, $3) ORDER BY updated_at DESC, seq DESC LIMIT $4`

// widest is how many entries are asked for at a time when few are kept.
const widest = 8192

func (w *indexWalk) next(ctx context.Context) (entry, bool, error) {
	for {
		for len(w.ready) > 0 {
			e := w.ready[0]
			w.ready = w.ready[1:]
			w.bounds.beforeAt, w.bounds.beforeSeq = e.updatedAt, e.seq
			if w.facets == nil || w.facets[e.facetID] {
				return e, true, nil
			}
		}
		if w.done {
			return entry{}, false, nil
		}
		w.ready = make([]entry, 0, w.chunk)
		err := w.ask(ctx, selectUpdatedRange, func(r pgx.Rows) error {
			var e entry
			err := r.Scan(&e.updatedAt, &e.seq, (*[16]byte)(&e.facetID))
			w.ready = append(w.ready, e)
			return err
		}, w.bounds.since, w.bounds.beforeAt, w.bounds.beforeSeq, w.chunk)
		if err != nil {
			return entry{}, false, err
		}
		w.done = len(w.ready) < w.chunk
		w.chunk = min(2*w.chunk, widest)
	}
}

// sliceWalk goes through entries at hand.
type sliceWalk struct{ ready []entry }

func (w *sliceWalk) next(context.Context) (entry, bool, error) {
	if len(w.ready) == 0 {
		return entry{}, false, nil
	}
	e := w.ready[0]
	w.ready = w.ready[1:]
	return e, true, nil
}

const selectArticleEntries = `SELECT updated_at, seq, facet_id FROM records WHERE article_id = $1`

// articleEntries returns an article's records of some facets (nil: all) within
// the bounds, in order.
func (v *snapshot) articleEntries(ctx context.Context, article uuid.UUID, facets map[uuid.UUID]bool, b bounds) ([]entry, error) {
	var all []entry
	err := v.ask(ctx, selectArticleEntries, func(r pgx.Rows) error {
		var e entry
		if err := r.Scan(&e.updatedAt, &e.seq, (*[16]byte)(&e.facetID)); err != nil {
			return err
		}
		if b.holds(e) && (facets == nil || facets[e.facetID]) {
			all = append(all, e)
		}
		return nil
	}, [16]byte(article))
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(b.seq, a.seq) })
	return all, err
}
