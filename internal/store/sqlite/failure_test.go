package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// domains returns observations of n domains that the number tells apart.
func domains(n, from int) []store.Observation {
	batch := make([]store.Observation, n)
	for i := range batch {
		value := fmt.Sprintf("host-%d.evil.example", from+i)
		batch[i] = store.Observation{Indicator: ioc.Indicator{Type: ioc.Domain, Value: value, Key: value}, Origin: store.OriginFeed}
	}
	return batch
}

func startRun(t *testing.T, s *Store) store.Run {
	t.Helper()
	r, err := s.StartRun(t.Context(), store.RunSpec{Feed: store.Feed{Name: "f", Category: store.Community}, Now: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func count(t *testing.T, s *Store) int64 {
	t.Helper()
	var n store.Counts
	if err := s.View(t.Context(), func(v store.Snapshot) (err error) { n, err = v.Counts(t.Context()); return err }); err != nil {
		t.Fatal(err)
	}
	return n.Records
}

// limitPages makes the disk full at that many pages; 0 lifts the limit.
func limitPages(t *testing.T, s *Store, pages int) {
	t.Helper()
	c := <-s.writer
	defer func() { s.writer <- c }()
	if pages == 0 {
		pages = 1 << 30
	}
	if err := c.transient(fmt.Sprintf("PRAGMA max_page_count = %d", pages), nil); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk fills the disk in the middle of a run: the batch that did not
// fit is not there, everything else is, and with room again the same batch
// goes in.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	r := startRun(t, s)
	if _, err := r.Write(t.Context(), domains(500, 0)); err != nil {
		t.Fatal(err)
	}
	limitPages(t, s, 120)
	if _, err := r.Write(t.Context(), domains(20000, 500)); !errors.Is(err, store.ErrFull) {
		t.Fatalf("write to a full disk: %v, want ErrFull", err)
	}
	if got := count(t, s); got != 500 {
		t.Errorf("records after the failed batch = %d, want 500", got)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	limitPages(t, s, 0)
	out, err := r.Write(t.Context(), domains(20000, 500))
	if err != nil {
		t.Fatal(err)
	}
	if out.New != 20000 {
		t.Errorf("outcome = %+v, want 20000 new", out)
	}
	if err := r.Finish(t.Context(), store.RunStats{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestInterruptedWrite ends the context in the middle of a batch.
func TestInterruptedWrite(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	r := startRun(t, s)
	for i := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*3*time.Millisecond)
		_, err := r.Write(ctx, domains(20000, 0))
		cancel()
		if err == nil {
			t.Skip("this machine writes 20,000 records within the time")
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted write: %v, want DeadlineExceeded", err)
		}
		if got := count(t, s); got != 0 {
			t.Errorf("records after an interrupted batch = %d", got)
		}
	}
	if out, err := r.Write(t.Context(), domains(100, 0)); err != nil || out.New != 100 {
		t.Errorf("write after interruptions = %+v, %v", out, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLockedByAnother waits for the write lock of another process no longer
// than the context says, and gets it once it is free.
func TestLockedByAnother(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	other, err := Open(t.Context(), Options{Path: s.path, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}()
	holder := <-other.writer
	defer func() { other.writer <- holder }()
	if err := holder.exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = s.StartRun(ctx, store.RunSpec{Feed: store.Feed{Name: "f"}})
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > busyTimeout/2 {
		t.Errorf("write while another process holds the lock: %v after %v, want DeadlineExceeded at once", err, took)
	}
	freed := make(chan error, 1)
	go func() {
		time.Sleep(2 * busyTry)
		freed <- holder.exec("COMMIT")
	}()
	startRun(t, s)
	if err := <-freed; err != nil {
		t.Error(err)
	}
}

// TestCheckFinds damages one part at a time and expects Check to name it.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"facet count":     `UPDATE facets SET records = records + 1`,
		"posting gone":    `DELETE FROM trigram_postings WHERE id = (SELECT max(id) FROM trigram_postings)`,
		"posting swapped": `UPDATE trigram_postings SET rids = (SELECT rids FROM trigram_postings ORDER BY id LIMIT 1)`,
		"key block":       `UPDATE trigram_keys SET keys = (SELECT keys FROM trigram_keys WHERE block = 1) WHERE block = 2`,
		"key block gone":  `DELETE FROM trigram_keys WHERE block = 3`,
		"record gone":     `DELETE FROM records WHERE rid = 700`,
		"key changed":     `UPDATE records SET key = 'other.example' WHERE rid = 700`,
		"watermark":       `UPDATE clock SET indexed_rid = indexed_rid + 1`,
		"clock":           `UPDATE clock SET seq = 3`,
		"segment gone":    `DELETE FROM trigram_segments`,
		"state of a feed": `INSERT INTO feed_states VALUES ('f', '{"seen":1}')`,
		"counts of a run": `UPDATE runs SET stats = 'none'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openTest(t)
			r := startRun(t, s)
			if _, err := r.Write(t.Context(), domains(2000, 0)); err != nil {
				t.Fatal(err)
			}
			if err := r.Finish(t.Context(), store.RunStats{}); err != nil {
				t.Fatal(err)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			c := <-s.writer
			err := c.transient(damage, nil)
			s.writer <- c
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Check(t.Context()); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("Check() = %v, want ErrCorrupt", err)
			}
		})
	}
}

// TestUseAfterClose: a closed store refuses, and does not hang.
func TestUseAfterClose(t *testing.T) {
	t.Parallel()
	s, err := Open(context.Background(), Options{Path: filepath.Join(t.TempDir(), "spoor.db"), Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.View(t.Context(), func(store.Snapshot) error { return nil }); err == nil {
		t.Error("View on a closed store succeeded")
	}
	if _, err := s.StartRun(t.Context(), store.RunSpec{Feed: store.Feed{Name: "f"}}); err == nil {
		t.Error("StartRun on a closed store succeeded")
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestFileMode: nobody but the owner reads a store that spoor made.
func TestFileMode(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	if _, err := startRun(t, s).Write(t.Context(), domains(1, 0)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{s.path, s.path + "-wal", s.path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got&0o077 != 0 {
			t.Errorf("%s has mode %v", filepath.Base(name), got)
		}
	}
}

// TestNamedConditions: the conditions that a caller acts on have their names.
func TestNamedConditions(t *testing.T) {
	t.Parallel()
	for code, want := range map[sqlite.ResultCode]error{
		sqlite.ResultBusy: store.ErrBusy, sqlite.ResultBusySnapshot: store.ErrBusy,
		sqlite.ResultFull: store.ErrFull, sqlite.ResultIOErrSHMSize: store.ErrFull,
		sqlite.ResultReadOnly: store.ErrReadOnly, sqlite.ResultCorrupt: store.ErrCorrupt, sqlite.ResultNotADB: store.ErrCorrupt,
	} {
		if err := named(code, errors.New("cause")); !errors.Is(err, want) {
			t.Errorf("%v = %v, want %v", code, err, want)
		}
	}
	if err := named(sqlite.ResultInterrupt, errDirectory); !errors.Is(err, errDirectory) {
		t.Errorf("another condition = %v", err)
	}
}
