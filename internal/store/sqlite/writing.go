package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"
)

const (
	insertWriter = `INSERT INTO writers (id, since) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`
	deleteWriter = `DELETE FROM writers WHERE id = ?`
	// pruneWriters drops what was killed.
	pruneWriters = `DELETE FROM writers WHERE since < ?`
	selectWriter = `SELECT coalesce(min(since), 0) FROM writers WHERE since >= ?`
)

// longestWriter is how long one that does not end is believed in: what was
// killed never takes its note back.
const longestWriter = 24 * time.Hour

// beginWriting notes, in a transaction of its own, that from now on records
// may be dated in transactions that views do not see yet.
func (s *Store) beginWriting(ctx context.Context, id uuid.UUID) error {
	err := s.update(ctx, func(c *conn, _ *clock) error {
		now := s.now()
		if err := c.exec(pruneWriters, now.Add(-longestWriter).Unix()); err != nil {
			return err
		}
		return c.exec(insertWriter, id[:], now.Unix())
	})
	if err != nil {
		return fmt.Errorf("note writer: %w", err)
	}
	return nil
}

// endWriting takes the note back.
func (c *conn) endWriting(id uuid.UUID) error { return c.exec(deleteWriter, id[:]) }

// Settled implements store.Snapshot. A transaction that is under way dates its
// records with a time that is neither before its writer's note nor before the
// last time that was handed out.
func (v *snapshot) Settled(context.Context) (time.Time, error) {
	var since int64
	_, err := v.query(selectWriter, func(st *sqlite.Stmt) error { since = st.ColumnInt64(0); return nil },
		v.st.now().Add(-longestWriter).Unix())
	if err != nil {
		return time.Time{}, fmt.Errorf("find writers: %w", err)
	}
	if since == 0 {
		return time.Time{}, nil
	}
	return unix(max(since, v.clock.updatedAt)), nil
}
