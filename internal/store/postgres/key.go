package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

// AddKey implements store.KeyKeeper.
func (s *Store) AddKey(ctx context.Context, key store.Key) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error { return t.addKey(ctx, key) })
}

// AddFirstKey implements store.KeyKeeper.
func (s *Store) AddFirstKey(ctx context.Context, key store.Key) (bool, error) {
	added := false
	err := s.update(ctx, func(ctx context.Context, t *txn) error {
		if t.again && added { // whether the commit that broke was one
			has, err := t.hasKey(ctx, key)
			if err != nil || has {
				return err
			}
		}
		if added = t.clock.keysMade == 0; !added {
			return nil
		}
		return t.addKey(ctx, key)
	})
	return added && err == nil, err
}

const (
	insertAccount   = `INSERT INTO accounts (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`
	insertKey       = `INSERT INTO api_keys (hash, id, account_id, made, name, prefix, tier, scopes, allowed_ips, max_tlp, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	selectSameKey   = `SELECT hash FROM api_keys WHERE hash = $1`
	selectSameKeyID = `SELECT hash FROM api_keys WHERE id = $1`
)

// accountID names an account by its name.
func accountID(name string) uuid.UUID {
	return uuid.NewSHA1(store.Namespace, append([]byte("account\x00"), name...))
}

func (t *txn) addKey(ctx context.Context, key store.Key) error {
	known, err := t.hasKey(ctx, key)
	if err != nil {
		return err
	}
	if known && t.again { // the commit that broke was one
		return nil
	}
	if known {
		return fmt.Errorf("key %s: %w", key.Prefix, store.ErrExists)
	}
	account := accountID(key.Account)
	if _, err := t.Exec(ctx, insertAccount, [16]byte(account), key.Account, instant(key.CreatedAt)); err != nil {
		return fmt.Errorf("make account: %w", err)
	}
	scopes, ips, err := column.KeyLists(&key)
	if err != nil {
		return err
	}
	t.clock.keysMade++
	t.clock.keysChanged++
	_, err = t.Exec(ctx, insertKey, key.Hash[:], [16]byte(key.ID), [16]byte(account), t.clock.keysMade, key.Name, key.Prefix, key.Tier,
		scopes, ips, int16(key.MaxTLP), instant(key.CreatedAt), instant(key.ExpiresAt))
	if err != nil {
		return fmt.Errorf("store key: %w", err)
	}
	return nil
}

// hasKey reports whether the hash or the id is known.
func (t *txn) hasKey(ctx context.Context, key store.Key) (bool, error) {
	known := false
	for _, q := range []question{{sql: selectSameKey, args: []any{key.Hash[:]}}, {sql: selectSameKeyID, args: []any{[16]byte(key.ID)}}} {
		rows, err := t.Query(ctx, q.sql, q.args...)
		if err == nil {
			err = each(rows, func(pgx.Rows) error { known = true; return nil })
		}
		if err != nil {
			return false, fmt.Errorf("find key: %w", err)
		}
	}
	return known, nil
}

const (
	keyColumns      = `SELECT k.id, a.name, k.name, k.hash, k.prefix, k.tier, k.scopes, k.allowed_ips, k.max_tlp, k.created_at, k.expires_at, k.revoked_at FROM api_keys k JOIN accounts a ON a.id = k.account_id`
	selectKeyByHash = keyColumns + ` WHERE k.hash = $1`
	selectKeys      = keyColumns + ` ORDER BY k.created_at, k.made`
)

// KeyByHash implements store.KeyKeeper.
func (s *Store) KeyByHash(ctx context.Context, hash [32]byte) (store.Key, error) {
	keys, err := s.readKeys(ctx, selectKeyByHash, hash[:])
	if err != nil {
		return store.Key{}, err
	}
	if len(keys) == 0 {
		return store.Key{}, fmt.Errorf("key: %w", store.ErrNotFound)
	}
	return keys[0], nil
}

// Keys implements store.KeyKeeper.
func (s *Store) Keys(ctx context.Context) ([]store.Key, error) { return s.readKeys(ctx, selectKeys) }

// readKeys asks the server that takes writes, where what was revoked is
// revoked. While there is none, nobody can revoke either, and the word of a
// replica that has every change of keys seen so far is as good.
func (s *Store) readKeys(ctx context.Context, sql string, args ...any) (keys []store.Key, err error) {
	err = s.retry(ctx, func() error {
		err := s.replicas.ask(ctx, s.primary, func(ctx context.Context) error { return s.keys.readKeys(ctx, &keys, sql, args...) })
		if s.replicas == nil || !unreachable(err) || ctx.Err() != nil {
			return err
		}
		if n := s.replicas.knowingKeys(); n != nil && n.readKeys(ctx, &keys, sql, args...) == nil {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return keys, nil
}

func (n *node) readKeys(ctx context.Context, keys *[]store.Key, sql string, args ...any) error {
	*keys = nil
	rows, err := n.pool.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return each(rows, func(r pgx.Rows) error {
		k, err := scanKey(r)
		*keys = append(*keys, k)
		return err
	})
}

func scanKey(r pgx.Rows) (store.Key, error) {
	var k store.Key
	var scopes, ips string
	var hash []byte
	var maxTLP int16
	var expires, revoked *time.Time
	err := r.Scan((*[16]byte)(&k.ID), &k.Account, &k.Name, &hash, &k.Prefix, &k.Tier, &scopes, &ips, &maxTLP, &k.CreatedAt, &expires, &revoked)
	if err != nil {
		return k, err
	}
	copy(k.Hash[:], hash)
	k.MaxTLP = ioc.TLP(maxTLP) //nolint:gosec // written by us
	k.CreatedAt, k.ExpiresAt, k.RevokedAt = k.CreatedAt.UTC(), known(expires), known(revoked)
	return k, column.ParseKeyLists(&k, scopes, ips)
}

const revokeKey = `UPDATE api_keys SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2`

// RevokeKey implements store.KeyKeeper.
func (s *Store) RevokeKey(ctx context.Context, id uuid.UUID, at time.Time) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		done, err := t.Exec(ctx, revokeKey, instant(at), [16]byte(id))
		if err != nil {
			return fmt.Errorf("revoke key: %w", err)
		}
		if done.RowsAffected() == 0 {
			return fmt.Errorf("key %s: %w", id, store.ErrNotFound)
		}
		t.clock.keysChanged++
		return nil
	})
}
