package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

// maxMerged is the largest number of facets whose records are merged. More of
// them match so much that walking all records finds a page sooner.
const maxMerged = 4096

// List implements store.Snapshot. The filter first narrows facets, of which
// there are few; then one of three walks gives their records in order: an
// article's records, a merge of the facets' own ranges, or all records.
func (v *snapshot) List(ctx context.Context, f store.Filter, p store.Page) (store.List, error) {
	plan, err := v.plan(f)
	if err != nil {
		return store.List{}, fmt.Errorf("list: %w", err)
	}
	var l store.List
	if !p.NoTotal {
		if l.Total, l.LowerBound, err = v.total(ctx, plan, f); err != nil {
			return l, fmt.Errorf("count list: %w", err)
		}
	}
	w, err := v.walk(plan, boundsOf(f, p.After))
	if err != nil {
		return l, fmt.Errorf("list: %w", err)
	}
	began := v.clock.seq
	if p.After != nil {
		began = p.After.Began
	}
	for i := 0; ; i++ {
		rid, more, err := w.next(ctx)
		if err != nil {
			return l, fmt.Errorf("list: %w", err)
		}
		if !more {
			return l, nil
		}
		if i < p.Offset {
			continue
		}
		if len(l.Records) == p.Limit {
			l.Next = store.PositionAfter(l.Records, p.After, began)
			return l, nil
		}
		r, err := v.bare(rid)
		if err == nil {
			err = v.resolve(&r)
		}
		if err != nil {
			return l, fmt.Errorf("read listed record: %w", err)
		}
		l.Records = append(l.Records, r.Record)
	}
}

// listPlan is a filter after its facets were looked up.
type listPlan struct {
	facets  []facetRef // nil with all set
	all     bool       // every facet matches
	records int64      // how many records the facets have
	article int64      // 0: any; -1: one that is not there
}

func (v *snapshot) plan(f store.Filter) (listPlan, error) {
	var p listPlan
	if f.Article != uuid.Nil {
		rowid, err := v.articleRowID(f.Article)
		if err != nil {
			return p, err
		}
		p.article = rowid
		if rowid == 0 {
			p.article = -1
		}
	}
	where, args, err := v.facetClauses(f)
	if err != nil {
		return p, err
	}
	if len(where) == 0 {
		p.all, p.records = true, v.clock.records
		return p, nil
	}
	query := `SELECT f.id, f.records, f.last_seq FROM facets f WHERE f.records > 0 AND ` + strings.Join(where, " AND ")
	err = v.transient(query, func(st *sqlite.Stmt) {
		p.facets = append(p.facets, facetRef{st.ColumnInt64(0), st.ColumnInt64(2)})
		p.records += st.ColumnInt64(1)
	}, args...)
	return p, err
}

// facetClauses returns the conditions of the filter on facets, from a fixed
// list.
func (v *snapshot) facetClauses(f store.Filter) (where []string, args []any, err error) {
	in := func(clause string, n int, values any) {
		if n == 0 || err != nil {
			return
		}
		var list []byte
		if list, err = json.Marshal(values); err == nil {
			where, args = append(where, clause), append(args, string(list))
		}
	}
	in(`f.type IN (SELECT value FROM json_each(?))`, len(f.Types), numbers(f.Types))
	in(`f.feed_id IN (SELECT id FROM feeds WHERE category IN (SELECT value FROM json_each(?)))`, len(f.Categories), f.Categories)
	in(`f.feed_id IN (SELECT id FROM feeds WHERE name IN (SELECT value FROM json_each(?)))`, len(f.Feeds), f.Feeds)
	in(`f.confidence IN (SELECT value FROM json_each(?))`, len(f.Confidences), numbers(f.Confidences))
	in(`f.origin IN (SELECT value FROM json_each(?))`, len(f.Origins), numbers(f.Origins))
	for _, l := range []struct {
		kind  column.Kind
		names []string
	}{{column.Tag, f.Tags}, {column.Technique, f.Techniques}, {column.Industry, f.Industries}} {
		in(fmt.Sprintf(`f.id IN (SELECT facet_id FROM facet_labels WHERE kind = %d AND name IN (SELECT value FROM json_each(?)))`, l.kind),
			len(l.names), l.names)
	}
	if f.WithoutWarned {
		where = append(where, `f.warned = 0`)
	}
	if !f.Sees(ioc.TLP(v.clock.maxTLP)) { //nolint:gosec // written by us
		where, args = append(where, `f.tlp <= ?`), append(args, int64(max(f.MaxTLP, ioc.Clear)))
	}
	return where, args, err
}

// numbers returns small enumerations as numbers, which JSON would otherwise
// take for a string of bytes.
func numbers[T ~uint8](values []T) []int {
	ns := make([]int, len(values))
	for i, v := range values {
		ns[i] = int(v)
	}
	return ns
}

const selectFacetsWithLabel = `SELECT f.id, f.last_seq FROM facet_labels l JOIN facets f ON f.id = l.facet_id WHERE l.kind = ? AND l.name = ? AND f.records > 0`

// facetsWithLabel returns the facets in use that carry one of the labels.
func (v *snapshot) facetsWithLabel(kind column.Kind, names []string) ([]facetRef, error) {
	var refs []facetRef
	seen := map[int64]bool{}
	for _, name := range names {
		_, err := v.query(selectFacetsWithLabel, func(st *sqlite.Stmt) error {
			if id := st.ColumnInt64(0); !seen[id] {
				seen[id] = true
				refs = append(refs, facetRef{id, st.ColumnInt64(1)})
			}
			return nil
		}, int64(kind), name)
		if err != nil {
			return nil, err
		}
	}
	return refs, nil
}

// walk picks the walk of a plan.
func (v *snapshot) walk(p listPlan, b bounds) (walk, error) {
	switch {
	case p.article != 0:
		entries, err := v.articleEntries(p.article, p.facetSet(), b)
		return &sliceWalk{entries}, err
	case p.merges():
		return v.newFacetWalk(p.facets, b), nil
	default:
		return &indexWalk{snapshot: v, bounds: b, facets: p.facetSet()}, nil
	}
}

func (p listPlan) merges() bool { return !p.all && len(p.facets) <= maxMerged }

// facetSet returns the facets as a set; nil for all.
func (p listPlan) facetSet() map[int64]bool {
	if p.all {
		return nil
	}
	set := make(map[int64]bool, len(p.facets))
	for _, f := range p.facets {
		set[f.id] = true
	}
	return set
}

// total counts all matches of the filter, up to store.Cap. Without times the
// facets know it; with times it is counted along the walk.
func (v *snapshot) total(ctx context.Context, p listPlan, f store.Filter) (int, bool, error) {
	if f.Since.IsZero() && f.Until.IsZero() && p.article == 0 {
		return int(min(p.records, store.Cap)), p.records > store.Cap, nil
	}
	w, err := v.walk(p, boundsOf(f, nil))
	if err != nil {
		return 0, false, err
	}
	for n := 0; ; n++ {
		_, more, err := w.next(ctx)
		if err != nil {
			return 0, false, err
		}
		if !more {
			return n, false, nil
		}
		if n == store.Cap {
			return n, true, nil
		}
	}
}

// transient runs a statement that is put together for one call and not kept,
// calling row (when not nil) for each row.
func (c *conn) transient(query string, row func(*sqlite.Stmt), args ...any) error {
	st, _, err := c.PrepareTransient(query)
	if err != nil {
		return err
	}
	err = bindAll(st, args)
	for {
		more := false
		if err == nil {
			more, err = st.Step()
		}
		if !more {
			if ferr := st.Finalize(); err == nil {
				err = ferr
			}
			return err
		}
		if row != nil {
			row(st)
		}
	}
}
