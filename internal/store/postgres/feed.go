package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
)

const selectFeeds = `SELECT name, category FROM feeds ORDER BY name`

// Feeds implements store.Snapshot.
func (v *snapshot) Feeds(ctx context.Context) ([]store.Feed, error) {
	var feeds []store.Feed
	err := v.ask(ctx, selectFeeds, func(r pgx.Rows) error {
		var name, category string
		err := r.Scan(&name, &category)
		feeds = append(feeds, store.Feed{Name: name, Category: store.Category(category)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read feeds: %w", err)
	}
	return feeds, nil
}

const (
	insertFeed = `INSERT INTO feeds (id, name, category) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`
	selectFeed = `SELECT category FROM feeds WHERE id = $1`
)

// feedID names a feed by its name.
func feedID(name string) uuid.UUID {
	return uuid.NewSHA1(store.Namespace, append([]byte("feed\x00"), name...))
}

// putFeed makes the feed if it is new, and returns it as it is kept.
func (t *txn) putFeed(ctx context.Context, f store.Feed) (uuid.UUID, store.Feed, error) {
	id := feedID(f.Name)
	if _, err := t.Exec(ctx, insertFeed, [16]byte(id), f.Name, string(f.Category)); err != nil {
		return id, f, fmt.Errorf("make feed: %w", err)
	}
	var category string
	if err := t.QueryRow(ctx, selectFeed, [16]byte(id)).Scan(&category); err != nil {
		return id, f, fmt.Errorf("find feed: %w", err)
	}
	f.Category = store.Category(category)
	return id, f, nil
}

const selectFeedCount = `SELECT count(*) FROM feeds`

// Counts implements store.Snapshot. The clock has the large ones.
func (v *snapshot) Counts(ctx context.Context) (store.Counts, error) {
	var n store.Counts
	err := v.ask(ctx, selectFeedCount, func(r pgx.Rows) error { return r.Scan(&n.Feeds) })
	if err != nil {
		return n, fmt.Errorf("count: %w", err)
	}
	n.Records, n.Articles, n.Sightings = v.clock.records, v.clock.articles, v.clock.sightings
	return n, nil
}
