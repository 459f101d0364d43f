package postgres

import (
	"context"
	"testing"
	"time"

	"spoor/internal/store"
)

// TestBesideTheClock: what no answer is ordered by does not wait for a batch
// that takes long.
func TestBesideTheClock(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	c := connect(t, s)
	if _, err := c.Exec(t.Context(), "BEGIN; "+lockClock); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second) // less than a lock is waited for
	defer cancel()
	state := store.FeedState{Feed: "f", ETag: "e"}
	for name, do := range map[string]func() error{
		"SaveFeedState":   func() error { return s.SaveFeedState(ctx, state) },
		"ForgetFeedState": func() error { return s.ForgetFeedState(ctx, "g") },
		"FeedStates":      func() error { _, err := s.FeedStates(ctx); return err },
		"FeedState":       func() error { _, err := s.FeedState(ctx, "f"); return err },
		"Runs":            func() error { _, err := s.Runs(ctx, "f", 10); return err },
		"Allow":           func() error { return s.Allow(ctx, store.Allowed{Value: "v"}) },
		"Allowed":         func() error { _, err := s.Allowed(ctx); return err },
		"Disallow": func() error {
			if err := s.Allow(ctx, store.Allowed{Value: "w"}); err != nil {
				return err
			}
			return s.Disallow(ctx, "w")
		},
		"Rejudge of what needs none": func() error { _, err := s.Rejudge(ctx, "x", nil); return err },
	} {
		if err := do(); err != nil {
			t.Errorf("%s while the clock is held: %v", name, err)
		}
	}
	if _, err := c.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
}

// TestRejudgeBrokenOff breaks all connections off while records are judged:
// none is counted twice, and none is left out.
func TestRejudgeBrokenOff(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	const n = 3000
	if _, err := startRun(t, s).Write(t.Context(), domains(n, 0)); err != nil {
		t.Fatal(err)
	}
	c := connect(t, s)
	asked, breaks, broken := 0, 0, 0
	got, err := s.Rejudge(t.Context(), "", func(*store.Record) []store.Warning {
		if asked++; asked%700 == 0 && breaks < 5 {
			breaks++
			tag, err := c.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			if err != nil {
				t.Error(err)
			}
			broken += int(tag.RowsAffected())
		}
		return []store.Warning{{List: "l"}}
	})
	if err != nil || got != n || broken == 0 {
		t.Errorf("%d records of %d changed, %d connections broken off: %v", got, n, broken, err)
	}
	again, err := s.Rejudge(t.Context(), "", func(*store.Record) []store.Warning { return []store.Warning{{List: "l"}} })
	if err != nil || again != 0 {
		t.Errorf("%d records changed the second time: %v", again, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestRejudgeCommitLost: what was committed without anybody hearing of it is
// counted by the attempt that finds it.
func TestRejudgeCommitLost(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	const n = 30
	if _, err := startRun(t, s).Write(t.Context(), domains(n, 0)); err != nil {
		t.Fatal(err)
	}
	j := judge{Store: s, verdict: func(*store.Record) []store.Warning { return []store.Warning{{List: "l"}} }}
	wrong, _, _, err := j.find(t.Context(), 0, 1<<40)
	if err != nil || len(wrong) != n {
		t.Fatalf("%d records found, %v", len(wrong), err)
	}
	var first, second *judgeWriter
	if err := s.update(t.Context(), func(ctx context.Context, x *txn) error {
		first = newJudgeWriter(&j, x)
		return first.write(ctx, wrong[:n-5], nil)
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.update(t.Context(), func(ctx context.Context, x *txn) error {
		x.again = true
		second = newJudgeWriter(&j, x)
		return second.write(ctx, wrong, first)
	}); err != nil {
		t.Fatal(err)
	}
	if first.there != 0 || len(first.changed) != n-5 || second.there != n-5 || len(second.changed) != 5 {
		t.Errorf("the first changed %d, the second found %d and changed %d", len(first.changed), second.there, len(second.changed))
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
