package sqlite

import (
	"fmt"

	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

// facet is what records share: see the migration. It never changes; a record
// that learns something moves to another facet.
type facet struct {
	feedID     int64
	feed       store.Feed
	typ        ioc.Type
	confidence ioc.Confidence
	origin     store.Origin
	tlp        ioc.TLP
	labels     column.Labels
}

// apply fills a record with the facet. The lists are shared.
func (f *facet) apply(r *store.Record) {
	r.Feed, r.Type, r.Confidence, r.Origin, r.TLP = f.feed, f.typ, f.confidence, f.origin, f.tlp
	f.labels.Apply(r)
}

// said fills a sighting with the facet. The lists are shared.
func (f *facet) said(s *store.Sighting) {
	s.Confidence, s.TLP = f.confidence, f.tlp
	f.labels.Said(s)
}

// size is about what the facet takes in memory, in bytes.
func (f *facet) size() int { return 128 + f.labels.Size() }

// facetCache holds facets that readers met. They never change and their ids
// are never reused, so it is never wrong.
type facetCache = column.Cache[int64, *facet]

const selectFacet = `SELECT f.feed_id, d.name, d.category, f.type, f.confidence, f.origin, f.tlp, f.labels FROM facets f JOIN feeds d ON d.id = f.feed_id WHERE f.id = ?`

// facet returns the facet with that id, which a row of this snapshot names.
func (v *snapshot) facet(id int64) (*facet, error) {
	if f := v.st.facets.Get(id); f != nil {
		return f, nil
	}
	f, err := v.loadFacet(id)
	if err != nil {
		return nil, err
	}
	v.st.facets.Put(id, f, f.size())
	return f, nil
}

func (c *conn) loadFacet(id int64) (*facet, error) {
	var f facet
	n, err := c.query(selectFacet, func(st *sqlite.Stmt) error {
		f = facet{
			feedID: st.ColumnInt64(0), feed: store.Feed{Name: st.ColumnText(1), Category: store.Category(st.ColumnText(2))},
			typ: ioc.Type(st.ColumnInt64(3)), confidence: ioc.Confidence(st.ColumnInt64(4)), //nolint:gosec // written by us
			origin: store.Origin(st.ColumnInt64(5)), tlp: ioc.TLP(st.ColumnInt64(6)), //nolint:gosec // written by us
		}
		var err error
		f.labels, err = column.ParseLabels(st.ColumnText(7))
		return err
	}, id)
	if err != nil {
		return nil, fmt.Errorf("read facet %d: %w", id, err)
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: no facet %d", store.ErrCorrupt, id)
	}
	return &f, nil
}

// facetKey is what makes a facet unique.
type facetKey struct {
	feedID     int64
	typ        ioc.Type
	confidence ioc.Confidence
	origin     store.Origin
	tlp        ioc.TLP
	labels     string
}

// facetWriter finds and makes facets for the one writer. What it remembers
// holds only if its transactions commit: forget after one that did not.
type facetWriter struct {
	ids    *column.Cache[facetKey, int64]
	facets *facetCache
	// last is the labels text of the lists met last: neighbours in a feed
	// mostly carry the same ones, and comparing slices is cheaper than
	// encoding them.
	last     column.Labels
	lastText string
	// moves are the records that came to or left facets since flush.
	moves map[int64]facetMove
}

// facetMove is what a transaction does to a facet.
type facetMove struct{ records, lastSeq int64 }

func newFacetWriter() *facetWriter {
	return &facetWriter{ids: new(column.Cache[facetKey, int64]), facets: new(facetCache), moves: map[int64]facetMove{}}
}

func (w *facetWriter) forget() { *w = *newFacetWriter() }

const (
	selectFacetID    = `SELECT id FROM facets WHERE feed_id = ? AND type = ? AND confidence = ? AND origin = ? AND tlp = ? AND labels = ?`
	insertFacet      = `INSERT INTO facets (feed_id, type, confidence, origin, tlp, labels, warned, records, last_seq) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)`
	insertFacetLabel = `INSERT INTO facet_labels (kind, name, facet_id) VALUES (?, ?, ?)`
	moveFacetRecords = `UPDATE facets SET records = records + ?, last_seq = max(last_seq, ?) WHERE id = ?`
)

// id returns the facet of the record, making it if it is new.
func (w *facetWriter) id(c *conn, feedID int64, r *store.Record) (int64, error) {
	text, err := w.text(r)
	if err != nil {
		return 0, err
	}
	key := facetKey{feedID: feedID, typ: r.Type, confidence: r.Confidence, origin: r.Origin, tlp: r.TLP, labels: text}
	if id, ok := w.ids.Find(key); ok {
		return id, nil
	}
	id := int64(0)
	args := []any{feedID, int64(r.Type), int64(r.Confidence), int64(r.Origin), int64(r.TLP), text}
	if _, err := c.query(selectFacetID, func(st *sqlite.Stmt) error { id = st.ColumnInt64(0); return nil }, args...); err != nil {
		return 0, fmt.Errorf("find facet: %w", err)
	}
	if id == 0 {
		warned := 0
		if len(r.Warnings) > 0 {
			warned = 1
		}
		if err := c.exec(insertFacet, append(args, warned)...); err != nil {
			return 0, fmt.Errorf("make facet: %w", err)
		}
		id = c.LastInsertRowID()
		if err := insertLabels(c, id, r); err != nil {
			return 0, err
		}
	}
	w.ids.Put(key, id, 128+len(text))
	return id, nil
}

// text returns the labels column for the record.
func (w *facetWriter) text(r *store.Record) (string, error) {
	l := column.LabelsOf(r)
	if w.lastText != "" && l.Equal(&w.last) {
		return w.lastText, nil
	}
	text, err := l.Text()
	if err != nil {
		return "", err
	}
	w.last, w.lastText = l, text
	return text, nil
}

func insertLabels(c *conn, id int64, r *store.Record) error {
	l := column.LabelsOf(r)
	return l.Each(func(kind column.Kind, name string) error {
		if err := c.exec(insertFacetLabel, int64(kind), name, id); err != nil {
			return fmt.Errorf("make facet label: %w", err)
		}
		return nil
	})
}

// load returns a facet for the writer.
func (w *facetWriter) load(c *conn, id int64) (*facet, error) {
	if f := w.facets.Get(id); f != nil {
		return f, nil
	}
	f, err := c.loadFacet(id)
	if err == nil {
		w.facets.Put(id, f, f.size())
	}
	return f, err
}

// arrive notes that a record has the facet from seq on; leave that one has it
// no longer.
func (w *facetWriter) arrive(id, seq int64) {
	m := w.moves[id]
	w.moves[id] = facetMove{m.records + 1, max(m.lastSeq, seq)}
}

func (w *facetWriter) leave(id int64) {
	m := w.moves[id]
	w.moves[id] = facetMove{m.records - 1, m.lastSeq}
}

// flush writes the moves. It belongs at the end of every transaction that
// moved records.
func (w *facetWriter) flush(c *conn) error {
	for id, m := range w.moves {
		if err := c.exec(moveFacetRecords, m.records, m.lastSeq, id); err != nil {
			return fmt.Errorf("count facet: %w", err)
		}
	}
	clear(w.moves)
	return nil
}
