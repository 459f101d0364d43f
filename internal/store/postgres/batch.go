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
	var wanted hitIDs
	asked := make(map[uuid.UUID]bool, len(batch))
	for i := range batch {
		if indicator, id := w.idsOf(&batch[i]); !asked[id] {
			asked[id] = true
			wanted.indicators, wanted.ids = append(wanted.indicators, indicator), append(wanted.ids, id)
		}
	}
	found, err := w.stored(ctx, w.st, wanted)
	if err != nil {
		return err
	}
	w.rows = make(map[uuid.UUID]*pending, len(batch))
	for i := range found {
		w.rows[found[i].ID] = &pending{row: found[i]}
	}
	return nil
}

// stored reads those of the records that there are, in no order.
func (t *txn) stored(ctx context.Context, s *Store, wanted hitIDs) ([]row, error) {
	rows, err := t.Query(ctx, selectBatchRecords, pgx.QueryExecModeCacheDescribe, wanted.indicators, wanted.ids)
	var found []row
	if err == nil {
		err = each(rows, func(r pgx.Rows) error {
			found = append(found, row{})
			have := &found[len(found)-1]
			return have.scanWith(r, (*[16]byte)(&have.runID), &have.addedSeq, &have.dated)
		})
	}
	var facets map[uuid.UUID]*facet
	if err == nil {
		facets, err = s.facetsOf(found, func(row func(pgx.Rows) error, missing [][16]byte) error {
			rows, err := t.Query(ctx, selectFacets, missing)
			if err != nil {
				return err
			}
			return each(rows, row)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	for i := range found {
		facets[found[i].facetID].apply(&found[i].Record)
	}
	return found, nil
}

// flush writes the batch.
func (w *writer) flush(ctx context.Context) error {
	w.clock.articles += int64(len(w.articles.made))
	if err := w.facets.flush(ctx, w.Conn, w.feedID); err != nil {
		return err
	}
	if err := w.load(ctx, "records", recordTable(), len(w.made), func(i int) ([]any, error) { return w.made[i].values(), nil }); err != nil {
		return err
	}
	if err := w.copySightings(ctx, w.said); err != nil {
		return err
	}
	b := new(pgx.Batch)
	if err := w.articles.queue(b); err != nil {
		return err
	}
	queueChanged(b, w.changed)
	b.Queue(updateBatches, [16]byte(w.run.id), w.batches, w.clock.sightings-w.sightings)
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
		"valid_until", "valid_said",
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
		int16(r.Type), int16(r.Confidence), int16(r.TLP), r.dated, r.Key, value, column.Text(column.Ports(r.Ports)), column.Text(r.Context),
		instant(r.ValidUntil), instant(r.ValidSaid),
	}
}

// sightingTable are the columns of sightings.
func sightingTable() []string {
	return []string{"indicator_id", "record_id", "seq", "run_id", "seen_at", "facet_id", "first_seen", "last_seen", "ports", "context", "valid_until", "assumed"}
}

// copySightings adds what was said.
func (t *txn) copySightings(ctx context.Context, list []said) error {
	return t.load(ctx, "sightings", sightingTable(), len(list), func(i int) ([]any, error) { return list[i].row(), nil })
}

const updateRecords = `UPDATE records SET facet_id = u.facet_id, confidence = u.confidence, tlp = u.tlp, first_seen = u.first_seen, last_seen = u.last_seen,
		updated_at = u.updated_at, seq = u.seq, ports = nullif(u.ports, ''), context = nullif(u.context, ''), valid_until = u.valid_until, valid_said = u.valid_said
	FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::bigint[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[])
		AS u (indicator_id, id, facet_id, confidence, tlp, first_seen, last_seen, updated_at, seq, ports, context, valid_until, valid_said)
	WHERE records.indicator_id = u.indicator_id AND records.id = u.id`

// queueChanged adds the changes of records that were there.
func queueChanged(b *pgx.Batch, changed []*pending) {
	n := len(changed)
	if n == 0 {
		return
	}
	indicators, ids, facets := make([][16]byte, n), make([][16]byte, n), make([][16]byte, n)
	confidences, tlps, seqs := make([]int16, n), make([]int16, n), make([]int64, n)
	first, last, updated := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	ports, about := make([]string, n), make([]string, n)
	until, said := make([]*time.Time, n), make([]*time.Time, n)
	for i, p := range changed {
		indicators[i], ids[i], facets[i] = indicatorID(p.Type, p.Key), p.ID, p.facetID
		confidences[i], tlps[i], seqs[i] = int16(p.Confidence), int16(p.TLP), p.Seq
		first[i], last[i], updated[i] = p.FirstSeen, p.LastSeen, p.UpdatedAt
		ports[i], about[i] = column.Ports(p.Ports), p.Context
		until[i], said[i] = nullable(&p.ValidUntil), nullable(&p.ValidSaid)
	}
	b.Queue(updateRecords, indicators, ids, facets, confidences, tlps, first, last, updated, seqs, ports, about, until, said)
}

// nullable returns an element of an array of nullable times: nil for the zero
// time.
func nullable(t *time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return t
}
