package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
)

// judgePiece is how many records are looked at in one view, and written at the
// most in one transaction; judgePage how many are found at a time.
const (
	judgePiece = 1000
	judgePage  = 10_000
)

// Rejudge implements store.Judge. Each piece is looked at in a view of the
// server that takes writes, and only what is to change is looked at again in a
// transaction, which holds the clock.
func (s *Store) Rejudge(ctx context.Context, part string, verdict func(*store.Record) []store.Warning) (n int64, err error) {
	if !storable(part) {
		return 0, nil // no key holds it
	}
	j := judge{Store: s, part: part, verdict: verdict}
	if j.id, err = uuid.NewV7(); err != nil {
		return 0, fmt.Errorf("judge records: %w", err)
	}
	err = j.walk(ctx)
	if j.noted {
		// Also when ctx has ended: what stays noted holds Settled back.
		err = errors.Join(err, s.endWriting(context.WithoutCancel(ctx), j.id))
	}
	if err != nil {
		return j.changed, fmt.Errorf("judge records: %w", err)
	}
	return j.changed, nil
}

// judge is one Rejudge.
type judge struct {
	*Store
	id      uuid.UUID // as a writer
	noted   bool
	part    string
	verdict func(*store.Record) []store.Warning
	changed int64
}

// judged names a record in the order in which records were made.
type judged struct {
	addedSeq      int64
	indicator, id [16]byte
}

// walk goes through the records that are there now, in the order in which they
// were made.
func (j *judge) walk(ctx context.Context) error {
	var last int64
	if err := j.onView(ctx, func(v *snapshot) error { last = v.Seq(); return nil }); err != nil {
		return err
	}
	for after, more := int64(0), true; more; {
		var found []judged
		var err error
		if found, after, more, err = j.find(ctx, after, last); err != nil {
			return err
		}
		for len(found) > 0 {
			n := min(judgePiece, len(found))
			wrong, err := j.look(ctx, found[:n])
			if err == nil {
				err = j.write(ctx, wrong)
			}
			if err != nil {
				return err
			}
			found = found[n:]
		}
	}
	return nil
}

// onView runs fn with a view of the server that takes writes, anew when that
// falls away: fn sets its results.
func (s *Store) onView(ctx context.Context, fn func(*snapshot) error) error {
	var err error
	for range maxMoves {
		v := s.onPrimary()
		err = s.view(ctx, v, func(store.Snapshot) error { return fn(v) })
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

const (
	selectHolding = `SELECT added_seq, indicator_id, id, ioc_value_normalized FROM records WHERE ioc_value_normalized LIKE $1 AND added_seq > $2 AND added_seq <= $3 ORDER BY added_seq LIMIT $4`
	selectMade    = `SELECT added_seq, indicator_id, id, ioc_value_normalized FROM records WHERE added_seq > $1 AND added_seq <= $2 ORDER BY added_seq LIMIT $3`
)

// find returns the next records whose key holds the part: those that were made
// after a sequence number, up to another. A part that is too short for the
// trigram index is looked for in every key.
func (j *judge) find(ctx context.Context, after, last int64) (found []judged, end int64, more bool, err error) {
	q := question{sql: selectHolding, args: []any{"%" + escape(j.part) + "%", after, last, judgePage}, replan: true}
	if (store.Needle{Text: j.part}).Prefix() {
		q = question{sql: selectMade, args: []any{after, last, judgePage}}
	}
	err = j.onView(ctx, func(v *snapshot) error {
		found, end = nil, after
		n := 0
		err := v.query(ctx, q, func(r pgx.Rows) error {
			var one judged
			var key string
			if err := r.Scan(&one.addedSeq, &one.indicator, &one.id, &key); err != nil {
				return err
			}
			if n++; strings.Contains(key, j.part) {
				found = append(found, one)
			}
			end = one.addedSeq
			return nil
		})
		more = n == judgePage
		return err
	})
	if err != nil {
		return nil, end, false, fmt.Errorf("find records: %w", err)
	}
	return found, end, more, nil
}

// look returns those of a piece whose warnings are not as they should be.
func (j *judge) look(ctx context.Context, piece []judged) (wrong []judged, err error) {
	err = j.onView(ctx, func(v *snapshot) error {
		var rows []row
		wanted := idsOf(piece)
		err := v.ask(ctx, selectByPrimaryKey, func(r pgx.Rows) error {
			rows = append(rows, row{})
			return rows[len(rows)-1].scan(r)
		}, wanted.indicators, wanted.ids)
		if err == nil {
			err = v.resolve(ctx, rows)
		}
		if err != nil {
			return fmt.Errorf("read records: %w", err)
		}
		changes := make(map[uuid.UUID]bool, len(rows))
		for i := range rows {
			_, changes[rows[i].ID] = store.Judged(rows[i].Record, j.verdict(&rows[i].Record))
		}
		wrong = nil
		for _, one := range piece {
			if changes[one.id] {
				wrong = append(wrong, one)
			}
		}
		return nil
	})
	return wrong, err
}

func idsOf(piece []judged) (h hitIDs) {
	for i := range piece {
		h.indicators, h.ids = append(h.indicators, piece[i].indicator), append(h.ids, piece[i].id)
	}
	return h
}

// write changes the records that it still finds wrong.
func (j *judge) write(ctx context.Context, wrong []judged) error {
	if len(wrong) == 0 {
		return nil
	}
	if !j.noted {
		if err := j.beginWriting(ctx, j.id); err != nil {
			return err
		}
		j.noted = true
	}
	var w *judgeWriter
	err := j.update(ctx, func(ctx context.Context, t *txn) error {
		before := w // of the attempt whose commit broke, if any
		w = newJudgeWriter(j, t)
		return w.write(ctx, wrong, before)
	})
	if err != nil {
		return fmt.Errorf("change records: %w", err)
	}
	j.changed += int64(len(w.changed) + w.there)
	return nil
}

// judgeWriter is one transaction of a judge.
type judgeWriter struct {
	*judge
	*txn
	at      time.Time
	facets  map[uuid.UUID]*facetWriter // by feed
	changed []*pending
	said    []said
	// there counts what an earlier attempt has changed after all.
	there int
}

func newJudgeWriter(j *judge, t *txn) *judgeWriter {
	return &judgeWriter{judge: j, txn: t, facets: map[uuid.UUID]*facetWriter{}, at: j.now()}
}

func (w *judgeWriter) write(ctx context.Context, wrong []judged, before *judgeWriter) error {
	rows, err := w.stored(ctx, w.Store, idsOf(wrong))
	if err != nil {
		return err
	}
	have := make(map[uuid.UUID]*pending, len(rows))
	for i := range rows {
		have[rows[i].ID] = &pending{row: rows[i]}
	}
	for _, one := range wrong {
		if p := have[one.id]; p != nil { // nil: deleted meanwhile
			if err := w.change(p); err != nil {
				return err
			}
		}
	}
	if before != nil && w.again {
		for _, p := range before.changed {
			if now := have[p.ID]; now != nil && now.Seq == p.Seq {
				w.there++
			}
		}
	}
	return w.flush(ctx)
}

// change judges a record as it is now.
func (w *judgeWriter) change(p *pending) error {
	r, changed := store.Judged(p.Record, w.verdict(&p.Record))
	if !changed {
		return nil
	}
	feed := feedID(r.Feed.Name)
	facets := w.facets[feed]
	if facets == nil {
		facets = newFacetWriter()
		w.facets[feed] = facets
	}
	facet, err := facets.id(feed, &r)
	if err != nil {
		return err
	}
	// The record is what was said of it first, until it changes.
	if p.Seq == p.addedSeq {
		w.said = append(w.said, p.saidFirst())
	}
	seq, at := w.clock.tick(w.at)
	facets.leave(p.facetID)
	facets.arrive(facet, seq)
	p.Record, p.facetID, p.Seq, p.UpdatedAt = r, facet, seq, at
	w.changed = append(w.changed, p)
	return nil
}

func (w *judgeWriter) flush(ctx context.Context) error {
	for feed, facets := range w.facets {
		if err := facets.flush(ctx, w.Conn, feed); err != nil {
			return err
		}
	}
	if err := w.copySightings(ctx, w.said); err != nil {
		return err
	}
	b := new(pgx.Batch)
	queueChanged(b, w.changed)
	if err := w.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	return nil
}
