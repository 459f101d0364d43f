package ingest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/feed"
	"spoor/internal/ioc"
)

func TestRecognise(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, head, want string
	}{
		{"list", "x.txt", "bad.example\n192.0.2.1\n", "list"},
		{"list without a suffix", "samples.sha1", "1a62031bbb2c3f55d44f59917fd32e4ed2041224\n", "list"},
		{"trail", "malware/heron.txt", trail, "maltrail"},
		{"table", "x.csv", "indicator,type\nbad.example,domain\n", "csv"},
		{"prose", "notes.txt", "We have seen bad[.]example again today, and more.\n", "text"},
		{"prose that begins with a bracket", "notes.txt", "[Draft] We have seen bad[.]example again.\n", "text"},
		{"readme that looks like a list", "a/README.txt", "bad.example\n", "text"},
		{"markdown", "x.md", "# Heron\n", "markdown"},
		{"asciidoc", "x.adoc", "= Heron\n", "asciidoc"},
		{"page", "x.html", "<html><p>text", "html"},
		{"page without a suffix", "stdin", "<!DOCTYPE html><p>text", "html"},
		{"unknown JSON", "x.json", `{"Event": {}}`, ""},
		{"unknown JSON without a suffix", "stdin", "[\n {\"Event\": 1}]", ""},
		{"XML", "x.txt", "<?xml version=\"1.0\"?><note></note>", ""},
		{"news", "x.xml", "<?xml version=\"1.0\"?><rss version=\"2.0\"></rss>", "news"},
		{"program", "x.py", "import os\n", ""},
		{"list with a NUL", "x.txt", domains(0, 100) + "bad\x00.example\n", "list"},
		{"short list with a NUL", "x.txt", domains(0, 10) + "bad\x00.example\n", "list"},
		{"prose with a NUL", "x.txt", strings.Repeat("We have seen bad[.]example again today. ", 30) + "\x00", "text"},
		{"more NULs than text has", "x.txt", domains(0, 100) + "\x00\x00\x00", ""},
		{"UTF-16 without a mark", "x.txt", "b\x00a\x00d\x00.\x00e\x00x\x00a\x00m\x00p\x00l\x00e\x00\n\x00", ""},
		{"binary", "x.txt", "MZ\x90\x00\x03", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := recognise(tt.file, []byte(tt.head))
			switch {
			case tt.want == "":
				if !errors.Is(err, errUnknown) || !strings.Contains(err.Error(), "--format ") {
					t.Errorf("got %+v, %v, want errUnknown that says --format", f, err)
				}
			case err != nil || f.name != tt.want:
				t.Errorf("got %+v, %v, want %s", f, err, tt.want)
			}
		})
	}
}

func TestFormatsAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, name := range Formats() {
		if seen[name] {
			t.Errorf("%q twice", name)
		}
		seen[name] = true
		if f, err := formNamed(name); err != nil || f.name != name || f.feed == "" || f.category == "" {
			t.Errorf("form %q: %+v, %v", name, f, err)
		}
	}
}

// TestEveryReasonIsDescribed walks all words that a summary can count by.
func TestEveryReasonIsDescribed(t *testing.T) {
	t.Parallel()
	unknown := Describe("no such reason")
	words := []string{
		FileHidden, FileLink, FileSpecial, FileLicence, FileEmpty, FileUnknown,
		feed.ReasonBrokenRow, feed.ReasonLineTooLong, feed.ReasonTooLarge, feed.ReasonTooDeep,
		feed.ReasonTooManyColumns, feed.ReasonUnknownType, feed.ReasonPattern, feed.ReasonWithdrawn,
	}
	for _, r := range ioc.Reasons() {
		words = append(words, string(r))
	}
	for _, word := range words {
		if Describe(word) == unknown {
			t.Errorf("%q has no description", word)
		}
	}
}

func TestTallyOrder(t *testing.T) {
	t.Parallel()
	tally := Tally{}
	for _, reason := range []string{"b", "c", "a", "c"} {
		tally.add(reason, 1, func() Place { return Place{Where: reason} })
	}
	got := tally.Reasons()
	if len(got) != 3 || got[0] != "c" || got[1] != "a" || got[2] != "b" || tally.Total() != 4 {
		t.Errorf("reasons %v of %v", got, tally.Counts())
	}
	if n := len(tally["c"].Places); n != 1 {
		t.Errorf("%d places kept, want at most one", n)
	}
}

func TestCleanAll(t *testing.T) {
	t.Parallel()
	words := []string{"c2", "apt"}
	if got := cleanAll(words); &got[0] != &words[0] {
		t.Error("a clean list was copied")
	}
	many := make([]string, maxTags+50)
	for i := range many {
		many[i] = "tag"
	}
	tests := []struct {
		name string
		in   []string
		want []string
	}{
		{"none", nil, nil},
		{"empty words", []string{"", "a", ""}, []string{"a"}},
		{"not UTF-8 and NUL", []string{"caf\xe9", "a\x00b"}, []string{"caf\uFFFD", "ab"}},
		{"too long", []string{strings.Repeat("x", maxTag+1)}, []string{strings.Repeat("x", maxTag)}},
		{"too many", many, many[:maxTags]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, cleanAll(tt.in)); diff != "" {
				t.Errorf("cleaned (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTechniques(t *testing.T) {
	t.Parallel()
	got := techniques([]string{"t1071.001", "nonsense", "TA0011", ""})
	if diff := cmp.Diff([]string{"T1071.001", "TA0011"}, got); diff != "" {
		t.Errorf("techniques (-want +got):\n%s", diff)
	}
}
