package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
)

const selectVersion = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied = 1`

// Health implements store.Reporter: a file has no other servers.
func (s *Store) Health(ctx context.Context) (store.Health, error) {
	h := store.Health{Engine: "sqlite", Writable: true, Replication: store.NoReplication}
	err := s.view(ctx, func(v *snapshot) error {
		_, err := v.query(selectVersion, func(st *sqlite.Stmt) error { h.Schema = st.ColumnInt64(0); return nil })
		return err
	})
	if err != nil {
		if ctx.Err() != nil {
			return h, fmt.Errorf("read health: %w", err)
		}
		h.Writable, h.Problem = false, err.Error()
	}
	return h, nil
}
