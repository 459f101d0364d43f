package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// fill writes n new domains from that number on, in batches, and ends the run.
func fill(t *testing.T, s *Store, n, from int) {
	t.Helper()
	r := startRun(t, s)
	for ; n > 0; n -= 500 {
		if _, err := r.Write(t.Context(), domains(min(n, 500), from)); err != nil {
			t.Fatal(err)
		}
		from += 500
	}
	if err := r.Finish(t.Context(), store.RunStats{}); err != nil {
		t.Fatal(err)
	}
}

// openCopy opens what a backup or a restore made, and checks it.
func openCopy(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	return s
}

// onlyFiles fails unless the folder holds just the files of these names.
func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("files in the folder: got %v, want %v", got, want)
	}
}

// TestBackupUnderWriters copies a store again and again while two processes'
// worth of connections write to it. Each copy must be sound, and hold exactly
// the first so many of the values, in the order in which they were written.
func TestBackupUnderWriters(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	fill(t, s, 20_000, 0)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	wrote := make(chan int)
	go func() {
		n := 20_000
		defer func() { wrote <- n }()
		r, err := s.StartRun(ctx, store.RunSpec{Feed: store.Feed{Name: "f"}, Now: time.Unix(1e9, 0)})
		for err == nil {
			if _, err = r.Write(ctx, domains(100, n)); err == nil {
				n += 100
			}
		}
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	last := int64(0)
	for i := range 5 {
		to := filepath.Join(dir, fmt.Sprintf("%d.db", i))
		done, rewound := int64(0), false
		made, err := Backup(t.Context(), BackupOptions{From: s.path, To: to, Progress: func(p Progress) {
			rewound = rewound || p.Stage == Copying && p.Done < done
			done = p.Done
		}})
		if err != nil {
			t.Fatal(err)
		}
		if rewound {
			t.Error("the copy began anew")
		}
		if made.Counts.Records < last || made.Counts.Records%100 != 0 {
			t.Errorf("copy %d holds %d records, after one of %d", i, made.Counts.Records, last)
		}
		last = made.Counts.Records
		prefix(t, openCopy(t, to), last)
	}
	stop()
	if n := <-wrote; n == 20_000 {
		t.Error("nothing was written meanwhile")
	}
}

// prefix fails unless the store holds the values up to n and none after.
func prefix(t *testing.T, s *Store, n int64) {
	t.Helper()
	has := func(i int64) bool {
		key := fmt.Sprintf("host-%d.evil.example", i)
		found := 0
		err := s.View(t.Context(), func(v store.Snapshot) error {
			m, err := v.Exact(t.Context(), store.ExactQuery{Keys: []store.TypedKey{{Type: ioc.Domain, Key: key}}, Window: store.Window{Limit: 1}})
			found = m.Total
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found == 1
	}
	for range 20 {
		if i := rand.Int64N(n); !has(i) { //nolint:gosec // a sample
			t.Errorf("value %d of %d is missing", i, n)
		}
	}
	if got := count(t, s); got != n || !has(n-1) || has(n) {
		t.Errorf("the copy holds %d records, want the first %d", got, n)
	}
}

// TestBackupRefusals: what must not be overwritten is not, and nothing is left
// behind by what did not work.
func TestBackupRefusals(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	fill(t, s, 1000, 0)
	taken := filepath.Join(t.TempDir(), "taken.db")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	logged := filepath.Join(t.TempDir(), "logged.db")
	if err := os.WriteFile(logged+"-wal", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	free := func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "b.db") }
	cases := []struct {
		name    string
		options BackupOptions
		want    error
	}{
		{"file there", BackupOptions{From: s.path, To: taken}, fs.ErrExist},
		{"log there", BackupOptions{From: s.path, To: logged}, fs.ErrExist},
		{"folder", BackupOptions{From: s.path, To: t.TempDir(), Replace: true}, fs.ErrExist},
		{"the store itself", BackupOptions{From: s.path, To: s.path, Replace: true}, fs.ErrExist},
		{"no folder", BackupOptions{From: s.path, To: filepath.Join(t.TempDir(), "missing", "b.db")}, fs.ErrNotExist},
		{"no store", BackupOptions{From: empty, To: free(t)}, ErrNotStore},
		{"no database", BackupOptions{From: taken, To: free(t)}, store.ErrCorrupt},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Backup(t.Context(), c.options); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if parts, _ := filepath.Glob(filepath.Join(filepath.Dir(c.options.To), ".spoor-*")); len(parts) > 0 {
				t.Errorf("left behind: %v", parts)
			}
		})
	}
	if got, err := os.ReadFile(taken); err != nil || string(got) != "mine" {
		t.Errorf("the file that was there: %q, %v", got, err)
	}
}

// TestBackupOverStore: a backup that replaces a store whose log was never
// applied is the copy, and not what that log makes of it.
func TestBackupOverStore(t *testing.T) {
	t.Parallel()
	old, s := openTest(t), openTest(t)
	fill(t, old, 300, 0)
	to := filepath.Join(t.TempDir(), "latest.db")
	for _, suffix := range []string{"", "-wal", "-shm"} { // as a kill leaves them
		b, err := os.ReadFile(old.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(to+"-journal", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 2000, 10_000)
	if _, err := Backup(t.Context(), BackupOptions{From: s.path, To: to, Replace: true}); err != nil {
		t.Fatal(err)
	}
	onlyFiles(t, filepath.Dir(to), "latest.db")
	if got := count(t, openCopy(t, to)); got != 2000 {
		t.Errorf("the backup opens with %d records, want 2000", got)
	}
}

// TestBackupMode: a backup holds the hashes of keys and is its owner's alone.
func TestBackupMode(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	dir := t.TempDir()
	to := filepath.Join(dir, "b.db")
	if err := os.WriteFile(to, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), BackupOptions{From: s.path, To: to, Replace: true}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode %v, want 0600", got)
	}
	onlyFiles(t, dir, "b.db")
}

// TestBackupInterrupted ends the context in the copy and in the check.
func TestBackupInterrupted(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	fill(t, s, 5000, 0)
	for _, stage := range []Stage{Copying, Checking} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Backup(ctx, BackupOptions{From: s.path, To: filepath.Join(dir, "b.db"), Progress: func(p Progress) {
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

// TestBackupOfDamage: what is damaged has no backup, whatever part it is.
func TestBackupOfDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"posting gone": `DELETE FROM trigram_postings WHERE id = (SELECT max(id) FROM trigram_postings)`,
		"record gone":  `DELETE FROM records WHERE rid = 700`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openTest(t)
			fill(t, s, 2000, 0)
			c := <-s.writer
			err := c.transient(damage, nil)
			s.writer <- c
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if _, err := Backup(t.Context(), BackupOptions{From: s.path, To: filepath.Join(dir, "b.db")}); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
			onlyFiles(t, dir)
		})
	}
	t.Run("page overwritten", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if _, err := Backup(t.Context(), BackupOptions{From: damaged(t), To: filepath.Join(dir, "b.db")}); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("got %v, want ErrCorrupt", err)
		}
		onlyFiles(t, dir)
	})
}

// damaged returns a store that is closed, and one page of which is garbage.
func damaged(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spoor.db")
	s, err := Open(t.Context(), Options{Path: path, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 5000, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("host-3000.evil.example")) &^ 4095
	for i := range 4096 {
		b[at+i] = 0xA5
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLeftovers: what a killed backup left goes with a later one, and what one
// under way has does not.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	dir := filepath.Join(t.TempDir(), "[odd*name]")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".spoor-1.partial", ".spoor-2.partial"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * leftoverAge)
	if err := os.Chtimes(filepath.Join(dir, ".spoor-1.partial"), long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), BackupOptions{From: s.path, To: filepath.Join(dir, "b.db")}); err != nil {
		t.Fatal(err)
	}
	onlyFiles(t, dir, ".spoor-2.partial", "b.db")
}

func TestNewestSchema(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	h, err := s.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := newestSchema(); got != h.Schema || got == 0 {
		t.Errorf("newestSchema() = %d, a fresh store has %d", got, h.Schema)
	}
}

// TestBackupOfNewer: a store that this program does not know is left to one
// that does.
func TestBackupOfNewer(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	c := <-s.writer
	err := c.transient(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`, nil)
	s.writer <- c
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "b.db")
	if _, err := Backup(t.Context(), BackupOptions{From: s.path, To: to}); !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), "9999") {
		t.Errorf("got %v, want ErrSchema with the version", err)
	}
}
