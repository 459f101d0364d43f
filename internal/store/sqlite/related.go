package sqlite

import (
	"context"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

// selectByArticle reads an article's records in the order of the relation. Of
// the id its first half decides, which no two records of an article share.
const selectByArticle = `SELECT ` + recordColumns + ` FROM records INDEXED BY records_article WHERE article_id = ? AND article_id <> 0 ORDER BY confidence DESC, last_seen DESC, id_hi`

// Related implements store.Snapshot.
func (v *snapshot) Related(ctx context.Context, q store.RelatedQuery) ([]store.Related, error) {
	if !q.AsOf.IsZero() {
		return v.relatedAsOf(ctx, q)
	}
	c := relatedCollector{snapshot: v, q: q}
	if q.IsMatch == nil { // else it knows them, without a walk over them for every row
		for i := range q.Matches {
			c.seen = append(c.seen, store.TypedKey{Type: q.Matches[i].Type, Key: q.Matches[i].Key})
		}
	}
	for _, id := range q.ArticleIDs() {
		if c.full() {
			break
		}
		rowid, err := v.knownArticle(id)
		if err != nil {
			return nil, err
		}
		if _, err := v.query(selectByArticle, c.take(store.RelationArticle), rowid); err != nil {
			return nil, fmt.Errorf("read article's records: %w", err)
		}
	}
	if err := c.campaign(ctx); err != nil {
		return nil, fmt.Errorf("read campaign: %w", err)
	}
	for i := range c.found {
		if err := v.resolve(&c.found[i].row); err != nil {
			return nil, fmt.Errorf("read related: %w", err)
		}
	}
	related := make([]store.Related, len(c.found))
	for i := range c.found {
		related[i] = store.Related{Record: c.found[i].Record, Relation: c.found[i].relation}
	}
	return related, nil
}

// knownArticle returns the row id of an article, without a query when this
// snapshot has met it.
func (v *snapshot) knownArticle(id [16]byte) (int64, error) {
	for i := range v.articles {
		if v.articles[i].ref.ID == id {
			return v.articles[i].rowid, nil
		}
	}
	return v.articleRowID(id)
}

type relatedRow struct {
	row
	relation store.Relation
}

// relatedCollector gathers related records, distinct by type and key.
type relatedCollector struct {
	*snapshot
	q     store.RelatedQuery
	seen  []store.TypedKey
	found []relatedRow
	read  int
}

// maxRelatedRows bounds the search for related records where an article or a
// family holds little but matches: then fewer than the limit are found.
const maxRelatedRows = 2 * store.Cap

func (c *relatedCollector) full() bool {
	return len(c.found) >= c.q.Limit || c.read >= maxRelatedRows
}

// take returns a row function that keeps what is related, until it is enough.
func (c *relatedCollector) take(relation store.Relation) func(*sqlite.Stmt) error {
	return func(st *sqlite.Stmt) error {
		if c.full() {
			return errStop
		}
		c.read++
		var r relatedRow
		r.scan(st)
		f, err := c.facet(r.facetID)
		if err != nil {
			return err
		}
		k := store.TypedKey{Type: f.typ, Key: r.Key}
		if !c.q.Sees(f.tlp) || slices.Contains(c.seen, k) || c.q.IsMatch != nil && c.q.IsMatch(k.Type, k.Key) {
			return nil
		}
		r.relation = relation
		c.seen = append(c.seen, k)
		c.found = append(c.found, r)
		if c.full() {
			return errStop
		}
		return nil
	}
}

// campaign fills up with the records last changed that share a family.
func (c *relatedCollector) campaign(ctx context.Context) error {
	if c.full() {
		return nil
	}
	var families []string
	for i := range c.q.Matches {
		families = append(families, c.q.Matches[i].Families...)
	}
	if len(families) == 0 {
		return nil
	}
	slices.Sort(families)
	facets, err := c.facetsWithLabel(column.Family, slices.Compact(families))
	if err != nil {
		return err
	}
	take := c.take(store.RelationCampaign)
	w := c.newFacetWalk(facets, boundsOf(store.Filter{}, nil))
	for !c.full() {
		rid, more, err := w.next(ctx)
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
		if _, err := c.query(selectRecordByRID, take, rid); err != nil {
			return err
		}
	}
	return nil
}
