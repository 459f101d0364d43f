package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"spoor/internal/store"
)

// smallDisk returns a folder that is a disk of two megabytes. Only who may
// mount one can run the test.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("this account may not mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestBackupNoRoom and its twin fill the disk: the error has the name that
// callers act on, and what was begun is gone.
func TestBackupNoRoom(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	s := openTest(t)
	fill(t, s, 20_000, 0)
	if _, err := Backup(t.Context(), BackupOptions{From: s.path, To: filepath.Join(dir, "b.db")}); !errors.Is(err, store.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	onlyFiles(t, dir)
}

func TestRestoreNoRoom(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	to := filepath.Join(dir, "spoor.db")
	s, err := Open(t.Context(), Options{Path: to, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), RestoreOptions{From: backedUp(t, 20_000), To: to, Replace: true}); !errors.Is(err, store.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	onlyFiles(t, dir, "spoor.db")
	if after, err := os.ReadFile(to); err != nil || string(after) != string(before) {
		t.Errorf("the store that was there has changed, %v", err)
	}
}
