package sqlite

import (
	"context"
	"fmt"
	"math/bits"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// segment is a row of trigram_segments: the grams of the records of a range of
// row ids. Segments are disjoint, in order, and cover 1..clock.indexed_rid.
type segment struct {
	id, first, last int64
}

func (s segment) size() int64 { return s.last - s.first + 1 }

const (
	// sealWhileWriting is the number of records that may wait outside the
	// index during a run. Their keys are held in memory and compared one by
	// one.
	sealWhileWriting = 1 << 16
	// sealAtFinish is the number that may wait after it.
	sealAtFinish = 1 << 10
	// fanOut segments of like size are merged into one.
	fanOut = 8
	// maxSegment is the size from which a segment is left alone.
	maxSegment = 1 << 21
)

// sealAt indexes what waits, if it is that much. It is part of the caller's
// write transaction.
func (s *Store) sealAt(ctx context.Context, c *conn, k *clock, enough int64) error {
	if k.lastRID-k.indexedRID < enough {
		return nil
	}
	// Pieces bound the memory when a run was killed and much waits.
	for k.indexedRID < k.lastRID {
		to := min(k.lastRID, k.indexedRID+2*sealWhileWriting)
		if err := seal(c, k, s.facetWriter, to); err != nil {
			return fmt.Errorf("index records: %w", err)
		}
		if err := compact(ctx, c, k); err != nil {
			return fmt.Errorf("merge index: %w", err)
		}
	}
	return nil
}

const (
	selectUnsealed = `SELECT rid, key, facet_id FROM records WHERE rid > ? AND rid <= ? ORDER BY rid`
	insertSegment  = `INSERT INTO trigram_segments (id, first_rid, last_rid, directory) VALUES (?, ?, ?, ?)`
	insertPosting  = `INSERT INTO trigram_postings (id, rids) VALUES (?, ?)`
)

// seal indexes the records after clock.indexedRID up to the row id. Reading
// the keys and taking them apart run side by side.
func seal(c *conn, k *clock, facets *facetWriter, to int64) error {
	b := newBuilder()
	first := k.indexedRID + 1
	blocks, err := newBlockWriter(c, k.indexedRID)
	if err != nil {
		return err
	}
	docs := make(chan []doc, 4)
	built := make(chan struct{})
	go func() {
		defer close(built)
		for list := range docs {
			for _, d := range list {
				b.add(d.number, d.typ, d.key)
			}
		}
	}()
	list := make([]doc, 0, blockKeys)
	_, err = c.query(selectUnsealed, func(st *sqlite.Stmt) error {
		rid, key := st.ColumnInt64(0), st.ColumnText(1)
		f, err := facets.load(c, st.ColumnInt64(2))
		if err != nil {
			return err
		}
		list = append(list, doc{uint32(rid - first), f.typ, key}) //nolint:gosec // rids are 32 bits
		if len(list) == cap(list) {
			docs <- list
			list = make([]doc, 0, blockKeys)
		}
		return blocks.put(rid, f.typ, key)
	}, k.indexedRID, to)
	docs <- list
	close(docs)
	<-built
	if err != nil {
		return err
	}
	if err := blocks.close(to); err != nil {
		return err
	}
	k.indexVersion++
	dir, err := b.write(c, k.indexVersion)
	if err != nil {
		return err
	}
	if err := c.exec(insertSegment, k.indexVersion, first, to, dir.encode()); err != nil {
		return err
	}
	k.indexedRID = to
	return nil
}

// doc is a record as the index sees it.
type doc struct {
	number uint32 // rid - first rid of the segment
	typ    ioc.Type
	key    string
}

// write writes the postings and returns their directory. Encoding and writing
// run side by side.
func (b *builder) write(c *conn, segment int64) (*directory, error) {
	type posting struct {
		gram  gram
		count int
		rids  []byte
		err   error
	}
	ready := make(chan posting, 256)
	go func() {
		defer close(ready)
		for _, g := range b.grams() {
			docs := *b.lists[g]
			rids, err := roaring.BitmapOf(docs...).ToBytes()
			ready <- posting{g, len(docs), rids, err}
		}
	}()
	dir := &directory{}
	var failed error
	for p := range ready { // to the end, so that nobody is left waiting
		if failed == nil && p.err != nil {
			failed = fmt.Errorf("encode posting: %w", p.err)
		}
		if failed == nil {
			failed = c.exec(insertPosting, p.gram.posting(segment), p.rids)
		}
		dir.add(p.gram, p.count)
	}
	return dir, failed
}

func writePosting(c *conn, segment int64, g gram, docs *roaring.Bitmap) error {
	b, err := docs.ToBytes()
	if err != nil {
		return fmt.Errorf("encode posting: %w", err)
	}
	return c.exec(insertPosting, g.posting(segment), b)
}

const (
	selectSegments  = `SELECT id, first_rid, last_rid FROM trigram_segments ORDER BY first_rid DESC`
	selectDirectory = `SELECT directory FROM trigram_segments WHERE id = ?`
	selectPosting   = `SELECT rids FROM trigram_postings WHERE id = ?`
	deletePostings  = `DELETE FROM trigram_postings WHERE id >= ? AND id < ?`
	deleteSegment   = `DELETE FROM trigram_segments WHERE id = ?`
)

// segments returns all segments, newest records first.
func (c *conn) segments() ([]segment, error) {
	var all []segment
	_, err := c.query(selectSegments, func(st *sqlite.Stmt) error {
		all = append(all, segment{st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read index segments: %w", err)
	}
	return all, nil
}

func (c *conn) directory(id int64) (*directory, error) {
	var b []byte
	n, err := c.query(selectDirectory, func(st *sqlite.Stmt) error { b = blob(st, 0); return nil }, id)
	if err != nil {
		return nil, fmt.Errorf("read index directory: %w", err)
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: no index segment %d", store.ErrCorrupt, id)
	}
	d, err := decodeDirectory(b)
	if err != nil {
		return nil, fmt.Errorf("%w: index segment %d: %w", store.ErrCorrupt, id, err)
	}
	return d, nil
}

// posting returns the documents of a gram that the segment's directory names.
func (c *conn) posting(segment int64, g gram) (*roaring.Bitmap, error) {
	var b []byte
	n, err := c.query(selectPosting, func(st *sqlite.Stmt) error { b = blob(st, 0); return nil }, g.posting(segment))
	if err != nil {
		return nil, fmt.Errorf("read posting: %w", err)
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: no posting %d of index segment %d", store.ErrCorrupt, g, segment)
	}
	docs := roaring.New()
	if _, err := docs.FromBuffer(b); err != nil {
		return nil, fmt.Errorf("%w: posting %d of index segment %d: %w", store.ErrCorrupt, g, segment, err)
	}
	return docs, nil
}

// compact merges the newest segments while fanOut of them are of one tier or
// smaller, so that a store has few segments and each record's postings are
// written a few times in its life.
func compact(ctx context.Context, c *conn, k *clock) error {
	for {
		all, err := c.segments()
		if err != nil {
			return err
		}
		n := mergeable(all)
		if n == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := merge(c, k, all[:n]); err != nil {
			return err
		}
	}
}

// mergeable returns how many of the segments, newest first, are to be merged.
func mergeable(all []segment) int {
	tier := func(s segment) int { return bits.Len64(uint64(s.size())) / 3 } //nolint:gosec // positive
	top := 0
	for i, s := range all {
		if s.size() >= maxSegment {
			break
		}
		top = max(top, tier(s))
		if i+1 >= fanOut && (i+1 == len(all) || tier(all[i+1]) > top) {
			return i + 1
		}
	}
	return 0
}

// settle merges all segments that are not full after a run that made a good
// part of what they hold: a large import leaves few segments to ask.
func settle(c *conn, k *clock, added int64) error {
	all, err := c.segments()
	if err != nil {
		return err
	}
	n, size := 0, int64(0)
	for n < len(all) && size+all[n].size() <= maxSegment {
		size += all[n].size()
		n++
	}
	if n < 2 || added < sealWhileWriting || added*fanOut < size {
		return nil
	}
	if err := merge(c, k, all[:n]); err != nil {
		return fmt.Errorf("merge index: %w", err)
	}
	return nil
}

// merge writes the segments, which are neighbours, as one.
func merge(c *conn, k *clock, parts []segment) error {
	parts = slices.Clone(parts)
	slices.Reverse(parts) // oldest first
	first, last := parts[0].first, parts[len(parts)-1].last
	dirs := make([]*directory, len(parts))
	var grams []gram
	for i, p := range parts {
		d, err := c.directory(p.id)
		if err != nil {
			return err
		}
		dirs[i] = d
		grams = append(grams, d.grams...)
	}
	slices.Sort(grams)
	k.indexVersion++
	dir := &directory{}
	var rids []uint32
	for _, g := range slices.Compact(grams) {
		docs := roaring.New()
		for i, p := range parts {
			if dirs[i].count(g) == 0 {
				continue
			}
			more, err := c.posting(p.id, g)
			if err != nil {
				return err
			}
			// Not roaring.AddOffset64: for offsets that are no multiple of 2^16
			// it leaves containers that ToBytes refuses (v2.30.0).
			rids = appendOffset(rids[:0], more, uint32(p.first-first)) //nolint:gosec // rids are 32 bits
			docs.AddMany(rids)
		}
		dir.add(g, int(docs.GetCardinality())) //nolint:gosec // rids are 32 bits
		if err := writePosting(c, k.indexVersion, g, docs); err != nil {
			return err
		}
	}
	for _, p := range parts {
		if err := dropSegment(c, p.id); err != nil {
			return err
		}
	}
	return c.exec(insertSegment, k.indexVersion, first, last, dir.encode())
}

func appendOffset(to []uint32, docs *roaring.Bitmap, offset uint32) []uint32 {
	for it := docs.Iterator(); it.HasNext(); {
		to = append(to, it.Next()+offset)
	}
	return to
}

func dropSegment(c *conn, id int64) error {
	if err := c.exec(deletePostings, id<<gramBits, (id+1)<<gramBits); err != nil {
		return fmt.Errorf("drop index segment: %w", err)
	}
	if err := c.exec(deleteSegment, id); err != nil {
		return fmt.Errorf("drop index segment: %w", err)
	}
	return nil
}

const deleteBlocks = `DELETE FROM trigram_keys`

// Reindex implements store.Maintainer.
func (s *Store) Reindex(ctx context.Context) error {
	return s.update(ctx, func(c *conn, k *clock) error {
		all, err := c.segments()
		if err != nil {
			return err
		}
		for _, g := range all {
			if err := dropSegment(c, g.id); err != nil {
				return err
			}
		}
		if err := c.exec(deleteBlocks); err != nil {
			return fmt.Errorf("drop key blocks: %w", err)
		}
		k.indexedRID = 0
		k.indexVersion++
		return s.sealAt(ctx, c, k, 1)
	})
}

// typeSet tells which types a query wants; empty means all.
type typeSet []ioc.Type

func (ts typeSet) has(t ioc.Type) bool { return len(ts) == 0 || slices.Contains(ts, t) }
