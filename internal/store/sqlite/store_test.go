package sqlite_test

import (
	"path/filepath"
	"testing"

	"spoor/internal/store"
	"spoor/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		return open(t, filepath.Join(tempDir(t), "spoor.db"))
	})
}
