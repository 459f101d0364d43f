package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

const (
	// pruneLook is how many rows are looked at in one view, pruneWrite how many
	// are changed at the most in one transaction.
	pruneLook  = 10_000
	pruneWrite = 500
)

var _ store.Pruner = (*Store)(nil)

// Prune implements store.Pruner. Records and articles are walked in the order
// of their row ids: no index has the dates that decide, and one would cost
// every import more than a walk a day does.
func (s *Store) Prune(ctx context.Context, policy store.Policy, now time.Time) (store.Pruned, error) {
	p := pruner{Store: s, policy: policy, now: now.UTC()}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{{"records", p.records}, {"articles", p.articles}, {"runs", p.runs}} {
		if err := step.run(ctx); err != nil {
			return p.pruned, fmt.Errorf("prune %s: %w", step.name, err)
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

const selectDates = `SELECT rid, facet_id, last_seen, valid_until FROM records WHERE rid > ? AND rid <= ? ORDER BY rid LIMIT ?`

func (p *pruner) records(ctx context.Context) error {
	if seen, valid := p.policy.Oldest(p.now); seen.IsZero() && valid.IsZero() {
		return nil
	}
	expiries := map[int64]store.Expiry{} // by facet
	after, last := int64(0), int64(-1)
	for more := true; more; {
		var due []int64
		err := p.view(ctx, func(v *snapshot) error {
			if last < 0 {
				last = v.clock.lastRID // what comes meanwhile is for the next time
			}
			n, err := v.query(selectDates, func(st *sqlite.Stmt) error {
				after = st.ColumnInt64(0)
				e, met := expiries[st.ColumnInt64(1)]
				if !met {
					f, err := v.facet(st.ColumnInt64(1))
					if err != nil {
						return err
					}
					e = p.policy.Expiry(f.feed.Name, f.typ)
					expiries[st.ColumnInt64(1)] = e
				}
				if e.Due(unix(st.ColumnInt64(2)), known(st, 3), p.now) {
					due = append(due, after)
				}
				return nil
			}, after, last, pruneLook)
			if more = n == pruneLook; err == nil && p.policy.DryRun {
				err = p.count(v, due)
			}
			return err
		})
		if err != nil {
			return err
		}
		for ; !p.policy.DryRun && len(due) > 0; due = due[min(pruneWrite, len(due)):] {
			if err := p.delete(ctx, due[:min(pruneWrite, len(due))]); err != nil {
				return err
			}
		}
	}
	return nil
}

// count counts records that would be deleted.
func (p *pruner) count(v *snapshot, due []int64) error {
	for _, rid := range due {
		n, err := v.saidBy(rid, func(int64) {})
		if err != nil {
			return err
		}
		p.pruned.Records++
		p.pruned.Sightings += n
	}
	return nil
}

// delete deletes those of the records that are due still.
func (p *pruner) delete(ctx context.Context, due []int64) error {
	var gone store.Pruned
	err := p.update(ctx, func(c *conn, k *clock) error {
		gone = store.Pruned{}
		d := newDeleter(p.Store, c, k)
		for _, rid := range due {
			var r row
			n, err := c.query(selectRecordByRID, func(st *sqlite.Stmt) error { r.scan(st); return nil }, rid)
			if err != nil {
				return err
			}
			if n == 0 { // somebody else deleted it
				continue
			}
			f, err := p.facetWriter.load(c, r.facetID)
			if err != nil {
				return err
			}
			e := p.policy.Expiry(f.feed.Name, f.typ)
			if !e.Due(r.LastSeen, r.ValidUntil, p.now) { // it was seen again
				continue
			}
			if err := d.delete(&r); err != nil {
				return err
			}
			gone.Records++
		}
		gone.Sightings = d.sightings
		return d.flush()
	})
	if err == nil {
		p.pruned.Records += gone.Records
		p.pruned.Sightings += gone.Sightings
	}
	return err
}

func (p *pruner) articles(ctx context.Context) error {
	if p.policy.Articles <= 0 {
		return nil
	}
	for after, more := int64(0), true; more; {
		var due []uuid.UUID
		err := p.view(ctx, func(v *snapshot) error {
			all, err := dump{v}.Articles(ctx, after, pruneLook/10)
			if more = len(all) > 0; more {
				after = all[len(all)-1].Position
			}
			for i := range all {
				if p.policy.Archives(&all[i].Article, p.now) {
					due = append(due, all[i].ID)
				}
			}
			return err
		})
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
func (p *pruner) archive(ctx context.Context, due []uuid.UUID) error {
	n := int64(0)
	err := p.update(ctx, func(c *conn, k *clock) error {
		n = 0
		for _, id := range due {
			a, found, err := c.loadArticle(id)
			if err != nil {
				return err
			}
			if !found || !p.policy.Archives(&a, p.now) {
				continue
			}
			a = a.Archived(p.now)
			details, err := column.Details(&a)
			if err != nil {
				return err
			}
			if err := c.exec(updateArticle, a.Title, a.URL, details, a.ID[:]); err != nil {
				return err
			}
			k.tick(p.Store.now())
			n++
		}
		return nil
	})
	if err == nil {
		p.pruned.Articles += n
	}
	return err
}

const (
	selectFirstRun = `SELECT uuid FROM runs ORDER BY uuid LIMIT 1`
	selectOldRuns  = `SELECT id, uuid, started_at, finished_at IS NULL, sightings FROM runs WHERE started_at <= ? AND (started_at, uuid) > (?, ?) ORDER BY started_at, uuid LIMIT ?`
	deleteRun      = `DELETE FROM runs WHERE id = ? AND sightings = 0`
)

func (p *pruner) runs(ctx context.Context) error {
	ended, open := p.policy.Forgets(p.now)
	if ended.IsZero() {
		return nil
	}
	var first, after uuid.UUID
	began := int64(-1 << 62)
	for more := true; more; {
		var due []int64
		err := p.view(ctx, func(v *snapshot) error {
			if _, err := v.query(selectFirstRun, func(st *sqlite.Stmt) error { st.ColumnBytes(0, first[:]); return nil }); err != nil {
				return err
			}
			n, err := v.query(selectOldRuns, func(st *sqlite.Stmt) error {
				st.ColumnBytes(1, after[:])
				began = st.ColumnInt64(2)
				underWay := st.ColumnInt64(3) != 0 && unix(began).After(open)
				if after != first && !underWay && !st.ColumnIsNull(4) && st.ColumnInt64(4) == 0 {
					due = append(due, st.ColumnInt64(0))
				}
				return nil
			}, ended.Unix(), began, after[:], pruneLook)
			more = n == pruneLook
			return err
		})
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

// forget deletes those of the runs that have no sightings still. SQLite would look through all
// sightings for each, to see that none names it: the count says so, and Check
// compares that.
func (p *pruner) forget(ctx context.Context, due []int64) (err error) {
	c, err := p.take(ctx, p.writer)
	if err != nil {
		return err
	}
	defer func() { p.writer <- c }()
	if err := c.exec(`PRAGMA foreign_keys = OFF`); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.exec(`PRAGMA foreign_keys = ON`)) }()
	n := int64(0)
	err = c.write(ctx, func() error {
		for _, id := range due {
			if err := c.exec(deleteRun, id); err != nil {
				return err
			}
			n += int64(c.Changes())
		}
		return nil
	})
	if err == nil {
		p.pruned.Runs += n
	}
	return err
}
