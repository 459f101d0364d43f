package ingest

import (
	"context"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/store"
	"spoor/internal/store/sqlite"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sharedData is the real input, which is not part of the repository. It lies
// beside the checkout on the machines that have it, or where SPOOR_TEST_DATA
// says.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("SPOOR_TEST_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: real input %s is not here; set SPOOR_TEST_DATA to its folder", dir)
	}
	return dir
}

// counts is what a golden file holds: numbers, nothing of the input itself.
type counts struct {
	Read, New, Merged int64
	Skipped           map[string]int64
	Files             int64
	FilesSkipped      map[string]int64
	Records, Articles int64
}

func openSQLite(t testing.TB) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(t.TempDir(), "spoor.db"), Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// checkGolden imports the paths twice and compares the counts with those of
// the file.
func checkGolden(t *testing.T, golden string, paths []string) {
	t.Helper()
	st := openSQLite(t)
	began := time.Now()
	first, err := importAll(t, st, Options{}, Request{Paths: paths})
	if err != nil {
		t.Fatalf("%v: %+v", err, first.Files.Failed)
	}
	t.Logf("%d values in %s: %.0f a second", first.Read, first.Duration, float64(first.Read)/time.Since(began).Seconds())
	got := counts{
		Read: first.Read, New: first.New, Merged: first.Merged, Skipped: first.Skipped.Counts(),
		Files: first.Files.Read, FilesSkipped: first.Files.Skipped.Counts(),
	}
	err = st.View(context.Background(), func(s store.Snapshot) error {
		n, err := s.Counts(context.Background())
		got.Records, got.Articles = n.Records, n.Articles
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, golden, got)
	second, err := importAll(t, st, Options{}, Request{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	again := counts{
		Read: second.Read, New: second.Unchanged, Merged: second.Merged, Skipped: second.Skipped.Counts(),
		Files: second.Files.Read, FilesSkipped: second.Files.Skipped.Counts(), Records: got.Records, Articles: got.Articles,
	}
	if diff := cmp.Diff(got, again); diff != "" || second.New+second.Updated != 0 {
		t.Errorf("reading again: %d new, %d updated (-first +second, new against unchanged):\n%s", second.New, second.Updated, diff)
	}
}

func compareGolden(t *testing.T, name string, got counts) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want counts
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// TestMaltrailCounts accounts for every indicator line of the whole set. It
// takes minutes, and runs where SPOOR_FULL is set (make check-full).
func TestMaltrailCounts(t *testing.T) {
	t.Parallel()
	if os.Getenv("SPOOR_FULL") == "" {
		t.Skip("the whole set is for make check-full (SPOOR_FULL=1)")
	}
	dir := sharedData(t, "maltrail")
	checkGolden(t, "maltrail_counts.golden.json", []string{dir})
}

// TestMaltrailSubset is the same for every thirtieth file.
func TestMaltrailSubset(t *testing.T) {
	t.Parallel()
	checkGolden(t, "maltrail_subset_counts.golden.json", everyThirtieth(t, sharedData(t, "maltrail")))
}

// everyThirtieth returns about a hundred of the set's files, by name.
func everyThirtieth(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".txt") {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	var some []string
	for i := 0; i < len(all); i += 30 {
		some = append(some, all[i])
	}
	return some
}

// TestMaltrailLines counts the indicator lines of the set in the plainest way
// and compares that with what an import says it has read.
func TestMaltrailLines(t *testing.T) {
	t.Parallel()
	var want int64
	paths := everyThirtieth(t, sharedData(t, "maltrail"))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				want++
			}
		}
	}
	sum, err := importAll(t, newMemory(t), Options{}, Request{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Read != want {
		t.Errorf("read %d of %d indicator lines", sum.Read, want)
	}
}

// TestESETLists wants every line of every list of a report's folder to be an
// indicator of that report. How many more the prose names is extract's affair.
func TestESETLists(t *testing.T) {
	t.Parallel()
	dir := sharedData(t, "eset")
	st := newMemory(t)
	if _, err := importAll(t, st, Options{}, Request{Paths: []string{dir}}); err != nil {
		t.Fatal(err)
	}
	known := map[string]store.Record{}
	for _, r := range st.records {
		if r.Article == nil || r.Article.Title == "" && r.Article.URL == "" {
			t.Errorf("%s %s has no report", r.Type, r.Value)
		}
		known[r.Value] = r
	}
	lists, err := filepath.Glob(filepath.Join(dir, "*", "samples.*"))
	if err != nil || len(lists) < 100 {
		t.Fatalf("%d lists, %v", len(lists), err)
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		for value := range strings.FieldsSeq(string(text)) {
			if _, ok := known[strings.ToLower(value)]; !ok {
				t.Errorf("%s of %s is not stored", value, list)
			}
		}
	}
	again, err := importAll(t, st, Options{}, Request{Paths: []string{dir}})
	if err != nil || again.New+again.Updated != 0 {
		t.Errorf("reading again: %v %+v", err, again)
	}
}

func TestCatalogueCounts(t *testing.T) {
	t.Parallel()
	checkGolden(t, "kev_counts.golden.json", []string{sharedData(t, "kev")})
}

func TestFeedCounts(t *testing.T) {
	t.Parallel()
	checkGolden(t, "feeds_counts.golden.json", []string{sharedData(t, "feeds")})
}
