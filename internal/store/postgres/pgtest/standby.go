package pgtest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

// StartCluster starts a cluster of the test's own and closes it after the
// test. It survives kills, not a crash of the machine, and is in memory where
// there is enough of it: what writes gigabytes takes Start. The settings,
// "name=value", come after those of the room. The test is skipped, or on the
// build machine failed, when there is no PostgreSQL.
func StartCluster(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	quick := []string{
		"fsync=off", "shared_buffers=64MB", "max_connections=200",
		// A standby that lost its primary looks for it again soon.
		"wal_retrieve_retry_interval=200ms",
	}
	c, err := Start(t.Context(), Options{Settings: append(quick, settings...), below: quickFolder()})
	if err != nil {
		stopTest(t, err)
	}
	closeAfter(t, c)
	return c
}

// Standby makes a standby of the cluster by streaming replication, waits until
// it answers and closes it after the test. The name, of lower-case letters,
// digits and underscores, is the one that synchronous_standby_names may say,
// and that of its replication slot. It has the settings of the primary, but
// waits for no standby when it is promoted; the given ones, "name=value", come
// after.
func (c *Cluster) Standby(t testing.TB, name string, settings ...string) *Cluster {
	t.Helper()
	s, err := c.standby(t.Context(), name, settings)
	if err != nil {
		t.Fatalf("start standby %s: %v", name, err)
	}
	closeAfter(t, s)
	return s
}

func closeAfter(t testing.TB, c *Cluster) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of the log of postgres on port %d:\n%s", c.port, tail(c.Log()))
		}
		if err := c.Close(); err != nil {
			t.Errorf("close cluster: %v", err)
		}
	})
}

func (c *Cluster) standby(ctx context.Context, name string, settings []string) (*Cluster, error) {
	s, err := newCluster(ctx, Options{Programs: c.programs, below: filepath.Dir(c.folder)})
	if err != nil {
		return nil, err
	}
	s.upstream = c
	err = s.run(ctx, "pg_basebackup", "--pgdata", s.data(), "--dbname", c.DSN("")+"&application_name="+name,
		"--checkpoint", "fast", "--no-sync", "--wal-method", "stream",
		"--write-recovery-conf", "--create-slot", "--slot", name)
	if err == nil {
		err = s.configure(append([]string{"cluster_name=" + name, "synchronous_standby_names="}, settings...)...)
	}
	if err == nil {
		err = s.startOnFreePort(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Promote makes a primary of a standby and waits until it takes writes.
func (c *Cluster) Promote(ctx context.Context) error {
	return c.with(ctx, func(conn *pgx.Conn) error {
		var promoted bool
		if err := conn.QueryRow(ctx, `SELECT pg_promote()`).Scan(&promoted); err != nil || !promoted {
			return errors.Join(fmt.Errorf("promote standby on port %d: in time: %t", c.port, promoted), err)
		}
		return nil
	})
}

// Pause stops a standby from replaying what it receives, and waits until it
// has stopped: from then on it lags.
func (c *Cluster) Pause(ctx context.Context) error {
	if err := c.Exec(ctx, `SELECT pg_wal_replay_pause()`); err != nil {
		return fmt.Errorf("pause replay: %w", err)
	}
	return c.wait(ctx, "replay is paused", func(conn *pgx.Conn) (paused bool, err error) {
		err = conn.QueryRow(ctx, `SELECT pg_get_wal_replay_pause_state() = 'paused'`).Scan(&paused)
		return paused, err
	})
}

// Resume lets a paused standby replay again.
func (c *Cluster) Resume(ctx context.Context) error {
	if err := c.Exec(ctx, `SELECT pg_wal_replay_resume()`); err != nil {
		return fmt.Errorf("resume replay: %w", err)
	}
	return nil
}

// WaitCaughtUp waits until a standby has replayed what its primary has written
// by now.
func (c *Cluster) WaitCaughtUp(ctx context.Context) error {
	if c.upstream == nil {
		return fmt.Errorf("wait for the cluster on port %d: it is no standby", c.port)
	}
	var written string
	err := c.upstream.with(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text`).Scan(&written)
	})
	if err != nil {
		return fmt.Errorf("ask primary for its position: %w", err)
	}
	return c.wait(ctx, "standby has "+written, func(conn *pgx.Conn) (caughtUp bool, err error) {
		err = conn.QueryRow(ctx, `SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn`, written).Scan(&caughtUp)
		return caughtUp, err
	})
}
