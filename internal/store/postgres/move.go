package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

var _ store.Target = (*Store)(nil)

const (
	selectMove = `SELECT source, runs, articles, records, moved, finished_at FROM moves WHERE id = 1`
	insertMove = `INSERT INTO moves (id, source, runs, articles, records, moved, begun_at) VALUES (1, $1, 0, 0, 0, 0, $2)`
	updateMove = `UPDATE moves SET runs = $1, articles = $2, records = $3, moved = $4 WHERE id = 1`
	finishMove = `UPDATE moves SET finished_at = $1 WHERE id = 1 AND finished_at IS NULL`
	renameMove = `UPDATE moves SET source = $1, begun_at = $2 WHERE id = 1`
	resetMove  = `UPDATE moves SET source = '', runs = 0, articles = 0, records = 0, moved = 0 WHERE id = 1`
	deleteMove = `DELETE FROM moves WHERE id = 1 AND source = ''`
)

// move is the row of moves.
type move struct {
	// source is the text of the source's ledger, "" once the move was
	// abandoned: the store is empty then, and may be without its indexes.
	source string
	store.Moved
	finished time.Time
}

// querier is a connection or a pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// readMove returns the move that the store is or was the target of, nil when
// there was none.
func readMove(ctx context.Context, c querier) (*move, error) {
	rows, err := c.Query(ctx, selectMove)
	var m *move
	if err == nil {
		err = each(rows, func(r pgx.Rows) error {
			m = new(move)
			var finished *time.Time
			err := r.Scan(&m.source, &m.Runs, &m.Articles, &m.Records, &m.Count, &finished)
			m.finished = known(finished)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read move: %w", err)
	}
	return m, nil
}

// Usable returns store.ErrMoving while the store is the target of a move that
// has not ended: it holds a part of another store, without its indexes.
func (s *Store) Usable(ctx context.Context) error {
	return s.retry(ctx, func() error {
		m, err := readMove(ctx, s.primary.pool)
		if err == nil && m != nil && m.finished.IsZero() {
			err = fmt.Errorf("%w: %d records so far", store.ErrMoving, m.Count)
		}
		return err
	})
}

// BeginMove implements store.Target. The indexes of records are made anew
// after the last of them: that takes a fraction of the time.
func (s *Store) BeginMove(ctx context.Context, source store.Ledger) (store.Moved, error) {
	var at store.Moved
	have, err := s.Ledger(ctx)
	if err != nil {
		return at, err
	}
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		m, err := readMove(ctx, t)
		switch {
		case err != nil:
			return err
		case m == nil && !have.Empty():
			return fmt.Errorf("%w: it is %s", store.ErrOccupied, have)
		case m == nil:
			if _, err := t.Exec(ctx, insertMove, source.String(), s.now().UTC()); err != nil {
				return fmt.Errorf("note the move: %w", err)
			}
			return t.dropIndexes(ctx)
		case m.source == "":
			if _, err := t.Exec(ctx, renameMove, source.String(), s.now().UTC()); err != nil {
				return fmt.Errorf("note the move: %w", err)
			}
			return t.dropIndexes(ctx)
		case m.source != source.String() && m.finished.IsZero():
			return fmt.Errorf("%w: it began with %s, and this is %s", store.ErrChanged, m.source, source)
		case !m.finished.IsZero() && have.String() != source.String():
			return fmt.Errorf("%w: it was moved into and used since: it is %s", store.ErrOccupied, have)
		}
		at = m.Moved
		if !m.finished.IsZero() || m.Count == source.Records {
			return nil
		}
		return t.dropIndexes(ctx)
	})
	return at, err
}

// LoadMove implements store.Target.
func (s *Store) LoadMove(ctx context.Context, p store.Part) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		m, err := readMove(ctx, t)
		switch {
		case err != nil:
			return err
		case m == nil || m.source == "":
			return fmt.Errorf("%w: the move was abandoned", store.ErrChanged)
		case m.Moved == p.End && (p.Begin != p.End || !m.finished.IsZero()):
			return nil
		case m.Moved != p.Begin:
			return fmt.Errorf("%w: another process moves it too", store.ErrMoving)
		}
		if err := t.loadHeads(ctx, p); err != nil {
			return err
		}
		if err := t.loadRuns(ctx, p.Runs); err != nil {
			return err
		}
		if err := t.loadArticles(ctx, p.Articles); err != nil {
			return err
		}
		if err := t.loadRecords(ctx, p.Records); err != nil {
			return err
		}
		if _, err := t.Exec(ctx, updateMove, p.End.Runs, p.End.Articles, p.End.Records, p.End.Count); err != nil {
			return fmt.Errorf("note how far the move is: %w", err)
		}
		return nil
	})
}

const insertMovedKey = `INSERT INTO api_keys (hash, id, account_id, made, name, prefix, tier, scopes, allowed_ips, max_tlp, created_at, expires_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (hash) DO NOTHING`

// loadHeads writes what comes whole and is not there yet.
func (t *txn) loadHeads(ctx context.Context, p store.Part) error {
	b := new(pgx.Batch)
	for _, f := range p.Feeds {
		b.Queue(insertFeed, [16]byte(feedID(f.Name)), f.Name, string(f.Category))
	}
	for _, a := range p.Accounts {
		b.Queue(insertAccount, [16]byte(accountID(a.Name)), a.Name, a.CreatedAt)
	}
	for i := range p.Keys {
		k := &p.Keys[i]
		scopes, ips, err := column.KeyLists(k)
		if err != nil {
			return err
		}
		b.Queue(insertMovedKey, k.Hash[:], [16]byte(k.ID), [16]byte(accountID(k.Account)), int64(i+1), k.Name, k.Prefix, k.Tier,
			scopes, ips, int16(k.MaxTLP), instant(k.CreatedAt), instant(k.ExpiresAt), instant(k.RevokedAt))
	}
	for i := range p.FeedStates {
		state, err := column.FeedState(&p.FeedStates[i])
		if err != nil {
			return err
		}
		b.Queue(upsertFeedState, p.FeedStates[i].Feed, state)
	}
	for _, a := range p.Allowed {
		b.Queue(upsertAllowed, a.Value, a.Reason, a.AddedAt.UTC())
	}
	if b.Len() == 0 {
		return nil
	}
	if len(p.Keys) > 0 {
		t.clock.keysChanged++
	}
	if err := t.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("write feeds and keys: %w", err)
	}
	return nil
}

func (t *txn) loadRuns(ctx context.Context, runs []store.MovedRun) error {
	columns := []string{"id", "feed_id", "source", "started_at", "finished_at", "stats", "batches", "sightings"}
	err := t.load(ctx, "runs", columns, len(runs), func(i int) ([]any, error) {
		r := &runs[i]
		var stats any
		if r.Stats != nil {
			text, err := column.RunStats(r.Stats)
			if err != nil {
				return nil, err
			}
			stats = text
		}
		var sightings any
		if r.Sightings >= 0 {
			sightings = r.Sightings
		}
		return []any{[16]byte(r.ID), [16]byte(feedID(r.Feed.Name)), r.Source, instant(r.StartedAt), instant(r.FinishedAt), stats, int64(0), sightings}, nil
	})
	if err != nil {
		return err
	}
	for i := range runs {
		if r := &runs[i]; !r.WritingSince.IsZero() {
			if _, err := t.Exec(ctx, insertWriter, [16]byte(r.ID), instant(r.WritingSince)); err != nil {
				return fmt.Errorf("write writer: %w", err)
			}
		}
	}
	return nil
}

func (t *txn) loadArticles(ctx context.Context, articles []store.MovedArticle) error {
	return t.load(ctx, "articles", []string{"id", "feed_id", "title", "url", "details"}, len(articles), func(i int) ([]any, error) {
		a := &articles[i]
		details, err := column.Details(&a.Article)
		if err != nil {
			return nil, err
		}
		return []any{[16]byte(a.ID), [16]byte(feedID(a.Feed.Name)), a.Title, a.URL, details}, nil
	})
}

// row are the sighting's columns.
func (s *said) row() []any {
	return []any{
		[16]byte(indicatorID(s.record.Type, s.record.Key)), [16]byte(s.record.ID), s.seq, [16]byte(s.run), instant(s.at), [16]byte(s.facet),
		instant(s.dates[0]), instant(s.dates[1]), column.Text(column.Ports(s.ports)), column.Text(s.about),
		instant(s.until), instant(s.assumed),
	}
}

// loadRecords writes records with what was said of them, and their facets.
func (t *txn) loadRecords(ctx context.Context, records []store.MovedRecord) error {
	facets := map[string]*facetWriter{} // by feed
	facetOf := func(r *store.Record) (uuid.UUID, *facetWriter, error) {
		w := facets[r.Feed.Name]
		if w == nil {
			w = newFacetWriter()
			facets[r.Feed.Name] = w
		}
		id, err := w.id(feedID(r.Feed.Name), r)
		return id, w, err
	}
	rows := make([]pending, len(records))
	var list []said
	for i := range records {
		m := &records[i]
		id, w, err := facetOf(&m.Record)
		if err != nil {
			return err
		}
		w.arrive(id, m.Seq)
		rows[i].row = row{Record: m.Record, facetID: id, runID: m.Run, addedSeq: m.AddedSeq}
		if m.FirstDated {
			rows[i].dated |= 1
		}
		if m.LastDated {
			rows[i].dated |= 2
		}
		for j := range m.Said {
			s := &m.Said[j]
			facet, _, err := facetOf(&s.Record)
			if err != nil {
				return err
			}
			list = append(list, said{
				record: &rows[i], seq: s.Seq, run: s.Run, at: s.SeenAt, facet: facet,
				dates: [2]time.Time{s.FirstSeen, s.LastSeen}, until: s.ValidUntil, assumed: s.Assumed, ports: s.Ports, about: s.Context,
			})
		}
	}
	for feed, w := range facets {
		if err := w.flush(ctx, t.Conn, feedID(feed)); err != nil {
			return err
		}
	}
	if err := t.load(ctx, "records", recordTable(), len(rows), func(i int) ([]any, error) { return rows[i].values(), nil }); err != nil {
		return err
	}
	return t.copySightings(ctx, list)
}

// load copies n rows into a table.
func (t *txn) load(ctx context.Context, table string, columns []string, n int, row func(int) ([]any, error)) error {
	if n == 0 {
		return nil
	}
	arrived, err := t.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromSlice(n, row))
	if err == nil && arrived != int64(n) {
		err = fmt.Errorf("%d of %d rows arrived", arrived, n)
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", table, err)
	}
	return nil
}

// CompleteMove implements store.Target.
func (s *Store) CompleteMove(ctx context.Context, source store.Ledger) error {
	if err := s.Usable(ctx); !errors.Is(err, store.ErrMoving) {
		return err // nil: it was confirmed already
	}
	if err := s.makeIndexes(ctx); err != nil {
		return err
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		m, err := readMove(ctx, t)
		if err != nil {
			return err
		}
		if m == nil || m.source != source.String() {
			return fmt.Errorf("%w: it is not moved into from there", store.ErrOccupied)
		}
		k := t.clock
		k.seq, k.updatedAt, k.deletions = source.Seq, epochIfZero(source.UpdatedAt), source.Deletions
		k.records, k.articles, k.sightings = source.Records, source.Articles, source.Sightings
		k.maxTLP, k.keysMade = int16(source.MaxTLP), source.KeysMade
		return nil
	})
}

// epochIfZero is the clock's time before there was any change.
func epochIfZero(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return t
}

// ConfirmMove implements store.Target.
func (s *Store) ConfirmMove(ctx context.Context) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		m, err := readMove(ctx, t)
		switch {
		case err != nil:
			return err
		case m == nil || m.source == "":
			return fmt.Errorf("%w: the move was abandoned", store.ErrChanged)
		case !m.finished.IsZero():
			return nil
		}
		missing, err := t.missingIndexes(ctx)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return fmt.Errorf("%w: indexes are missing: %s", store.ErrMoving, strings.Join(missing, ", "))
		}
		_, err = t.Exec(ctx, finishMove, s.now().UTC())
		return err
	})
}

const emptyStore = `TRUNCATE TABLE sightings, records, facet_labels, facets, articles, runs, api_keys, accounts, feeds, feed_states, allowed, writers`

// AbandonMove implements store.Target. The store stays the target of a move
// until it has its indexes again, so that nobody uses it before, even when
// this is killed.
func (s *Store) AbandonMove(ctx context.Context) error {
	begun := false
	err := s.update(ctx, func(ctx context.Context, t *txn) error {
		m, err := readMove(ctx, t)
		if err != nil || m == nil {
			return err
		}
		if !m.finished.IsZero() {
			return fmt.Errorf("%w: its move has ended", store.ErrOccupied)
		}
		if _, err := t.Exec(ctx, emptyStore); err != nil {
			return fmt.Errorf("empty store: %w", err)
		}
		if _, err := t.Exec(ctx, resetMove); err != nil {
			return fmt.Errorf("abandon move: %w", err)
		}
		k := t.clock
		k.seq, k.updatedAt, k.deletions = 0, epochIfZero(time.Time{}), 0
		k.records, k.articles, k.sightings = 0, 0, 0
		k.maxTLP, k.keysMade = int16(ioc.Clear), 0
		begun = true
		return nil
	})
	if err != nil || !begun {
		return err
	}
	if err := s.makeIndexes(ctx); err != nil {
		return err
	}
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		// It stays when another process has begun a move meanwhile.
		if _, err := t.Exec(ctx, deleteMove); err != nil {
			return fmt.Errorf("end move: %w", err)
		}
		return nil
	})
}

const (
	selectStoreCounts = `SELECT (SELECT count(*) FROM records), (SELECT count(*) FROM articles), (SELECT count(*) FROM feeds),
		(SELECT count(*) - count(DISTINCT record_id) FROM sightings),
		(SELECT count(*) FROM runs), (SELECT count(*) FROM runs WHERE finished_at IS NULL), (SELECT count(*) FROM accounts),
		(SELECT count(*) FROM api_keys), (SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL),
		(SELECT count(*) FROM feed_states), (SELECT count(*) FROM allowed)`
	selectFirstRun = `SELECT id FROM runs ORDER BY id LIMIT 1`
)

// Ledger implements store.Target. It counts what is there: the clock has only
// been told.
func (s *Store) Ledger(ctx context.Context) (store.Ledger, error) {
	var l store.Ledger
	err := s.retry(ctx, func() (err error) { l, err = s.ledger(ctx); return err })
	if err != nil {
		return l, fmt.Errorf("count: %w", err)
	}
	return l, nil
}

func (s *Store) ledger(ctx context.Context) (l store.Ledger, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.primary.pool, moment, func(t pgx.Tx) error {
		var k clock
		if err := k.scan(t.QueryRow(ctx, selectClock)); err != nil {
			return err
		}
		l = store.Ledger{Seq: k.seq, Deletions: k.deletions, MaxTLP: ioc.TLP(k.maxTLP), KeysMade: k.keysMade} //nolint:gosec // written by us
		if k.updatedAt.Unix() != 0 {
			l.UpdatedAt = k.updatedAt
		}
		err := t.QueryRow(ctx, selectStoreCounts).Scan(&l.Records, &l.Articles, &l.Feeds, &l.Sightings,
			&l.Runs, &l.OpenRuns, &l.Accounts, &l.Keys, &l.RevokedKeys, &l.FeedStates, &l.Allowed)
		if err != nil {
			return err
		}
		// Each record has one more: the first, whether it has a row or not.
		l.Sightings += l.Records
		rows, err := t.Query(ctx, selectFirstRun)
		if err != nil {
			return err
		}
		return each(rows, func(r pgx.Rows) error { return r.Scan((*[16]byte)(&l.First)) })
	})
	return l, err
}

// index is a statement of the migrations that makes an index.
type index struct{ name, statement string }

var createRecordIndex = regexp.MustCompile(`(?m)^CREATE INDEX IF NOT EXISTS (\w+) ON (?:records|sightings) [^;]+`)

// recordIndexes returns the indexes of the large tables beside their keys, as
// the migrations have them.
func recordIndexes() ([]index, error) {
	var all []index
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range steps {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			return nil, err
		}
		for _, m := range createRecordIndex.FindAllStringSubmatch(string(text), -1) {
			all = append(all, index{m[1], m[0]})
		}
	}
	if len(all) == 0 {
		return nil, errors.New("find indexes: the migrations make none")
	}
	return all, nil
}

func (t *txn) dropIndexes(ctx context.Context) error {
	all, err := recordIndexes()
	if err != nil {
		return err
	}
	for _, i := range all {
		if _, err := t.Exec(ctx, "DROP INDEX IF EXISTS "+i.name); err != nil {
			return fmt.Errorf("drop index %s: %w", i.name, err)
		}
	}
	return nil
}

const selectIndexes = `SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid AND pg_table_is_visible(c.oid)`

// missingIndexes returns the names of the records' indexes that are not there.
func (t *txn) missingIndexes(ctx context.Context) (missing []string, err error) {
	all, err := recordIndexes()
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	rows, err := t.Query(ctx, selectIndexes)
	if err == nil {
		err = each(rows, func(r pgx.Rows) error {
			var name string
			err := r.Scan(&name)
			there[name] = true
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	for _, i := range all {
		if !there[i.name] {
			missing = append(missing, i.name)
		}
	}
	return missing, nil
}

// makeIndexes makes what dropIndexes dropped, and tells the planner what the
// tables hold now.
func (s *Store) makeIndexes(ctx context.Context) error {
	all, err := recordIndexes()
	if err != nil {
		return err
	}
	for _, i := range all {
		if err := s.alone(ctx, i.statement); err != nil {
			return fmt.Errorf("make index %s: %w", i.name, err)
		}
	}
	return s.analyse(ctx, "records", "sightings", "facets", "facet_labels", "articles", "runs")
}

// alone runs a statement in a transaction of its own, which may be run twice.
func (s *Store) alone(ctx context.Context, sql string) error {
	return s.retry(ctx, func() error {
		_, err := s.primary.pool.Exec(ctx, sql)
		return err
	})
}
