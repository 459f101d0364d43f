package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

var _ store.Source = (*Store)(nil)

// Dump implements store.Source.
func (s *Store) Dump(ctx context.Context, fn func(store.Dump) error) error {
	return s.view(ctx, func(v *snapshot) error { return fn(dump{v}) })
}

// dump is a snapshot that is given away whole. Runs, articles and records are
// in the order of their row ids, which are never handed out twice.
type dump struct{ *snapshot }

const selectLedger = `SELECT
	(SELECT count(*) FROM runs), (SELECT count(*) FROM runs WHERE finished_at IS NULL), (SELECT count(*) FROM accounts),
	(SELECT count(*) FROM api_keys), (SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL),
	(SELECT min(uuid) FROM runs), (SELECT count(*) FROM feed_states), (SELECT count(*) FROM allowed)`

// Ledger implements store.Dump.
func (d dump) Ledger(ctx context.Context) (store.Ledger, error) {
	l := store.Ledger{
		Seq: d.clock.seq, UpdatedAt: unix(d.clock.updatedAt), Deletions: d.clock.deletions,
		MaxTLP: ioc.TLP(d.clock.maxTLP), KeysMade: d.clock.keysMade,
	}
	var err error
	if l.Counts, err = d.Counts(ctx); err != nil {
		return l, err
	}
	_, err = d.query(selectLedger, func(st *sqlite.Stmt) error {
		l.Runs, l.OpenRuns, l.Accounts = st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2)
		l.Keys, l.RevokedKeys = st.ColumnInt64(3), st.ColumnInt64(4)
		st.ColumnBytes(5, l.First[:])
		l.FeedStates, l.Allowed = st.ColumnInt64(6), st.ColumnInt64(7)
		return nil
	})
	if err != nil {
		return l, fmt.Errorf("count: %w", err)
	}
	return l, nil
}

const selectAccounts = `SELECT name, created_at FROM accounts ORDER BY id`

// Accounts implements store.Dump.
func (d dump) Accounts(context.Context) ([]store.Account, error) {
	var all []store.Account
	_, err := d.query(selectAccounts, func(st *sqlite.Stmt) error {
		all = append(all, store.Account{Name: st.ColumnText(0), CreatedAt: unix(st.ColumnInt64(1))})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return all, nil
}

const selectKeysAsMade = keyColumns + ` ORDER BY k.id`

// Keys implements store.Dump.
func (d dump) Keys(context.Context) ([]store.Key, error) {
	var all []store.Key
	_, err := d.query(selectKeysAsMade, func(st *sqlite.Stmt) error {
		k, err := scanKey(st)
		all = append(all, k)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return all, nil
}

// FeedStates implements store.Dump.
func (d dump) FeedStates(context.Context) ([]store.FeedState, error) {
	all, err := d.feedStates(selectFeedStates)
	if err != nil {
		return nil, fmt.Errorf("read states of feeds: %w", err)
	}
	return all, nil
}

// Allowed implements store.Dump.
func (d dump) Allowed(context.Context) ([]store.Allowed, error) {
	all, err := d.allowed()
	if err != nil {
		return nil, fmt.Errorf("read allowed values: %w", err)
	}
	return all, nil
}

const selectRunsAfter = `SELECT r.uuid, d.name, d.category, r.source, r.started_at, r.finished_at, r.stats, r.id, w.since, coalesce(r.sightings, -1) FROM runs r JOIN feeds d ON d.id = r.feed_id LEFT JOIN writers w ON w.id = r.uuid WHERE r.id > ? ORDER BY r.id LIMIT ?`

// Runs implements store.Dump.
func (d dump) Runs(_ context.Context, after int64, limit int) ([]store.MovedRun, error) {
	var all []store.MovedRun
	_, err := d.query(selectRunsAfter, func(st *sqlite.Stmt) error {
		r, err := scanRun(st)
		m := store.MovedRun{
			Position: st.ColumnInt64(7), ID: r.ID, Feed: r.Feed, Source: r.Source,
			StartedAt: r.Started, FinishedAt: r.Finished, WritingSince: unix(st.ColumnInt64(8)), Sightings: st.ColumnInt64(9),
		}
		if !st.ColumnIsNull(6) {
			m.Stats = &r.Stats
		}
		all = append(all, m)
		return err
	}, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return all, nil
}

const selectArticlesAfter = `SELECT a.id, a.uuid, a.title, a.url, a.details, d.name, d.category FROM articles a JOIN feeds d ON d.id = a.feed_id WHERE a.id > ? ORDER BY a.id LIMIT ?`

// Articles implements store.Dump.
func (d dump) Articles(_ context.Context, after int64, limit int) ([]store.MovedArticle, error) {
	var all []store.MovedArticle
	_, err := d.query(selectArticlesAfter, func(st *sqlite.Stmt) error {
		a := store.MovedArticle{Position: st.ColumnInt64(0)}
		st.ColumnBytes(1, a.ID[:])
		a.Title, a.URL = st.ColumnText(2), st.ColumnText(3)
		a.Feed = store.Feed{Name: st.ColumnText(5), Category: store.Category(st.ColumnText(6))}
		err := column.ParseDetails(&a.Article, st.ColumnText(4))
		all = append(all, a)
		return err
	}, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read articles: %w", err)
	}
	return all, nil
}

const (
	selectRecordsAfter = `SELECT ` + recordColumns + `, runs.uuid, dated FROM records CROSS JOIN runs ON runs.id = run_id WHERE rid > ? ORDER BY rid LIMIT ?`
	selectSaidAfter    = `SELECT s.rid, s.seq, r.uuid, s.seen_at, s.facet_id, s.first_seen, s.last_seen, s.ports, s.context, s.valid_until, s.assumed FROM sightings s CROSS JOIN runs r ON r.id = s.run_id WHERE s.rid > ? AND s.rid <= ? ORDER BY s.rid, s.seq`
)

// Records implements store.Dump.
func (d dump) Records(ctx context.Context, after int64, limit int) ([]store.MovedRecord, error) {
	var rows []row
	all := make([]store.MovedRecord, 0, limit)
	_, err := d.query(selectRecordsAfter, func(st *sqlite.Stmt) error {
		rows = append(rows, row{})
		r := &rows[len(rows)-1]
		r.scan(st)
		m := store.MovedRecord{Position: r.rid, AddedSeq: r.Seq, FirstDated: st.ColumnInt64(17)&1 != 0, LastDated: st.ColumnInt64(17)&2 != 0}
		st.ColumnBytes(16, m.Run[:])
		all = append(all, m)
		return nil
	}, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	for i := range rows {
		if err := d.resolve(&rows[i]); err != nil {
			return nil, fmt.Errorf("read records: %w", err)
		}
		all[i].Record = rows[i].Record
	}
	if len(rows) == 0 {
		return nil, ctx.Err()
	}
	if err := d.said(after, all); err != nil {
		return nil, fmt.Errorf("read sightings: %w", err)
	}
	return all, ctx.Err()
}

// said fills in what was said of the records, which are all those after a row
// id up to the last of them.
func (d dump) said(after int64, records []store.MovedRecord) error {
	type found struct {
		record int // index
		facet  int64
		store.Said
	}
	var all []found
	at := 0
	_, err := d.query(selectSaidAfter, func(st *sqlite.Stmt) error {
		rid := st.ColumnInt64(0)
		for at < len(records) && records[at].Position < rid {
			at++
		}
		if at == len(records) || records[at].Position != rid {
			return fmt.Errorf("%w: a sighting names missing record %d", store.ErrCorrupt, rid)
		}
		f := found{record: at, facet: st.ColumnInt64(4)}
		f.Seq, f.SeenAt = st.ColumnInt64(1), unix(st.ColumnInt64(3))
		f.FirstSeen, f.LastSeen = unix(st.ColumnInt64(5)), unix(st.ColumnInt64(6))
		f.Ports, f.Context = column.ParsePorts(st.ColumnText(7)), st.ColumnText(8)
		f.ValidUntil, f.Assumed = known(st, 9), known(st, 10)
		st.ColumnBytes(2, f.Run[:])
		all = append(all, f)
		return nil
	}, after, records[len(records)-1].Position)
	if err != nil {
		return err
	}
	for i := range all {
		f, r := &all[i], &records[all[i].record]
		facet, err := d.facet(f.facet)
		if err != nil {
			return err
		}
		facet.apply(&f.Record)
		f.Value, f.Key = r.Value, r.Key
		if len(r.Said) == 0 {
			r.AddedSeq = f.Seq // the row that it became when it first changed
		}
		r.Said = append(r.Said, f.Said)
	}
	return nil
}

const selectSample = `SELECT id_hi, id_lo FROM records WHERE rid >= ? ORDER BY rid LIMIT 1`

// Sample implements store.Dump.
func (d dump) Sample(ctx context.Context, n int, random *rand.Rand) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	seen := make(map[uuid.UUID]bool, n)
	for tries := 0; len(ids) < n && tries < 2*n && d.clock.lastRID > 0; tries++ {
		_, err := d.query(selectSample, func(st *sqlite.Stmt) error {
			id := joinID(st.ColumnInt64(0), st.ColumnInt64(1))
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
			return nil
		}, 1+random.Int64N(d.clock.lastRID))
		if err != nil {
			return nil, fmt.Errorf("pick records: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
