package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

const selectBatchRecords = `SELECT ` + recordColumns + `, r.run_id, r.added_seq, r.dated
	FROM unnest($1::uuid[], $2::uuid[]) AS k (indicator_id, id) JOIN records r ON r.indicator_id = k.indicator_id AND r.id = k.id LEFT JOIN articles a ON a.id = r.article_id`

// fetch reads the batch's records that are stored already. The clock is held:
// nobody changes them before the transaction ends.
func (w *writer) fetch(ctx context.Context, batch []store.Observation) error {
	w.rows = make(map[uuid.UUID]*pending, len(batch))
	indicators, ids := make([][16]byte, 0, len(batch)), make([][16]byte, 0, len(batch))
	asked := make(map[uuid.UUID]bool, len(batch))
	for i := range batch {
		if indicator, id := w.idsOf(&batch[i]); !asked[id] {
			asked[id] = true
			indicators, ids = append(indicators, indicator), append(ids, id)
		}
	}
	rows, err := w.Query(ctx, selectBatchRecords, pgx.QueryExecModeCacheDescribe, indicators, ids)
	var found []row
	if err == nil {
		err = each(rows, func(r pgx.Rows) error {
			found = append(found, row{})
			have := &found[len(found)-1]
			return have.scanWith(r, (*[16]byte)(&have.runID), &have.addedSeq, &have.dated)
		})
	}
	if err == nil {
		err = w.resolve(ctx, found)
	}
	if err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	for i := range found {
		w.rows[found[i].ID] = &pending{row: found[i]}
	}
	return nil
}

// resolve fills in the facets of what was found.
func (w *writer) resolve(ctx context.Context, found []row) error {
	facets := map[uuid.UUID]*facet{}
	var ids [][16]byte
	for i := range found {
		id := found[i].facetID
		if _, known := facets[id]; known {
			continue
		}
		if facets[id] = w.st.facets.get(id); facets[id] == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		rows, err := w.Query(ctx, selectFacets, ids)
		if err != nil {
			return err
		}
		err = each(rows, func(r pgx.Rows) error {
			id, f, err := scanFacet(r)
			if err != nil {
				return err
			}
			facets[id] = f
			w.st.facets.put(id, f)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for i := range found {
		f := facets[found[i].facetID]
		if f == nil {
			return fmt.Errorf("%w: no facet %s", store.ErrCorrupt, found[i].facetID)
		}
		f.apply(&found[i].Record)
	}
	return nil
}

// flush writes the batch.
func (w *writer) flush(ctx context.Context) error {
	w.clock.articles += int64(len(w.articles.made))
	if err := w.facets.flush(ctx, w.Conn, w.feedID); err != nil {
		return err
	}
	if err := w.copyRecords(ctx); err != nil {
		return err
	}
	if err := w.copySightings(ctx); err != nil {
		return err
	}
	b := new(pgx.Batch)
	if err := w.articles.queue(b); err != nil {
		return err
	}
	w.queueChanged(b)
	b.Queue(updateBatches, [16]byte(w.run.id), w.batches)
	if err := w.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("write articles and changes: %w", err)
	}
	return nil
}

// recordTable are the columns of records, in the order of values.
func recordTable() []string {
	return []string{
		"indicator_id", "id", "run_id", "facet_id", "article_id", "seq", "added_seq", "first_seen", "last_seen", "added_at", "updated_at",
		"type", "confidence", "tlp", "dated", "ioc_value_normalized", "value", "ports", "context",
	}
}

// values are the row's columns.
func (r *row) values() []any {
	var article, value any
	if r.Article != nil {
		article = [16]byte(r.Article.ID)
	}
	if r.Value != r.Key {
		value = r.Value
	}
	return []any{
		[16]byte(indicatorID(r.Type, r.Key)), [16]byte(r.ID), [16]byte(r.runID), [16]byte(r.facetID), article,
		r.Seq, r.addedSeq, r.FirstSeen, r.LastSeen, r.AddedAt, r.UpdatedAt,
		int16(r.Type), int16(r.Confidence), int16(r.TLP), r.dated, r.Key, value, text(column.Ports(r.Ports)), text(r.Context),
	}
}

func (w *writer) copyRecords(ctx context.Context) error {
	if len(w.made) == 0 {
		return nil
	}
	n, err := w.CopyFrom(ctx, pgx.Identifier{"records"}, recordTable(), pgx.CopyFromSlice(len(w.made), func(i int) ([]any, error) {
		return w.made[i].values(), nil
	}))
	if err == nil && n != int64(len(w.made)) {
		err = fmt.Errorf("%d of %d rows arrived", n, len(w.made))
	}
	if err != nil {
		return fmt.Errorf("copy records: %w", err)
	}
	return nil
}

// sightingTable are the columns of sightings.
func sightingTable() []string {
	return []string{"indicator_id", "record_id", "seq", "run_id", "seen_at", "facet_id", "first_seen", "last_seen", "ports", "context"}
}

func (w *writer) copySightings(ctx context.Context) error {
	if len(w.said) == 0 {
		return nil
	}
	_, err := w.CopyFrom(ctx, pgx.Identifier{"sightings"}, sightingTable(), pgx.CopyFromSlice(len(w.said), func(i int) ([]any, error) {
		s := &w.said[i]
		return []any{
			[16]byte(indicatorID(s.record.Type, s.record.Key)), [16]byte(s.record.ID), s.seq, [16]byte(s.run), instant(s.at), [16]byte(s.facet),
			instant(s.dates[0]), instant(s.dates[1]), text(column.Ports(s.ports)), text(s.about),
		}, nil
	}))
	if err != nil {
		return fmt.Errorf("copy sightings: %w", err)
	}
	return nil
}

const updateRecords = `UPDATE records SET facet_id = u.facet_id, confidence = u.confidence, tlp = u.tlp, first_seen = u.first_seen, last_seen = u.last_seen,
		updated_at = u.updated_at, seq = u.seq, ports = nullif(u.ports, ''), context = nullif(u.context, '')
	FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::bigint[], $10::text[], $11::text[])
		AS u (indicator_id, id, facet_id, confidence, tlp, first_seen, last_seen, updated_at, seq, ports, context)
	WHERE records.indicator_id = u.indicator_id AND records.id = u.id`

// queueChanged adds the changes of records that were there.
func (w *writer) queueChanged(b *pgx.Batch) {
	n := len(w.changed)
	if n == 0 {
		return
	}
	indicators, ids, facets := make([][16]byte, n), make([][16]byte, n), make([][16]byte, n)
	confidences, tlps, seqs := make([]int16, n), make([]int16, n), make([]int64, n)
	first, last, updated := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	ports, about := make([]string, n), make([]string, n)
	for i, p := range w.changed {
		indicators[i], ids[i], facets[i] = indicatorID(p.Type, p.Key), p.ID, p.facetID
		confidences[i], tlps[i], seqs[i] = int16(p.Confidence), int16(p.TLP), p.Seq
		first[i], last[i], updated[i] = p.FirstSeen, p.LastSeen, p.UpdatedAt
		ports[i], about[i] = column.Ports(p.Ports), p.Context
	}
	b.Queue(updateRecords, indicators, ids, facets, confidences, tlps, first, last, updated, seqs, ports, about)
}
