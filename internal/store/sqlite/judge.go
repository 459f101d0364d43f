package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// judgePiece is how many records are looked at in one view, and written at the
// most in one transaction.
const judgePiece = 1000

// Rejudge implements store.Judge. Each piece is looked at in a view, and only
// what is to change is looked at again in a transaction.
func (s *Store) Rejudge(ctx context.Context, part string, verdict func(*store.Record) []store.Warning) (n int64, err error) {
	if !utf8.ValidString(part) {
		return 0, nil // no key holds it
	}
	j := judge{Store: s, part: part, verdict: verdict}
	if j.id, err = uuid.NewV7(); err != nil {
		return 0, fmt.Errorf("judge records: %w", err)
	}
	next, err := j.walk(ctx)
	for more := true; err == nil && more; {
		var wrong []int64
		if wrong, more, err = j.look(ctx, next); err == nil {
			err = j.write(ctx, wrong)
		}
	}
	if j.noted {
		// Also when ctx has ended: what stays noted holds Settled back.
		err = errors.Join(err, s.update(context.WithoutCancel(ctx), func(c *conn, _ *clock) error { return c.endWriting(j.id) }))
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

// nextPiece gives the next row ids to look at, and whether there may be more.
type nextPiece func(v *snapshot) (rids []int64, more bool, err error)

// walk picks the way to the records that are there now, in the order in which
// they were made.
func (j *judge) walk(ctx context.Context) (next nextPiece, err error) {
	err = j.view(ctx, func(v *snapshot) error {
		if (store.Needle{Text: j.part}).Prefix() { // too short for the index
			next = walkAll(v.clock.lastRID)
			return nil
		}
		found, err := v.holding(ctx, j.part)
		next = walkFound(found.Iterator())
		return err
	})
	return next, err
}

const selectRIDs = `SELECT rid FROM records WHERE rid > ? AND rid <= ? ORDER BY rid LIMIT ?`

// walkAll goes through all records up to a row id.
func walkAll(last int64) nextPiece {
	after := int64(0)
	return func(v *snapshot) (rids []int64, more bool, err error) {
		_, err = v.query(selectRIDs, func(st *sqlite.Stmt) error { rids = append(rids, st.ColumnInt64(0)); return nil }, after, last, judgePiece)
		if err != nil {
			return nil, false, fmt.Errorf("list records: %w", err)
		}
		if more = len(rids) == judgePiece; more {
			after = rids[len(rids)-1]
		}
		return rids, more, nil
	}
}

// walkFound goes through records that were found.
func walkFound(found roaring.IntPeekable) nextPiece {
	return func(*snapshot) (rids []int64, more bool, err error) {
		for len(rids) < judgePiece && found.HasNext() {
			rids = append(rids, int64(found.Next()))
		}
		return rids, found.HasNext(), nil
	}
}

// holding returns the row ids of all keys that hold the part, which is long
// enough for the index: those that are not indexed yet and, of each segment, the
// candidates that the index knows.
func (v *snapshot) holding(ctx context.Context, part string) (*roaring.Bitmap, error) {
	found := roaring.New()
	take := func(rid int64, t ioc.Type, key string) error {
		if t != 0 && strings.Contains(key, part) {
			found.Add(uint32(rid)) //nolint:gosec // a store holds fewer than 2^32 records
		}
		return nil
	}
	entries, err := v.openTail()
	if err != nil {
		return found, err
	}
	for i := range entries {
		if err := take(v.clock.indexedRID+1+int64(i), entries[i].typ, entries[i].key); err != nil {
			return found, err
		}
	}
	segments, err := v.openIndex()
	if err != nil {
		return found, err
	}
	s := scan{snapshot: v, q: store.ContainsQuery{Needle: store.Needle{Text: part}}}
	for _, seg := range segments {
		docs, err := s.candidates(seg)
		if err != nil {
			return found, err
		}
		if docs == nil {
			continue
		}
		if err := s.eachKey(ctx, seg, docs.Iterator(), take); err != nil {
			return found, err
		}
	}
	return found, nil
}

// look returns those of the next piece whose warnings are not as they should
// be.
func (j *judge) look(ctx context.Context, next nextPiece) (wrong []int64, more bool, err error) {
	err = j.view(ctx, func(v *snapshot) error {
		var rids []int64
		if rids, more, err = next(v); err != nil {
			return err
		}
		for _, rid := range rids {
			var r row
			n, err := v.query(selectRecordByRID, func(st *sqlite.Stmt) error { r.scan(st); return nil }, rid)
			if err == nil && n > 0 && strings.Contains(r.Key, j.part) {
				err = v.resolve(&r)
				if _, changed := store.Judged(r.Record, j.verdict(&r.Record)); err == nil && changed {
					wrong = append(wrong, rid)
				}
			}
			if err != nil {
				return fmt.Errorf("read record: %w", err)
			}
		}
		return nil
	})
	return wrong, more, err
}

// write changes the records that it still finds wrong.
func (j *judge) write(ctx context.Context, wrong []int64) error {
	if len(wrong) == 0 {
		return nil
	}
	if !j.noted {
		if err := j.beginWriting(ctx, j.id); err != nil {
			return err
		}
		j.noted = true
	}
	n := int64(0)
	err := j.update(ctx, func(c *conn, k *clock) error {
		n = 0
		w := judgeWriter{judge: j, snapshot: &snapshot{conn: c, st: j.Store}, clock: k}
		for _, rid := range wrong {
			changed, err := w.change(rid)
			if err != nil {
				return fmt.Errorf("change record: %w", err)
			}
			if changed {
				n++
			}
		}
		return j.facetWriter.flush(c)
	})
	if err == nil {
		j.changed += n
	}
	return err
}

// judgeWriter is one transaction of a judge.
type judgeWriter struct {
	*judge
	*snapshot // of the transaction, for articles
	clock     *clock
}

const updateJudged = `UPDATE records SET facet_id = ?, updated_at = ?, seq = ? WHERE rid = ?`

// change judges a record as it is now.
func (w *judgeWriter) change(rid int64) (bool, error) {
	var r row
	n, err := w.query(selectRecordByRID, func(st *sqlite.Stmt) error { r.scan(st); return nil }, rid)
	if err != nil || n == 0 { // deleted meanwhile
		return false, err
	}
	f, err := w.facetWriter.load(w.conn, r.facetID)
	if err != nil {
		return false, err
	}
	f.apply(&r.Record)
	if r.articleID != 0 {
		if r.Article, err = w.articleRef(r.articleID); err != nil {
			return false, err
		}
	}
	judged, changed := store.Judged(r.Record, w.verdict(&r.Record))
	if !changed {
		return false, nil
	}
	facetID, err := w.facetWriter.id(w.conn, f.feedID, &judged)
	if err != nil {
		return false, err
	}
	// The record is what was said of it first, until it changes.
	if err := w.exec(keepFirstSaid, rid); err != nil {
		return false, fmt.Errorf("keep what was said first: %w", err)
	}
	seq, at := w.clock.tick(w.now())
	if err := w.exec(updateJudged, facetID, at, seq, rid); err != nil {
		return false, err
	}
	w.facetWriter.leave(r.facetID)
	w.facetWriter.arrive(facetID, seq)
	return true, nil
}
