package extract

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
)

func values(found []Candidate) []string {
	out := []string{}
	for _, c := range found {
		out = append(out, c.Indicator.Value)
	}
	return out
}

func TestTextOptions(t *testing.T) {
	t.Parallel()
	const text = "a[.]example, b[.]example and a[.]example; see c.example"
	tests := []struct {
		name string
		opt  Options
		want []string
		err  error
	}{
		{"repeats", Options{}, []string{"a.example", "b.example", "a.example"}, nil},
		{"distinct", Options{Distinct: true}, []string{"a.example", "b.example"}, nil},
		{"all live", Options{AllLive: true}, []string{"a.example", "b.example", "a.example", "c.example"}, nil},
		{"limit", Options{Limit: 2}, []string{"a.example", "b.example"}, ErrLimit},
		{"limit reached, not passed", Options{Limit: 3}, []string{"a.example", "b.example", "a.example"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, err := Text(t.Context(), text, tt.opt)
			if !errors.Is(err, tt.err) {
				t.Errorf("Text error = %v; want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, values(found)); diff != "" {
				t.Errorf("Text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCandidateFields(t *testing.T) {
	t.Parallel()
	const text = "First sentence. The beacon   goes to\n192[.]0[.]2[.]7:8443 every hour. Third one."
	found, err := Text(t.Context(), text, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Candidate{{
		Indicator: ioc.Indicator{Type: ioc.IPv4, Value: "192.0.2.7", Key: "192.0.2.7", Port: 8443},
		Raw:       "192[.]0[.]2[.]7:8443",
		Offset:    strings.Index(text, "192"),
		Context:   "The beacon goes to 192[.]0[.]2[.]7:8443 every hour.",
		Defanged:  true,
	}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("Text (-want +got):\n%s", diff)
	}
}

func TestContextIsBounded(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text string }{
		{"long line", strings.Repeat("wörter ohne ende ", 500) + "a[.]example " + strings.Repeat("und weiter ", 500)},
		{"long value", "hxxp://a[.]example/" + strings.Repeat("ä/", 150)},
		{"broken UTF-8 and NUL", "x\xff\x00y a[.]example \xc3"},
		{"table row", "| a[.]example | " + strings.Repeat("日本語", 300) + " |"},
		{"wide runes on both sides", strings.Repeat("語", 300) + " a[.]example " + strings.Repeat("語", 300)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, err := Text(t.Context(), tt.text, Options{})
			if err != nil || len(found) == 0 {
				t.Fatalf("Text = %d candidates, %v; want at least 1", len(found), err)
			}
			for _, c := range found {
				checkCandidate(t, tt.text, c)
			}
		})
	}
}

// checkCandidate holds a candidate to its contract.
func checkCandidate(t *testing.T, text string, c Candidate) {
	t.Helper()
	if c.Offset < 0 || c.Offset+len(c.Raw) > len(text) || text[c.Offset:c.Offset+len(c.Raw)] != c.Raw || c.Raw == "" {
		t.Errorf("raw %q is not at offset %d", c.Raw, c.Offset)
	}
	again, err := ioc.Normalise(c.Indicator.Type, c.Indicator.Value)
	again.Port = c.Indicator.Port
	if err != nil || again != c.Indicator {
		t.Errorf("indicator %+v is not canonical: %+v, %v", c.Indicator, again, err)
	}
	if utf8.RuneCountInString(c.Context) > MaxContext || !utf8.ValidString(c.Context) || strings.ContainsAny(c.Context, "\n\t\r\x00") ||
		strings.Contains(c.Context, "  ") {
		t.Errorf("context %q breaks its contract (%d bytes)", c.Context, len(c.Context))
	}
	if utf8.RuneCountInString(c.Heading) > MaxHeading || !utf8.ValidString(c.Heading) || strings.ContainsAny(c.Heading, "\n\t\r\x00") {
		t.Errorf("heading %q breaks its contract (%d bytes)", c.Heading, len(c.Heading))
	}
}

func TestTextStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, text := range []string{"a[.]example", strings.Repeat("a[.]example,", 100_000)} {
		if _, err := Text(ctx, text, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Text of %d bytes: error = %v; want context.Canceled", len(text), err)
		}
	}
}

// TestTextIsLinear reads a megabyte of what makes careless scanners go back
// and forth. The time allowed is a hundred times what they take on a slow
// machine; anything quadratic needs thousands of times more.
func TestTextIsLinear(t *testing.T) {
	t.Parallel()
	pieces := map[string]string{
		"parentheses":     "(",
		"brackets":        "[.]",
		"braces":          "{",
		"letters":         "a",
		"hex":             "0123456789abcdef",
		"labels":          "a.",
		"dots between":    "dot ",
		"at signs":        "a@",
		"schemes":         "http://",
		"nested schemes":  "hxxp://a[.]b/(",
		"colons":          "1:",
		"double colons":   "::",
		"live names":      "a.example ",
		"live names in a": "a.example,",
		"cells":           "|a.example",
		"rulers":          "----\n",
		"fences":          "```\n",
		"headings":        "# a\n",
		"captions":        "a:\n",
		"open links":      "](http://a",
		"high bytes":      "\xe3\x80\x82",
		"broken bytes":    "\xe3",
		"techniques":      "T1059/",
		"cves":            "CVE-2021-44228/",
		"backslashes":     `\.a`,
		"sub-addresses":   "a+",
		"escapes":         "%20http://a.example/%3A",
		"formats":         "http://a.example/%1",
		"settings":        "host=a.example ",
		"waiting":         "see a.example\n",
		"broken URLs":     "http://a.example/\na/b ",
		"mails":           "a@a.example +1 555 ",
		"fences of code":  "```\na.example\n```\n",
	}
	for name, piece := range pieces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			text := strings.Repeat(piece, 1<<20/len(piece))
			if _, err := Text(ctx, text, Options{Limit: 1 << 30}); err != nil {
				t.Errorf("Text: %v", err)
			}
		})
	}
}

func FuzzText(f *testing.F) {
	for _, l := range readCorpus(f) {
		f.Add(l.body)
	}
	for _, piece := range adversarial {
		f.Add(strings.Repeat(piece, 20))
	}
	f.Add("http://[::1]/ [2001:db8::1]:80 a@b.c [at] (dot) \\. ://")
	f.Fuzz(func(t *testing.T, text string) {
		for _, opt := range []Options{
			{Limit: 1000}, {Limit: 1000, AllLive: true, Distinct: true},
			{Limit: 1000, Page: "https://a.example/x", Links: []string{"http://b.example"}},
		} {
			s, err := scan(t.Context(), text, opt)
			if err != nil && !errors.Is(err, ErrLimit) {
				t.Fatalf("Text: %v", err)
			}
			found := s.out
			const most = 500 // looks at a byte
			if n := s.steps + s.place.steps; n > most*(len(text)+100) {
				t.Errorf("steps = %d for %d bytes", n, len(text))
			}
			if m := marking(text); m != 0 && !m.Valid() {
				t.Errorf("marking = %v", m)
			}
			isTeaser(text)
			end := -1
			for _, c := range found {
				checkCandidate(t, text, c)
				if c.Offset < end && (hashType(len(c.Raw)) == 0 || c.Offset+len(c.Raw) > end) { // a digest in a URL is one too
					t.Errorf("candidate %q at %d overlaps the one before, which ends at %d", c.Raw, c.Offset, end)
				}
				end = max(end, c.Offset+len(c.Raw))
			}
		}
	})
}
