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
	selectPlace     = `SELECT indicator_id FROM records WHERE id = $1`
	deleteSightings = `DELETE FROM sightings USING unnest($1::uuid[], $2::uuid[]) AS k (indicator_id, id)
		WHERE sightings.indicator_id = k.indicator_id AND sightings.record_id = k.id RETURNING sightings.record_id, sightings.run_id`
	deleteRecords = `DELETE FROM records USING unnest($1::uuid[], $2::uuid[]) AS k (indicator_id, id)
		WHERE records.indicator_id = k.indicator_id AND records.id = k.id RETURNING records.id, records.run_id, records.facet_id`
	takeSightings = `UPDATE runs SET sightings = runs.sightings - u.n FROM unnest($1::uuid[], $2::bigint[]) AS u (id, n) WHERE runs.id = u.id`
)

// DeleteRecord implements store.Editor.
func (s *Store) DeleteRecord(ctx context.Context, id uuid.UUID) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		var indicator [16]byte
		err := t.QueryRow(ctx, selectPlace, [16]byte(id)).Scan(&indicator)
		if errors.Is(err, pgx.ErrNoRows) {
			if t.again { // the commit that broke was one
				return nil
			}
			return fmt.Errorf("record %s: %w", id, store.ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("find record: %w", err)
		}
		_, err = t.remove(ctx, s, hitIDs{indicators: [][16]byte{indicator}, ids: [][16]byte{id}})
		if err != nil {
			return fmt.Errorf("delete record: %w", err)
		}
		return nil
	})
}

// remove deletes records that are there with their sightings, and returns how
// many sightings went.
func (t *txn) remove(ctx context.Context, s *Store, records hitIDs) (int64, error) {
	said := map[uuid.UUID]bool{} // records that had sightings of their own
	runs := map[uuid.UUID]int64{}
	facets := newFacetWriter()
	sightings, n := int64(0), 0
	rows, err := t.Query(ctx, deleteSightings, records.indicators, records.ids)
	if err == nil {
		err = each(rows, func(r pgx.Rows) error {
			var record, run uuid.UUID
			err := r.Scan((*[16]byte)(&record), (*[16]byte)(&run))
			said[record] = true
			runs[run]++
			sightings++
			return err
		})
	}
	if err == nil {
		rows, err = t.Query(ctx, deleteRecords, records.indicators, records.ids)
	}
	if err == nil {
		err = each(rows, func(r pgx.Rows) error {
			var record, run, facet uuid.UUID
			err := r.Scan((*[16]byte)(&record), (*[16]byte)(&run), (*[16]byte)(&facet))
			if n++; !said[record] { // it was its own
				runs[run]++
				sightings++
			}
			facets.leave(facet)
			return err
		})
	}
	if err != nil {
		return 0, err
	}
	if n != len(records.ids) {
		return 0, fmt.Errorf("%d of %d records were there", n, len(records.ids))
	}
	for range n {
		t.clock.records--
		t.clock.deletions++
		t.clock.tick(s.now())
	}
	t.clock.sightings -= sightings
	var ids [][16]byte
	var counts []int64
	for id, n := range runs {
		ids, counts = append(ids, id), append(counts, n)
	}
	if _, err := t.Exec(ctx, takeSightings, ids, counts); err != nil {
		return 0, fmt.Errorf("count sightings of runs: %w", err)
	}
	return sightings, facets.flush(ctx, t.Conn, uuid.Nil) // none is new
}
