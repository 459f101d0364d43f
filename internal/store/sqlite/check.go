package sqlite

import (
	"context"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

// Check implements store.Maintainer. It reads in one read transaction and so
// does not keep anyone from writing.
func (s *Store) Check(ctx context.Context) error {
	return s.view(ctx, func(v *snapshot) error {
		for _, part := range []struct {
			name  string
			check func(context.Context) error
		}{
			{"database", v.checkDatabase},
			{"references", v.checkReferences},
			{"facets", v.checkFacets},
			{"clock", v.checkClock},
			{"schedule", v.checkSchedule},
			{"trigram index", v.checkIndex},
		} {
			if err := part.check(ctx); err != nil {
				return fmt.Errorf("check %s: %w", part.name, err)
			}
		}
		return nil
	})
}

// checkDatabase asks SQLite itself: pages, B-trees, every index entry.
func (v *snapshot) checkDatabase(context.Context) error {
	return v.nothing(`PRAGMA integrity_check(1)`, func(st *sqlite.Stmt) string {
		if s := st.ColumnText(0); s != "ok" {
			return s
		}
		return ""
	})
}

// checkReferences looks for rows that name what is not there.
func (v *snapshot) checkReferences(context.Context) error {
	if err := v.nothing(`PRAGMA foreign_key_check`, func(st *sqlite.Stmt) string {
		return fmt.Sprintf("row %d of %s names a missing %s", st.ColumnInt64(1), st.ColumnText(0), st.ColumnText(2))
	}); err != nil {
		return err
	}
	if err := v.nothing(`SELECT rid FROM records WHERE article_id <> 0 AND article_id NOT IN (SELECT id FROM articles) LIMIT 1`, func(st *sqlite.Stmt) string {
		return fmt.Sprintf("record %d names a missing article", st.ColumnInt64(0))
	}); err != nil {
		return err
	}
	return v.nothing(`SELECT s.rid FROM sightings s WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.rid = s.rid) LIMIT 1`, func(st *sqlite.Stmt) string {
		return fmt.Sprintf("a sighting names missing record %d", st.ColumnInt64(0))
	})
}

// checkFacets compares what facets say of their records with the records.
func (v *snapshot) checkFacets(context.Context) error {
	const counts = `SELECT f.id, f.records, count(r.rid) FROM facets f LEFT JOIN records r ON r.facet_id = f.id GROUP BY f.id HAVING f.records <> count(r.rid) LIMIT 1`
	if err := v.nothing(counts, func(st *sqlite.Stmt) string {
		return fmt.Sprintf("facet %d counts %d records and has %d", st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2))
	}); err != nil {
		return err
	}
	const later = `SELECT f.id FROM facets f JOIN records r ON r.facet_id = f.id WHERE r.seq > f.last_seq LIMIT 1`
	if err := v.nothing(later, func(st *sqlite.Stmt) string {
		return fmt.Sprintf("facet %d has records changed after its last change", st.ColumnInt64(0))
	}); err != nil {
		return err
	}
	const confidence = `SELECT r.rid FROM records r JOIN facets f ON f.id = r.facet_id WHERE r.confidence <> f.confidence LIMIT 1`
	return v.nothing(confidence, func(st *sqlite.Stmt) string {
		return fmt.Sprintf("record %d has another confidence than its facet", st.ColumnInt64(0))
	})
}

// checkClock looks for numbers that were never handed out.
func (v *snapshot) checkClock(context.Context) error {
	const beyond = `SELECT r.rid FROM records r, clock k WHERE r.rid > k.last_rid OR r.seq > k.seq OR r.updated_at > k.updated_at LIMIT 1`
	if err := v.nothing(beyond, func(st *sqlite.Stmt) string {
		return fmt.Sprintf("record %d is ahead of the clock", st.ColumnInt64(0))
	}); err != nil {
		return err
	}
	const number = `SELECT k.records, n.records FROM clock k, (SELECT count(*) AS records FROM records) n WHERE k.records <> n.records`
	if err := v.nothing(number, func(st *sqlite.Stmt) string {
		return fmt.Sprintf("the clock counts %d records and there are %d", st.ColumnInt64(0), st.ColumnInt64(1))
	}); err != nil {
		return err
	}
	const ofRuns = `SELECT r.id, r.sightings, coalesce(c.n, 0) FROM runs r LEFT JOIN (SELECT run_id, sum(n) AS n FROM (
		SELECT run_id, count(*) AS n FROM sightings GROUP BY run_id UNION ALL
		SELECT run_id, count(*) FROM records e WHERE NOT EXISTS (SELECT 1 FROM sightings s WHERE s.rid = e.rid) GROUP BY run_id) GROUP BY run_id) c
		ON c.run_id = r.id WHERE r.sightings <> coalesce(c.n, 0) LIMIT 1`
	if err := v.nothing(ofRuns, func(st *sqlite.Stmt) string {
		return fmt.Sprintf("run %d counts %d sightings and has %d", st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2))
	}); err != nil {
		return err
	}
	const twice = `SELECT seq FROM records GROUP BY seq HAVING count(*) > 1 LIMIT 1`
	return v.nothing(twice, func(st *sqlite.Stmt) string {
		return fmt.Sprintf("sequence number %d was given twice", st.ColumnInt64(0))
	})
}

// checkSchedule reads what the schedule remembers.
func (v *snapshot) checkSchedule(context.Context) error {
	if _, err := v.feedStates(selectFeedStates); err != nil {
		return err
	}
	_, err := v.query(`SELECT stats FROM runs WHERE stats IS NOT NULL`, func(st *sqlite.Stmt) error {
		_, err := column.ParseRunStats(st.ColumnText(0))
		return err
	})
	return err
}

// nothing runs a query whose rows are disagreements, each described by row
// (empty: none after all).
func (v *snapshot) nothing(query string, row func(*sqlite.Stmt) string) error {
	wrong := ""
	if err := v.transient(query, func(st *sqlite.Stmt) {
		if wrong == "" {
			wrong = row(st)
		}
	}); err != nil {
		return err
	}
	if wrong != "" {
		return fmt.Errorf("%w: %s", store.ErrCorrupt, wrong)
	}
	return nil
}

// checkIndex compares the trigram index with the records: the segments cover
// what they should, the blocks hold the keys, and each segment's bitmaps are
// those that its keys make. Bitmaps may also name deleted records.
func (v *snapshot) checkIndex(ctx context.Context) error {
	segments, err := v.segments()
	if err != nil {
		return err
	}
	next := v.clock.indexedRID
	for _, s := range segments {
		if s.last != next {
			return fmt.Errorf("%w: segment %d ends at record %d, not %d", store.ErrCorrupt, s.id, s.last, next)
		}
		next = s.first - 1
		dir, err := v.directory(s.id)
		if err != nil {
			return err
		}
		for from := s.first; from <= s.last; from += sealWhileWriting {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := v.checkPiece(s, dir, from, min(s.last, from+sealWhileWriting-1)); err != nil {
				return err
			}
		}
	}
	if next != 0 {
		return fmt.Errorf("%w: records up to %d are in no segment", store.ErrCorrupt, next)
	}
	return nil
}

// checkPiece checks the records of a segment from one row id to another.
func (v *snapshot) checkPiece(s segment, dir *directory, from, to int64) error {
	b, live, err := v.rebuild(s, from, to)
	if err != nil {
		return err
	}
	grams := b.grams()
	for _, g := range dir.grams {
		docs, err := v.posting(s.id, g)
		if err != nil {
			return err
		}
		if from == s.first && dir.count(g) != int(docs.GetCardinality()) { //nolint:gosec // rids are 32 bits
			return fmt.Errorf("%w: segment %d counts gram %d wrong", store.ErrCorrupt, s.id, g)
		}
		docs.And(live)
		want := roaring.New()
		if list := b.lists[g]; list != nil {
			want = roaring.BitmapOf(*list...)
			grams = grams[1:]
		}
		if !docs.Equals(want) {
			return fmt.Errorf("%w: segment %d: the bitmap of gram %d is not what the keys make", store.ErrCorrupt, s.id, g)
		}
	}
	if len(grams) > 0 {
		return fmt.Errorf("%w: segment %d lacks gram %d", store.ErrCorrupt, s.id, grams[0])
	}
	return nil
}

const selectIndexed = `SELECT r.rid, r.key, f.type FROM records r JOIN facets f ON f.id = r.facet_id WHERE r.rid >= ? AND r.rid <= ? ORDER BY r.rid`

// rebuild makes the postings of a piece anew and compares the key blocks on
// the way. live has the documents that are there.
func (v *snapshot) rebuild(s segment, from, to int64) (*builder, *roaring.Bitmap, error) {
	b, live := newBuilder(), roaring.New()
	sc := scan{snapshot: v}
	block, next := int64(-1), from
	same := func(rid int64, want tailEntry) error {
		if rid>>blockBits != block {
			block = rid >> blockBits
			if err := sc.open(block); err != nil {
				return err
			}
		}
		if t, key := sc.block.key(int(rid & (blockKeys - 1))); t != want.typ || key != want.key {
			return fmt.Errorf("%w: the key block has another key for record %d", store.ErrCorrupt, rid)
		}
		return nil
	}
	_, err := v.query(selectIndexed, func(st *sqlite.Stmt) error {
		rid, e := st.ColumnInt64(0), scanTail(st)
		for ; next < rid; next++ {
			if err := same(next, tailEntry{}); err != nil {
				return err
			}
		}
		next = rid + 1
		doc := uint32(rid - s.first) //nolint:gosec // rids are 32 bits
		live.Add(doc)
		b.add(doc, e.typ, e.key)
		return same(rid, e)
	}, from, to)
	for ; err == nil && next <= to; next++ {
		err = same(next, tailEntry{})
	}
	return b, live, err
}
