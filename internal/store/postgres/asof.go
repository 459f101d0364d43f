package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

// selectSightingsOf reads what was said of several records.
const selectSightingsOf = `SELECT s.record_id, s.indicator_id, s.run_id, s.seen_at, s.facet_id, s.first_seen, s.last_seen, s.ports, s.context, s.seq, s.valid_until, s.assumed
	FROM unnest($1::uuid[], $2::uuid[]) AS k (indicator_id, id) JOIN sightings s ON s.indicator_id = k.indicator_id AND s.record_id = k.id`

// were makes rows of records that were there at a time the records that they
// were then: those that changed since from their sightings.
func (v *snapshot) were(ctx context.Context, rows []row, t time.Time) ([]store.Record, error) {
	records, err := v.records(ctx, rows)
	if err != nil {
		return nil, err
	}
	var changed hitIDs
	for i := range records {
		if records[i].UpdatedAt.After(t) {
			changed.add(records[i].Type, records[i].Key, records[i].ID)
		}
	}
	said, err := v.saidOf(ctx, changed)
	if err != nil {
		return nil, fmt.Errorf("read sightings: %w", err)
	}
	for i := range records {
		then, ok := store.AsOf(records[i], said[records[i].ID], t)
		if !ok {
			return nil, fmt.Errorf("%w: record %s was not there at %s", store.ErrCorrupt, records[i].ID, t)
		}
		records[i] = then
	}
	return records, nil
}

// saidOf returns the sightings of records that have changed, oldest first.
func (v *snapshot) saidOf(ctx context.Context, h hitIDs) (map[uuid.UUID][]store.Sighting, error) {
	said := make(map[uuid.UUID][]store.Sighting, len(h.ids))
	for len(h.ids) > 0 {
		const chunk = 1000
		n := min(chunk, len(h.ids))
		var some sightings
		var of []uuid.UUID
		err := v.ask(ctx, selectSightingsOf, func(r pgx.Rows) error {
			of = append(of, uuid.Nil)
			return some.scanWith(r, (*[16]byte)(&of[len(of)-1]))
		}, h.indicators[:n], h.ids[:n])
		var facets map[uuid.UUID]*facet
		if err == nil {
			facets, err = v.facetsOf(ctx, some.facets)
		}
		if err != nil {
			return nil, err
		}
		for i := range some.list {
			facets[some.facets[i].facetID].said(&some.list[i])
			said[of[i]] = append(said[of[i]], some.list[i])
		}
		h.indicators, h.ids = h.indicators[n:], h.ids[n:]
	}
	for _, list := range said {
		slices.SortFunc(list, func(a, b store.Sighting) int { return int(a.Seq - b.Seq) })
	}
	return said, nil
}

const selectByIndicatorsThen = `SELECT ` + recordColumns + fromRecords + ` WHERE r.tlp <= $1 AND r.indicator_id = ANY ($2) AND r.added_at <= $3` + newestFirst

// matchesAsOf is Exact for a time that has passed.
func (v *snapshot) matchesAsOf(ctx context.Context, q store.ExactQuery, ids [][16]byte) (m store.Matches, err error) {
	var rows []row
	err = v.ask(ctx, selectByIndicatorsThen, func(r pgx.Rows) error {
		rows = append(rows, row{})
		return rows[len(rows)-1].scan(r)
	}, seen(q.Visibility), ids, within(q.AsOf))
	if err != nil {
		return m, fmt.Errorf("find key: %w", err)
	}
	m.Work.Rows = len(rows)
	if len(rows) > store.Cap {
		m.LowerBound = true
		rows = rows[:store.Cap]
	}
	m.Total = len(rows)
	records, err := v.were(ctx, rows, q.AsOf)
	if err != nil {
		return store.Matches{}, fmt.Errorf("read match: %w", err)
	}
	slices.SortFunc(records, func(a, b store.Record) int { return store.ByLastSeen(&a, &b) })
	m.Records = slices.Clip(records[min(q.Offset, len(records)):min(q.Offset+q.Limit, len(records))])
	return m, nil
}

const selectAddedFrom = `SELECT added_seq, added_at FROM records WHERE added_seq >= $1 ORDER BY added_seq LIMIT 1`

// addedAfter returns a number before which all records were there at a time,
// and from which on none was: the order of added_seq is that of making. Zero is
// now.
func (v *snapshot) addedAfter(ctx context.Context, t time.Time) (int64, error) {
	if t.IsZero() {
		return math.MaxInt64, nil
	}
	if v.conn == nil && v.failed == nil { // the clock has the last number
		if err := v.load(); err != nil {
			return 0, err
		}
	}
	from, to := int64(0), v.clock.seq+1
	for from < to && v.failed == nil {
		const probes = 16
		qs := make([]question, 0, probes)
		at := make([]int64, 0, probes)
		for i := range int64(probes) {
			if p := from + (to-from)*i/probes; len(at) == 0 || p > at[len(at)-1] {
				at, qs = append(at, p), append(qs, question{sql: selectAddedFrom, args: []any{p}})
			}
		}
		seqs, times := make([]int64, len(qs)), make([]time.Time, len(qs))
		if err := v.askAll(ctx, qs, func(i int, r pgx.Rows) error { return r.Scan(&seqs[i], &times[i]) }); err != nil {
			return 0, fmt.Errorf("find when records were made: %w", err)
		}
		for i, p := range at {
			switch {
			case p < from: // known by what another found
			case seqs[i] == 0 || seqs[i] >= to || times[i].After(t):
				to = min(to, p)
			default:
				from = seqs[i] + 1
			}
		}
	}
	return from, v.failed
}

// containsAsOf returns the page of the hits as they were then. Place and length
// do not change: those that tie with one of the page are read and ranked.
func (v *snapshot) containsAsOf(ctx context.Context, q store.ContainsQuery, hits []hit) ([]store.Record, error) {
	from, to := min(q.Offset, len(hits)), min(q.Offset+q.Limit, len(hits))
	if from == to {
		return nil, nil
	}
	tie := func(a, b hit) bool { return a.place == b.place && len(a.key) == len(b.key) }
	lo, hi := from, to
	for lo > 0 && tie(hits[lo-1], hits[from]) {
		lo--
	}
	for hi < len(hits) && tie(hits[hi], hits[to-1]) {
		hi++
	}
	var ids hitIDs
	for _, h := range hits[lo:hi] {
		ids.add(h.typ, h.key, h.id)
	}
	rows, err := v.rowsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	records, err := v.were(ctx, rows, q.AsOf)
	if err != nil {
		return nil, err
	}
	// In the order of the hits: within a tie only the date may have been
	// another one.
	for first := 0; first < len(records); {
		end := first + 1
		for end < len(records) && tie(hits[lo+first], hits[lo+end]) {
			end++
		}
		slices.SortFunc(records[first:end], func(a, b store.Record) int { return store.ByLastSeen(&a, &b) })
		first = end
	}
	return slices.Clip(records[from-lo : to-lo]), nil
}

// relatedAsOf is Related for a time that has passed.
func (v *snapshot) relatedAsOf(ctx context.Context, q store.RelatedQuery) ([]store.Related, error) {
	c := pastCollector{snapshot: v, q: q, articles: map[uuid.UUID][]store.Record{}}
	for _, id := range q.ArticleIDs() {
		if err := c.article(ctx, id); err != nil {
			return nil, fmt.Errorf("read article's records: %w", err)
		}
	}
	found := store.RelatedAsOf(q, c.articles, nil)
	if len(found) >= q.Limit {
		return found, nil
	}
	if err := c.campaign(ctx); err != nil {
		return nil, fmt.Errorf("read campaign: %w", err)
	}
	return store.RelatedAsOf(q, c.articles, c.families), nil
}

// pastCollector gathers what may have been related.
type pastCollector struct {
	*snapshot
	q        store.RelatedQuery
	read     int
	articles map[uuid.UUID][]store.Record
	families []store.Record
}

func (c *pastCollector) article(ctx context.Context, id uuid.UUID) error {
	var rows []row
	err := c.ask(ctx, selectByArticle, func(r pgx.Rows) error {
		c.read++
		var one row
		err := one.scan(r)
		if !one.AddedAt.After(c.q.AsOf) {
			rows = append(rows, one)
		}
		return err
	}, [16]byte(id), seen(c.q.Visibility), max(0, maxRelatedRows-c.read), 0)
	if err == nil {
		c.articles[id], err = c.were(ctx, rows, c.q.AsOf)
	}
	return err
}

// campaign gathers the records of the matches' families, last changed first:
// all that changed since, of which any may have been the last then, and of the
// others as many as are asked for beside those that articles may have given.
func (c *pastCollector) campaign(ctx context.Context) error {
	facets, err := c.facetsWithLabel(ctx, column.Family, c.q.Families())
	if err != nil {
		return err
	}
	const chunk = 256
	w := c.newFacetWalk(facets, boundsOf(store.Filter{}, nil), chunk)
	wanted := map[store.TypedKey]bool{}
	for len(wanted) < 2*c.q.Limit && c.read < maxRelatedRows {
		entries, err := some(ctx, w, chunk)
		if err != nil || len(entries) == 0 {
			return err
		}
		c.read += len(entries)
		rows, err := c.rowsAt(ctx, entries)
		if err != nil {
			return err
		}
		if err := c.resolve(ctx, rows); err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(r row) bool { return r.AddedAt.After(c.q.AsOf) || !c.q.Sees(r.TLP) })
		for i := range rows {
			if k := (store.TypedKey{Type: rows[i].Type, Key: rows[i].Key}); !rows[i].UpdatedAt.After(c.q.AsOf) && !c.q.HasMatch(k) {
				wanted[k] = true
			}
		}
		records, err := c.were(ctx, rows, c.q.AsOf)
		if err != nil {
			return err
		}
		c.families = append(c.families, records...)
	}
	return nil
}
