package extract

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"spoor/internal/ioc"
)

// esetReports is where real reports lie when they lie on this machine. They
// are data: nothing of them is part of the repository.
func esetReports(t testing.TB) string {
	t.Helper()
	dir := esetFolder()
	if dir == "" {
		t.Skip("SKIPPED: no real reports; set SPOOR_TEST_DATA to the folder that holds eset/")
	}
	return dir
}

// esetFolder is empty where no real reports are.
func esetFolder() string {
	dir := os.Getenv("SPOOR_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir = filepath.Join(dir, "eset")
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

// report is one folder: its prose, and the hashes in its lists.
type report struct {
	name, text string
	listed     map[string]bool
}

func readReports(t testing.TB) []report {
	t.Helper()
	hexes := regexp.MustCompile(`(?m)^[0-9A-Fa-f]{32,64}\b`)
	var out []report
	err := filepath.WalkDir(esetReports(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "README.adoc" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r := report{name: filepath.Base(filepath.Dir(path)), text: string(text), listed: map[string]bool{}}
		for _, list := range []string{"samples.md5", "samples.sha1", "samples.sha256"} {
			body, err := os.ReadFile(filepath.Join(filepath.Dir(path), list))
			if err != nil {
				continue
			}
			for _, h := range hexes.FindAllString(string(body), -1) {
				r.listed[strings.ToLower(h)] = true
			}
		}
		out = append(out, r)
		return nil
	})
	if err != nil {
		t.Fatalf("walk reports: %v", err)
	}
	if len(out) < 20 {
		t.Fatalf("found %d reports; want at least 20", len(out))
	}
	return out
}

// TestRealReports holds the extraction to the lists that lie beside the prose:
// every listed hash that the prose names is found, by itself or as a part of a
// URL.
func TestRealReports(t *testing.T) {
	t.Parallel()
	totals := map[ioc.Type]int{}
	show := os.Getenv("SPOOR_TEST_SHOW") != ""
	named, live := 0, 0
	for _, r := range readReports(t) {
		found, err := Text(t.Context(), r.text, Options{})
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		hashes, urls := map[string]bool{}, ""
		for _, c := range found {
			totals[c.Indicator.Type]++
			hashes[c.Indicator.Key] = true
			if c.Indicator.Type == ioc.URL {
				urls += c.Indicator.Key + " "
			}
			if !c.Defanged {
				live++
			}
			if show && (c.Indicator.Type < ioc.MD5 || c.Indicator.Type > ioc.SHA512) {
				t.Logf("%-20s %-8s %v %s", r.name, c.Indicator.Type, c.Defanged, c.Raw)
			}
		}
		lower := strings.ToLower(r.text)
		for h := range r.listed {
			if !strings.Contains(lower, h) {
				continue
			}
			named++
			if !hashes[h] && !strings.Contains(urls, h) {
				t.Errorf("%s: listed hash %s is in the prose and was not found", r.name, h)
			}
		}
	}
	if named < 1000 {
		t.Errorf("prose names %d listed hashes; want at least 1000, or this test shows nothing", named)
	}
	for _, typ := range ioc.Types() {
		t.Logf("%-12s %d", typ, totals[typ])
	}
	t.Logf("%d listed hashes named in prose, all found unless reported above; %d live values", named, live)
}
