package sqlite

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"spoor/internal/store"
)

const (
	deleteSightings = `DELETE FROM sightings WHERE rid = ?`
	deleteRecord    = `DELETE FROM records WHERE rid = ?`
)

// DeleteRecord implements store.Editor.
func (s *Store) DeleteRecord(ctx context.Context, id uuid.UUID) error {
	return s.update(ctx, func(c *conn, k *clock) error {
		r, found, err := c.byID(id)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("record %s: %w", id, store.ErrNotFound)
		}
		if err := c.exec(deleteSightings, r.rid); err != nil {
			return fmt.Errorf("delete record: %w", err)
		}
		if err := c.exec(deleteRecord, r.rid); err != nil {
			return fmt.Errorf("delete record: %w", err)
		}
		if err := c.exec(moveFacetRecords, -1, 0, r.facetID); err != nil {
			return fmt.Errorf("delete record: %w", err)
		}
		if r.rid <= k.indexedRID {
			if err := blankKey(c, r.rid); err != nil {
				return fmt.Errorf("delete record: %w", err)
			}
		}
		k.records--
		k.deletions++
		k.tick(s.now())
		return nil
	})
}
