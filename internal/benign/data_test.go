package benign_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"spoor/internal/benign"
)

// dataFolder is the real input, which is not part of the repository.
const dataFolder = "../../../shared/data"

// warningLists returns the folder of the real lists; the test skips aloud
// without it.
func warningLists(tb testing.TB) string {
	tb.Helper()
	dir := filepath.Join(dataFolder, "misp-warninglists")
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("SKIPPED: no real input at %s", dir)
	}
	return dir
}

// loadAll returns the real lists and ours.
func loadAll(tb testing.TB) *benign.Lists {
	tb.Helper()
	l, _, err := benign.Load(context.Background(), warningLists(tb), benign.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return benign.Merge(benign.Builtin(), l)
}

// TestDataLoad reads all real lists, and says what that costs.
func TestDataLoad(t *testing.T) {
	dir := warningLists(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	loaded, report, err := benign.Load(context.Background(), dir, benign.Options{})
	if err != nil {
		t.Fatal(err)
	}
	merging := time.Now()
	lists := benign.Merge(benign.Builtin(), loaded)
	took, merged := merging.Sub(start), time.Since(merging)
	runtime.GC() // loaded is not used again
	runtime.ReadMemStats(&after)
	t.Logf("%s in %v, merged in %v, %d KiB kept", report, took, merged, (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>10)
	runtime.KeepAlive(lists)
	for _, l := range report.Lists {
		t.Logf("%-50s %-8v %7d %v %v", l.Name, l.Strength, l.Entries, l.Left, l.Err)
	}
	if report.Loaded() < 130 || report.Entries() < 400_000 {
		t.Errorf("got %s", report)
	}
}
