package sqlite

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
)

const (
	// selectSaidBy reads the runs of a record's sightings, that of the record
	// itself while it has none of its own.
	selectSaidBy = `SELECT run_id FROM sightings WHERE rid = ?`
	selectMadeBy = `SELECT run_id FROM records WHERE rid = ?`

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
		d := newDeleter(s, c, k)
		err = d.delete(&r)
		if err == nil {
			err = d.flush()
		}
		if err != nil {
			return fmt.Errorf("delete record: %w", err)
		}
		return nil
	})
}

// deleter deletes records in one transaction.
type deleter struct {
	*Store
	*conn
	clock *clock
	// said are the sightings that went, by run.
	said      map[int64]int64
	sightings int64
}

func newDeleter(s *Store, c *conn, k *clock) *deleter {
	return &deleter{Store: s, conn: c, clock: k, said: map[int64]int64{}}
}

func (d *deleter) delete(r *row) error {
	n, err := d.saidBy(r.rid, func(run int64) { d.said[run]++ })
	if err != nil {
		return err
	}
	d.sightings += n
	if err := d.exec(deleteSightings, r.rid); err != nil {
		return err
	}
	if err := d.exec(deleteRecord, r.rid); err != nil {
		return err
	}
	d.facetWriter.leave(r.facetID)
	if r.rid <= d.clock.indexedRID {
		if err := blankKey(d.conn, r.rid); err != nil {
			return err
		}
	}
	d.clock.records--
	d.clock.deletions++
	d.clock.tick(d.now())
	return nil
}

// saidBy calls fn with the run of each sighting of the record, and returns how
// many there are.
func (c *conn) saidBy(rid int64, fn func(run int64)) (int64, error) {
	scan := func(st *sqlite.Stmt) error { fn(st.ColumnInt64(0)); return nil }
	n, err := c.query(selectSaidBy, scan, rid)
	if err == nil && n == 0 {
		n, err = c.query(selectMadeBy, scan, rid)
	}
	return int64(n), err
}

// flush counts what went.
func (d *deleter) flush() error {
	for run, n := range d.said {
		if err := d.countSightings(run, -n); err != nil {
			return err
		}
	}
	return d.facetWriter.flush(d.conn)
}
