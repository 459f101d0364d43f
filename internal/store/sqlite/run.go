package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

// run is one pass over one feed's input.
type run struct {
	st     *Store
	id     int64
	uuid   uuid.UUID
	feedID int64
	feed   store.Feed
	now    time.Time
	// seen holds the row ids of the records met in this run, to tell what is
	// said twice from what is read again: two bits a record at the most.
	seen *roaring.Bitmap
	// writes is set once it is noted that the run writes.
	writes bool
	// added counts the records that this run made.
	added int64
	// articles remembers the row ids of articles put in this run, bounded.
	articles map[*store.Article]int64
}

const insertRun = `INSERT INTO runs (uuid, feed_id, source, started_at, sightings) VALUES (?, ?, ?, ?, 0)`

// StartRun implements store.RunStarter.
func (s *Store) StartRun(ctx context.Context, spec store.RunSpec) (store.Run, error) {
	r := &run{st: s, now: spec.Now.UTC().Truncate(time.Second), seen: roaring.New(), articles: map[*store.Article]int64{}}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("start run: %w", err)
	}
	r.uuid = id
	err = s.update(ctx, func(c *conn, _ *clock) error {
		if r.feedID, r.feed, err = c.putFeed(spec.Feed); err != nil {
			return err
		}
		if err := c.exec(insertRun, id[:], r.feedID, spec.Source, s.now().Unix()); err != nil {
			return err
		}
		r.id = c.LastInsertRowID()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("start run of %s: %w", spec.Feed.Name, err)
	}
	return r, nil
}

// Write implements store.Run.
func (r *run) Write(ctx context.Context, batch []store.Observation) (store.Outcome, error) {
	var out store.Outcome
	if len(batch) > 0 && !r.writes {
		if err := r.st.beginWriting(ctx, r.uuid); err != nil {
			return out, fmt.Errorf("write batch: %w", err)
		}
		r.writes = true
	}
	met := roaring.New()
	err := r.st.update(ctx, func(c *conn, k *clock) error {
		w := &writer{run: r, conn: c, clock: k, facets: r.st.facetWriter, met: met, now: r.st.now()}
		for i := range batch {
			if err := w.observe(&batch[i], &out); err != nil {
				return fmt.Errorf("record %s: %w", ioc.Defang(batch[i].Indicator.Type, batch[i].Indicator.Value), err)
			}
		}
		if err := w.facets.flush(c); err != nil {
			return err
		}
		if err := c.countSightings(r.id, w.said); err != nil {
			return err
		}
		return r.st.sealAt(ctx, c, k, sealWhileWriting)
	})
	if err != nil {
		clear(r.articles)
		return store.Outcome{}, fmt.Errorf("write batch: %w", err)
	}
	r.seen.Or(met)
	r.added += int64(out.New)
	return out, nil
}

const addSightings = `UPDATE runs SET sightings = sightings + ? WHERE id = ?`

// countSightings notes that a run has n more sightings, or fewer.
func (c *conn) countSightings(run, n int64) error {
	if n == 0 {
		return nil
	}
	if err := c.exec(addSightings, n, run); err != nil {
		return fmt.Errorf("count sightings of run: %w", err)
	}
	return nil
}

const finishRun = `UPDATE runs SET finished_at = ?, stats = ? WHERE id = ?`

// Finish implements store.Run.
func (r *run) Finish(ctx context.Context, stats store.RunStats) error {
	counts, err := column.RunStats(&stats)
	if err != nil {
		return fmt.Errorf("finish run: %w", err)
	}
	err = r.st.update(ctx, func(c *conn, k *clock) error {
		if err := c.exec(finishRun, r.st.now().Unix(), counts, r.id); err != nil {
			return err
		}
		if err := c.endWriting(r.uuid); err != nil {
			return err
		}
		if err := r.st.sealAt(ctx, c, k, sealAtFinish); err != nil {
			return err
		}
		return settle(c, k, r.added)
	})
	if err != nil {
		return fmt.Errorf("finish run: %w", err)
	}
	return nil
}

// writer is one batch in its transaction.
type writer struct {
	*run
	*conn
	clock  *clock
	facets *facetWriter
	met    *roaring.Bitmap
	now    time.Time
	// expectNew is a guess about the next observation, for speed only.
	expectNew bool
	// said counts the sightings so far.
	said int64
}

// observe stores one observation.
func (w *writer) observe(o *store.Observation, out *store.Outcome) error {
	article, articleID, err := w.article(o.Article)
	if err != nil {
		return err
	}
	id := store.RecordID(w.feed.Name, article, o.Indicator.Type, o.Indicator.Value)
	// What follows a new record mostly is new as well: then the insert is
	// tried first, which spares a look-up.
	if w.expectNew {
		inserted, err := w.insert(o, id, articleID)
		if inserted {
			out.New++
		}
		if err != nil || inserted {
			return err
		}
	}
	have, found, err := w.byID(id)
	w.expectNew = !found
	if err != nil {
		return err
	}
	if !found {
		out.New++
		_, err := w.insert(o, id, articleID)
		return err
	}
	f, err := w.facets.load(w.conn, have.facetID)
	if err != nil {
		return err
	}
	f.apply(&have.Record)
	merged, changed := store.Merge(have.Record, *o)
	rid := uint32(have.rid) //nolint:gosec // a store holds fewer than 2^32 records: checked in insert
	switch {
	case w.seen.Contains(rid) || w.met.Contains(rid):
		out.Merged++
	case changed:
		out.Updated++
	default:
		out.Unchanged++
	}
	w.met.Add(rid)
	if !changed {
		return nil
	}
	have.Record = merged
	return w.change(&have, o)
}

// article puts an article and returns its two ids; none is uuid.Nil and 0.
func (w *writer) article(a *store.Article) (uuid.UUID, int64, error) {
	if a == nil {
		return uuid.Nil, 0, nil
	}
	if rowid, ok := w.articles[a]; ok {
		return a.ID, rowid, nil
	}
	rowid, changed, err := w.putArticle(w.feedID, a)
	if err != nil {
		return a.ID, 0, err
	}
	if changed {
		// Records show their article: whoever follows seq must look again.
		w.clock.tick(w.now)
	}
	const remembered = 4096
	if len(w.articles) >= remembered {
		clear(w.articles)
	}
	w.articles[a] = rowid
	return a.ID, rowid, nil
}

const (
	insertRecord   = `INSERT INTO records (` + recordColumns + `, confidence, run_id, dated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id_hi, id_lo) DO NOTHING`
	updateRecord   = `UPDATE records SET facet_id = ?, confidence = ?, first_seen = ?, last_seen = ?, updated_at = ?, seq = ?, ports = ?, context = ?, valid_until = ?, valid_said = ? WHERE rid = ?`
	insertSighting = `INSERT INTO sightings (rid, seq, run_id, seen_at, facet_id, first_seen, last_seen, ports, context, valid_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// keepFirstSaid makes the first sighting of a record that is about to
	// change for the first time.
	keepFirstSaid = `INSERT INTO sightings (rid, seq, run_id, seen_at, facet_id, first_seen, last_seen, ports, context, valid_until, assumed)
		SELECT rid, seq, run_id, added_at, facet_id, iif(dated & 1, first_seen, 0), iif(dated & 2, last_seen, 0), ports, context, valid_until, iif(dated, NULL, first_seen)
		FROM records WHERE rid = ? AND NOT EXISTS (SELECT 1 FROM sightings s WHERE s.rid = records.rid)`
	maxRID = 1<<32 - 1
)

// insert makes the record that the observation is the first word of, and
// reports false when it is there already.
func (w *writer) insert(o *store.Observation, id uuid.UUID, articleID int64) (bool, error) {
	if w.clock.lastRID >= maxRID {
		return false, fmt.Errorf("%w: %d records is the most that SQLite's row ids are used for: move to PostgreSQL", store.ErrFull, int64(maxRID))
	}
	rec := store.NewRecord(w.feed, *o, w.run.now)
	facetID, err := w.facets.id(w.conn, w.feedID, &rec)
	if err != nil {
		return false, err
	}
	next := *w.clock
	next.lastRID++
	next.records++
	rid := next.lastRID
	seq, at := next.tick(w.now)
	next.maxTLP = max(next.maxTLP, int64(rec.TLP))
	var value any
	if rec.Value != rec.Key {
		value = rec.Value
	}
	hi, lo := splitID(id)
	if err := w.exec(insertRecord, rid, hi, lo, rec.Key, value, facetID, articleID, rec.FirstSeen.Unix(), rec.LastSeen.Unix(),
		at, at, seq, column.Text(column.Ports(rec.Ports)), column.Text(rec.Context), instant(rec.ValidUntil), instant(rec.ValidSaid), int64(rec.Confidence), w.run.id, int64(column.Dated(o))); err != nil {
		return false, fmt.Errorf("insert: %w", err)
	}
	if w.Changes() == 0 {
		return false, nil
	}
	*w.clock = next
	w.said++
	w.facets.arrive(facetID, seq)
	w.met.Add(uint32(rid)) //nolint:gosec // bounded above
	return true, nil
}

// change stores what a record learnt from the observation.
func (w *writer) change(r *row, o *store.Observation) error {
	facetID, err := w.facets.id(w.conn, w.feedID, &r.Record)
	if err != nil {
		return err
	}
	if err := w.exec(keepFirstSaid, r.rid); err != nil {
		return fmt.Errorf("keep what was said first: %w", err)
	}
	seq, at := w.clock.tick(w.now)
	w.clock.maxTLP = max(w.clock.maxTLP, int64(r.TLP))
	if err := w.exec(updateRecord, facetID, int64(r.Confidence), r.FirstSeen.Unix(), r.LastSeen.Unix(), at, seq,
		column.Text(column.Ports(r.Ports)), column.Text(r.Context), instant(r.ValidUntil), instant(r.ValidSaid), r.rid); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	w.facets.leave(r.facetID)
	w.facets.arrive(facetID, seq)
	said := store.NewRecord(w.feed, *o, w.run.now)
	said.Confidence = o.Confidence // what was not said decides nothing
	saidFacet, err := w.facets.id(w.conn, w.feedID, &said)
	if err != nil {
		return err
	}
	w.said++
	return w.exec(insertSighting, r.rid, seq, w.run.id, at, saidFacet, seconds(o.FirstSeen), seconds(o.LastSeen),
		column.Text(column.Ports(said.Ports)), column.Text(said.Context), instant(said.ValidUntil))
}
