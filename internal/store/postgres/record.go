package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

// row is a record with what only this engine knows.
type row struct {
	store.Record
	facetID, runID uuid.UUID
	addedSeq       int64
	dated          int16
}

// indicatorID is what all records of a value share.
func indicatorID(t ioc.Type, key string) uuid.UUID {
	b := append(make([]byte, 0, 32+len(key)), t.String()...)
	return uuid.NewSHA1(store.Namespace, append(append(b, 0), key...))
}

// recordColumns are what scan reads, in its order, of fromRecords.
const (
	recordColumns = `r.id, r.type, r.ioc_value_normalized, r.value, r.facet_id, r.article_id, r.first_seen, r.last_seen, r.added_at, r.updated_at, r.seq, r.ports, r.context, r.valid_until, r.valid_said, a.title, a.url`
	fromRecords   = ` FROM records r LEFT JOIN articles a ON a.id = r.article_id`
)

// scan reads a row of recordColumns. The facet is left to resolve.
func (r *row) scan(rows pgx.Rows) error { return r.scanWith(rows) }

// scanWith also reads columns that follow.
func (r *row) scanWith(rows pgx.Rows, more ...any) error {
	var typ int16
	var article pgtype.UUID
	var value, ports, about, title, url pgtype.Text
	var until, said *time.Time
	dest := [17]any{
		(*[16]byte)(&r.ID), &typ, &r.Key, &value, (*[16]byte)(&r.facetID), &article, &r.FirstSeen, &r.LastSeen,
		&r.AddedAt, &r.UpdatedAt, &r.Seq, &ports, &about, &until, &said, &title, &url,
	}
	if err := rows.Scan(append(dest[:], more...)...); err != nil {
		return err
	}
	r.Type = ioc.Type(typ) //nolint:gosec // written by us
	r.Value = r.Key
	if value.Valid {
		r.Value = value.String
	}
	r.FirstSeen, r.LastSeen = r.FirstSeen.UTC(), r.LastSeen.UTC()
	r.AddedAt, r.UpdatedAt = r.AddedAt.UTC(), r.UpdatedAt.UTC()
	r.Ports, r.Context = column.ParsePorts(ports.String), about.String
	r.ValidUntil, r.ValidSaid = known(until), known(said)
	if article.Valid {
		if !title.Valid {
			return fmt.Errorf("%w: record %s names a missing article", store.ErrCorrupt, r.ID)
		}
		r.Article = &store.ArticleRef{ID: article.Bytes, Title: title.String, URL: url.String}
	}
	return nil
}

// resolve fills in the facets.
func (v *snapshot) resolve(ctx context.Context, rows []row) error {
	facets, err := v.facetsOf(ctx, rows)
	if err != nil {
		return err
	}
	for i := range rows {
		facets[rows[i].facetID].apply(&rows[i].Record)
	}
	return nil
}

// records returns the rows as the contract's records, nil for none.
func (v *snapshot) records(ctx context.Context, rows []row) ([]store.Record, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	if err := v.resolve(ctx, rows); err != nil {
		return nil, err
	}
	records := make([]store.Record, len(rows))
	for i := range rows {
		records[i] = rows[i].Record
	}
	return records, nil
}

const selectRecordByID = `SELECT ` + recordColumns + fromRecords + ` WHERE r.id = $1`

// Record implements store.Snapshot.
func (v *snapshot) Record(ctx context.Context, id uuid.UUID) (store.Record, error) {
	rows := make([]row, 0, 1)
	err := v.ask(ctx, selectRecordByID, func(r pgx.Rows) error {
		rows = append(rows, row{})
		return rows[len(rows)-1].scan(r)
	}, [16]byte(id))
	if err == nil {
		err = v.resolve(ctx, rows)
	}
	if err != nil {
		return store.Record{}, fmt.Errorf("read record: %w", err)
	}
	if len(rows) == 0 {
		return store.Record{}, fmt.Errorf("record %s: %w", id, store.ErrNotFound)
	}
	return rows[0].Record, nil
}

const (
	selectFirstSaid = `SELECT indicator_id, run_id, added_at, facet_id, CASE WHEN dated & 1 <> 0 THEN first_seen END, CASE WHEN dated & 2 <> 0 THEN last_seen END, ports, context, seq, valid_until, CASE WHEN dated = 0 THEN first_seen END FROM records WHERE id = $1`
	selectSightings = `SELECT indicator_id, run_id, seen_at, facet_id, first_seen, last_seen, ports, context, seq, valid_until, assumed FROM sightings WHERE indicator_id = $1 AND record_id = $2 ORDER BY seq`
)

// Sightings implements store.Snapshot.
func (v *snapshot) Sightings(ctx context.Context, record uuid.UUID) ([]store.Sighting, error) {
	var first, all sightings
	err := v.ask(ctx, selectFirstSaid, first.scan, [16]byte(record))
	if err == nil && len(first.list) == 0 {
		return nil, fmt.Errorf("record %s: %w", record, store.ErrNotFound)
	}
	if err == nil {
		err = v.ask(ctx, selectSightings, all.scan, [16]byte(first.indicator), [16]byte(record))
	}
	if err == nil && len(all.list) == 0 {
		all = first
	}
	var facets map[uuid.UUID]*facet
	if err == nil {
		facets, err = v.facetsOf(ctx, all.facets)
	}
	if err != nil {
		return nil, fmt.Errorf("read sightings: %w", err)
	}
	for i := range all.list {
		facets[all.facets[i].facetID].said(&all.list[i])
	}
	return all.list, nil
}

// sightings gathers what selectFirstSaid and selectSightings give.
type sightings struct {
	indicator uuid.UUID
	list      []store.Sighting
	facets    []row
}

func (s *sightings) scan(r pgx.Rows) error { return s.scanWith(r) }

// scanWith also reads columns that come before.
func (s *sightings) scanWith(r pgx.Rows, before ...any) error {
	var one store.Sighting
	var f row
	var first, last, until, assumed *time.Time
	var ports, about pgtype.Text
	err := r.Scan(append(before, (*[16]byte)(&s.indicator), (*[16]byte)(&one.Run), &one.SeenAt, (*[16]byte)(&f.facetID), &first, &last, &ports, &about, &one.Seq, &until, &assumed)...)
	one.SeenAt, one.FirstSeen, one.LastSeen = one.SeenAt.UTC(), known(first), known(last)
	one.ValidUntil, one.Assumed = known(until), known(assumed)
	one.Ports, one.Context = column.ParsePorts(ports.String), about.String
	s.list, s.facets = append(s.list, one), append(s.facets, f)
	return err
}

// known returns a nullable time; NULL is the zero time.
func known(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// instant returns a nullable time column: nil for the zero time. Record times
// are whole seconds.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Truncate(time.Second)
}
