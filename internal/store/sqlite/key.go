package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

// AddKey implements store.KeyKeeper.
func (s *Store) AddKey(ctx context.Context, key store.Key) error {
	return s.update(ctx, func(c *conn, k *clock) error { return addKey(c, k, key) })
}

// AddFirstKey implements store.KeyKeeper.
func (s *Store) AddFirstKey(ctx context.Context, key store.Key) (bool, error) {
	added := false
	err := s.update(ctx, func(c *conn, k *clock) error {
		if k.keysMade > 0 {
			return nil
		}
		added = true
		return addKey(c, k, key)
	})
	return added && err == nil, err
}

const (
	insertAccount   = `INSERT INTO accounts (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`
	selectAccountID = `SELECT id FROM accounts WHERE name = ?`
	insertKey       = `INSERT INTO api_keys (uuid, account_id, name, hash, prefix, tier, scopes, allowed_ips, max_tlp, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

func addKey(c *conn, k *clock, key store.Key) error {
	if err := c.exec(insertAccount, key.Account, key.CreatedAt.Unix()); err != nil {
		return fmt.Errorf("make account: %w", err)
	}
	account := int64(0)
	if _, err := c.query(selectAccountID, func(st *sqlite.Stmt) error { account = st.ColumnInt64(0); return nil }, key.Account); err != nil {
		return fmt.Errorf("find account: %w", err)
	}
	scopes, ips, err := column.KeyLists(&key)
	if err != nil {
		return err
	}
	err = c.exec(insertKey, key.ID[:], account, key.Name, key.Hash[:], key.Prefix, key.Tier, scopes, ips,
		int64(key.MaxTLP), key.CreatedAt.Unix(), instant(key.ExpiresAt))
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint {
		return fmt.Errorf("key %s: %w", key.Prefix, store.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("store key: %w", err)
	}
	k.keysMade++
	return nil
}

const (
	keyColumns      = `SELECT k.uuid, a.name, k.name, k.hash, k.prefix, k.tier, k.scopes, k.allowed_ips, k.max_tlp, k.created_at, k.expires_at, k.revoked_at FROM api_keys k JOIN accounts a ON a.id = k.account_id`
	selectKeyByHash = keyColumns + ` WHERE k.hash = ?`
	selectKeys      = keyColumns + ` ORDER BY k.created_at, k.id`
)

// KeyByHash implements store.KeyKeeper.
func (s *Store) KeyByHash(ctx context.Context, hash [32]byte) (store.Key, error) {
	keys, err := s.keys(ctx, selectKeyByHash, hash[:])
	if err != nil {
		return store.Key{}, err
	}
	if len(keys) == 0 {
		return store.Key{}, fmt.Errorf("key: %w", store.ErrNotFound)
	}
	return keys[0], nil
}

// Keys implements store.KeyKeeper.
func (s *Store) Keys(ctx context.Context) ([]store.Key, error) { return s.keys(ctx, selectKeys) }

func (s *Store) keys(ctx context.Context, query string, args ...any) ([]store.Key, error) {
	c, err := s.take(ctx, s.keyReader)
	if err != nil {
		return nil, err
	}
	defer func() { s.keyReader <- c }()
	var keys []store.Key
	err = c.read(ctx, func() error {
		_, err := c.query(query, func(st *sqlite.Stmt) error {
			k, err := scanKey(st)
			keys = append(keys, k)
			return err
		}, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return keys, nil
}

func scanKey(st *sqlite.Stmt) (store.Key, error) {
	k := store.Key{
		Account: st.ColumnText(1), Name: st.ColumnText(2), Prefix: st.ColumnText(4), Tier: st.ColumnText(5),
		MaxTLP:    ioc.TLP(st.ColumnInt64(8)), //nolint:gosec // written by us
		CreatedAt: unix(st.ColumnInt64(9)), ExpiresAt: unix(st.ColumnInt64(10)), RevokedAt: unix(st.ColumnInt64(11)),
	}
	st.ColumnBytes(0, k.ID[:])
	st.ColumnBytes(3, k.Hash[:])
	return k, column.ParseKeyLists(&k, st.ColumnText(6), st.ColumnText(7))
}

const revokeKey = `UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE uuid = ?`

// RevokeKey implements store.KeyKeeper.
func (s *Store) RevokeKey(ctx context.Context, id uuid.UUID, at time.Time) error {
	return s.update(ctx, func(c *conn, _ *clock) error {
		if err := c.exec(revokeKey, at.Unix(), id[:]); err != nil {
			return fmt.Errorf("revoke key: %w", err)
		}
		if c.Changes() == 0 {
			return fmt.Errorf("key %s: %w", id, store.ErrNotFound)
		}
		return nil
	})
}

// instant returns a nullable time column.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Unix()
}
