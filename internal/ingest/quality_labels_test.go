package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/extract"
	"spoor/internal/ioc"
)

// labelRole is how an indicator stands in the document.
type labelRole byte

const (
	roleListed    labelRole = 'l' // in a table, list or block of indicators
	roleMentioned labelRole = 'm' // in a sentence or a description
	// open is a place of which good analysts think differently: finding it is
	// no mistake, and missing it is none.
	roleOpen labelRole = 'o'
)

// label is one place where an indicator stands, in bytes of the file. value is
// empty unless the label file gives what the bytes alone do not say.
type label struct {
	offset, length int
	typ            ioc.Type
	role           labelRole
	value          string
}

// labelledDocument is the truth about one document.
type labelledDocument struct {
	path   string // slash-separated, from the corpus' folder
	digest string // SHA-256 of the file, hex
	labels []label
}

// parseLabels reads a label file; docs/quality.md describes it.
func parseLabels(text string) ([]labelledDocument, error) {
	var docs []labelledDocument
	line := 0
	for row := range strings.Lines(text) {
		line++
		row = strings.TrimSpace(row)
		switch {
		case row == "" || row[0] == '#':
		case strings.HasPrefix(row, "document "):
			f := strings.SplitN(row, " ", 3)
			if len(f) != 3 || len(f[1]) != hex.EncodedLen(sha256.Size) || !filepath.IsLocal(filepath.FromSlash(f[2])) {
				return nil, fmt.Errorf("line %d: want: document SHA256 PATH", line)
			}
			docs = append(docs, labelledDocument{path: f[2], digest: f[1]})
		case len(docs) == 0:
			return nil, fmt.Errorf("line %d: a label before the first document", line)
		default:
			l, err := parseLabel(row)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			d := &docs[len(docs)-1]
			if n := len(d.labels); n > 0 && l.offset < d.labels[n-1].offset {
				return nil, fmt.Errorf("line %d: labels are in order of their offsets", line)
			}
			d.labels = append(d.labels, l)
		}
	}
	return docs, nil
}

// parseLabel reads "OFFSET LENGTH TYPE [ROLE [VALUE]]".
func parseLabel(row string) (label, error) {
	f := strings.Fields(row)
	if len(f) < 3 || len(f) > 5 {
		return label{}, fmt.Errorf("%q: want: OFFSET LENGTH TYPE [ROLE [VALUE]]", row)
	}
	l := label{role: roleListed}
	var err error
	if l.offset, err = strconv.Atoi(f[0]); err != nil || l.offset < 0 {
		return label{}, fmt.Errorf("read offset %q", f[0])
	}
	if l.length, err = strconv.Atoi(f[1]); err != nil || l.length < 1 {
		return label{}, fmt.Errorf("read length %q", f[1])
	}
	if l.typ, err = ioc.ParseType(f[2]); err != nil {
		return label{}, fmt.Errorf("read type: %w", err)
	}
	if len(f) > 3 {
		if l.role = labelRole(f[3][0]); len(f[3]) != 1 || strings.IndexByte("lmo", f[3][0]) < 0 {
			return label{}, fmt.Errorf("read role %q: want l, m or o", f[3])
		}
	}
	if len(f) > 4 {
		l.value = f[4]
	}
	return l, nil
}

// pageTag is what stands between the parts of a value in a page.
var pageTag = regexp.MustCompile(`<[^<>]*>`)

// meaning returns the indicator that a label of the document stands for. The
// labelled bytes are read without the page's tags and escapes, and without
// white space, which breaks values only where a line or a cell ends.
func meaning(l label, content []byte, kind extract.Kind) (ioc.Indicator, error) {
	if l.offset > len(content) || l.length > len(content)-l.offset {
		return ioc.Indicator{}, fmt.Errorf("label at %d: beyond the end", l.offset)
	}
	raw := l.value
	if raw == "" {
		raw = string(content[l.offset : l.offset+l.length])
		if kind == extract.HTML {
			raw = html.UnescapeString(pageTag.ReplaceAllString(raw, ""))
		}
		if !strings.Contains(strings.ToLower(raw), " dot ") && !strings.Contains(strings.ToLower(raw), " at ") {
			raw = strings.Join(strings.Fields(raw), "")
		}
	}
	ind, err := ioc.Normalise(l.typ, raw)
	if err != nil {
		return ioc.Indicator{}, fmt.Errorf("label at %d: %w", l.offset, err)
	}
	return ind, nil
}

// readDocument returns the file of a document, if it is still the labelled one.
func readDocument(dir string, d *labelledDocument) ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(d.path)))
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != d.digest {
		return nil, fmt.Errorf("%s: is not the file that was labelled: look at its labels again", d.path)
	}
	return content, nil
}

// lineAt returns the number of the line of an offset, from one.
func lineAt(content []byte, offset int) int {
	return 1 + bytes.Count(content[:min(max(offset, 0), len(content))], []byte{'\n'})
}

func TestParseLabels(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0a", sha256.Size)
	head := "document " + digest + " a b/c.md\n"
	two := []labelledDocument{
		{path: "a b/c.md", digest: digest, labels: []label{
			{offset: 3, length: 12, typ: ioc.Domain, role: roleListed},
			{offset: 30, length: 9, typ: ioc.CVE, role: roleMentioned, value: "CVE-2099-0001"},
		}},
		{path: "d.txt", digest: digest},
	}
	for _, tc := range []struct {
		name, text string
		want       []labelledDocument
		fails      string
	}{
		{"two documents", "# c\n\n" + head + "3 12 domain\n30 9 cve m CVE-2099-0001\ndocument " + digest + " d.txt\n", two, ""},
		{"no document", "3 12 domain l\n", nil, "line 1: a label before"},
		{"short digest", "document 0a a.md\n", nil, "line 1: want: document"},
		{"outside the folder", "document " + digest + " ../a.md\n", nil, "line 1: want: document"},
		{"unknown type", head + "3 12 host l\n", nil, "line 2: read type"},
		{"unknown role", head + "3 12 domain x\n", nil, "line 2: read role"},
		{"negative offset", head + "-3 12 domain l\n", nil, "line 2: read offset"},
		{"empty place", head + "3 0 domain l\n", nil, "line 2: read length"},
		{"out of order", head + "3 12 domain l\n2 12 domain l\n", nil, "line 3: labels are in order"},
		{"too many fields", head + "3 12 domain l v w\n", nil, "line 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseLabels(tc.text)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Fatalf("got error %v, want one with %q", err, tc.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, tc.want, cmp.AllowUnexported(labelledDocument{}, label{})); diff != "" {
				t.Errorf("labels (-got +want):\n%s", diff)
			}
		})
	}
}

func TestMeaning(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		label      label
		kind       extract.Kind
		want       string
	}{
		{"as written", "see a[.]example now", label{offset: 4, length: 11, typ: ioc.Domain}, extract.PlainText, "a.example"},
		{"broken by a line", "d41d8cd98f00b204\n  e9800998ecf8427e", label{length: 35, typ: ioc.MD5}, extract.PlainText, "d41d8cd98f00b204e9800998ecf8427e"},
		{"tags and escapes", "hxxp://a[.]<b>example</b>/?x=1&amp;y", label{length: 36, typ: ioc.URL}, extract.HTML, "http://a.example/?x=1&y"},
		{"dots in words", "a dot example", label{length: 13, typ: ioc.Domain}, extract.PlainText, "a.example"},
		{"value given", "T1059 and .001", label{length: 14, typ: ioc.MITREAttack, value: "T1059.001"}, extract.PlainText, "T1059.001"},
		{"not of the type", "a.example", label{length: 9, typ: ioc.MD5}, extract.PlainText, ""},
		{"beyond the end", "a.example", label{offset: 1, length: 9, typ: ioc.Domain}, extract.PlainText, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := meaning(tc.label, []byte(tc.text), tc.kind)
			if got.Value != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("got %q, %v, want %q", got.Value, err, tc.want)
			}
		})
	}
}
