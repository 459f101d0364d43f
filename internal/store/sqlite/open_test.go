package sqlite_test

import (
	"context"
	"os"
	"testing"
	"time"

	"spoor/internal/store/sqlite"
)

func open(tb testing.TB, path string, now func() time.Time) *sqlite.Store {
	tb.Helper()
	st, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Readers: 4, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := st.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return st
}

// tempDir returns a folder for a test's store: in memory where the machine has
// such a place, because every commit waits for the disk and these tests make
// thousands.
func tempDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "spoor")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
