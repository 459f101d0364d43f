package feed

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dataFolder is the real input, which is not part of the repository.
const dataFolder = "../../../shared/data"

// dataDir returns a folder of the real input; the test skips aloud without it.
func dataDir(tb testing.TB, elem ...string) string {
	tb.Helper()
	dir := filepath.Join(append([]string{dataFolder}, elem...)...)
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("SKIPPED: no real input at %s", dir)
	}
	return dir
}

// trailFiles returns the trail files under their names below trails/static.
func trailFiles(tb testing.TB) map[string][]byte {
	tb.Helper()
	root := dataDir(tb, "maltrail", "trails", "static")
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		tb.Fatalf("read trail files: %v", err)
	}
	return files
}

// TestDataMaltrail accounts for every indicator line of all trail files. The
// lines are counted here on their own terms: neither blank nor a comment.
func TestDataMaltrail(t *testing.T) {
	t.Parallel()
	files := trailFiles(t)
	var want, items, withArticle, articles, urls int
	reasons := map[string]int{}
	families := map[string]bool{}
	for name, content := range files {
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				want++
			}
		}
		if f, ok := Detect(name, content[:min(len(content), HeadSize)]); !ok || f.Name != "maltrail" {
			t.Errorf("Detect(%q) = %q, %v, want maltrail", name, f.Name, ok)
		}
		var last *Article
		err := maltrailParser{}.Parse(context.Background(), bytes.NewReader(content), Source{Name: name}, Sink{
			Item: func(i Item) error {
				items++
				for _, f := range i.Families {
					families[f] = true
				}
				if i.Article == nil {
					return nil
				}
				withArticle++
				if i.Article != last {
					last = i.Article
					articles++
					urls += 1 + len(last.OtherURLs)
				}
				return nil
			},
			Skip: func(s Skip) error { reasons[s.Reason]++; return nil },
		})
		if err != nil {
			t.Fatalf("parse %s: %v", name, err)
		}
	}
	skips := 0
	for _, n := range reasons {
		skips += n
	}
	if items+skips != want {
		t.Errorf("items + skips = %d + %d, want %d indicator lines", items, skips, want)
	}
	if patterns := reasons[ReasonPattern]; patterns != skips || patterns > 60 {
		t.Errorf("skips by reason = %v, want at most 60 patterns and nothing else", reasons)
	}
	t.Logf("%d files, %d lines = %d items + skips %v; %d items under %d article blocks with %d references; %d families",
		len(files), want, items, reasons, withArticle, articles, urls, len(families))
}

// TestDataFeeds reads the other real feeds whole.
func TestDataFeeds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path, format    string
		items, articles int
	}{
		{"kev/known_exploited_vulnerabilities.json", "kev", 1404, 1404},
		{"feeds/urlhaus_recent.csv", "urlhaus", 10, 0},
		{"feeds/threatfox_recent.json", "threatfox", 10, 0},
	}
	for _, test := range tests {
		t.Run(test.format, func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(filepath.Join(dataDir(t), test.path))
			if err != nil {
				t.Fatalf("read real input: %v", err)
			}
			f, ok := Detect(test.path, content[:min(len(content), HeadSize)])
			if !ok || f.Name != test.format {
				t.Fatalf("Detect(%q) = %q, %v, want %s", test.path, f.Name, ok, test.format)
			}
			got := collect(t, f.Parser, test.path, string(content))
			articles := 0
			for _, item := range got.items {
				if item.Article != nil && item.Article.URL != "" {
					articles++
				}
				if item.FirstSeen.IsZero() || item.Type == 0 {
					t.Errorf("%s: item without date or type: %+v", item.Where, item)
				}
			}
			if len(got.items) != test.items || len(got.skips) != 0 || got.err != nil || articles != test.articles {
				t.Errorf("got %d items (%d with an article's URL), skips %v, error %v; want %d (%d)",
					len(got.items), articles, got.skips, got.err, test.items, test.articles)
			}
		})
	}
}

// TestDataForeign holds Detect to what is not its own: prose, MISP events;
// and to the hash lists and news feeds, which are.
func TestDataForeign(t *testing.T) {
	t.Parallel()
	want := map[string]string{".md5": "list", ".sha1": "list", ".sha256": "list", ".xml": newsFormat}
	counts := map[string]int{}
	for _, folder := range []string{"eset", "rss", "misp-warninglists"} {
		err := filepath.WalkDir(dataDir(t, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f, _ := Detect(path, content[:min(len(content), HeadSize)])
			if isEvent := bytes.Contains(content, []byte(`"Event"`)); filepath.Ext(path) == ".json" && isEvent && f.Name == "misp" {
				counts[f.Name]++
				return nil
			}
			if f.Name != want[filepath.Ext(path)] {
				t.Errorf("Detect(%q) = %q, want %q", path, f.Name, want[filepath.Ext(path)])
			}
			counts[f.Name]++
			return nil
		})
		if err != nil {
			t.Fatalf("walk %s: %v", folder, err)
		}
	}
	t.Logf("recognised: %v", counts)
}

// BenchmarkMaltrail parses all trail files.
func BenchmarkMaltrail(b *testing.B) {
	files, size := trailFiles(b), 0
	for _, content := range files {
		size += len(content)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	sink := Sink{Item: func(Item) error { return nil }, Skip: func(Skip) error { return nil }}
	for b.Loop() {
		for name, content := range files {
			err := maltrailParser{}.Parse(context.Background(), bytes.NewReader(content), Source{Name: name}, sink)
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
