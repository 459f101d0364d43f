package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"spoor/internal/store"
)

// testNow is the one time of all test imports.
func testNow() time.Time { return time.Date(2026, 5, 15, 8, 21, 30, 0, time.UTC) }

// importAll imports the request and checks what holds for every import: that
// every value is accounted for, and that the runs say the same.
func importAll(t testing.TB, st store.RunStarter, o Options, req Request) (Summary, error) {
	t.Helper()
	return importContext(t, context.Background(), st, o, req)
}

func importContext(t testing.TB, ctx context.Context, st store.RunStarter, o Options, req Request) (Summary, error) {
	t.Helper()
	o.Now = testNow
	sum, err := New(st, o).Import(ctx, req, nil)
	checkIdentity(t, sum)
	if m, ok := st.(*memory); ok {
		checkRuns(t, m, sum)
	}
	return sum, err
}

func checkIdentity(t testing.TB, sum Summary) {
	t.Helper()
	if got := sum.New + sum.Updated + sum.Unchanged + sum.Merged + sum.Skipped.Total(); got != sum.Read {
		t.Errorf("read %d, but %d new + %d updated + %d unchanged + %d merged + %d skipped = %d",
			sum.Read, sum.New, sum.Updated, sum.Unchanged, sum.Merged, sum.Skipped.Total(), got)
	}
}

// checkRuns compares the counts that the last import's runs were finished
// with. It only fits a store that has seen one import, or whose earlier runs
// were forgotten.
func checkRuns(t testing.TB, m *memory, sum Summary) {
	t.Helper()
	var total store.RunStats
	for _, r := range m.runs {
		if !r.finished {
			return // the import failed before
		}
		s := r.stats
		total.Read += s.Read
		total.Skipped += s.Skipped
		if s.New != int64(r.outcome.New) || s.Merged != int64(r.outcome.Merged) ||
			s.Updated != int64(r.outcome.Updated) || s.Unchanged != int64(r.outcome.Unchanged) {
			t.Errorf("run of %q finished with %+v, wrote %+v", r.spec.Feed.Name, s, r.outcome)
		}
	}
	if total.Read != sum.Read || total.Skipped != sum.Skipped.Total() {
		t.Errorf("runs read %d and skipped %d, summary says %d and %d", total.Read, total.Skipped, sum.Read, sum.Skipped.Total())
	}
	m.runs = nil
}

// folder writes files (path to content) and returns where.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// file writes one file and returns its path.
func file(t testing.TB, name string, content []byte) string {
	t.Helper()
	return filepath.Join(folder(t, map[string]string{name: string(content)}), name)
}

// domains returns n lines of different names.
func domains(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "host-%d.bad.example\n", from+i)
	}
	return b.String()
}

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, content []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(content, nil)
}

// entry is one file of a zip archive.
type entry struct{ name, content string }

func zipped(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		f, err := w.Create(e.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
