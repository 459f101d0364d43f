package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
)

const (
	selectAllowed = `SELECT value, reason, added_at FROM allowed ORDER BY value`
	upsertAllowed = `INSERT INTO allowed (value, reason, added_at) VALUES ($1, $2, $3) ON CONFLICT (value) DO UPDATE SET reason = excluded.reason, added_at = excluded.added_at`
	deleteAllowed = `DELETE FROM allowed WHERE value = $1`
)

// Allowed implements store.AllowKeeper.
func (s *Store) Allowed(ctx context.Context) ([]store.Allowed, error) {
	all, err := readAll(ctx, s, func(r pgx.Rows) (a store.Allowed, err error) {
		err = r.Scan(&a.Value, &a.Reason, &a.AddedAt)
		a.AddedAt = a.AddedAt.UTC()
		return a, err
	}, selectAllowed)
	if err != nil {
		return nil, fmt.Errorf("read allowed values: %w", err)
	}
	return all, nil
}

// Allow implements store.AllowKeeper.
func (s *Store) Allow(ctx context.Context, a store.Allowed) error {
	if _, _, err := s.alter(ctx, upsertAllowed, a.Value, a.Reason, a.AddedAt.UTC().Truncate(time.Second)); err != nil {
		return fmt.Errorf("allow %q: %w", a.Value, err)
	}
	return nil
}

// Disallow implements store.AllowKeeper.
func (s *Store) Disallow(ctx context.Context, value string) error {
	gone, again, err := s.alter(ctx, deleteAllowed, value)
	if err != nil {
		return fmt.Errorf("disallow %q: %w", value, err)
	}
	if gone == 0 && !again { // again: the attempt that broke may have been it
		return fmt.Errorf("allowed value %q: %w", value, store.ErrNotFound)
	}
	return nil
}
