package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
)

// Spend implements store.Rationer. The write transaction is what keeps others
// from the key meanwhile; a refusal writes nothing in it, and so costs no sync.
func (s *Store) Spend(ctx context.Context, sp store.Spending) (store.Balance, error) {
	var b store.Balance
	err := s.update(ctx, func(c *conn, _ *clock) error {
		u, err := loadUsage(c, sp)
		if err != nil {
			return err
		}
		var changed []store.Bucket
		b, changed = u.Spend(sp)
		if len(changed) == 0 {
			return nil
		}
		return saveUsage(c, sp, u.Holders, changed)
	})
	if err != nil {
		return store.Balance{}, fmt.Errorf("spend for key %s: %w", sp.Key, err)
	}
	return b, nil
}

const (
	selectHolders = `SELECT holders FROM usage_keys WHERE key_id = ?`
	selectUsage   = `SELECT start, last_at, amount FROM usage WHERE key_id = ? AND span = ? AND start >= ?`
)

func loadUsage(c *conn, sp store.Spending) (store.Usage, error) {
	var u store.Usage
	_, err := c.query(selectHolders, func(st *sqlite.Stmt) (err error) {
		u.Holders, err = store.DecodeHolders(st.ColumnText(0))
		return err
	}, sp.Key[:])
	if err != nil {
		return u, fmt.Errorf("read holders: %w", err)
	}
	for _, span := range sp.Limits.Spans() {
		_, err := c.query(selectUsage, func(st *sqlite.Stmt) error {
			u.Buckets = append(u.Buckets, store.Bucket{
				Span: span, Start: st.ColumnInt64(0), Last: st.ColumnInt64(1), Amount: st.ColumnInt64(2),
			})
			return nil
		}, sp.Key[:], int64(span), span.Oldest(sp.Now))
		if err != nil {
			return u, fmt.Errorf("read usage: %w", err)
		}
	}
	return u, nil
}

const (
	upsertHolders = `INSERT INTO usage_keys (key_id, holders) VALUES (?, ?) ON CONFLICT (key_id) DO UPDATE SET holders = excluded.holders`
	upsertUsage   = `INSERT INTO usage (key_id, span, start, last_at, amount) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key_id, span, start) DO UPDATE SET last_at = excluded.last_at, amount = excluded.amount`
)

func saveUsage(c *conn, sp store.Spending, holders []store.Holder, changed []store.Bucket) error {
	text, err := store.EncodeHolders(holders)
	if err != nil {
		return err
	}
	if err := c.exec(upsertHolders, sp.Key[:], text); err != nil {
		return fmt.Errorf("write holders: %w", err)
	}
	for _, b := range changed {
		if err := c.exec(upsertUsage, sp.Key[:], int64(b.Span), b.Start, b.Last, b.Amount); err != nil {
			return fmt.Errorf("write usage: %w", err)
		}
	}
	return nil
}

const deleteUsage = `DELETE FROM usage WHERE span = ? AND start < ?`

// PruneUsage implements store.Rationer.
func (s *Store) PruneUsage(ctx context.Context, now time.Time) (int64, error) {
	var gone int64
	err := s.update(ctx, func(c *conn, _ *clock) error {
		gone = 0
		for _, span := range store.Spans() {
			if err := c.exec(deleteUsage, int64(span), span.Stale(now)); err != nil {
				return err
			}
			gone += int64(c.Changes())
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("prune usage: %w", err)
	}
	return gone, nil
}
