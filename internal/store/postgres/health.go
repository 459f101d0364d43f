package postgres

import (
	"context"
	"fmt"
	"time"

	"spoor/internal/store"
)

const selectHealth = `SELECT (SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied),
	current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') NOT IN ('off', 'local'),
	has_table_privilege('clock', 'UPDATE'),
	(SELECT count(*) FROM pg_stat_replication), (SELECT count(*) FROM pg_stat_replication WHERE sync_state IS NULL OR sync_state IN ('sync', 'quorum')), pg_is_in_recovery()`

// healthTimeout is how long the server that takes writes may take to say how it
// is before it is reported not to answer.
const healthTimeout = 2 * time.Second

// Health implements store.Reporter.
func (s *Store) Health(ctx context.Context) (store.Health, error) {
	h := store.Health{Engine: "postgres", Replication: store.NoReplication}
	if s.replicas != nil {
		for _, r := range s.replicas.all {
			r.mu.Lock()
			h.Replicas = append(h.Replicas, store.Replica{Host: r.host, State: r.state, Lag: r.lag, Views: r.views.Load(), Problem: r.problem})
			r.mu.Unlock()
		}
	}
	var synchronous, granted, standby bool
	standbys, waitedFor := 0, 0
	asking, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	err := s.keys.pool.QueryRow(asking, selectHealth).Scan(&h.Schema, &synchronous, &granted, &standbys, &waitedFor, &standby)
	if ctx.Err() != nil {
		return h, fmt.Errorf("read health: %w", ctx.Err())
	}
	switch {
	case err != nil:
		h.Problem = reason(err)
		return h, nil
	case standby:
		h.Problem = "the server is a standby and takes no writes"
	case !granted:
		h.Problem = "the database's user may not write: grant it what it needs, or make it the owner"
	case synchronous && waitedFor == 0: // who may not see the state sees NULL
		h.Problem = "no standby of synchronous_standby_names is connected: writes wait for one"
	default:
		h.Writable = true
	}
	if synchronous {
		h.Replication = store.Synchronous
	} else if standbys > 0 {
		h.Replication = store.Asynchronous
	}
	return h, nil
}
