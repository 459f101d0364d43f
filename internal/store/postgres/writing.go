package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	insertWriter = `INSERT INTO writers (id, since) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`
	deleteWriter = `DELETE FROM writers WHERE id = $1`
	// pruneWriters drops what was killed.
	pruneWriters = `DELETE FROM writers WHERE since < $1`
	selectWriter = `SELECT min(since) FROM writers WHERE since >= $1`
)

// longestWriter is how long one that does not end is believed in: what was
// killed never takes its note back.
const longestWriter = 24 * time.Hour

// beginWriting notes, beside the clock, that from now on records may be dated
// in transactions that views do not see yet.
func (s *Store) beginWriting(ctx context.Context, id uuid.UUID) error {
	now := s.now()
	_, _, err := s.alter(ctx, insertWriter, [16]byte(id), instant(now))
	if err == nil {
		_, _, err = s.alter(ctx, pruneWriters, instant(now.Add(-longestWriter)))
	}
	if err != nil {
		return fmt.Errorf("note writer: %w", err)
	}
	return nil
}

// endWriting takes the note back.
func (s *Store) endWriting(ctx context.Context, id uuid.UUID) error {
	if _, _, err := s.alter(ctx, deleteWriter, [16]byte(id)); err != nil {
		return fmt.Errorf("note end of writer: %w", err)
	}
	return nil
}

// Settled implements store.Snapshot. A transaction that is under way dates its
// records with a time that is neither before its writer's note nor before the
// last time that was handed out. A replica may lack more than what is under
// way: all of that is dated no earlier than the last change it shows.
func (v *snapshot) Settled(ctx context.Context) (time.Time, error) {
	var since pgtype.Timestamptz
	err := v.ask(ctx, selectWriter, func(r pgx.Rows) error { return r.Scan(&since) }, v.st.now().Add(-longestWriter))
	if err != nil {
		return time.Time{}, fmt.Errorf("find writers: %w", err)
	}
	switch {
	case v.node != v.st.primary:
		return v.clock.updatedAt, nil
	case !since.Valid:
		return time.Time{}, nil
	case since.Time.After(v.clock.updatedAt):
		return since.Time.UTC(), nil
	default:
		return v.clock.updatedAt, nil
	}
}
