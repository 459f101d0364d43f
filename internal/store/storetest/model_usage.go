package storetest

import (
	"context"
	"slices"
	"time"

	"spoor/internal/store"
)

// modelLease is who has a piece of work, and until when.
type modelLease struct {
	holder string
	until  time.Time
}

// Lease implements store.Leaser.
func (m *Model) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	if _, err := m.current(ctx); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if had, ok := m.leases[name]; ok && had.holder != holder && had.until.After(now) && !had.until.After(now.Add(2*ttl)) {
		return false, nil
	}
	m.leases[name] = modelLease{holder: holder, until: now.Add(ttl)}
	return true, nil
}

// Release implements store.Leaser.
func (m *Model) Release(ctx context.Context, name, holder string) error {
	if _, err := m.current(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leases[name].holder == holder {
		delete(m.leases, name)
	}
	return nil
}

// Spend implements store.Rationer.
func (m *Model) Spend(ctx context.Context, s store.Spending) (store.Balance, error) {
	if _, err := m.current(ctx); err != nil {
		return store.Balance{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.usage[s.Key]
	if u == nil {
		u = &store.Usage{}
		m.usage[s.Key] = u
	}
	b, _ := u.Spend(s)
	return b, nil
}

// PruneUsage implements store.Rationer.
func (m *Model) PruneUsage(ctx context.Context, now time.Time) (gone int64, err error) {
	if _, err := m.current(ctx); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.usage {
		before := len(u.Buckets)
		u.Buckets = slices.DeleteFunc(u.Buckets, func(b store.Bucket) bool { return b.Start < b.Span.Stale(now) })
		gone += int64(before - len(u.Buckets))
	}
	return gone, nil
}
