package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

// selectByArticle reads an article's records in the order of the relation.
const selectByArticle = `SELECT ` + recordColumns + fromRecords + ` WHERE r.article_id = $1 AND r.tlp <= $2 ORDER BY r.confidence DESC, r.last_seen DESC, r.id LIMIT $3 OFFSET $4`

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
	if err := c.articles(ctx, q.ArticleIDs()); err != nil {
		return nil, fmt.Errorf("read articles' records: %w", err)
	}
	if err := v.resolve(ctx, c.rows); err != nil {
		return nil, fmt.Errorf("read related: %w", err)
	}
	if err := c.campaign(ctx); err != nil {
		return nil, fmt.Errorf("read campaign: %w", err)
	}
	related := make([]store.Related, len(c.rows))
	for i := range c.rows {
		related[i] = store.Related{Record: c.rows[i].Record, Relation: c.relations[i]}
	}
	return related, nil
}

// relatedCollector gathers related records, distinct by type and key.
type relatedCollector struct {
	*snapshot
	q         store.RelatedQuery
	seen      []store.TypedKey
	rows      []row
	relations []store.Relation
	read      int
}

// maxRelatedRows bounds the search for related records where an article or a
// family holds little but matches: then fewer than the limit are found.
const maxRelatedRows = 2 * store.Cap

func (c *relatedCollector) full() bool {
	return len(c.rows) >= c.q.Limit || c.read >= maxRelatedRows
}

// take keeps what is related.
func (c *relatedCollector) take(r *row, relation store.Relation) {
	if c.full() {
		return
	}
	c.read++
	k := store.TypedKey{Type: r.Type, Key: r.Key}
	if !c.q.Sees(r.TLP) || slices.Contains(c.seen, k) || c.q.IsMatch != nil && c.q.IsMatch(k.Type, k.Key) {
		return
	}
	c.seen = append(c.seen, k)
	c.rows, c.relations = append(c.rows, *r), append(c.relations, relation)
}

// articles takes the articles' records, in the order of the articles. The
// first article mostly has enough; of the others several are asked at once.
func (c *relatedCollector) articles(ctx context.Context, ids []uuid.UUID) error {
	for group := 1; len(ids) > 0 && !c.full(); group = 16 {
		some := ids[:min(group, len(ids))]
		ids = ids[len(some):]
		chunk := c.q.Limit + len(c.q.Matches)/4 + 2
		found, err := c.ofArticles(ctx, some, chunk, 0)
		if err != nil {
			return err
		}
		for i := range some {
			if err := c.takeArticle(ctx, some[i], found[i], chunk); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeArticle takes the first rows of an article, then more of them while it
// has more and they are wanted.
func (c *relatedCollector) takeArticle(ctx context.Context, id uuid.UUID, rows []row, chunk int) error {
	for offset := 0; !c.full(); {
		for i := range rows {
			c.take(&rows[i], store.RelationArticle)
		}
		if len(rows) < chunk || c.full() {
			return nil
		}
		offset += chunk
		chunk = min(4*chunk, store.Cap)
		more, err := c.ofArticles(ctx, []uuid.UUID{id}, chunk, offset)
		if err != nil {
			return err
		}
		rows = more[0]
	}
	return nil
}

// ofArticles returns rows of each of the articles.
func (c *relatedCollector) ofArticles(ctx context.Context, ids []uuid.UUID, limit, offset int) ([][]row, error) {
	found := make([][]row, len(ids))
	qs := make([]question, len(ids))
	for i, id := range ids {
		qs[i] = question{sql: selectByArticle, args: []any{[16]byte(id), seen(c.q.Visibility), limit, offset}}
	}
	err := c.askAll(ctx, qs, func(i int, r pgx.Rows) error {
		found[i] = append(found[i], row{})
		return found[i][len(found[i])-1].scan(r)
	})
	return found, err
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
	facets, err := c.facetsWithLabel(ctx, column.Family, slices.Compact(families))
	if err != nil {
		return err
	}
	const chunk = 64
	w := c.newFacetWalk(facets, boundsOf(store.Filter{}, nil), chunk)
	for !c.full() {
		entries, err := some(ctx, w, chunk)
		if err != nil || len(entries) == 0 {
			return err
		}
		records, err := c.at(ctx, entries)
		if err != nil {
			return err
		}
		for i := range records {
			c.take(&row{Record: records[i]}, store.RelationCampaign)
		}
	}
	return nil
}
