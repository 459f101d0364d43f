package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// hit is a record that the needle matches, with what ranks it.
type hit struct {
	rid   int64
	place store.Place
	size  int
}

// errEnough ends a scan that has found more than can be ranked.
var errEnough = fmt.Errorf("enough: %w", errStop)

// Contains implements store.Snapshot. It goes from the newest records to the
// oldest, so that a broad needle ends after the store.Cap newest matches:
// first the keys that are not indexed, then segment by segment. In a segment
// it reads the bitmaps of the rarest grams only, until few candidates are
// left, and lets the needle judge their keys.
func (v *snapshot) Contains(ctx context.Context, q store.ContainsQuery) (store.Matches, error) {
	s := scan{snapshot: v, q: q, types: q.Types}
	var err error
	if s.last, err = v.lastAdded(q.AsOf); err == nil {
		err = s.run(ctx)
	}
	if err != nil && err != errEnough { //nolint:errorlint // never wrapped
		return store.Matches{}, fmt.Errorf("search keys: %w", err)
	}
	m := store.Matches{Total: len(s.hits), Work: s.work}
	if len(s.hits) > store.Cap {
		m.Total, m.LowerBound = store.Cap, true
		s.hits = s.hits[:store.Cap]
	}
	if m.Records, err = v.ranked(s.hits, q, &m.Work); err != nil {
		return store.Matches{}, fmt.Errorf("read matches: %w", err)
	}
	return m, nil
}

// scan collects the hits of one needle, newest records first.
type scan struct {
	*snapshot
	q     store.ContainsQuery
	types typeSet
	last  int64 // the youngest record to look at
	hits  []hit
	work  store.Work
	block keyBlock
	buf   []byte
}

func (s *scan) run(ctx context.Context) error {
	entries, err := s.openTail()
	if err != nil {
		return err
	}
	for i := len(entries) - 1; i >= 0; i-- {
		if err := s.judge(s.clock.indexedRID+1+int64(i), entries[i].typ, entries[i].key); err != nil {
			return err
		}
	}
	segments, err := s.openIndex()
	if err != nil {
		return err
	}
	for _, seg := range segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		docs, err := s.candidates(seg)
		if err != nil {
			return err
		}
		if err := s.judgeAll(ctx, seg, docs); err != nil {
			return err
		}
	}
	return nil
}

// judge adds the record to the hits if the needle matches its key.
func (s *scan) judge(rid int64, t ioc.Type, key string) error {
	if t == 0 || rid > s.last || !s.types.has(t) {
		return nil
	}
	s.work.Candidates++
	place, ok := s.q.Needle.Match(t, key)
	if !ok {
		return nil
	}
	if seen, err := s.sees(rid); err != nil || !seen {
		return err
	}
	s.hits = append(s.hits, hit{rid, place, len(key)})
	if len(s.hits) > store.Cap {
		return errEnough
	}
	return nil
}

const selectTLP = `SELECT f.tlp FROM records r JOIN facets f ON f.id = r.facet_id WHERE r.rid = ?`

// sees reports whether the caller may see the record. It costs a look only in
// a store that holds something the caller may not see.
func (s *scan) sees(rid int64) (bool, error) {
	if s.q.Sees(ioc.TLP(s.clock.maxTLP)) { //nolint:gosec // written by us
		return true, nil
	}
	sees := false
	_, err := s.query(selectTLP, func(st *sqlite.Stmt) error {
		sees = s.q.Sees(ioc.TLP(st.ColumnInt64(0))) //nolint:gosec // written by us
		return nil
	}, rid)
	return sees, err
}

// candidates returns the documents of a segment that may match; nil for none.
func (s *scan) candidates(seg openSegment) (*roaring.Bitmap, error) {
	grams := s.grams(seg.dir)
	if len(grams) == 0 {
		return nil, nil //nolint:nilnil // no candidates is an answer
	}
	docs, err := s.anyOf(seg, grams[0])
	if err != nil {
		return nil, err
	}
	for i, alternatives := range grams[1:] {
		// A further bitmap is read only while it can spare more looks at keys
		// than it costs: past a dozen, and below a handful, it does not.
		if docs.GetCardinality() <= fewCandidates || i >= maxPostings {
			break
		}
		more, err := s.anyOf(seg, alternatives)
		if err != nil {
			return nil, err
		}
		docs = roaring.And(docs, more)
	}
	return docs, nil
}

const (
	fewCandidates = 4
	maxPostings   = 12
)

// grams returns what the candidates of a segment must have: all of the
// elements, of each any of its alternatives. The rarest comes first. Empty
// means that the segment has no candidates.
func (s *scan) grams(dir *directory) [][]gram {
	type need struct {
		alternatives []gram
		count        int
	}
	var needs []need
	for _, alternatives := range s.needs(dir) {
		n := need{}
		for _, g := range alternatives {
			if c := dir.count(g); c > 0 {
				n.alternatives, n.count = append(n.alternatives, g), n.count+c
			}
		}
		if n.count == 0 {
			return nil
		}
		needs = append(needs, n)
	}
	slices.SortFunc(needs, func(a, b need) int { return cmp.Compare(a.count, b.count) })
	grams := make([][]gram, len(needs))
	for i, n := range needs {
		grams[i] = n.alternatives
	}
	return grams
}

func (s *scan) needs(dir *directory) [][]gram {
	var needs [][]gram
	text := s.q.Needle.Text
	switch {
	case s.q.Needle.Prefix() && len(text) == 1:
		needs = append(needs, dir.starting(text[0]))
	case s.q.Needle.Prefix():
		needs = append(needs, []gram{prefixGram(text[0], text[1])})
	default:
		for _, g := range needleGrams(text) {
			needs = append(needs, []gram{g})
		}
	}
	if len(s.types) > 0 {
		var types []gram
		for _, t := range s.types {
			types = append(types, typeGram(t))
		}
		needs = append(needs, types)
	}
	return needs
}

// anyOf returns the documents that have one of the grams.
func (s *scan) anyOf(seg openSegment, grams []gram) (*roaring.Bitmap, error) {
	var docs *roaring.Bitmap
	for i, g := range grams {
		more, err := s.posting(seg.id, g)
		if err != nil {
			return nil, err
		}
		s.work.Postings++
		if i == 0 {
			docs = more
			continue
		}
		docs = roaring.Or(docs, more)
	}
	return docs, nil
}

// judgeAll judges the candidates of a segment, newest first.
func (s *scan) judgeAll(ctx context.Context, seg openSegment, docs *roaring.Bitmap) error {
	if docs == nil {
		return nil
	}
	return s.eachKey(ctx, seg, docs.ReverseIterator(), s.judge)
}

// eachKey gives documents of a segment with their keys, in the iterator's
// order, until take returns an error.
func (s *scan) eachKey(ctx context.Context, seg openSegment, it roaring.IntIterable, take func(rid int64, t ioc.Type, key string) error) error {
	block := int64(-1)
	for it.HasNext() {
		rid := seg.first + int64(it.Next())
		if rid>>blockBits != block {
			if err := ctx.Err(); err != nil {
				return err
			}
			block = rid >> blockBits
			if err := s.open(block); err != nil {
				return err
			}
		}
		t, key := s.block.key(int(rid & (blockKeys - 1)))
		if err := take(rid, t, key); err != nil {
			return err
		}
	}
	return nil
}

// open makes a key block the current one.
func (s *scan) open(n int64) error {
	found, err := s.query(selectBlock, func(st *sqlite.Stmt) error {
		s.buf = slices.Grow(s.buf[:0], st.ColumnLen(0))[:st.ColumnLen(0)]
		st.ColumnBytes(0, s.buf)
		return s.block.decode(string(s.buf))
	}, n)
	if err == nil && found == 0 {
		err = fmt.Errorf("%w: no key block %d", store.ErrCorrupt, n)
	}
	return err
}

// ranked returns the window of the hits in the order of the contract. Place
// and length are known; the rest of the order is in the records, and only
// those that tie with one of the window are read.
func (v *snapshot) ranked(hits []hit, q store.ContainsQuery, work *store.Work) ([]store.Record, error) {
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.size, b.size))
	})
	from, to := min(q.Offset, len(hits)), min(q.Offset+q.Limit, len(hits))
	if from == to {
		return nil, nil
	}
	tie := func(a, b hit) bool { return a.place == b.place && a.size == b.size }
	lo, hi := from, to
	for lo > 0 && tie(hits[lo-1], hits[from]) {
		lo--
	}
	for hi < len(hits) && tie(hits[hi], hits[to-1]) {
		hi++
	}
	type ranked struct {
		hit
		row
	}
	rows := make([]ranked, 0, hi-lo)
	for _, h := range hits[lo:hi] {
		r, err := v.bare(h.rid)
		if err == nil && !q.AsOf.IsZero() {
			err = v.was(&r, q.AsOf)
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, ranked{h, r})
	}
	work.Rows += len(rows)
	slices.SortFunc(rows, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.size, b.size), store.ByLastSeen(&a.Record, &b.Record))
	})
	records := make([]store.Record, 0, to-from)
	for i := range rows[from-lo : to-lo] {
		r := &rows[from-lo+i].row
		if q.AsOf.IsZero() {
			if err := v.resolve(r); err != nil {
				return nil, err
			}
		}
		records = append(records, r.Record)
	}
	return records, nil
}

// bare returns the row of a record that is known to be there.
func (v *snapshot) bare(rid int64) (r row, err error) {
	n, err := v.query(selectRecordByRID, func(st *sqlite.Stmt) error { r.scan(st); return nil }, rid)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: the index names record %d, which is not there", store.ErrCorrupt, rid)
	}
	return r, err
}
