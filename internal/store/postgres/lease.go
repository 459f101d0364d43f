package postgres

import (
	"context"
	"fmt"
	"time"
)

const (
	insertLease  = `INSERT INTO leases (name, holder) VALUES ($1, '') ON CONFLICT (name) DO NOTHING`
	claimLease   = `UPDATE leases SET holder = $1, until = $2 WHERE name = $3 AND (until IS NULL OR until <= $4 OR until > $5 OR holder = $1)`
	releaseLease = `UPDATE leases SET holder = '', until = NULL WHERE name = $1 AND holder = $2`
)

// Lease implements store.Leaser. Asking a second time renews, so it may be
// asked again when it is not known what became of the first.
func (s *Store) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	has := false
	err := s.retry(ctx, func() error {
		if _, err := s.keys.pool.Exec(ctx, insertLease, name); err != nil {
			return err
		}
		now := s.now()
		tag, err := s.keys.pool.Exec(ctx, claimLease, holder, now.Add(ttl).UnixNano(), name, now.UnixNano(), now.Add(2*ttl).UnixNano())
		has = err == nil && tag.RowsAffected() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("lease %q: %w", name, err)
	}
	return has, nil
}

// Release implements store.Leaser.
func (s *Store) Release(ctx context.Context, name, holder string) error {
	err := s.retry(ctx, func() error {
		_, err := s.keys.pool.Exec(ctx, releaseLease, name, holder)
		return err
	})
	if err != nil {
		return fmt.Errorf("release %q: %w", name, err)
	}
	return nil
}
