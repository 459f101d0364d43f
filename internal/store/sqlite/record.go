package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

// row is a record with the numbers that only this engine knows.
type row struct {
	store.Record
	rid, facetID, articleID int64
}

// recordColumns are what scan reads, in its order.
const recordColumns = `rid, id_hi, id_lo, key, value, facet_id, article_id, first_seen, last_seen, added_at, updated_at, seq, ports, context, valid_until, valid_said`

// scan reads the row that the statement is on. Facet and article are left to
// resolve: they are queries of their own.
func (r *row) scan(st *sqlite.Stmt) {
	r.rid = st.ColumnInt64(0)
	r.ID = joinID(st.ColumnInt64(1), st.ColumnInt64(2))
	r.Key = st.ColumnText(3)
	r.Value = r.Key
	if !st.ColumnIsNull(4) {
		r.Value = st.ColumnText(4)
	}
	r.facetID, r.articleID = st.ColumnInt64(5), st.ColumnInt64(6)
	r.FirstSeen, r.LastSeen = unix(st.ColumnInt64(7)), unix(st.ColumnInt64(8))
	r.AddedAt, r.UpdatedAt = unix(st.ColumnInt64(9)), unix(st.ColumnInt64(10))
	r.Seq = st.ColumnInt64(11)
	if !st.ColumnIsNull(12) {
		r.Ports = column.ParsePorts(st.ColumnText(12))
	}
	if !st.ColumnIsNull(13) {
		r.Context = st.ColumnText(13)
	}
	r.ValidUntil, r.ValidSaid = known(st, 14), known(st, 15)
}

// known returns a nullable time column; NULL is the zero time.
func known(st *sqlite.Stmt, col int) time.Time {
	if st.ColumnIsNull(col) {
		return time.Time{}
	}
	return time.Unix(st.ColumnInt64(col), 0).UTC()
}

// splitID returns an id as two numbers that compare like its bytes.
func splitID(id uuid.UUID) (hi, lo int64) {
	const sign = 1 << 63
	return int64(binary.BigEndian.Uint64(id[:8]) ^ sign), int64(binary.BigEndian.Uint64(id[8:]) ^ sign) //nolint:gosec // bits, not numbers
}

func joinID(hi, lo int64) (id uuid.UUID) {
	const sign = 1 << 63
	binary.BigEndian.PutUint64(id[:8], uint64(hi)^sign) //nolint:gosec // bits, not numbers
	binary.BigEndian.PutUint64(id[8:], uint64(lo)^sign) //nolint:gosec // bits, not numbers
	return id
}

// resolve fills in facet and article. No statement may be under way.
func (v *snapshot) resolve(r *row) error {
	f, err := v.facet(r.facetID)
	if err != nil {
		return err
	}
	f.apply(&r.Record)
	if r.articleID != 0 {
		r.Article, err = v.articleRef(r.articleID)
	}
	return err
}

const (
	selectRecordByRID = `SELECT ` + recordColumns + ` FROM records WHERE rid = ?`
	selectRecordByID  = `SELECT ` + recordColumns + ` FROM records WHERE id_hi = ? AND id_lo = ?`
)

// byID returns the bare row of a record, without facet and article.
func (c *conn) byID(id uuid.UUID) (r row, found bool, err error) {
	hi, lo := splitID(id)
	n, err := c.query(selectRecordByID, func(st *sqlite.Stmt) error { r.scan(st); return nil }, hi, lo)
	if err != nil {
		return r, false, fmt.Errorf("find record: %w", err)
	}
	return r, n > 0, nil
}

// Record implements store.Snapshot.
func (v *snapshot) Record(_ context.Context, id uuid.UUID) (store.Record, error) {
	r, found, err := v.byID(id)
	if err == nil && found {
		err = v.resolve(&r)
	}
	if err != nil {
		return store.Record{}, fmt.Errorf("read record: %w", err)
	}
	if !found {
		return store.Record{}, fmt.Errorf("record %s: %w", id, store.ErrNotFound)
	}
	return r.Record, nil
}

const (
	selectSightings = `SELECT r.uuid, s.seen_at, s.facet_id, s.first_seen, s.last_seen, s.ports, s.context, s.seq, s.valid_until, s.assumed FROM sightings s JOIN runs r ON r.id = s.run_id WHERE s.rid = ? ORDER BY s.seq`
	// selectFirstSaid has the columns of selectSightings for a record without
	// sightings.
	selectFirstSaid = `SELECT r.uuid, e.added_at, e.facet_id, iif(e.dated & 1, e.first_seen, 0), iif(e.dated & 2, e.last_seen, 0), e.ports, e.context, e.seq, e.valid_until, iif(e.dated, NULL, e.first_seen) FROM records e JOIN runs r ON r.id = e.run_id WHERE e.rid = ?`
)

// Sightings implements store.Snapshot.
func (v *snapshot) Sightings(_ context.Context, record uuid.UUID) ([]store.Sighting, error) {
	r, found, err := v.byID(record)
	if err != nil {
		return nil, fmt.Errorf("read sightings: %w", err)
	}
	if !found {
		return nil, fmt.Errorf("record %s: %w", record, store.ErrNotFound)
	}
	all, err := v.said(r.rid)
	if err != nil {
		return nil, fmt.Errorf("read sightings: %w", err)
	}
	return all, nil
}

// said returns the sightings of the record with that row id.
func (v *snapshot) said(rid int64) ([]store.Sighting, error) {
	var all []store.Sighting
	var facets []int64
	scan := func(st *sqlite.Stmt) error {
		s := store.Sighting{
			SeenAt: unix(st.ColumnInt64(1)), FirstSeen: unix(st.ColumnInt64(3)), LastSeen: unix(st.ColumnInt64(4)),
			Ports: column.ParsePorts(st.ColumnText(5)), Context: st.ColumnText(6), Seq: st.ColumnInt64(7),
			ValidUntil: known(st, 8), Assumed: known(st, 9),
		}
		st.ColumnBytes(0, s.Run[:])
		all, facets = append(all, s), append(facets, st.ColumnInt64(2))
		return nil
	}
	n, err := v.query(selectSightings, scan, rid)
	if err == nil && n == 0 {
		_, err = v.query(selectFirstSaid, scan, rid)
	}
	if err != nil {
		return nil, err
	}
	for i, id := range facets {
		f, err := v.facet(id)
		if err != nil {
			return nil, err
		}
		f.said(&all[i])
	}
	return all, nil
}
