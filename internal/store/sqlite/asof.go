package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

// was makes a row of a record that was there at a time the record that it was
// then: resolved, and for a record that changed since, from its sightings.
func (v *snapshot) was(r *row, t time.Time) error {
	if err := v.resolve(r); err != nil {
		return err
	}
	if !r.UpdatedAt.After(t) {
		return nil
	}
	said, err := v.said(r.rid)
	if err != nil {
		return err
	}
	then, ok := store.AsOf(r.Record, said, t)
	if !ok {
		return fmt.Errorf("%w: record %s was not there at %s", store.ErrCorrupt, r.ID, t)
	}
	r.Record = then
	return nil
}

const selectAddedFrom = `SELECT rid, added_at FROM records WHERE rid >= ? ORDER BY rid LIMIT 1`

// lastAdded returns a row id up to which all records were there at a time, and
// after which none was: the order of row ids is that of making. Zero is now.
func (v *snapshot) lastAdded(t time.Time) (int64, error) {
	from, to := int64(1), v.clock.lastRID+1 // those before from were there, those from to on were not
	if t.IsZero() {
		return v.clock.lastRID, nil
	}
	for from < to {
		mid := from + (to-from)/2
		rid, added := to, int64(0)
		_, err := v.query(selectAddedFrom, func(st *sqlite.Stmt) error {
			rid, added = st.ColumnInt64(0), st.ColumnInt64(1)
			return nil
		}, mid)
		if err != nil {
			return 0, fmt.Errorf("find when records were made: %w", err)
		}
		if rid >= to || unix(added).After(t) {
			to = mid
		} else {
			from = rid + 1
		}
	}
	return from - 1, nil
}

// relatedAsOf is Related for a time that has passed.
func (v *snapshot) relatedAsOf(ctx context.Context, q store.RelatedQuery) ([]store.Related, error) {
	last, err := v.lastAdded(q.AsOf)
	if err != nil {
		return nil, err
	}
	c := pastCollector{snapshot: v, q: q, last: last, articles: map[uuid.UUID][]store.Record{}}
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
	last     int64 // the youngest that was there
	read     int
	articles map[uuid.UUID][]store.Record
	families []store.Record
}

// then returns the record that a row was, and false when it was not there or
// is not to be seen.
func (c *pastCollector) then(r *row) (bool, error) {
	if r.rid > c.last {
		return false, nil
	}
	f, err := c.facet(r.facetID)
	if err != nil || !c.q.Sees(f.tlp) {
		return false, err
	}
	return true, c.was(r, c.q.AsOf)
}

func (c *pastCollector) article(ctx context.Context, id uuid.UUID) error {
	rowid, err := c.knownArticle(id)
	if err != nil {
		return err
	}
	var rows []row
	_, err = c.query(selectByArticle, func(st *sqlite.Stmt) error {
		if c.read++; c.read > maxRelatedRows {
			return errStop
		}
		rows = append(rows, row{})
		rows[len(rows)-1].scan(st)
		return ctx.Err()
	}, rowid)
	for i := 0; err == nil && i < len(rows); i++ {
		var there bool
		if there, err = c.then(&rows[i]); there {
			c.articles[id] = append(c.articles[id], rows[i].Record)
		}
	}
	return err
}

// campaign gathers the records of the matches' families, last changed first:
// all that changed since, of which any may have been the last then, and of the
// others as many as are asked for beside those that articles may have given.
func (c *pastCollector) campaign(ctx context.Context) error {
	facets, err := c.facetsWithLabel(column.Family, c.q.Families())
	if err != nil {
		return err
	}
	w := c.newFacetWalk(facets, boundsOf(store.Filter{}, nil))
	wanted := map[store.TypedKey]bool{}
	for len(wanted) < 2*c.q.Limit && c.read < maxRelatedRows {
		rid, more, err := w.next(ctx)
		if err != nil || !more {
			return err
		}
		if c.read++; rid > c.last {
			continue
		}
		r, err := c.bare(rid)
		if err != nil {
			return err
		}
		since := r.UpdatedAt.After(c.q.AsOf)
		there, err := c.then(&r)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		c.families = append(c.families, r.Record)
		if k := (store.TypedKey{Type: r.Type, Key: r.Key}); !since && !c.q.HasMatch(k) {
			wanted[k] = true
		}
	}
	return nil
}
