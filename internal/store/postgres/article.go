package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

const selectArticles = `SELECT a.id, a.title, a.url, a.details, d.name, d.category FROM articles a JOIN feeds d ON d.id = a.feed_id WHERE a.id = ANY($1)`

// Article implements store.Snapshot.
func (v *snapshot) Article(ctx context.Context, id uuid.UUID) (store.Article, error) {
	var a store.Article
	found := false
	err := v.ask(ctx, selectArticles, func(r pgx.Rows) (err error) {
		found = true
		a, err = scanArticle(r)
		return err
	}, [][16]byte{id})
	if err != nil {
		return a, fmt.Errorf("read article: %w", err)
	}
	if !found {
		return a, fmt.Errorf("article %s: %w", id, store.ErrNotFound)
	}
	return a, nil
}

func scanArticle(r pgx.Rows) (store.Article, error) {
	var a store.Article
	var details, category string
	if err := r.Scan((*[16]byte)(&a.ID), &a.Title, &a.URL, &details, &a.Feed.Name, &category); err != nil {
		return a, err
	}
	a.Feed.Category = store.Category(category)
	return a, column.ParseDetails(&a, details)
}

// articleWriter puts the articles of one batch.
type articleWriter struct {
	feedID uuid.UUID
	have   map[uuid.UUID]store.Article
	// made and changed are the ids of what is to be written, in order.
	made, changed []uuid.UUID
	dirty         map[uuid.UUID]bool
}

// fetch reads those of the batch's articles that are stored already.
func (w *articleWriter) fetch(ctx context.Context, c *pgx.Conn, batch []store.Observation, known map[*store.Article]bool) error {
	w.have, w.dirty = map[uuid.UUID]store.Article{}, map[uuid.UUID]bool{}
	var ids [][16]byte
	asked := map[uuid.UUID]bool{}
	for i := range batch {
		if a := batch[i].Article; a != nil && !known[a] && !asked[a.ID] {
			asked[a.ID] = true
			ids = append(ids, a.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := c.Query(ctx, selectArticles, ids)
	if err == nil {
		err = each(rows, func(r pgx.Rows) error {
			a, err := scanArticle(r)
			w.have[a.ID] = a
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("read articles: %w", err)
	}
	return nil
}

// put takes an article, or merges it into the one there is, and reports
// whether that changed anything.
func (w *articleWriter) put(a *store.Article) bool {
	have, found := w.have[a.ID]
	if !found {
		w.have[a.ID] = *a
		w.made, w.dirty[a.ID] = append(w.made, a.ID), true
		return true
	}
	merged, changed := store.MergeArticle(have, a)
	if changed {
		w.have[a.ID] = merged
		if !w.dirty[a.ID] {
			w.changed, w.dirty[a.ID] = append(w.changed, a.ID), true
		}
	}
	return changed
}

const (
	insertArticles = `INSERT INTO articles (id, feed_id, title, url, details)
		SELECT u.id, $2, u.title, u.url, u.details FROM unnest($1::uuid[], $3::text[], $4::text[], $5::text[]) AS u (id, title, url, details)`
	updateArticles = `UPDATE articles SET title = u.title, url = u.url, details = u.details
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS u (id, title, url, details) WHERE articles.id = u.id`
)

// queue adds what is to be written to a batch of statements.
func (w *articleWriter) queue(b *pgx.Batch) error {
	for _, set := range []struct {
		ids  []uuid.UUID
		sql  string
		feed []any
	}{{w.made, insertArticles, []any{[16]byte(w.feedID)}}, {w.changed, updateArticles, nil}} {
		if len(set.ids) == 0 {
			continue
		}
		var ids [][16]byte
		var titles, urls, details []string
		for _, id := range set.ids {
			a := w.have[id]
			d, err := column.Details(&a)
			if err != nil {
				return err
			}
			ids, titles, urls, details = append(ids, id), append(titles, a.Title), append(urls, a.URL), append(details, d)
		}
		b.Queue(set.sql, append(append([]any{ids}, set.feed...), titles, urls, details)...)
	}
	return nil
}
