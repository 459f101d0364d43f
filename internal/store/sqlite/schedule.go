package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

const (
	selectFeedStates = `SELECT feed, state FROM feed_states ORDER BY feed`
	selectFeedState  = `SELECT feed, state FROM feed_states WHERE feed = ?`
	upsertFeedState  = `INSERT INTO feed_states (feed, state) VALUES (?, ?) ON CONFLICT (feed) DO UPDATE SET state = excluded.state`
	deleteFeedState  = `DELETE FROM feed_states WHERE feed = ?`
)

// FeedStates implements store.FeedKeeper.
func (s *Store) FeedStates(ctx context.Context) (all []store.FeedState, err error) {
	err = s.view(ctx, func(v *snapshot) error { all, err = v.feedStates(selectFeedStates); return err })
	if err != nil {
		return nil, fmt.Errorf("read states of feeds: %w", err)
	}
	return all, nil
}

// FeedState implements store.FeedKeeper.
func (s *Store) FeedState(ctx context.Context, feed string) (store.FeedState, error) {
	var all []store.FeedState
	err := s.view(ctx, func(v *snapshot) (err error) { all, err = v.feedStates(selectFeedState, feed); return err })
	if err != nil {
		return store.FeedState{Feed: feed}, fmt.Errorf("read state of feed %q: %w", feed, err)
	}
	if len(all) == 0 {
		return store.FeedState{Feed: feed}, nil
	}
	return all[0], nil
}

func (c *conn) feedStates(query string, args ...any) ([]store.FeedState, error) {
	var all []store.FeedState
	_, err := c.query(query, func(st *sqlite.Stmt) error {
		s, err := column.ParseFeedState(st.ColumnText(0), st.ColumnText(1))
		all = append(all, s)
		return err
	}, args...)
	return all, err
}

// SaveFeedState implements store.FeedKeeper.
func (s *Store) SaveFeedState(ctx context.Context, state store.FeedState) error {
	text, err := column.FeedState(&state)
	if err == nil {
		err = s.update(ctx, func(c *conn, _ *clock) error { return c.exec(upsertFeedState, state.Feed, text) })
	}
	if err != nil {
		return fmt.Errorf("save state of feed %q: %w", state.Feed, err)
	}
	return nil
}

// ForgetFeedState implements store.FeedKeeper.
func (s *Store) ForgetFeedState(ctx context.Context, feed string) error {
	err := s.update(ctx, func(c *conn, _ *clock) error { return c.exec(deleteFeedState, feed) })
	if err != nil {
		return fmt.Errorf("forget state of feed %q: %w", feed, err)
	}
	return nil
}

const (
	runColumns       = `SELECT r.uuid, d.name, d.category, r.source, r.started_at, r.finished_at, r.stats FROM runs r CROSS JOIN feeds d ON d.id = r.feed_id`
	selectRuns       = runColumns + ` WHERE r.started_at > 0 ORDER BY r.started_at DESC, r.uuid DESC LIMIT ?`
	selectRunsOfFeed = runColumns + ` WHERE r.feed_id = (SELECT id FROM feeds WHERE name = ?) ORDER BY r.started_at DESC, r.uuid DESC LIMIT ?`
)

// Runs implements store.FeedKeeper.
func (s *Store) Runs(ctx context.Context, feed string, limit int) ([]store.RunRecord, error) {
	query, args := selectRunsOfFeed, []any{feed, limit}
	if feed == "" {
		query, args = selectRuns, []any{limit}
	}
	var all []store.RunRecord
	err := s.view(ctx, func(v *snapshot) error {
		_, err := v.query(query, func(st *sqlite.Stmt) error {
			r, err := scanRun(st)
			all = append(all, r)
			return err
		}, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return all, nil
}

func scanRun(st *sqlite.Stmt) (r store.RunRecord, err error) {
	st.ColumnBytes(0, r.ID[:])
	r.Feed = store.Feed{Name: st.ColumnText(1), Category: store.Category(st.ColumnText(2))}
	r.Source, r.Started, r.Finished = st.ColumnText(3), unix(st.ColumnInt64(4)), unix(st.ColumnInt64(5))
	if st.ColumnIsNull(6) {
		return r, nil
	}
	if r.Stats, err = column.ParseRunStats(st.ColumnText(6)); err != nil {
		err = fmt.Errorf("run %s: %w", r.ID, err)
	}
	return r, err
}
