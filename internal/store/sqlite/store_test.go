package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"spoor/internal/store"
	"spoor/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		return open(t, filepath.Join(tempDir(t), "spoor.db"), storetest.Clock())
	})
}

func TestClocks(t *testing.T) {
	t.Parallel()
	storetest.RunClock(t, func(t *testing.T, now func() time.Time) store.Store {
		t.Helper()
		return open(t, filepath.Join(tempDir(t), "spoor.db"), now)
	})
}

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Store {
		b.Helper()
		return open(b, filepath.Join(tempDir(b), "spoor.db"), time.Now)
	})
}

func TestReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(tempDir(t), "spoor.db")
	storetest.RunReopen(t, func(t *testing.T) store.Store {
		t.Helper()
		return open(t, path, storetest.Clock())
	})
}
