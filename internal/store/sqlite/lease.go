package sqlite

import (
	"context"
	"fmt"
	"time"
)

const (
	insertLease  = `INSERT INTO leases (name, holder) VALUES (?, '') ON CONFLICT (name) DO NOTHING`
	claimLease   = `UPDATE leases SET holder = ?, until = ? WHERE name = ? AND (until IS NULL OR until <= ? OR until > ? OR holder = ?)`
	releaseLease = `UPDATE leases SET holder = '', until = NULL WHERE name = ? AND holder = ?`
)

// Lease implements store.Leaser.
func (s *Store) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	has := false
	err := s.update(ctx, func(c *conn, _ *clock) error {
		if err := c.exec(insertLease, name); err != nil {
			return err
		}
		now := s.now()
		if err := c.exec(claimLease, holder, now.Add(ttl).UnixNano(), name, now.UnixNano(), now.Add(2*ttl).UnixNano(), holder); err != nil {
			return err
		}
		has = c.Changes() > 0
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("lease %q: %w", name, err)
	}
	return has, nil
}

// Release implements store.Leaser.
func (s *Store) Release(ctx context.Context, name, holder string) error {
	err := s.update(ctx, func(c *conn, _ *clock) error { return c.exec(releaseLease, name, holder) })
	if err != nil {
		return fmt.Errorf("release %q: %w", name, err)
	}
	return nil
}
