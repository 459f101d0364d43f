package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
)

// Spend implements store.Rationer, over the connections that let callers in
// and past the clock: the key's own row is what others wait for. A second
// attempt has the same turn, and is counted once.
func (s *Store) Spend(ctx context.Context, sp store.Spending) (store.Balance, error) {
	var b store.Balance
	err := s.retry(ctx, func() (err error) {
		c, err := s.keys.acquire(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
		b, err = spend(ctx, c.Conn(), sp)
		if err != nil && !c.Conn().IsClosed() {
			undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
			defer cancel()
			_, _ = c.Exec(undo, "ROLLBACK") // err says what went wrong
		}
		return err
	})
	if err != nil {
		return store.Balance{}, fmt.Errorf("spend for key %s: %w", sp.Key, err)
	}
	return b, nil
}

// spend is one transaction in two round trips.
func spend(ctx context.Context, c *pgx.Conn, sp store.Spending) (store.Balance, error) {
	u, err := lockUsage(ctx, c, sp)
	if err != nil {
		return store.Balance{}, err
	}
	b, changed := u.Spend(sp)
	end := new(pgx.Batch)
	if len(changed) > 0 {
		if err := saveUsage(end, sp, u.Holders, changed); err != nil {
			return b, err
		}
	}
	end.Queue("COMMIT")
	if err := c.SendBatch(ctx, end).Close(); err != nil {
		return b, fmt.Errorf("write usage: %w", err)
	}
	return b, nil
}

// Each statement sees what was committed when it began: what is read after the
// lock is what the last holder of the lock left.
const (
	beginUsage = `BEGIN ISOLATION LEVEL READ COMMITTED`
	// Short: connections that wait here let nobody else in.
	setUsageLockTimeout = `SET LOCAL lock_timeout = '2s'`
	// What a crash of the database, not of ours, may lose is the last moment's
	// use; waiting for disks and standbys with every grant is not worth it.
	setUsageCommit = `SET LOCAL synchronous_commit = off`
	insertHolders  = `INSERT INTO usage_keys (key_id, holders) VALUES ($1, '[]') ON CONFLICT (key_id) DO NOTHING`
	lockHolders    = `SELECT holders FROM usage_keys WHERE key_id = $1 FOR UPDATE`
	selectUsage    = `SELECT start, last_at, amount FROM usage WHERE key_id = $1 AND span = $2 AND start >= $3`
)

func lockUsage(ctx context.Context, c *pgx.Conn, sp store.Spending) (u store.Usage, err error) {
	b := new(pgx.Batch)
	b.Queue(beginUsage)
	b.Queue(setUsageLockTimeout)
	b.Queue(setUsageCommit)
	b.Queue(insertHolders, sp.Key)
	b.Queue(lockHolders, sp.Key)
	spans := sp.Limits.Spans()
	for _, span := range spans {
		b.Queue(selectUsage, sp.Key, int64(span), span.Oldest(sp.Now))
	}
	br := c.SendBatch(ctx, b)
	defer func() { err = errors.Join(err, br.Close()) }()
	for range 4 {
		if _, err := br.Exec(); err != nil {
			return u, fmt.Errorf("begin: %w", err)
		}
	}
	var holders string
	if err := br.QueryRow().Scan(&holders); err != nil {
		return u, fmt.Errorf("lock key: %w", err)
	}
	if u.Holders, err = store.DecodeHolders(holders); err != nil {
		return u, err
	}
	for _, span := range spans {
		rows, err := br.Query()
		if err == nil {
			err = each(rows, func(r pgx.Rows) error {
				k := store.Bucket{Span: span}
				err := r.Scan(&k.Start, &k.Last, &k.Amount)
				u.Buckets = append(u.Buckets, k)
				return err
			})
		}
		if err != nil {
			return u, fmt.Errorf("read usage: %w", err)
		}
	}
	return u, nil
}

const (
	updateHolders = `UPDATE usage_keys SET holders = $1 WHERE key_id = $2`
	upsertUsage   = `INSERT INTO usage (key_id, span, start, last_at, amount) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key_id, span, start) DO UPDATE SET last_at = excluded.last_at, amount = excluded.amount`
)

func saveUsage(b *pgx.Batch, sp store.Spending, holders []store.Holder, changed []store.Bucket) error {
	text, err := store.EncodeHolders(holders)
	if err != nil {
		return err
	}
	b.Queue(updateHolders, text, sp.Key)
	for _, k := range changed {
		b.Queue(upsertUsage, sp.Key, int64(k.Span), k.Start, k.Last, k.Amount)
	}
	return nil
}

const deleteUsage = `DELETE FROM usage WHERE span = $1 AND start < $2`

// PruneUsage implements store.Rationer. Nobody spends from what it deletes, so
// that each window may go for itself.
func (s *Store) PruneUsage(ctx context.Context, now time.Time) (int64, error) {
	var gone int64
	for _, span := range store.Spans() {
		err := s.retry(ctx, func() error {
			tag, err := s.primary.pool.Exec(ctx, deleteUsage, int64(span), span.Stale(now))
			gone += tag.RowsAffected()
			return err
		})
		if err != nil {
			return gone, fmt.Errorf("prune usage: %w", err)
		}
	}
	return gone, nil
}
