package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
)

const (
	selectPlace     = `SELECT indicator_id, facet_id FROM records WHERE id = $1`
	deleteSightings = `DELETE FROM sightings WHERE indicator_id = $1 AND record_id = $2`
	deleteRecord    = `DELETE FROM records WHERE indicator_id = $1 AND id = $2`
	leaveFacet      = `UPDATE facets SET records = records - 1 WHERE id = $1`
)

// DeleteRecord implements store.Editor.
func (s *Store) DeleteRecord(ctx context.Context, id uuid.UUID) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var indicator, facet [16]byte
		err := t.QueryRow(ctx, selectPlace, [16]byte(id)).Scan(&indicator, &facet)
		if errors.Is(err, pgx.ErrNoRows) {
			if t.again { // the commit that broke was one
				return nil
			}
			return fmt.Errorf("record %s: %w", id, store.ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("find record: %w", err)
		}
		gone, err := t.Exec(ctx, deleteSightings, indicator, [16]byte(id))
		if err == nil {
			_, err = t.Exec(ctx, deleteRecord, indicator, [16]byte(id))
		}
		if err == nil {
			_, err = t.Exec(ctx, leaveFacet, facet)
		}
		if err != nil {
			return fmt.Errorf("delete record: %w", err)
		}
		t.clock.records--
		t.clock.sightings -= max(1, gone.RowsAffected())
		t.clock.deletions++
		t.clock.tick(s.now())
		return nil
	})
}
