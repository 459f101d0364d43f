package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"spoor/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Each file is one statement that may be
// run again, outside a transaction, so that engines that change a schema in
// steps can run it too. Of servers that start at once one migrates, under a
// lock that is a row of a table (CockroachDB's advisory locks do not lock); the
// others wait and find it done.
func migrate(ctx context.Context, conf *pgx.ConnConfig, existing bool) error {
	conf = conf.Copy()
	conf.RuntimeParams["application_name"] = "spoor migrate"
	db := stdlib.OpenDB(*conf)
	defer func() { _ = db.Close() }() // nothing is left to write
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// Asked often, since a whole schema takes a second; for at most a minute.
	locker, err := lock.NewPostgresTableLocker(lock.WithTableName("spoor_migration_lock"),
		lock.WithTableLeaseDuration(10*time.Second), lock.WithTableHeartbeatInterval(2*time.Second), lock.WithTableLockTimeout(200*time.Millisecond, 300))
	if err != nil {
		return fmt.Errorf("make lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, steps, goose.WithLocker(locker))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	newest := p.ListSources()[len(p.ListSources())-1].Version
	have, err := version(ctx, conf)
	if err != nil {
		return err
	}
	if have > newest {
		return fmt.Errorf("%w: version %d, this spoor knows %d", store.ErrSchema, have, newest)
	}
	if have == newest {
		return nil
	}
	if have == 0 && existing {
		return fmt.Errorf("database %s: %w", conf.Database, store.ErrNotFound)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// version returns the number of the last migration that ran; 0 on an empty
// database. It makes nothing: a look at a database must not change it.
func version(ctx context.Context, conf *pgx.ConnConfig) (n int64, err error) {
	c, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close(ctx) }() // nothing is left to write
	there := false
	if err := c.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&there); err != nil || !there {
		return 0, err
	}
	err = c.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&n)
	return n, err
}
