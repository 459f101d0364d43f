package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
)

const selectFeeds = `SELECT name, category FROM feeds ORDER BY name`

// Feeds implements store.Snapshot.
func (v *snapshot) Feeds(context.Context) ([]store.Feed, error) {
	var feeds []store.Feed
	_, err := v.query(selectFeeds, func(st *sqlite.Stmt) error {
		feeds = append(feeds, store.Feed{Name: st.ColumnText(0), Category: store.Category(st.ColumnText(1))})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read feeds: %w", err)
	}
	return feeds, nil
}

const (
	insertFeed   = `INSERT INTO feeds (name, category) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`
	selectFeedID = `SELECT id, category FROM feeds WHERE name = ?`
)

// putFeed returns the feed's row, made if it is new.
func (c *conn) putFeed(f store.Feed) (id int64, kept store.Feed, err error) {
	kept = f
	if err := c.exec(insertFeed, f.Name, string(f.Category)); err != nil {
		return 0, kept, fmt.Errorf("make feed: %w", err)
	}
	_, err = c.query(selectFeedID, func(st *sqlite.Stmt) error {
		id, kept.Category = st.ColumnInt64(0), store.Category(st.ColumnText(1))
		return nil
	}, f.Name)
	if err != nil {
		return 0, kept, fmt.Errorf("find feed: %w", err)
	}
	return id, kept, nil
}

const selectCounts = `SELECT (SELECT records FROM clock), (SELECT count(*) FROM articles), (SELECT count(*) FROM feeds), (SELECT count(*) - count(DISTINCT rid) FROM sightings)`

// Counts implements store.Snapshot.
func (v *snapshot) Counts(context.Context) (store.Counts, error) {
	var n store.Counts
	_, err := v.query(selectCounts, func(st *sqlite.Stmt) error {
		n = store.Counts{Records: st.ColumnInt64(0), Articles: st.ColumnInt64(1), Feeds: st.ColumnInt64(2)}
		// Each record has one more: the first, whether it has a row or not.
		n.Sightings = n.Records + st.ColumnInt64(3)
		return nil
	})
	if err != nil {
		return n, fmt.Errorf("count: %w", err)
	}
	return n, nil
}
