package extract

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"spoor/internal/ioc"
)

//nolint:gochecknoglobals // a flag of the test binary
var update = flag.Bool("update", false, "rewrite testdata/quality.golden")

// labelled is one text of the corpus: what is in it, by the judgement of the
// person who wrote it.
type labelled struct {
	name string
	kind Kind
	body string
	want map[string]bool
}

func readCorpus(t testing.TB) []labelled {
	t.Helper()
	var paths []string
	for _, dir := range []string{"corpus", "heldout"} {
		more, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
		if err != nil {
			t.Fatalf("list corpus: %v", err)
		}
		paths = append(paths, more...)
	}
	if len(paths) < 50 {
		t.Fatalf("found %d corpus files; want at least 50", len(paths))
	}
	var out []labelled
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatalf("read corpus: %v", err)
		}
		if len(archive.Files) != 2 {
			t.Fatalf("%s: has %d files; want input and want", path, len(archive.Files))
		}
		l := labelled{name: filepath.Base(path), body: string(archive.Files[0].Data), want: map[string]bool{}}
		kind, ok := DetectKind(archive.Files[0].Name, archive.Files[0].Data)
		if !ok {
			t.Fatalf("%s: input is no text", path)
		}
		l.kind = kind
		for line := range strings.Lines(string(archive.Files[1].Data)) {
			if line = strings.TrimSpace(line); line != "" {
				l.want[line] = true
			}
		}
		out = append(out, l)
	}
	return out
}

// score counts right, wrong and missed values.
type score struct{ right, wrong, missed int }

func (s score) String() string {
	return fmt.Sprintf("precision %.3f  recall %.3f  (%d right, %d wrong, %d missed)",
		ratio(s.right, s.right+s.wrong), ratio(s.right, s.right+s.missed), s.right, s.wrong, s.missed)
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

// TestQuality keeps precision and recall by type in a golden file, so that a
// change of either shows in the diff, and holds the sum to the bar.
func TestQuality(t *testing.T) {
	t.Parallel()
	byType := map[string]score{}
	var total score
	for _, l := range readCorpus(t) {
		doc, err := Render(strings.NewReader(l.body), l.kind)
		if err != nil {
			t.Fatalf("%s: render: %v", l.name, err)
		}
		opt := Options{Distinct: true}
		if l.kind == HTML {
			opt.Links = doc.Links
		}
		found, err := Text(t.Context(), doc.Text, opt)
		if err != nil {
			t.Fatalf("%s: extract: %v", l.name, err)
		}
		got := map[string]bool{}
		for _, c := range found {
			got[c.Indicator.Type.String()+" "+c.Indicator.Value] = true
		}
		compare(t, l, got, byType, &total)
	}
	checkQuality(t, byType, total)
}

func compare(t *testing.T, l labelled, got map[string]bool, byType map[string]score, total *score) {
	t.Helper()
	for line := range got {
		typ, _, _ := strings.Cut(line, " ")
		s := byType[typ]
		if l.want[line] {
			s.right++
			total.right++
		} else {
			s.wrong++
			total.wrong++
			t.Logf("%s: wrong  %s", l.name, line)
		}
		byType[typ] = s
	}
	for line := range l.want {
		if !got[line] {
			typ, _, _ := strings.Cut(line, " ")
			s := byType[typ]
			s.missed++
			total.missed++
			byType[typ] = s
			t.Logf("%s: missed %s", l.name, line)
		}
	}
}

func checkQuality(t *testing.T, byType map[string]score, total score) {
	t.Helper()
	var b strings.Builder
	for _, typ := range ioc.Types() {
		fmt.Fprintf(&b, "%-13s %v\n", typ, byType[typ.String()])
		delete(byType, typ.String())
	}
	for typ := range byType {
		t.Errorf("corpus labels an unknown type %q", typ)
	}
	fmt.Fprintf(&b, "%-13s %v\n", "all", total)
	t.Logf("\n%s", b.String())
	const bar = 0.97
	if p := ratio(total.right, total.right+total.wrong); p < bar {
		t.Errorf("precision = %.3f; want at least %.2f", p, bar)
	}
	if r := ratio(total.right, total.right+total.missed); r < bar {
		t.Errorf("recall = %.3f; want at least %.2f", r, bar)
	}
	golden := filepath.Join("testdata", "quality.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatalf("write golden file: %v", err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("read golden file: %v", err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("quality changed (-want +got); run with -update if it is better:\n%s", diff)
	}
}

// TestCorpusLabels holds the corpus itself to the form of its labels.
func TestCorpusLabels(t *testing.T) {
	t.Parallel()
	for _, l := range readCorpus(t) {
		lines := make([]string, 0, len(l.want))
		for line := range l.want {
			lines = append(lines, line)
		}
		slices.Sort(lines)
		for _, line := range lines {
			name, value, _ := strings.Cut(line, " ")
			typ, err := ioc.ParseType(name)
			if err != nil {
				t.Errorf("%s: %q: %v", l.name, line, err)
				continue
			}
			got, err := ioc.Normalise(typ, value)
			if err != nil || got.Value != value {
				t.Errorf("%s: label %q is not canonical: got %q, %v", l.name, line, got.Value, err)
			}
		}
	}
}
