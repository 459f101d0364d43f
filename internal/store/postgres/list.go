package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

// maxMerged is the largest number of facets whose records are merged. More of
// them match so much that walking all records finds a page sooner.
const maxMerged = 4096

// List implements store.Snapshot. The filter first narrows facets, of which
// there are few; then one of three walks gives their places in order: an
// article's records, a merge of the facets' own ranges, or all records. The
// records of the page are read at the end, at once.
func (v *snapshot) List(ctx context.Context, f store.Filter, p store.Page) (store.List, error) {
	var l store.List
	plan, err := v.plan(ctx, f)
	if err != nil {
		return l, fmt.Errorf("list: %w", err)
	}
	if !p.NoTotal {
		if l.Total, l.LowerBound, err = v.total(ctx, plan, f); err != nil {
			return l, fmt.Errorf("count list: %w", err)
		}
	}
	w, err := v.walk(ctx, plan, boundsOf(f, p.After), p.Offset+p.Limit+1)
	if err != nil {
		return l, fmt.Errorf("list: %w", err)
	}
	began := v.clock.seq
	if p.After != nil {
		began = p.After.Began
	}
	entries, err := some(ctx, w, p.Offset+p.Limit+1)
	if err != nil {
		return l, fmt.Errorf("list: %w", err)
	}
	entries = entries[min(p.Offset, len(entries)):]
	if l.Records, err = v.at(ctx, entries[:min(p.Limit, len(entries))]); err != nil {
		return l, fmt.Errorf("read listed records: %w", err)
	}
	if len(entries) > p.Limit {
		l.Next = store.PositionAfter(l.Records, p.After, began)
	}
	return l, nil
}

// some takes the next n places from a walk, fewer at its end.
func some(ctx context.Context, w walk, n int) (entries []entry, err error) {
	for len(entries) < n {
		e, more, err := w.next(ctx)
		if err != nil || !more {
			return entries, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

const selectAt = `SELECT ` + recordColumns + ` FROM unnest($1::timestamptz[], $2::bigint[]) AS k (updated_at, seq) JOIN records r ON r.updated_at = k.updated_at AND r.seq = k.seq LEFT JOIN articles a ON a.id = r.article_id`

// at returns the records at those places, in their order.
func (v *snapshot) at(ctx context.Context, entries []entry) ([]store.Record, error) {
	rows, err := v.rowsAt(ctx, entries)
	if err != nil {
		return nil, err
	}
	return v.records(ctx, rows)
}

// rowsAt returns the rows at those places, in their order.
func (v *snapshot) rowsAt(ctx context.Context, entries []entry) ([]row, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	times, seqs := make([]time.Time, len(entries)), make([]int64, len(entries))
	order := make(map[int64]int, len(entries))
	for i, e := range entries {
		times[i], seqs[i], order[e.seq] = e.updatedAt, e.seq, i
	}
	rows, n := make([]row, len(entries)), 0
	err := v.ask(ctx, selectAt, func(r pgx.Rows) error {
		var one row
		err := one.scan(r)
		rows[order[one.Seq]] = one
		n++
		return err
	}, times, seqs)
	if err == nil && n != len(rows) {
		err = fmt.Errorf("%w: the list names records that are not there", store.ErrCorrupt)
	}
	return rows, err
}

// listPlan is a filter after its facets were looked up.
type listPlan struct {
	facets  []facetRef // nil with all set
	all     bool       // every facet matches
	records int64      // how many records the facets have
	article uuid.UUID  // uuid.Nil: any
}

func (v *snapshot) plan(ctx context.Context, f store.Filter) (listPlan, error) {
	p := listPlan{article: f.Article}
	if v.conn == nil && v.failed == nil { // the clause of the marking depends on the clock
		if err := v.load(); err != nil {
			return p, err
		}
	}
	if v.failed != nil {
		return p, v.failed
	}
	where, args := v.facetClauses(f)
	if len(where) == 0 {
		p.all, p.records = true, v.clock.records
		return p, nil
	}
	query := `SELECT f.id, f.records, f.last_seq FROM facets f WHERE f.records > 0 AND ` + strings.Join(where, " AND ")
	err := v.ask(ctx, query, func(r pgx.Rows) error {
		var ref facetRef
		var records int64
		err := r.Scan((*[16]byte)(&ref.id), &records, &ref.lastSeq)
		p.facets, p.records = append(p.facets, ref), p.records+records
		return err
	}, args...)
	return p, err
}

// facetClauses returns the conditions of the filter on facets, from a fixed
// list.
func (v *snapshot) facetClauses(f store.Filter) (where []string, args []any) {
	add := func(clause string, n int, values any) {
		if n > 0 {
			args = append(args, values)
			where = append(where, fmt.Sprintf(clause, len(args)))
		}
	}
	add(`f.type = ANY($%d)`, len(f.Types), numbers(f.Types))
	add(`f.feed_id IN (SELECT id FROM feeds WHERE category = ANY($%d))`, len(f.Categories), f.Categories)
	add(`f.feed_id = ANY($%d)`, len(f.Feeds), feedIDs(f.Feeds))
	add(`f.confidence = ANY($%d)`, len(f.Confidences), numbers(f.Confidences))
	add(`f.origin = ANY($%d)`, len(f.Origins), numbers(f.Origins))
	for _, l := range []struct {
		kind  column.Kind
		names []string
	}{{column.Tag, f.Tags}, {column.Technique, f.Techniques}, {column.Industry, f.Industries}} {
		add(fmt.Sprintf(`f.id IN (SELECT facet_id FROM facet_labels WHERE kind = %d AND label_id = ANY($%%d))`, l.kind), len(l.names), labelIDs(l.names))
	}
	if f.WithoutWarned {
		where = append(where, `NOT f.warned`)
	}
	if !f.Sees(ioc.TLP(v.clock.maxTLP)) { //nolint:gosec // written by us
		add(`f.tlp <= $%d`, 1, seen(f.Visibility))
	}
	return where, args
}

func numbers[T ~uint8](values []T) []int16 {
	ns := make([]int16, len(values))
	for i, v := range values {
		ns[i] = int16(v)
	}
	return ns
}

func feedIDs(names []string) [][16]byte {
	ids := make([][16]byte, len(names))
	for i, n := range names {
		ids[i] = feedID(n)
	}
	return ids
}

func labelIDs(names []string) [][16]byte {
	ids := make([][16]byte, len(names))
	for i, n := range names {
		ids[i] = labelID(n)
	}
	return ids
}

const selectFacetsWithLabel = `SELECT DISTINCT f.id, f.last_seq FROM facet_labels l JOIN facets f ON f.id = l.facet_id WHERE l.kind = $1 AND l.label_id = ANY($2) AND f.records > 0`

// facetsWithLabel returns the facets in use that carry one of the labels.
func (v *snapshot) facetsWithLabel(ctx context.Context, kind column.Kind, names []string) ([]facetRef, error) {
	var refs []facetRef
	err := v.ask(ctx, selectFacetsWithLabel, func(r pgx.Rows) error {
		var ref facetRef
		err := r.Scan((*[16]byte)(&ref.id), &ref.lastSeq)
		refs = append(refs, ref)
		return err
	}, int16(kind), labelIDs(names))
	return refs, err
}

// walk picks the walk of a plan, of which about want places will be taken.
func (v *snapshot) walk(ctx context.Context, p listPlan, b bounds, want int) (walk, error) {
	switch {
	case p.article != uuid.Nil:
		entries, err := v.articleEntries(ctx, p.article, p.facetSet(), b)
		return &sliceWalk{entries}, err
	case p.merges(v.clock.records):
		return v.newFacetWalk(p.facets, b, want), nil
	default:
		return &indexWalk{snapshot: v, bounds: b, facets: p.facetSet(), chunk: max(256, min(want, widest))}, nil
	}
}

// merges reports whether the facets' own ranges are merged: not when there are
// very many, nor when they are many and have much of all there is.
func (p listPlan) merges(records int64) bool {
	return !p.all && len(p.facets) <= maxMerged && (len(p.facets) <= firstGroup || p.records < records/4)
}

// facetSet returns the facets as a set; nil for all.
func (p listPlan) facetSet() map[uuid.UUID]bool {
	if p.all {
		return nil
	}
	set := make(map[uuid.UUID]bool, len(p.facets))
	for _, f := range p.facets {
		set[f.id] = true
	}
	return set
}

// The order has no meaning for a count: it keeps the planner to the index that
// has it, whatever it takes the times and the limit to be.
const (
	selectCountOfAll   = `SELECT count(*) FROM (SELECT 1 FROM records WHERE updated_at >= $1 AND (updated_at, seq) < ($2, $3) ORDER BY updated_at DESC, seq DESC LIMIT $4) AS few`
	selectCountOfFacet = `SELECT count(*) FROM (SELECT 1 FROM records WHERE facet_id = $1 AND updated_at >= $2 AND (updated_at, seq) < ($3, $4) ORDER BY updated_at DESC, seq DESC LIMIT $5) AS few`
)

// total counts all matches of the filter, up to store.Cap. Without times the
// facets know it; with times the ranges are counted.
func (v *snapshot) total(ctx context.Context, p listPlan, f store.Filter) (int, bool, error) {
	b := boundsOf(f, nil)
	n := int64(0)
	switch {
	case p.article != uuid.Nil:
		entries, err := v.articleEntries(ctx, p.article, p.facetSet(), b)
		if err != nil {
			return 0, false, err
		}
		n = int64(len(entries))
	case f.Since.IsZero() && f.Until.IsZero():
		n = p.records
	case p.all:
		err := v.ask(ctx, selectCountOfAll, func(r pgx.Rows) error { return r.Scan(&n) }, b.since, b.beforeAt, b.beforeSeq, store.Cap+1)
		if err != nil {
			return 0, false, err
		}
	default:
		for facets := p.facets; len(facets) > 0 && n <= store.Cap; {
			group := facets[:min(lastGroup, len(facets))]
			facets = facets[len(group):]
			qs := make([]question, len(group))
			for i, g := range group {
				qs[i] = question{sql: selectCountOfFacet, args: []any{[16]byte(g.id), b.since, b.beforeAt, b.beforeSeq, store.Cap + 1}}
			}
			err := v.askAll(ctx, qs, func(_ int, r pgx.Rows) error {
				some := int64(0)
				err := r.Scan(&some)
				n += some
				return err
			})
			if err != nil {
				return 0, false, err
			}
		}
	}
	return int(min(n, store.Cap)), n > store.Cap, nil
}
