package postgres

import (
	"context"
	"testing"
	"time"

	"spoor/internal/store"
)

// oldest is a policy that deletes all, and a time at which it does.
func oldest() (store.Policy, time.Time) {
	return store.Policy{Records: []store.Expiry{{Unseen: time.Hour}}, Articles: time.Hour, Runs: time.Hour}, time.Unix(2e9, 0)
}

// TestPruneBrokenOff breaks all connections off while records are deleted: none
// is counted twice, and none is left.
func TestPruneBrokenOff(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	const n = 5000
	run := startRun(t, s)
	for from := range 5 {
		if _, err := run.Write(t.Context(), domains(n/5, from*n/5)); err != nil {
			t.Fatal(err)
		}
	}
	c := connect(t, s)
	ctx, done := context.WithCancel(t.Context())
	stopped := make(chan int)
	go func() {
		broken := 0
		for range 6 {
			tag, err := c.Exec(ctx, `SELECT pg_sleep(0.03), pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			if err != nil {
				break
			}
			broken += int(tag.RowsAffected())
		}
		stopped <- broken
	}()
	p, now := oldest()
	got, err := s.Prune(t.Context(), p, now)
	done()
	broken := <-stopped
	t.Logf("%d connections broken off", broken)
	if err != nil || got != (store.Pruned{Records: n, Sightings: n}) {
		t.Errorf("pruned %+v of %d records, %d connections broken off: %v", got, n, broken, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPruneCommitLost: what was committed without anybody hearing of it is
// counted by the attempt that finds it gone, and what was not is done again.
func TestPruneCommitLost(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	const n = 30
	if _, err := startRun(t, s).Write(t.Context(), domains(n, 0)); err != nil {
		t.Fatal(err)
	}
	policy, now := oldest()
	p := pruner{Store: s, policy: policy, now: now}
	var due hitIDs
	if err := s.onView(t.Context(), func(v *snapshot) (err error) {
		due, _, err = p.look(t.Context(), v, 0, v.Seq())
		return err
	}); err != nil || len(due.ids) != n {
		t.Fatalf("%d records are due, %v", len(due.ids), err)
	}
	attempt := func(again bool, before removed) (gone removed) {
		t.Helper()
		if err := s.update(t.Context(), func(ctx context.Context, x *txn) (err error) {
			x.again = again
			gone, err = p.remove(ctx, x, due, before)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return gone
	}
	lost := removed{hitIDs: due, sightings: n}
	first := attempt(true, lost) // it was not committed: they are there
	if len(first.ids) != n || first.sightings != n {
		t.Errorf("%d records went with %d sightings, want %d", len(first.ids), first.sightings, n)
	}
	for name, again := range map[string]bool{"its own": true, "somebody else's": false} {
		want := 0
		if again {
			want = n
		}
		if got := attempt(again, first); len(got.ids) != want {
			t.Errorf("%s: %d records are said to be gone, want %d", name, len(got.ids), want)
		}
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
