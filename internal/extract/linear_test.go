package extract

import (
	"strings"
	"testing"
)

// adversarial are pieces of texts that make careless scanners go back and
// forth. A text is one of them many times over.
//
//nolint:gochecknoglobals // read-only table
var adversarial = map[string]string{
	"parentheses":        "(",
	"nested brackets":    "[({",
	"marks":              "[.]",
	"marks between":      "a[.]",
	"spaced marks":       "a [.] ",
	"braces":             "{",
	"letters":            "a",
	"hex":                "0123456789abcdef",
	"hex lines":          "0123456789abcdef0123456789abcdef\n",
	"short hex lines":    "0123456789abcdef012345\n",
	"hex words":          "0123456789abcdef0123456789abcdef ",
	"labels":             "a.",
	"dots":               ".",
	"dots between":       "dot ",
	"at signs":           "@",
	"mail addresses":     "a@",
	"mail at addresses":  "a@192.0.2.1",
	"schemes":            "http://",
	"defanged schemes":   "hxxp",
	"nested schemes":     "hxxp://a[.]b/(",
	"cut schemes":        "hxxp[:]",
	"patterns":           "http://a.example/{",
	"colons":             "1:",
	"double colons":      "::",
	"live names":         "a.example ",
	"live names in a":    "a.example,",
	"cells":              "|a.example",
	"tabs":               "\ta.example",
	"links":              "](http://a.example/)",
	"open links":         "](http://a",
	"links with text":    "http://a.example[b] ",
	"pages":              "https://a.example/0123456789abcdef0123456789abcdef/",
	"rulers":             "----\n",
	"fences":             "```\n",
	"headings":           "# a\n",
	"captions":           "a:\n",
	"long lines":         "a b. ",
	"high bytes":         "\xe3\x80\x82",
	"unspaced script":    "\u65e5a",
	"broken bytes":       "\xe3",
	"techniques":         "T1059/",
	"identifiers":        "CVE-2021-44228/",
	"detections":         "a.CVE-1",
	"backslashes":        `\`,
	"escaped dots":       `\.a`,
	"sub-addresses":      "a+",
	"escapes":            "%20http://a.example/%3A",
	"escaped and ended":  "%41http://a.example)",
	"formats":            "http://a.example/%1",
	"settings":           "host=a.example ",
	"waiting":            "see a.example\n",
	"broken URLs":        "http://a.example/\na/b ",
	"mails":              "a@a.example +1 555 ",
	"fences of code":     "```\na.example\n```\n",
	"words before mail":  "see a@a.example ",
	"disowned":           "192.0.2.1 is our ",
	"versions":           "1.2.3.4 and ",
	"ranges":             "192.0.2.1/",
	"sentences of marks": "a[.]example b. ",
}

// TestStepsAreLinear counts the bytes that are looked at, instead of the time
// it takes: ten times the text may cost ten times the work and no more.
func TestStepsAreLinear(t *testing.T) {
	t.Parallel()
	const size, most = 40_000, 200 // looks at a byte
	for name, piece := range adversarial {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			few, many := steps(t, piece, size), steps(t, piece, 10*size)
			if many > 12*few || many > most*10*size {
				t.Errorf("steps = %d for %d bytes, %d for ten times as many", few, size, many)
			}
			if few < size/2 {
				t.Errorf("steps = %d for %d bytes: the count is broken", few, size)
			}
		})
	}
}

func steps(t *testing.T, piece string, size int) int {
	t.Helper()
	s, err := scan(t.Context(), strings.Repeat(piece, size/len(piece)), Options{Limit: 1 << 30})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return s.steps + s.place.steps
}
