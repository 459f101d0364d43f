package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"spoor/internal/store/postgres/pgtest"
)

// findPostgres, as the folder of PostgreSQL's programs, looks for one.
const findPostgres = "find"

// postgresSettings favour PostgreSQL where the default is meant for small or
// spinning machines: 2 GB of shared buffers, as the bars of this project
// promise it, and nothing that would make it slower than it is by default.
// Durability stays as it is: ours is durable too.
func postgresSettings() []string {
	return []string{
		"shared_buffers=2GB", "effective_cache_size=6GB", "work_mem=64MB", "maintenance_work_mem=1GB",
		"max_wal_size=8GB", "checkpoint_timeout=30min", "random_page_cost=1.1", "jit=off",
	}
}

// startPostgres makes and starts a cluster of our own in the folder, with the
// programs of the other one. The caller closes it.
func startPostgres(ctx context.Context, programs, folder string) (*pgtest.Cluster, error) {
	if programs == findPostgres {
		programs = ""
	}
	return pgtest.Start(ctx, pgtest.Options{Programs: programs, Folder: folder, Settings: postgresSettings()})
}

// connectPostgres opens a connection over the socket, which is faster than
// TCP, with plans made for each query: a generic plan is up to forty times
// slower for a broad pattern.
func connectPostgres(ctx context.Context, c *pgtest.Cluster) (*pgx.Conn, error) {
	conf, err := pgx.ParseConfig(c.SocketDSN("postgres"))
	if err != nil {
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	conf.RuntimeParams["plan_cache_mode"] = "force_custom_plan"
	conf.RuntimeParams["statement_timeout"] = "60s"
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	return conn, nil
}
