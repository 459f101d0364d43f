package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
)

const (
	// pruneLook is how many rows are looked at at a time, pruneWrite how many
	// are changed at the most in one transaction.
	pruneLook  = 10_000
	pruneWrite = 500
)

var _ store.Pruner = (*Store)(nil)

// Prune implements store.Pruner. Records are walked in the order in which they
// were made, which is mostly that in which they lie: no index has the dates
// that decide, and one would cost every import more than a walk a day does.
func (s *Store) Prune(ctx context.Context, policy store.Policy, now time.Time) (store.Pruned, error) {
	p := pruner{Store: s, policy: policy, now: now.UTC()}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{{"records", p.records}, {"articles", p.articles}, {"runs", p.runs}} {
		if err := step.run(ctx); err != nil {
			return p.pruned, fmt.Errorf("prune %s: %w", step.name, translate(err))
		}
	}
	return p.pruned, nil
}

// pruner is one Prune.
type pruner struct {
	*Store
	policy store.Policy
	now    time.Time
	pruned store.Pruned
}

const (
	// selectPieceEnd reads nothing but the index.
	selectPieceEnd = `SELECT added_seq FROM records WHERE added_seq > $1 AND added_seq <= $2 ORDER BY added_seq OFFSET $3 LIMIT 1`
	selectOld      = `SELECT indicator_id, id, facet_id, last_seen, valid_until FROM records WHERE added_seq > $1 AND added_seq <= $2 AND (last_seen <= $3 OR valid_until <= $4)`
	countSaid      = `SELECT s.record_id, count(*) FROM unnest($1::uuid[], $2::uuid[]) AS k (indicator_id, id) JOIN sightings s ON s.indicator_id = k.indicator_id AND s.record_id = k.id GROUP BY s.record_id`
)

func (p *pruner) records(ctx context.Context) error {
	if seen, valid := p.policy.Oldest(p.now); seen.IsZero() && valid.IsZero() {
		return nil
	}
	last, end := int64(-1), int64(0)
	for after := int64(0); last < 0 || after < last; after = end {
		var due hitIDs
		err := p.onView(ctx, func(v *snapshot) (err error) {
			if last < 0 {
				last = v.Seq() // what comes meanwhile is for the next time
			}
			due, end, err = p.look(ctx, v, after, last)
			return err
		})
		if err != nil {
			return err
		}
		for !p.policy.DryRun && len(due.ids) > 0 {
			n := min(pruneWrite, len(due.ids))
			if err := p.delete(ctx, hitIDs{due.indicators[:n], due.ids[:n]}); err != nil {
				return err
			}
			due = hitIDs{due.indicators[n:], due.ids[n:]}
		}
	}
	return nil
}

// look returns the records that are due among the next that were made after a
// number, and where it stopped looking.
func (p *pruner) look(ctx context.Context, v *snapshot, after, last int64) (due hitIDs, end int64, err error) {
	end = last
	err = v.ask(ctx, selectPieceEnd, func(r pgx.Rows) error { return r.Scan(&end) }, after, last, pruneLook-1)
	if err != nil {
		return due, end, err
	}
	var rows []row
	seen, valid := p.policy.Oldest(p.now)
	err = v.ask(ctx, selectOld, func(r pgx.Rows) error {
		var one row
		var indicator [16]byte
		var until *time.Time
		err := r.Scan(&indicator, (*[16]byte)(&one.ID), (*[16]byte)(&one.facetID), &one.LastSeen, &until)
		one.ValidUntil = known(until)
		rows = append(rows, one)
		due.indicators = append(due.indicators, indicator)
		return err
	}, after, end, floor(seen), floor(valid))
	if err == nil {
		err = v.resolve(ctx, rows)
	}
	if err != nil {
		return due, end, err
	}
	old := due
	due = hitIDs{}
	for i := range rows {
		if p.due(&rows[i]) {
			due.indicators, due.ids = append(due.indicators, old.indicators[i]), append(due.ids, rows[i].ID)
		}
	}
	if p.policy.DryRun {
		err = p.count(ctx, v, due)
	}
	return due, end, err
}

// floor returns a time to compare with, that is before all records' for the
// zero time.
func floor(t time.Time) time.Time {
	if t.IsZero() {
		return never()
	}
	return within(t)
}

func (p *pruner) due(r *row) bool {
	e := p.policy.Expiry(r.Feed.Name, r.Type)
	return e.Due(r.LastSeen, r.ValidUntil, p.now)
}

// count counts records that would be deleted.
func (p *pruner) count(ctx context.Context, v *snapshot, due hitIDs) error {
	said := int64(len(due.ids))
	if len(due.ids) > 0 {
		err := v.ask(ctx, countSaid, func(r pgx.Rows) error {
			var record [16]byte
			n := int64(0)
			err := r.Scan(&record, &n)
			said += n - 1 // the first is the record itself
			return err
		}, due.indicators, due.ids)
		if err != nil {
			return err
		}
	}
	p.pruned.Records += int64(len(due.ids))
	p.pruned.Sightings += said
	return nil
}

// delete deletes those of the records that are due still.
func (p *pruner) delete(ctx context.Context, due hitIDs) error {
	var gone removed
	err := p.update(ctx, func(ctx context.Context, t *txn) (err error) {
		gone, err = p.remove(ctx, t, due, gone)
		return err
	})
	if err == nil {
		p.pruned.Records += int64(len(gone.ids))
		p.pruned.Sightings += gone.sightings
	}
	return err
}

// removed are records that went.
type removed struct {
	hitIDs
	sightings int64
}

// remove is delete in one transaction; before is what an earlier attempt did,
// whose commit broke.
func (p *pruner) remove(ctx context.Context, t *txn, due hitIDs, before removed) (gone removed, err error) {
	rows, err := t.stored(ctx, p.Store, due)
	if err != nil {
		return before, err
	}
	if t.again && len(before.ids) > 0 && !anyOf(rows, before.hitIDs) { // it was one
		return before, nil
	}
	for i := range rows {
		if p.due(&rows[i]) { // it was not seen again
			gone.add(rows[i].Type, rows[i].Key, rows[i].ID)
		}
	}
	if len(gone.ids) > 0 {
		gone.sightings, err = t.remove(ctx, p.Store, gone.hitIDs)
	}
	return gone, err
}

// anyOf reports whether any of the ids is that of a row.
func anyOf(rows []row, h hitIDs) bool {
	there := make(map[uuid.UUID]bool, len(rows))
	for i := range rows {
		there[rows[i].ID] = true
	}
	for _, id := range h.ids {
		if there[id] {
			return true
		}
	}
	return false
}

const selectArticlesAfter = `SELECT a.id, a.title, a.url, a.details, d.name, d.category FROM articles a JOIN feeds d ON d.id = a.feed_id WHERE a.id > $1 ORDER BY a.id LIMIT $2`

func (p *pruner) articles(ctx context.Context) error {
	if p.policy.Articles <= 0 {
		return nil
	}
	var after uuid.UUID
	for more := true; more; {
		var due [][16]byte
		next := after
		err := p.onView(ctx, func(v *snapshot) error {
			due, more = nil, false
			return v.ask(ctx, selectArticlesAfter, func(r pgx.Rows) error {
				a, err := scanArticle(r)
				if p.policy.Archives(&a, p.now) {
					due = append(due, a.ID)
				}
				next, more = a.ID, true
				return err
			}, [16]byte(after), pruneLook/10)
		})
		after = next
		if err == nil && !p.policy.DryRun && len(due) > 0 {
			err = p.archive(ctx, due)
		} else if err == nil {
			p.pruned.Articles += int64(len(due))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// archive archives those of the articles that are due still.
func (p *pruner) archive(ctx context.Context, due [][16]byte) error {
	n := 0
	err := p.update(ctx, func(ctx context.Context, t *txn) error {
		w := articleWriter{have: map[uuid.UUID]store.Article{}}
		rows, err := t.Query(ctx, selectArticles, due)
		if err == nil {
			err = each(rows, func(r pgx.Rows) error {
				a, err := scanArticle(r)
				if p.policy.Archives(&a, p.now) {
					w.have[a.ID] = a.Archived(p.now)
					w.changed = append(w.changed, a.ID)
				}
				return err
			})
		}
		if err != nil {
			return err
		}
		if len(w.changed) == 0 {
			if !t.again { // else the commit that broke may have been one
				n = 0
			}
			return nil
		}
		n = len(w.changed)
		for range w.changed {
			t.clock.tick(p.Store.now())
		}
		b := new(pgx.Batch)
		if err := w.queue(b); err != nil {
			return err
		}
		return t.SendBatch(ctx, b).Close()
	})
	if err == nil {
		p.pruned.Articles += int64(n)
	}
	return err
}

const (
	selectOldRuns = `SELECT id, started_at, finished_at IS NULL, sightings FROM runs WHERE started_at <= $1 AND (started_at, id) > ($2, $3) ORDER BY started_at, id LIMIT $4`
	deleteRuns    = `DELETE FROM runs USING unnest($1::uuid[]) AS k (id) WHERE runs.id = k.id AND runs.sightings = 0`
)

func (p *pruner) runs(ctx context.Context) error {
	ended, open := p.policy.Forgets(p.now)
	if ended.IsZero() {
		return nil
	}
	var after uuid.UUID
	began := never()
	for more := true; more; {
		var due [][16]byte
		next, at := after, began
		err := p.onView(ctx, func(v *snapshot) error {
			var first uuid.UUID
			if err := v.ask(ctx, selectFirstRun, func(r pgx.Rows) error { return r.Scan((*[16]byte)(&first)) }); err != nil {
				return err
			}
			due = nil
			n := 0
			err := v.ask(ctx, selectOldRuns, func(r pgx.Rows) error {
				var unfinished bool
				var sightings *int64
				err := r.Scan((*[16]byte)(&next), &at, &unfinished, &sightings)
				if n++; next != first && sightings != nil && *sightings == 0 && !(unfinished && at.After(open)) {
					due = append(due, next)
				}
				return err
			}, within(ended), began, [16]byte(after), pruneLook)
			more = n == pruneLook
			return err
		})
		after, began = next, at
		if err == nil && !p.policy.DryRun && len(due) > 0 {
			err = p.forget(ctx, due)
		} else if err == nil {
			p.pruned.Runs += int64(len(due))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forget deletes those of the runs that have no sightings still.
func (p *pruner) forget(ctx context.Context, due [][16]byte) error {
	n := int64(0)
	err := p.update(ctx, func(ctx context.Context, t *txn) error {
		tag, err := t.Exec(ctx, deleteRuns, due)
		if err == nil && !(t.again && tag.RowsAffected() == 0) { // else the commit that broke may have been one
			n = tag.RowsAffected()
		}
		return err
	})
	if err == nil {
		p.pruned.Runs += n
	}
	return err
}
