package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"spoor/internal/store"
)

// backedUp returns a backup of a store of n records.
func backedUp(t *testing.T, n int) string {
	t.Helper()
	s := openTest(t)
	fill(t, s, n, 0)
	to := filepath.Join(t.TempDir(), "backup.db")
	if _, err := Backup(t.Context(), BackupOptions{From: s.path, To: to}); err != nil {
		t.Fatal(err)
	}
	return to
}

// listed returns all records of a store, as it lists them.
func listed(t *testing.T, s *Store) (all []store.Record) {
	t.Helper()
	page := store.Page{Limit: 500}
	for {
		var l store.List
		err := s.View(t.Context(), func(v store.Snapshot) (err error) {
			l, err = v.List(t.Context(), store.Filter{}, page)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l.Records...)
		if page.After = l.Next; l.Next == nil {
			return all
		}
	}
}

func restoreNow() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC) }

// TestRestore: what comes back is what was there, record by record.
func TestRestore(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	fill(t, s, 3000, 0)
	if err := s.DeleteRecord(t.Context(), listed(t, s)[7].ID); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "backup.db")
	copied, err := Backup(t.Context(), BackupOptions{From: s.path, To: file})
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "spoor.db")
	made, err := Restore(t.Context(), RestoreOptions{From: file, To: to})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, Restored{Copy: copied}); diff != "" {
		t.Errorf("restored (-got +want):\n%s", diff)
	}
	onlyFiles(t, dir, "backup.db")
	onlyFiles(t, filepath.Dir(to), "spoor.db")
	if diff := cmp.Diff(listed(t, openCopy(t, to)), listed(t, s)); diff != "" {
		t.Errorf("records (-restored +original):\n%s", diff)
	}
}

// TestRestoreReplaces: the old store is put aside whole, with what its log
// had, and its log does not get into the new one.
func TestRestoreReplaces(t *testing.T) {
	t.Parallel()
	file := backedUp(t, 1000)
	dir := t.TempDir()
	to := filepath.Join(dir, "spoor.db")
	leaveLog(t, to, 300)
	o := RestoreOptions{From: file, To: to, Now: restoreNow}
	if _, err := Restore(t.Context(), o); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("restore over a store: %v, want ErrExist", err)
	}
	onlyFiles(t, dir, "spoor.db", "spoor.db-wal")
	o.Replace = true
	made, err := Restore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if want := to + ".20260203T040506Z"; made.Previous != want {
		t.Errorf("the old store is %s, want %s", made.Previous, want)
	}
	onlyFiles(t, dir, "spoor.db", "spoor.db.20260203T040506Z")
	if got := count(t, openCopy(t, to)); got != 1000 {
		t.Errorf("the new store has %d records, want 1000", got)
	}
	if got := count(t, openCopy(t, made.Previous)); got != 300 {
		t.Errorf("the old store has %d records, want 300", got)
	}
}

// leaveLog makes a store as a killed process leaves it: n records, all of them
// in the log.
func leaveLog(t *testing.T, path string, n int) {
	t.Helper()
	s := openTest(t)
	fill(t, s, n, 50_000)
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(s.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRestoreOverDamage: a store that cannot even be opened is put aside with
// everything beside it.
func TestRestoreOverDamage(t *testing.T) {
	t.Parallel()
	file := backedUp(t, 1000)
	dir := t.TempDir()
	to := filepath.Join(dir, "spoor.db")
	leaveLog(t, to, 300)
	if err := os.WriteFile(to, []byte(strings.Repeat("garbage", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(to+"-wal", 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+"-journal", []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	made, err := Restore(t.Context(), RestoreOptions{From: file, To: to, Replace: true, Now: restoreNow})
	if err != nil {
		t.Fatal(err)
	}
	if got := count(t, openCopy(t, to)); got != 1000 {
		t.Errorf("the new store has %d records, want 1000", got)
	}
	if b, err := os.ReadFile(made.Previous); err != nil || !strings.HasPrefix(string(b), "garbage") {
		t.Errorf("the damaged store was not kept: %v", err)
	}
}

// TestRestoreStrayLog: a log without its store would be applied to what is
// restored.
func TestRestoreStrayLog(t *testing.T) {
	t.Parallel()
	file := backedUp(t, 1000)
	dir := t.TempDir()
	to := filepath.Join(dir, "spoor.db")
	leaveLog(t, to, 300)
	if err := os.Remove(to); err != nil {
		t.Fatal(err)
	}
	o := RestoreOptions{From: file, To: to, Now: restoreNow}
	if _, err := Restore(t.Context(), o); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("restore beside a log: %v, want ErrExist", err)
	}
	o.Replace = true
	if _, err := Restore(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	onlyFiles(t, dir, "spoor.db", "spoor.db.20260203T040506Z-wal")
	if got := count(t, openCopy(t, to)); got != 1000 {
		t.Errorf("the new store has %d records, want 1000", got)
	}
}

// TestRestoreRefusals: nothing of what is there is touched by what does not
// work.
func TestRestoreRefusals(t *testing.T) {
	t.Parallel()
	live := filepath.Join(t.TempDir(), "live.db")
	leaveLog(t, live, 10)
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("text", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newer := openTest(t)
	c := <-newer.writer
	err := c.transient(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`, nil)
	newer.writer <- c
	if err != nil {
		t.Fatal(err)
	}
	if err := newer.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from string
		want error
	}{
		"no file":         {filepath.Join(t.TempDir(), "missing.db"), fs.ErrNotExist},
		"a folder":        {t.TempDir(), ErrNotStore},
		"a live store":    {live, ErrLive},
		"no database":     {text, store.ErrCorrupt},
		"another's":       {empty, ErrNotStore},
		"page damaged":    {damaged(t), store.ErrCorrupt},
		"a newer spoor's": {newer.path, store.ErrSchema},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			to := filepath.Join(dir, "spoor.db")
			leaveLog(t, to, 20)
			if _, err := Restore(t.Context(), RestoreOptions{From: c.from, To: to, Replace: true}); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if parts, _ := filepath.Glob(filepath.Join(dir, ".spoor-*")); len(parts) > 0 {
				t.Errorf("left behind: %v", parts)
			}
			if got := count(t, openCopy(t, to)); got != 20 {
				t.Errorf("the store that was there has %d records, want 20", got)
			}
		})
	}
}

// TestOlderSchema: a store of an older spoor is backed up as it is, and comes
// back with the newest schema.
func TestOlderSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "old.db")
	if err := touch(path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", uri(path)+"?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, steps)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup.db")
	made, err := Backup(t.Context(), BackupOptions{From: path, To: file})
	if err != nil {
		t.Fatal(err)
	}
	if made.Schema != 1 {
		t.Errorf("the backup has schema %d, want 1", made.Schema)
	}
	to := filepath.Join(t.TempDir(), "spoor.db")
	back, err := Restore(t.Context(), RestoreOptions{From: file, To: to})
	if err != nil {
		t.Fatal(err)
	}
	if back.Schema != newestSchema() || back.Schema == 1 {
		t.Errorf("restored with schema %d, want %d", back.Schema, newestSchema())
	}
	openCopy(t, to)
}

// TestRestoreInUse: a store that is open is not replaced, not even an idle one,
// and the store that has it goes on.
func TestRestoreInUse(t *testing.T) {
	t.Parallel()
	file := backedUp(t, 100)
	s := openTest(t)
	fill(t, s, 10, 0)
	if _, err := Restore(t.Context(), RestoreOptions{From: file, To: s.path, Replace: true}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	fill(t, s, 10, 10)
	if got := count(t, s); got != 20 {
		t.Errorf("the open store has %d records, want 20", got)
	}
}

// TestRestoreInterrupted ends the context at each stage: nothing has changed.
func TestRestoreInterrupted(t *testing.T) {
	t.Parallel()
	file := backedUp(t, 2000)
	for _, stage := range []Stage{Copying, Checking} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Restore(ctx, RestoreOptions{From: file, To: filepath.Join(dir, "spoor.db"), Progress: func(p Progress) {
			if p.Stage == stage {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want Canceled", stage, err)
		}
		onlyFiles(t, dir)
	}
}
