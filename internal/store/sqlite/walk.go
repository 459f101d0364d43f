package sqlite

import (
	"cmp"
	"container/heap"
	"context"
	"math"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
)

// A walk gives row ids in the order of a list: last changed first.
type walk interface {
	// next returns the next row id; false at the end.
	next(ctx context.Context) (rid int64, more bool, err error)
}

// entry is a record's place in the order.
type entry struct{ updatedAt, seq, rid, facetID int64 }

func (e entry) before(o entry) bool {
	return cmp.Or(cmp.Compare(o.updatedAt, e.updatedAt), cmp.Compare(o.seq, e.seq)) < 0
}

// bounds limits a walk. The zero value is unbounded.
type bounds struct {
	since int64 // 0: none
	// (beforeAt, beforeSeq) is exclusive; beforeAt 0: none.
	beforeAt, beforeSeq int64
}

// boundsOf returns the bounds of a filter's times and of the place where a
// walk goes on. Records changed since the walk began need no bound of their
// own: their seq, and with it their place, is before any place in the walk.
func boundsOf(f store.Filter, after *store.Position) bounds {
	b := bounds{since: ceiling(f.Since)}
	if !f.Until.IsZero() {
		b.beforeAt = ceiling(f.Until)
	}
	if after != nil {
		at := after.UpdatedAt.Unix()
		if b.beforeAt == 0 || at < b.beforeAt {
			b.beforeAt, b.beforeSeq = at, after.Seq
		}
	}
	if b.beforeAt == 0 {
		b.beforeAt, b.beforeSeq = math.MaxInt64, math.MaxInt64
	}
	return b
}

// ceiling returns the first whole second that is not before t: what record
// times, which are whole, are compared with.
func ceiling(t time.Time) int64 {
	s := seconds(t)
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}

func (b bounds) holds(e entry) bool {
	return e.updatedAt >= b.since && entry{updatedAt: b.beforeAt, seq: b.beforeSeq}.before(e)
}

// facetRef is a facet before its records are looked at.
type facetRef struct{ id, lastSeq int64 }

// facetWalk merges the records of some facets: each is an index range that is
// in order already. A facet is opened only when its last change could be next.
type facetWalk struct {
	*snapshot
	bounds  bounds
	ranges  facetHeap
	waiting []facetRef // not opened yet, last changed first
}

// facetRange is what is left of one facet.
type facetRange struct {
	facetID int64
	ready   []entry
	done    bool
}

const (
	firstChunk = 2
	laterChunk = 64
)

func (v *snapshot) newFacetWalk(facets []facetRef, b bounds) *facetWalk {
	waiting := slices.Clone(facets)
	slices.SortFunc(waiting, func(a, b facetRef) int { return cmp.Compare(b.lastSeq, a.lastSeq) })
	return &facetWalk{snapshot: v, bounds: b, waiting: waiting}
}

const selectFacetRange = `SELECT updated_at, seq, rid FROM records INDEXED BY records_facet WHERE facet_id = ? AND updated_at >= ? AND (updated_at, seq) < (?, ?) ORDER BY updated_at DESC, seq DESC LIMIT ?`

func (w *facetWalk) fill(r *facetRange, b bounds, chunk int) error {
	r.ready = r.ready[:0]
	_, err := w.query(selectFacetRange, func(st *sqlite.Stmt) error {
		r.ready = append(r.ready, entry{st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2), r.facetID})
		return nil
	}, r.facetID, b.since, b.beforeAt, b.beforeSeq, chunk)
	r.done = len(r.ready) < chunk
	return err
}

// open opens the facets that may have the next entry. That the times of
// records never run against their seq is what makes seq enough to tell.
func (w *facetWalk) open(ctx context.Context) error {
	for len(w.waiting) > 0 && (len(w.ranges) == 0 || w.ranges[0].ready[0].seq < w.waiting[0].lastSeq) {
		r := &facetRange{facetID: w.waiting[0].id}
		w.waiting = w.waiting[1:]
		if err := w.fill(r, w.bounds, firstChunk); err != nil {
			return err
		}
		if len(r.ready) > 0 {
			heap.Push(&w.ranges, r)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (w *facetWalk) next(ctx context.Context) (int64, bool, error) {
	if err := w.open(ctx); err != nil {
		return 0, false, err
	}
	if len(w.ranges) == 0 {
		return 0, false, nil
	}
	r := w.ranges[0]
	e := r.ready[0]
	r.ready = r.ready[1:]
	if len(r.ready) == 0 && !r.done {
		b := w.bounds
		b.beforeAt, b.beforeSeq = e.updatedAt, e.seq
		if err := w.fill(r, b, laterChunk); err != nil {
			return 0, false, err
		}
	}
	if len(r.ready) == 0 {
		heap.Pop(&w.ranges)
	} else {
		heap.Fix(&w.ranges, 0)
	}
	return e.rid, true, nil
}

// facetHeap has the range with the next entry on top.
type facetHeap []*facetRange

func (h facetHeap) Len() int           { return len(h) }
func (h facetHeap) Less(i, j int) bool { return h[i].ready[0].before(h[j].ready[0]) }
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
	facets map[int64]bool // nil: all
	ready  []entry
	done   bool
}

const selectUpdatedRange = `SELECT updated_at, seq, rid, facet_id FROM records INDEXED BY records_updated WHERE updated_at >= ? AND (updated_at, seq) < (?, ?) ORDER BY updated_at DESC, seq DESC LIMIT ?`

func (w *indexWalk) next(ctx context.Context) (int64, bool, error) {
	for {
		for len(w.ready) > 0 {
			e := w.ready[0]
			w.ready = w.ready[1:]
			w.bounds.beforeAt, w.bounds.beforeSeq = e.updatedAt, e.seq
			if w.facets == nil || w.facets[e.facetID] {
				return e.rid, true, nil
			}
		}
		if w.done {
			return 0, false, nil
		}
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		const chunk = 256
		w.ready = make([]entry, 0, chunk)
		_, err := w.query(selectUpdatedRange, func(st *sqlite.Stmt) error {
			w.ready = append(w.ready, entry{st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2), st.ColumnInt64(3)})
			return nil
		}, w.bounds.since, w.bounds.beforeAt, w.bounds.beforeSeq, chunk)
		if err != nil {
			return 0, false, err
		}
		w.done = len(w.ready) < chunk
	}
}

// sliceWalk goes through entries at hand.
type sliceWalk struct{ ready []entry }

func (w *sliceWalk) next(context.Context) (int64, bool, error) {
	if len(w.ready) == 0 {
		return 0, false, nil
	}
	e := w.ready[0]
	w.ready = w.ready[1:]
	return e.rid, true, nil
}

const selectArticleEntries = `SELECT updated_at, seq, rid, facet_id FROM records INDEXED BY records_article WHERE article_id = ? AND article_id <> 0`

// articleEntries returns an article's records of some facets (nil: all) within
// the bounds, in order.
func (v *snapshot) articleEntries(article int64, facets map[int64]bool, b bounds) ([]entry, error) {
	var all []entry
	_, err := v.query(selectArticleEntries, func(st *sqlite.Stmt) error {
		e := entry{st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2), st.ColumnInt64(3)}
		if b.holds(e) && (facets == nil || facets[e.facetID]) {
			all = append(all, e)
		}
		return nil
	}, article)
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.updatedAt, a.updatedAt), cmp.Compare(b.seq, a.seq))
	})
	return all, err
}
