package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
)

const (
	selectAllowed = `SELECT value, reason, added_at FROM allowed ORDER BY value`
	upsertAllowed = `INSERT INTO allowed (value, reason, added_at) VALUES (?, ?, ?) ON CONFLICT (value) DO UPDATE SET reason = excluded.reason, added_at = excluded.added_at`
	deleteAllowed = `DELETE FROM allowed WHERE value = ?`
)

// Allowed implements store.AllowKeeper.
func (s *Store) Allowed(ctx context.Context) (all []store.Allowed, err error) {
	err = s.view(ctx, func(v *snapshot) error { all, err = v.allowed(); return err })
	if err != nil {
		return nil, fmt.Errorf("read allowed values: %w", err)
	}
	return all, nil
}

func (c *conn) allowed() (all []store.Allowed, err error) {
	_, err = c.query(selectAllowed, func(st *sqlite.Stmt) error {
		all = append(all, store.Allowed{Value: st.ColumnText(0), Reason: st.ColumnText(1), AddedAt: unix(st.ColumnInt64(2))})
		return nil
	})
	return all, err
}

// Allow implements store.AllowKeeper.
func (s *Store) Allow(ctx context.Context, a store.Allowed) error {
	err := s.update(ctx, func(c *conn, _ *clock) error {
		return c.exec(upsertAllowed, a.Value, a.Reason, seconds(a.AddedAt))
	})
	if err != nil {
		return fmt.Errorf("allow %q: %w", a.Value, err)
	}
	return nil
}

// Disallow implements store.AllowKeeper.
func (s *Store) Disallow(ctx context.Context, value string) error {
	return s.update(ctx, func(c *conn, _ *clock) error {
		if err := c.exec(deleteAllowed, value); err != nil {
			return fmt.Errorf("disallow %q: %w", value, err)
		}
		if c.Changes() == 0 {
			return fmt.Errorf("allowed value %q: %w", value, store.ErrNotFound)
		}
		return nil
	})
}
