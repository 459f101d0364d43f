package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

// facet is what records share: see the migration. It never changes; a record
// that learns something moves to another facet.
type facet struct {
	feedID     uuid.UUID
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

func (f *facet) size() int { return 160 + f.labels.Size() }

// id names the facet by what it says.
func (f *facet) id(labels string) uuid.UUID {
	b := make([]byte, 0, 32+len(labels))
	b = append(b, f.feedID[:]...)
	for _, n := range [...]uint8{uint8(f.typ), uint8(f.confidence), uint8(f.origin), uint8(f.tlp)} {
		b = strconv.AppendUint(append(b, 0), uint64(n), 10)
	}
	return uuid.NewSHA1(store.Namespace, append(append(b, 0), labels...))
}

// facetCache holds facets that readers met. An id says what the facet says, so
// the cache is never wrong.
type facetCache = column.Cache[uuid.UUID, *facet]

const selectFacets = `SELECT f.id, f.feed_id, d.name, d.category, f.type, f.confidence, f.origin, f.tlp, f.labels FROM facets f JOIN feeds d ON d.id = f.feed_id WHERE f.id = ANY($1)`

// facetsOf returns the facets of the rows, those that are not cached with one
// question of selectFacets.
func (s *Store) facetsOf(rows []row, ask func(row func(pgx.Rows) error, missing [][16]byte) error) (map[uuid.UUID]*facet, error) {
	all := make(map[uuid.UUID]*facet, 1)
	var missing [][16]byte
	for i := range rows {
		id := rows[i].facetID
		if _, known := all[id]; known {
			continue
		}
		all[id] = s.facets.Get(id)
		if all[id] == nil {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return all, nil
	}
	err := ask(func(r pgx.Rows) error {
		id, f, err := scanFacet(r)
		if err != nil {
			return err
		}
		all[id] = f
		s.facets.Put(id, f, f.size())
		return nil
	}, missing)
	if err != nil {
		return nil, fmt.Errorf("read facets: %w", err)
	}
	for id, f := range all {
		if f == nil {
			return nil, fmt.Errorf("%w: no facet %s", store.ErrCorrupt, id)
		}
	}
	return all, nil
}

// facetsOf returns the facets of the rows.
func (v *snapshot) facetsOf(ctx context.Context, rows []row) (map[uuid.UUID]*facet, error) {
	return v.st.facetsOf(rows, func(row func(pgx.Rows) error, missing [][16]byte) error {
		return v.timeless(ctx, selectFacets, row, missing)
	})
}

func scanFacet(r pgx.Rows) (id uuid.UUID, f *facet, err error) {
	f = new(facet)
	var category, labels string
	var typ, confidence, origin, tlp int16
	if err := r.Scan((*[16]byte)(&id), (*[16]byte)(&f.feedID), &f.feed.Name, &category, &typ, &confidence, &origin, &tlp, &labels); err != nil {
		return id, f, err
	}
	f.feed.Category = store.Category(category)
	f.typ, f.confidence, f.origin, f.tlp = ioc.Type(typ), ioc.Confidence(confidence), store.Origin(origin), ioc.TLP(tlp) //nolint:gosec // written by us
	f.labels, err = column.ParseLabels(labels)
	return id, f, err
}

// facetWriter makes the facets of one batch. It counts what comes and goes, and
// writes all of it at the end.
type facetWriter struct {
	// last is the labels text of the lists met last: neighbours in a feed
	// mostly carry the same ones, and comparing is cheaper than encoding.
	last     column.Labels
	lastText string
	ids      map[facetKey]uuid.UUID
	used     map[uuid.UUID]*usedFacet
}

// facetKey is what makes a facet of a feed.
type facetKey struct {
	typ        ioc.Type
	confidence ioc.Confidence
	origin     store.Origin
	tlp        ioc.TLP
	labels     string
}

// usedFacet is what a transaction does to a facet.
type usedFacet struct {
	facet
	text             string
	records, lastSeq int64
}

func newFacetWriter() *facetWriter {
	return &facetWriter{ids: map[facetKey]uuid.UUID{}, used: map[uuid.UUID]*usedFacet{}}
}

// id returns the facet of the record.
func (w *facetWriter) id(feedID uuid.UUID, r *store.Record) (uuid.UUID, error) {
	l := column.LabelsOf(r)
	if w.lastText == "" || !l.Equal(&w.last) {
		text, err := l.Text()
		if err != nil {
			return uuid.Nil, err
		}
		w.last, w.lastText = l, text
	}
	key := facetKey{r.Type, r.Confidence, r.Origin, r.TLP, w.lastText}
	if id, ok := w.ids[key]; ok {
		return id, nil
	}
	f := facet{feedID: feedID, feed: r.Feed, typ: r.Type, confidence: r.Confidence, origin: r.Origin, tlp: r.TLP, labels: l}
	id := f.id(w.lastText)
	w.ids[key] = id
	if u := w.used[id]; u == nil {
		w.used[id] = &usedFacet{facet: f, text: w.lastText}
	} else { // left before it was named
		u.facet, u.text = f, w.lastText
	}
	return id, nil
}

// arrive notes that a record has the facet from seq on; leave that one has it
// no longer.
func (w *facetWriter) arrive(id uuid.UUID, seq int64) {
	u := w.used[id]
	u.records++
	u.lastSeq = max(u.lastSeq, seq)
}

func (w *facetWriter) leave(id uuid.UUID) {
	if w.used[id] == nil {
		w.used[id] = new(usedFacet) // it is there: a record had it
	}
	w.used[id].records--
}

const (
	insertFacets = `INSERT INTO facets (id, feed_id, type, confidence, origin, tlp, labels, warned, records, last_seq)
		SELECT u.id, $2, u.type, u.confidence, u.origin, u.tlp, u.labels, u.warned, 0, 0
		FROM unnest($1::uuid[], $3::smallint[], $4::smallint[], $5::smallint[], $6::smallint[], $7::text[], $8::boolean[]) AS u (id, type, confidence, origin, tlp, labels, warned)
		ON CONFLICT (id) DO NOTHING`
	insertFacetLabels = `INSERT INTO facet_labels (kind, label_id, facet_id, name)
		SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::text[]) ON CONFLICT (kind, label_id, facet_id) DO NOTHING`
	moveFacetRecords = `UPDATE facets SET records = facets.records + u.records, last_seq = greatest(facets.last_seq, u.last_seq)
		FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS u (id, records, last_seq) WHERE facets.id = u.id`
	selectKnownFacets = `SELECT id FROM facets WHERE id = ANY($1)`
)

// flush writes what the batch did to facets.
func (w *facetWriter) flush(ctx context.Context, c *pgx.Conn, feedID uuid.UUID) error {
	if len(w.used) == 0 {
		return nil
	}
	fresh, err := w.unknown(ctx, c)
	if err != nil {
		return err
	}
	b := new(pgx.Batch)
	if err := queueFacets(b, feedID, fresh); err != nil {
		return err
	}
	var ids [][16]byte
	var records, seqs []int64
	for id, u := range w.used {
		ids, records, seqs = append(ids, id), append(records, u.records), append(seqs, u.lastSeq)
	}
	b.Queue(moveFacetRecords, ids, records, seqs)
	if err := c.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("write facets: %w", err)
	}
	return nil
}

// unknown returns the facets of the batch that are not stored.
func (w *facetWriter) unknown(ctx context.Context, c *pgx.Conn) (map[uuid.UUID]*usedFacet, error) {
	fresh := map[uuid.UUID]*usedFacet{}
	var ids [][16]byte
	for id, u := range w.used {
		if u.text != "" {
			fresh[id] = u
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return fresh, nil
	}
	rows, err := c.Query(ctx, selectKnownFacets, ids)
	if err != nil {
		return nil, fmt.Errorf("find facets: %w", err)
	}
	err = each(rows, func(r pgx.Rows) error {
		var id uuid.UUID
		err := r.Scan((*[16]byte)(&id))
		delete(fresh, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find facets: %w", err)
	}
	return fresh, nil
}

func queueFacets(b *pgx.Batch, feedID uuid.UUID, fresh map[uuid.UUID]*usedFacet) error {
	var ids, labelIDs, labelFacets [][16]byte
	var types, confidences, origins, tlps, kinds []int16
	var labels, names []string
	var warned []bool
	for id, u := range fresh {
		ids, labels, warned = append(ids, id), append(labels, u.text), append(warned, len(u.labels.Warnings) > 0)
		types, confidences = append(types, int16(u.typ)), append(confidences, int16(u.confidence))
		origins, tlps = append(origins, int16(u.origin)), append(tlps, int16(u.tlp))
		err := u.labels.Each(func(k column.Kind, name string) error {
			kinds, names = append(kinds, int16(k)), append(names, name)
			labelIDs, labelFacets = append(labelIDs, labelID(name)), append(labelFacets, id)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(ids) > 0 {
		b.Queue(insertFacets, ids, [16]byte(feedID), types, confidences, origins, tlps, labels, warned)
	}
	if len(names) > 0 {
		b.Queue(insertFacetLabels, kinds, labelIDs, labelFacets, names)
	}
	return nil
}

// labelID names a label by its text.
func labelID(name string) uuid.UUID { return uuid.NewSHA1(store.Namespace, []byte(name)) }
