//go:build unix

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/postgres/pgtest"
)

// TestViewAgain: a view whose connection breaks between two questions is had
// anew, and its caller does not see it.
func TestViewAgain(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartCluster(t)
	say(t, openAt(t, postgres.Options{DSN: primary.DSN("postgres")}), domains(0, 10))
	all := store.Visibility{MaxTLP: ioc.Red}
	list := func(v store.Snapshot) error {
		_, err := v.List(t.Context(), store.Filter{Visibility: all}, store.Page{Limit: 1})
		return err
	}
	exact := func(v store.Snapshot) error {
		q := store.ExactQuery{Keys: []store.TypedKey{{Type: ioc.Domain, Key: "n1.example"}}, Visibility: all, Window: store.Window{Limit: 1}}
		_, err := v.Exact(t.Context(), q)
		return err
	}
	for name, ask := range map[string][2]func(store.Snapshot) error{
		"in a transaction": {list, list}, "before it": {exact, list},
	} {
		t.Run(name, func(t *testing.T) {
			st := openAt(t, postgres.Options{DSN: primary.DSN("postgres")})
			calls := 0
			err := st.View(t.Context(), func(v store.Snapshot) error {
				calls++
				if err := ask[0](v); err != nil {
					return err
				}
				if calls == 1 {
					must(t, primary.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"))
				}
				return ask[1](v)
			})
			if err != nil {
				t.Errorf("%d calls: %v", calls, err)
			}
		})
	}
}

// TestRevokedOnTheWay: a replica that has not heard of a revocation is not
// asked for keys when the primary is gone, however little it is behind.
func TestRevokedOnTheWay(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartCluster(t)
	standby := primary.Standby(t, "s1")
	other := openAt(t, postgres.Options{DSN: primary.DSN("postgres")})
	k := store.Key{ID: uuid.New(), Account: "a", Hash: [32]byte{7}, Prefix: "sk_live_aaaa", Tier: "local", CreatedAt: time.Unix(1e9, 0)}
	must(t, other.AddKey(t.Context(), k))
	must(t, standby.WaitCaughtUp(t.Context()))
	st := openAt(t, postgres.Options{DSN: address(primary), ReadDSN: address(standby)})
	waitState(t, st, 0, store.ReplicaOK)
	must(t, standby.Pause(t.Context()))
	must(t, other.RevokeKey(t.Context(), k.ID, time.Unix(2e9, 0)))
	time.Sleep(2500 * time.Millisecond) // two looks at the primary
	must(t, primary.Stop(t.Context(), pgtest.Immediate))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if got, err := st.KeyByHash(ctx, k.Hash); err == nil && got.RevokedAt.IsZero() {
		t.Error("the key is valid again")
	}
}

// TestOtherStore: a replica of another store is no replica.
func TestOtherStore(t *testing.T) {
	t.Parallel()
	other := pgtest.DSN(t) // made on its own: a copy would be the same store
	say(t, openAt(t, postgres.Options{DSN: other}), domains(0, 10))
	st := openAt(t, postgres.Options{DSN: migrated(t), ReadDSN: other})
	if n, err := find(t.Context(), st, "n1.example"); n != 0 || err != nil {
		t.Errorf("%d records of the other store, %v", n, err)
	}
	if h := health(t, st); h.Replicas[0].State != store.ReplicaDown || h.Replicas[0].Problem == "" || h.Replication != store.NoReplication {
		t.Errorf("%+v", h)
	}
}
