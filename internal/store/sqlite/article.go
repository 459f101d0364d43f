package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// articleRow is an article as records need it.
type articleRow struct {
	rowid int64
	ref   store.ArticleRef
}

// articleDetails is the form of the articles.details column. Times are Unix
// seconds, 0 when unknown.
type articleDetails struct {
	OtherURLs []string `json:"other_urls,omitempty"`
	GUID      string   `json:"guid,omitempty"`
	Digest    string   `json:"digest,omitempty"`
	Publisher string   `json:"publisher,omitempty"`
	Summary   string   `json:"summary,omitempty"`
	Category  string   `json:"category,omitempty"`
	Tags      []string `json:"tags,omitempty"`
	TLP       ioc.TLP  `json:"tlp,omitempty"`
	Published int64    `json:"published,omitempty"`
	Modified  int64    `json:"modified,omitempty"`
	Fetched   int64    `json:"fetched,omitempty"`
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
		var d articleDetails
		if err := json.Unmarshal([]byte(st.ColumnText(2)), &d); err != nil {
			return fmt.Errorf("%w: details of article %s: %w", store.ErrCorrupt, id, err)
		}
		a.OtherURLs, a.GUID, a.Digest, a.Publisher, a.Summary = d.OtherURLs, d.GUID, d.Digest, d.Publisher, d.Summary
		a.Category, a.Tags, a.TLP = d.Category, d.Tags, d.TLP
		a.Published, a.Modified, a.Fetched = unix(d.Published), unix(d.Modified), unix(d.Fetched)
		return nil
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
		details, err := json.Marshal(detailsOf(a))
		if err != nil {
			return 0, false, fmt.Errorf("encode article: %w", err)
		}
		if err := c.exec(insertArticle, a.ID[:], feedID, a.Title, a.URL, string(details)); err != nil {
			return 0, false, fmt.Errorf("make article: %w", err)
		}
		return c.LastInsertRowID(), true, nil
	}
	have, _, err := c.loadArticle(a.ID)
	if err != nil {
		return 0, false, fmt.Errorf("read article: %w", err)
	}
	merged, changed := mergeArticle(have, a)
	if !changed {
		return rowid, false, nil
	}
	details, err := json.Marshal(detailsOf(&merged))
	if err != nil {
		return 0, false, fmt.Errorf("encode article: %w", err)
	}
	if err := c.exec(updateArticle, merged.Title, merged.URL, string(details), a.ID[:]); err != nil {
		return 0, false, fmt.Errorf("change article: %w", err)
	}
	return rowid, true, nil
}

func detailsOf(a *store.Article) articleDetails {
	return articleDetails{
		OtherURLs: a.OtherURLs, GUID: a.GUID, Digest: a.Digest, Publisher: a.Publisher, Summary: a.Summary,
		Category: a.Category, Tags: a.Tags, TLP: a.TLP,
		Published: seconds(a.Published), Modified: seconds(a.Modified), Fetched: seconds(a.Fetched),
	}
}

// mergeArticle fills what was empty and adds to the lists. The text's digest
// and the time of modification follow the newer version.
func mergeArticle(have store.Article, more *store.Article) (store.Article, bool) {
	was := detailsOf(&have)
	title, address := have.Title, have.URL
	for _, f := range []struct{ to, from *string }{
		{&have.Title, &more.Title}, {&have.URL, &more.URL}, {&have.GUID, &more.GUID}, {&have.Publisher, &more.Publisher},
		{&have.Summary, &more.Summary}, {&have.Category, &more.Category}, {&have.Digest, &more.Digest},
	} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	if more.Modified.After(have.Modified) {
		have.Modified = more.Modified
		if more.Digest != "" {
			have.Digest = more.Digest
		}
	}
	if have.Published.IsZero() {
		have.Published = more.Published
	}
	have.TLP = max(have.TLP, more.TLP)
	have.OtherURLs = withAll(have.OtherURLs, more.OtherURLs)
	have.Tags = withAll(have.Tags, more.Tags)
	now := detailsOf(&have)
	changed := title != have.Title || address != have.URL || was.scalars() != now.scalars() ||
		!slices.Equal(was.OtherURLs, now.OtherURLs) || !slices.Equal(was.Tags, now.Tags)
	return have, changed
}

// scalars returns everything but the lists, comparable.
func (d articleDetails) scalars() [9]any {
	return [9]any{d.GUID, d.Digest, d.Publisher, d.Summary, d.Category, d.TLP, d.Published, d.Modified, d.Fetched}
}

// withAll returns list with what more adds, in order of first mention.
func withAll(list, more []string) []string {
	for _, m := range more {
		if !slices.Contains(list, m) {
			list = append(list[:len(list):len(list)], m)
		}
	}
	return list
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
