package ingest

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"spoor/internal/benign"
	"spoor/internal/extract"
	"spoor/internal/ioc"
)

// showErrors is for people: the golden file holds numbers only.
var showErrors = flag.Bool("errors", false, "quality: list what is found and not labelled, and what is missed")

// foundValue is one indicator that the product takes from a document.
type foundValue struct {
	ioc.Indicator
	offset  int    // in bytes of the text that was read
	raw     string // as written
	context string
}

// foundIn returns what the product takes from a document of prose, in order of
// appearance. It is the one place that says how: what import, the feeds and
// "spoor extract" do to such a document has to be done here.
func foundIn(ctx context.Context, name string, content []byte) ([]foundValue, error) {
	kind, ok := extract.DetectKind(name, content[:min(len(content), headBytes)])
	if !ok {
		return nil, fmt.Errorf("read %s: is not text", name)
	}
	doc, err := extract.Main(ctx, bytes.NewReader(content), kind)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	page := ""
	if kind != extract.HTML {
		page = articleURL(doc.Text)
	}
	own := ownKeys(page)
	said, err := extract.Read(ctx, doc.Text, extract.Options{Limit: maxCandidates, Page: page, Links: doc.Links})
	if err != nil {
		return nil, fmt.Errorf("extract %s: %w", name, err)
	}
	// Our own lists only: what lists an operator adds is theirs.
	kept, _ := Judged(benign.Builtin(), said.Candidates)
	var out []foundValue
	for _, c := range kept {
		if !own[c.Indicator.Key] {
			out = append(out, foundValue{Indicator: c.Indicator, offset: c.Offset, raw: c.Raw, context: c.Context})
		}
	}
	return out, nil
}

// qualityCorpus is one set of labelled documents.
type qualityCorpus struct {
	name   string
	dir    func(t testing.TB) string // skips aloud where there is none
	labels string                    // the label file
	read   func(content []byte) []byte
}

// asFound is for corpora that hold what is on disk.
func asFound(content []byte) []byte { return content }

var (
	exampleName    = regexp.MustCompile(`(?i)\bexample(\.(?:com|net|org)\b)?`)
	exampleAddress = regexp.MustCompile(`\b(203|198)((?:[^0-9A-Za-z\n]|span|dot|&#46;){1,20})(0|51)((?:[^0-9A-Za-z\n]|span|dot|&#46;){1,20})(113|100)\b`)
	exampleIPv6    = regexp.MustCompile(`\b2001(\W{1,3}db8)\b`)
)

// asReal turns the reserved names and addresses of our own reports into others
// of the same length: what is reserved is no indicator, and a real name has no
// place in the repository. Left as they are: example.com and its like, and
// 192.0.2.0/24, which are examples in the reports too.
func asReal(content []byte) []byte {
	content = exampleName.ReplaceAllFunc(content, func(b []byte) []byte {
		if len(b) > len("example") {
			return b
		}
		return []byte("website")
	})
	content = exampleAddress.ReplaceAllFunc(content, func(b []byte) []byte {
		m := exampleAddress.FindSubmatch(b)
		if string(m[1]) == "203" {
			m[3] = []byte("9")
		} else {
			m[3] = []byte("66")
		}
		return bytes.Join(m[1:], nil)
	})
	return exampleIPv6.ReplaceAll(content, []byte("2a01$1"))
}

// TestQuality scores what is found in labelled documents, by type, and compares
// with the golden file: a change of any number shows in a diff. With
// SPOOR_QUALITY_CORPUS and SPOOR_QUALITY_LABELS it prints the table of that
// corpus instead.
//
//nolint:paralleltest // its parts share the golden file
func TestQuality(t *testing.T) {
	if dir, labels := os.Getenv("SPOOR_QUALITY_CORPUS"), os.Getenv("SPOOR_QUALITY_LABELS"); dir != "" || labels != "" {
		if dir == "" || labels == "" {
			t.Fatal("another corpus needs both: SPOOR_QUALITY_CORPUS=DIR and SPOOR_QUALITY_LABELS=FILE")
		}
		r := scoreCorpus(t, qualityCorpus{labels: labels, read: asFound}, dir)
		t.Logf("\n%s", r.table(filepath.Base(dir)))
		return
	}
	golden := qualityFile("quality.golden")
	want := readSections(t, golden)
	for _, c := range []qualityCorpus{
		{"eset", func(t testing.TB) string { t.Helper(); return sharedData(t, "eset") }, qualityFile("eset.labels"), asFound},
		{"reports", func(testing.TB) string { return qualityFile("reports") }, qualityFile("reports.labels"), asReal},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := scoreCorpus(t, c, c.dir(t)).table(c.name)
			t.Logf("\n%s", got)
			if *update {
				want[c.name] = got
				writeSections(t, golden, want)
			}
			if diff := gocmp.Diff(strings.Split(want[c.name], "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("%s (-golden +now; -update takes it over):\n%s", golden, diff)
			}
		})
	}
}

func qualityFile(name string) string { return filepath.Join("testdata", "quality", name) }

// scoreCorpus reads every labelled document of the folder and scores it.
func scoreCorpus(t *testing.T, c qualityCorpus, dir string) *qualityResult {
	t.Helper()
	text, err := os.ReadFile(c.labels)
	if err != nil {
		t.Fatalf("read labels: %v", err)
	}
	docs, err := parseLabels(string(text))
	if err != nil {
		t.Fatalf("read %s: %v", c.labels, err)
	}
	r := newQualityResult()
	for i := range docs {
		d := &docs[i]
		content, err := readDocument(dir, d)
		if err != nil {
			t.Error(err)
			continue
		}
		content = c.read(content)
		got, err := foundIn(t.Context(), d.path, content)
		if err != nil {
			t.Error(err)
			continue
		}
		truth, err := truthOf(d, content)
		if err != nil {
			t.Errorf("%s: %v", d.path, err)
			continue
		}
		errs := r.add(d, truth, got)
		if *showErrors {
			logErrors(t, d.path, content, errs)
		}
	}
	return r
}

// logErrors lists the mistakes in one document, defanged.
func logErrors(t *testing.T, path string, content []byte, errs []mistake) {
	t.Helper()
	slices.SortStableFunc(errs, func(a, b mistake) int { return cmp.Compare(a.offset, b.offset) })
	for _, e := range errs {
		at := e.offset
		if i := bytes.Index(content, []byte(e.raw)); e.raw != "" && i >= 0 && !bytes.HasPrefix(content[min(at, len(content)):], []byte(e.raw)) {
			at = i // of a page, its text was read
		}
		t.Logf("%s:%d: %s %s %s  %s", path, lineAt(content, at), e.kind, e.Type,
			ioc.Defang(e.Type, e.Value), ioc.DefangText(e.context))
	}
}

// readSections returns the tables of the golden file by the corpus' name.
func readSections(t *testing.T, path string) map[string]string {
	t.Helper()
	sections := map[string]string{}
	text, err := os.ReadFile(path)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatalf("read golden file: %v", err)
	}
	for _, s := range strings.SplitAfter(string(text), "\n\n") {
		if name, _, ok := strings.Cut(s, ":"); ok {
			sections[name] = strings.TrimRight(s, "\n") + "\n"
		}
	}
	return sections
}

func writeSections(t *testing.T, path string, sections map[string]string) {
	t.Helper()
	var all []string
	for _, s := range sections {
		all = append(all, s)
	}
	slices.Sort(all)
	if err := os.WriteFile(path, []byte(strings.Join(all, "\n")), 0o600); err != nil {
		t.Fatalf("write golden file: %v", err)
	}
}

// TestQualityReportsAreLabelled wants every report in its label file.
func TestQualityReportsAreLabelled(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(qualityFile("reports.labels"))
	if err != nil {
		t.Fatal(err)
	}
	docs, err := parseLabels(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, d := range docs {
		want = append(want, d.path)
	}
	err = fs.WalkDir(os.DirFS(qualityFile("reports")), ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			got = append(got, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("reports (-labelled +there):\n%s", diff)
	}
}

func TestAsReal(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"name", "evil[.]example and EVIL.EXAMPLE/x", "evil[.]website and EVIL.website/x"},
		{"reserved name", "www.example.com example.org", "www.example.com example.org"},
		{"address", "203.0.113.5 198[.]51[.]100[.]7", "203.9.113.5 198[.]66[.]100[.]7"},
		{"address in a page", "203<span>[.]</span>0&#46;113.5", "203<span>[.]</span>9&#46;113.5"},
		{"address of an example", "192.0.2.5", "192.0.2.5"},
		{"other numbers", "1203.0.113.5 203.0.1134", "1203.0.113.5 203.0.1134"},
		{"ipv6", "2001:db8::1 2001[:]db8[:][:]2", "2a01:db8::1 2a01[:]db8[:][:]2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := string(asReal([]byte(tc.text))); got != tc.want || len(got) != len(tc.text) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
