package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

// run is one pass over one feed's input.
type run struct {
	st      *Store
	id      uuid.UUID
	feedID  uuid.UUID
	feed    store.Feed
	now     time.Time
	writes  bool  // it is noted that the run writes
	batches int64 // begun so far, the one under way included
	written int64 // the last of them that was acknowledged
	// seen holds the first sequence numbers of the records met in this run, to
	// tell what is said twice from what is read again.
	seen *roaring64.Bitmap
	// added counts the records that this run made, before the records that
	// were there already, and analysed those that there were when the planner
	// was last told.
	added, before, analysed int64
	// articles are those put in this run, bounded.
	articles map[*store.Article]bool
}

const insertRun = `INSERT INTO runs (id, feed_id, source, started_at, batches, sightings) VALUES ($1, $2, $3, $4, 0, 0) ON CONFLICT (id) DO NOTHING`

// StartRun implements store.RunStarter.
func (s *Store) StartRun(ctx context.Context, spec store.RunSpec) (store.Run, error) {
	r := &run{st: s, now: spec.Now.UTC().Truncate(time.Second), seen: roaring64.New(), articles: map[*store.Article]bool{}}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("start run: %w", err)
	}
	r.id = id
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		var err error
		if r.feedID, r.feed, err = t.putFeed(ctx, spec.Feed); err != nil {
			return err
		}
		r.before, r.analysed = t.clock.records, t.clock.records
		_, err = t.Exec(ctx, insertRun, [16]byte(id), [16]byte(r.feedID), spec.Source, instant(s.now()))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start run of %s: %w", spec.Feed.Name, err)
	}
	return r, nil
}

const (
	selectBatches = `SELECT batches FROM runs WHERE id = $1`
	updateBatches = `UPDATE runs SET batches = $2, sightings = sightings + $3 WHERE id = $1`
)

// Write implements store.Run.
func (r *run) Write(ctx context.Context, batch []store.Observation) (store.Outcome, error) {
	var w *writer
	if len(batch) > 0 && !r.writes {
		if err := r.st.beginWriting(ctx, r.id); err != nil {
			return store.Outcome{}, fmt.Errorf("write batch: %w", err)
		}
		r.writes = true
	}
	// Also one that fails has its number: it may have been committed, and must
	// not be taken for the next one.
	r.batches++
	err := r.st.update(ctx, func(ctx context.Context, t *txn) error {
		written, err := r.lastWritten(ctx, t)
		if err != nil || t.again && w != nil && written == r.batches { // the commit that broke was one
			return err
		}
		w = newWriter(r, t)
		return w.write(ctx, batch)
	})
	if err != nil {
		clear(r.articles)
		return store.Outcome{}, fmt.Errorf("write batch: %w", err)
	}
	r.written = r.batches
	r.seen.Or(w.met)
	r.added += int64(w.out.New)
	r.remember(batch)
	if n := r.before + r.added; n > max(2*r.analysed, fewRecords) {
		// The batch is durable whatever becomes of this; Finish says so if it
		// cannot be done at all.
		_ = r.analyse(ctx)
	}
	return w.out, nil
}

// fewRecords are found without the planner knowing how many there are.
const fewRecords = 5000

// analyse tells the planner how large the tables have become: what it knew of
// empty ones would have it walk full ones.
func (r *run) analyse(ctx context.Context) error {
	if err := r.st.analyse(ctx, "records", "facets", "articles", "sightings"); err != nil {
		return err
	}
	r.analysed = r.before + r.added
	return nil
}

// analyse takes one table a statement, which every engine does.
func (s *Store) analyse(ctx context.Context, tables ...string) error {
	for _, table := range tables {
		if err := s.alone(ctx, "ANALYZE "+table); err != nil {
			return fmt.Errorf("analyse %s: %w", table, err)
		}
	}
	return nil
}

// errLost is what a failover without a synchronous standby can lead to.
var errLost = errors.New("the database lacks what it acknowledged in this run: a standby without it was promoted: run the same again")

// lastWritten returns the number of the run's last batch in the database.
func (r *run) lastWritten(ctx context.Context, t *txn) (n int64, err error) {
	err = t.QueryRow(ctx, selectBatches, [16]byte(r.id)).Scan(&n)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && n < r.written:
		return 0, errLost
	case err != nil:
		return 0, fmt.Errorf("find batch: %w", err)
	}
	return n, nil
}

// remember notes the articles of a batch that was written.
func (r *run) remember(batch []store.Observation) {
	const remembered = 4096
	for i := range batch {
		if a := batch[i].Article; a != nil && !r.articles[a] {
			if len(r.articles) >= remembered {
				clear(r.articles)
			}
			r.articles[a] = true
		}
	}
}

const finishRun = `UPDATE runs SET finished_at = $2, stats = $3 WHERE id = $1`

// Finish implements store.Run.
func (r *run) Finish(ctx context.Context, stats store.RunStats) error {
	counts, err := column.RunStats(&stats)
	if err != nil {
		return fmt.Errorf("finish run: %w", err)
	}
	err = r.st.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.Exec(ctx, finishRun, [16]byte(r.id), instant(r.st.now()), counts)
		if err == nil && r.writes {
			_, err = t.Exec(ctx, deleteWriter, [16]byte(r.id))
		}
		return err
	})
	if err == nil && r.before+r.added > r.analysed+r.analysed/10 {
		err = r.analyse(ctx)
	}
	if err != nil {
		return fmt.Errorf("finish run: %w", err)
	}
	return nil
}

// writer is one batch in its transaction.
type writer struct {
	*run
	*txn
	facets   *facetWriter
	articles articleWriter
	met      *roaring64.Bitmap
	at       time.Time
	out      store.Outcome
	// rows are the records of the batch by id: those that were there, and
	// those it makes. made and changed are in order.
	rows          map[uuid.UUID]*pending
	made, changed []*pending
	said          []said
	// sightings is how many there were before.
	sightings int64
}

// pending is a record on its way.
type pending struct {
	row
	fresh, dirty bool
}

// said is a sighting on its way.
type said struct {
	record *pending
	seq    int64
	run    uuid.UUID
	at     time.Time
	facet  uuid.UUID
	dates  [2]time.Time
	// until and assumed are ValidUntil and Assumed.
	until, assumed time.Time
	ports          []uint16
	about          string
}

func newWriter(r *run, t *txn) *writer {
	return &writer{
		run: r, txn: t, facets: newFacetWriter(), met: roaring64.New(), at: r.st.now(), articles: articleWriter{feedID: r.feedID},
		sightings: t.clock.sightings,
	}
}

// write reads what the batch's records are so far, merges in memory, and
// writes the result: new rows by COPY, changed ones by one statement.
func (w *writer) write(ctx context.Context, batch []store.Observation) error {
	if err := w.articles.fetch(ctx, w.Conn, batch, w.run.articles); err != nil {
		return err
	}
	if err := w.fetch(ctx, batch); err != nil {
		return err
	}
	seen := map[*store.Article]bool{}
	for i := range batch {
		// Records show their article: whoever follows seq must look again.
		if a := batch[i].Article; a != nil && !w.run.articles[a] && !seen[a] {
			seen[a] = true
			if w.articles.put(a) {
				w.clock.tick(w.at)
			}
		}
		if err := w.observe(&batch[i]); err != nil {
			return fmt.Errorf("record %s: %w", ioc.Defang(batch[i].Indicator.Type, batch[i].Indicator.Value), err)
		}
	}
	return w.flush(ctx)
}

// idsOf returns the ids of an observation's record.
func (w *writer) idsOf(o *store.Observation) (indicator, record uuid.UUID) {
	article := uuid.Nil
	if o.Article != nil {
		article = o.Article.ID
	}
	return indicatorID(o.Indicator.Type, o.Indicator.Key), store.RecordID(w.feed.Name, article, o.Indicator.Type, o.Indicator.Value)
}

// observe merges one observation.
func (w *writer) observe(o *store.Observation) error {
	_, id := w.idsOf(o)
	p := w.rows[id]
	if p == nil {
		return w.insert(o, id)
	}
	merged, changed := store.Merge(p.Record, *o)
	added := uint64(p.addedSeq) //nolint:gosec // never negative
	switch {
	case w.seen.Contains(added) || w.met.Contains(added):
		w.out.Merged++
	case changed:
		w.out.Updated++
	default:
		w.out.Unchanged++
	}
	w.met.Add(added)
	if !changed {
		return nil
	}
	return w.change(p, merged, o)
}

// insert makes the record that the observation is the first word of.
func (w *writer) insert(o *store.Observation, id uuid.UUID) error {
	p := &pending{fresh: true}
	p.Record = store.NewRecord(w.feed, *o, w.run.now)
	facetID, err := w.facets.id(w.feedID, &p.Record)
	if err != nil {
		return err
	}
	seq, at := w.clock.tick(w.at)
	p.ID, p.facetID, p.runID, p.dated = id, facetID, w.run.id, column.Dated(o)
	p.Seq, p.addedSeq, p.AddedAt, p.UpdatedAt = seq, seq, at, at
	w.clock.records++
	w.clock.sightings++
	w.clock.maxTLP = max(w.clock.maxTLP, int16(p.TLP))
	w.facets.arrive(facetID, seq)
	w.met.Add(uint64(seq)) //nolint:gosec // never negative
	w.rows[id] = p
	w.made = append(w.made, p)
	w.out.New++
	return nil
}

// saidFirst is the first sighting of a record that has not changed yet.
func (p *pending) saidFirst() said {
	s := said{record: p, seq: p.Seq, run: p.runID, at: p.AddedAt, facet: p.facetID, until: p.ValidUntil, ports: p.Ports, about: p.Context}
	if p.dated&1 != 0 {
		s.dates[0] = p.FirstSeen
	}
	if p.dated&2 != 0 {
		s.dates[1] = p.LastSeen
	}
	if p.dated == 0 {
		s.assumed = p.FirstSeen
	}
	return s
}

// change takes what a record learnt from the observation. Before a record
// changes for the first time, it is itself the first thing said of it.
func (w *writer) change(p *pending, merged store.Record, o *store.Observation) error {
	if p.Seq == p.addedSeq {
		w.said = append(w.said, p.saidFirst())
	}
	facetID, err := w.facets.id(w.feedID, &merged)
	if err != nil {
		return err
	}
	seq, at := w.clock.tick(w.at)
	w.clock.maxTLP = max(w.clock.maxTLP, int16(merged.TLP))
	w.facets.leave(p.facetID)
	w.facets.arrive(facetID, seq)
	p.Record, p.facetID = merged, facetID
	p.Seq, p.UpdatedAt = seq, at
	if !p.fresh && !p.dirty {
		p.dirty = true
		w.changed = append(w.changed, p)
	}
	now := store.NewRecord(w.feed, *o, w.run.now)
	now.Confidence = o.Confidence // what was not said decides nothing
	nowFacet, err := w.facets.id(w.feedID, &now)
	if err != nil {
		return err
	}
	w.clock.sightings++
	w.said = append(w.said, said{
		record: p, seq: seq, run: w.run.id, at: at, facet: nowFacet, until: now.ValidUntil,
		dates: [2]time.Time{o.FirstSeen, o.LastSeen}, ports: now.Ports, about: now.Context,
	})
	return nil
}
