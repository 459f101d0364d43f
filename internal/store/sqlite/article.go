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

// articleRow is an article as records need it.
type articleRow struct {
	rowid int64
	ref   store.ArticleRef
}

const selectArticleRef = `SELECT uuid, title, url FROM articles WHERE id = ?`

// articleRef returns what records show of the article with that row id.
func (v *snapshot) articleRef(rowid int64) (*store.ArticleRef, error) {
	for i := range v.articles {
		if v.articles[i].rowid == rowid {
			return &v.articles[i].ref, nil
		}
	}
	ref, err := v.loadArticleRef(rowid)
	if err != nil {
		return nil, err
	}
	const remembered = 32
	if len(v.articles) == remembered {
		v.articles = v.articles[:0:0] // records hold pointers into the old array
	}
	v.articles = append(v.articles, articleRow{rowid, ref})
	return &v.articles[len(v.articles)-1].ref, nil
}

func (c *conn) loadArticleRef(rowid int64) (store.ArticleRef, error) {
	var ref store.ArticleRef
	n, err := c.query(selectArticleRef, func(st *sqlite.Stmt) error {
		st.ColumnBytes(0, ref.ID[:])
		ref.Title, ref.URL = st.ColumnText(1), st.ColumnText(2)
		return nil
	}, rowid)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: no article %d", store.ErrCorrupt, rowid)
	}
	if err != nil {
		return ref, fmt.Errorf("read article: %w", err)
	}
	return ref, nil
}

const selectArticleID = `SELECT id FROM articles WHERE uuid = ?`

// articleRowID returns the row id of an article, 0 when there is none.
func (c *conn) articleRowID(id uuid.UUID) (rowid int64, err error) {
	_, err = c.query(selectArticleID, func(st *sqlite.Stmt) error { rowid = st.ColumnInt64(0); return nil }, id[:])
	if err != nil {
		return 0, fmt.Errorf("find article: %w", err)
	}
	return rowid, nil
}

const selectArticle = `SELECT a.title, a.url, a.details, d.name, d.category FROM articles a JOIN feeds d ON d.id = a.feed_id WHERE a.uuid = ?`

// Article implements store.Snapshot.
func (v *snapshot) Article(_ context.Context, id uuid.UUID) (store.Article, error) {
	a, found, err := v.loadArticle(id)
	if err != nil {
		return a, fmt.Errorf("read article: %w", err)
	}
	if !found {
		return a, fmt.Errorf("article %s: %w", id, store.ErrNotFound)
	}
	return a, nil
}

func (c *conn) loadArticle(id uuid.UUID) (store.Article, bool, error) {
	a := store.Article{ID: id}
	n, err := c.query(selectArticle, func(st *sqlite.Stmt) error {
		a.Title, a.URL = st.ColumnText(0), st.ColumnText(1)
		a.Feed = store.Feed{Name: st.ColumnText(3), Category: store.Category(st.ColumnText(4))}
		return column.ParseDetails(&a, st.ColumnText(2))
	}, id[:])
	return a, n > 0, err
}

const (
	insertArticle = `INSERT INTO articles (uuid, feed_id, title, url, details) VALUES (?, ?, ?, ?, ?)`
	updateArticle = `UPDATE articles SET title = ?, url = ?, details = ? WHERE uuid = ?`
)

// putArticle stores an article or merges it into the one there is, and reports
// whether that changed anything.
func (c *conn) putArticle(feedID int64, a *store.Article) (rowid int64, changed bool, err error) {
	if rowid, err = c.articleRowID(a.ID); err != nil {
		return 0, false, err
	}
	if rowid == 0 {
		details, err := column.Details(a)
		if err != nil {
			return 0, false, err
		}
		if err := c.exec(insertArticle, a.ID[:], feedID, a.Title, a.URL, details); err != nil {
			return 0, false, fmt.Errorf("make article: %w", err)
		}
		return c.LastInsertRowID(), true, nil
	}
	have, _, err := c.loadArticle(a.ID)
	if err != nil {
		return 0, false, fmt.Errorf("read article: %w", err)
	}
	merged, changed := store.MergeArticle(have, a)
	if !changed {
		return rowid, false, nil
	}
	details, err := column.Details(&merged)
	if err != nil {
		return 0, false, err
	}
	if err := c.exec(updateArticle, merged.Title, merged.URL, details, a.ID[:]); err != nil {
		return 0, false, fmt.Errorf("change article: %w", err)
	}
	return rowid, true, nil
}

// unix and seconds convert a stored time: 0 is the zero time.
func unix(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
