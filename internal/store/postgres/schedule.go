package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

// readAll asks the server that takes writes one question and returns what scan
// makes of its rows, nil for none.
func readAll[T any](ctx context.Context, s *Store, scan func(pgx.Rows) (T, error), sql string, args ...any) (all []T, err error) {
	err = s.retry(ctx, func() error {
		all = nil
		rows, err := s.primary.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		return each(rows, func(r pgx.Rows) error {
			one, err := scan(r)
			all = append(all, one)
			return err
		})
	})
	return all, err
}

// alter runs one statement beside the clock, which nothing that it changes is
// ordered by. It may be run twice. It returns how many rows it found, and
// whether an earlier attempt may have been the one that changed them.
func (s *Store) alter(ctx context.Context, sql string, args ...any) (rows int64, again bool, err error) {
	tried := false
	err = s.retry(ctx, func() error {
		again, tried = tried, true
		tag, err := s.primary.pool.Exec(ctx, sql, args...)
		rows = tag.RowsAffected()
		return err
	})
	return rows, again, err
}

const (
	selectFeedStates = `SELECT feed, state FROM feed_states ORDER BY feed`
	selectFeedState  = `SELECT feed, state FROM feed_states WHERE feed = $1`
	upsertFeedState  = `INSERT INTO feed_states (feed, state) VALUES ($1, $2) ON CONFLICT (feed) DO UPDATE SET state = excluded.state`
	deleteFeedState  = `DELETE FROM feed_states WHERE feed = $1`
)

func scanFeedState(r pgx.Rows) (store.FeedState, error) {
	var feed, state string
	if err := r.Scan(&feed, &state); err != nil {
		return store.FeedState{}, err
	}
	return column.ParseFeedState(feed, state)
}

// FeedStates implements store.FeedKeeper.
func (s *Store) FeedStates(ctx context.Context) ([]store.FeedState, error) {
	all, err := readAll(ctx, s, scanFeedState, selectFeedStates)
	if err != nil {
		return nil, fmt.Errorf("read states of feeds: %w", err)
	}
	return all, nil
}

// FeedState implements store.FeedKeeper.
func (s *Store) FeedState(ctx context.Context, feed string) (store.FeedState, error) {
	all, err := readAll(ctx, s, scanFeedState, selectFeedState, feed)
	if err != nil {
		return store.FeedState{Feed: feed}, fmt.Errorf("read state of feed %q: %w", feed, err)
	}
	if len(all) == 0 {
		return store.FeedState{Feed: feed}, nil
	}
	return all[0], nil
}

// SaveFeedState implements store.FeedKeeper.
func (s *Store) SaveFeedState(ctx context.Context, state store.FeedState) error {
	text, err := column.FeedState(&state)
	if err == nil {
		_, _, err = s.alter(ctx, upsertFeedState, state.Feed, text)
	}
	if err != nil {
		return fmt.Errorf("save state of feed %q: %w", state.Feed, err)
	}
	return nil
}

// ForgetFeedState implements store.FeedKeeper.
func (s *Store) ForgetFeedState(ctx context.Context, feed string) error {
	if _, _, err := s.alter(ctx, deleteFeedState, feed); err != nil {
		return fmt.Errorf("forget state of feed %q: %w", feed, err)
	}
	return nil
}

const (
	runColumns       = `SELECT r.id, d.name, d.category, r.source, r.started_at, r.finished_at, r.stats FROM runs r JOIN feeds d ON d.id = r.feed_id`
	selectRuns       = runColumns + ` ORDER BY r.started_at DESC, r.id DESC LIMIT $1`
	selectRunsOfFeed = runColumns + ` WHERE r.feed_id = $1 ORDER BY r.started_at DESC, r.id DESC LIMIT $2`
)

// Runs implements store.FeedKeeper.
func (s *Store) Runs(ctx context.Context, feed string, limit int) (all []store.RunRecord, err error) {
	if feed == "" {
		all, err = readAll(ctx, s, scanRun, selectRuns, limit)
	} else {
		all, err = readAll(ctx, s, scanRun, selectRunsOfFeed, [16]byte(feedID(feed)), limit)
	}
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return all, nil
}

func scanRun(rows pgx.Rows) (r store.RunRecord, err error) {
	var category string
	var finished *time.Time
	var stats pgtype.Text
	err = rows.Scan((*[16]byte)(&r.ID), &r.Feed.Name, &category, &r.Source, &r.Started, &finished, &stats)
	r.Feed.Category, r.Started, r.Finished = store.Category(category), r.Started.UTC(), known(finished)
	if err != nil || !stats.Valid {
		return r, err
	}
	if r.Stats, err = column.ParseRunStats(stats.String); err != nil {
		err = fmt.Errorf("run %s: %w", r.ID, err)
	}
	return r, err
}
