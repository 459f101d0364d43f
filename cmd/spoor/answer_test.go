package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/api"
	"spoor/internal/store"
)

func TestAnswerTable(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	title, reference := "A title\x1b[31m with \u202ecolour, see http://evil.example/x", "https://reports.example/1"
	record := func(typ, value string, s api.Source) api.Record {
		return api.Record{Type: typ, Value: value, Confidence: "high", FirstSeen: day, LastSeen: day, Source: s, TLP: "clear"}
	}
	marked := record("ipv4", "192.0.2.1", api.Source{FeedName: "Feed", ReferenceURL: &reference})
	marked.TLP, marked.Tags = "amber", []string{"c2", "evil.example"}
	marked.Warnings = []api.Warning{{List: "dns", Reason: "public resolver"}}
	answer := &api.SearchResponse{Data: api.SearchData{
		Found: true,
		Matches: []api.Record{
			record("url", "http://evil.example/a.b", api.Source{FeedName: "Feed", ArticleTitle: &title}), marked,
			record("new-type", "evil.example", api.Source{FeedName: "Feed"}),
		},
		RelatedIOCs: []api.Related{{
			Type: "domain", Value: "evil.example", Confidence: "low", FirstSeen: day, LastSeen: day,
			Source: api.Source{FeedName: "Feed"}, Relation: "campaign",
		}},
		Meta: api.SearchCounts{TotalMatches: 3, Stage: "contains", SearchTimeUS: 1500, TotalIsLowerBound: true},
	}}
	want := `TYPE      VALUE                          SOURCE                                    CONFIDENCE  LAST SEEN   NOTES
url       hxxp[://]evil[.]example/a[.]b  Feed: A title [31m with  colour, see ht…  high        2026-03-02
ipv4      192[.]0[.]2[.]1                Feed: https[://]reports[.]example/1       high        2026-03-02  known good? public resolver, TLP:AMBER,…
new-type  evil[.]example                 Feed                                      high        2026-03-02

related
TYPE    VALUE           SOURCE  CONFIDENCE  LAST SEEN   NOTES
domain  evil[.]example  Feed    low         2026-03-02  same malware family
`
	var stdout, stderr strings.Builder
	a := &app{stdout: &stdout, stderr: &stderr}
	if err := a.answerTable(answer, 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, stdout.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if got := stderr.String(); got != "3 or more, contains match, 1.5 ms\n" {
		t.Errorf("summary: got %q", got)
	}
	stdout.Reset()
	stderr.Reset()
	answer.Data.Meta.TotalMatches, answer.Data.Meta.TotalIsLowerBound = 1200, false
	if err := a.answerTable(answer, 0); err != nil {
		t.Fatal(err)
	}
	if got := stderr.String(); got != "1,200, contains match, 1.5 ms; 3 are shown, more with --limit or --offset\n" {
		t.Errorf("summary of a part: got %q", got)
	}
}

// TestAnswerTableFitsTheTerminal walks all widths with the longest of values.
func TestAnswerTableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	title := "An article whose title is longer than any column of a table may be, 第十二回"
	source := api.Source{FeedName: "Example feed", ArticleTitle: &title}
	sha512, link := strings.Repeat("0123456789abcdef", 8), "http://evil.example/"+strings.Repeat("字/", 40)+"gate.php"
	answer := &api.SearchResponse{Data: api.SearchData{Found: true, Meta: api.SearchCounts{TotalMatches: 2}}}
	for typ, value := range map[string]string{"sha512": sha512, "url": link} {
		answer.Data.Matches = append(answer.Data.Matches, api.Record{
			Type: typ, Value: value, Confidence: "medium", LastSeen: day, Source: source, TLP: "clear",
			Warnings: []api.Warning{{List: "dns", Reason: "public resolver"}},
		})
		answer.Data.RelatedIOCs = append(answer.Data.RelatedIOCs, api.Related{
			Type: typ, Value: value, Confidence: "medium", LastSeen: day, Source: source, Relation: "campaign",
		})
	}
	for columns := len("related"); columns <= 300; columns++ {
		var stdout strings.Builder
		a := &app{stdout: &stdout, stderr: io.Discard}
		if err := a.answerTable(answer, columns); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(stdout.String()) {
			if n := textWidth(strings.TrimSuffix(line, "\n")); n > columns {
				t.Fatalf("a terminal of %d columns gets %d: %q", columns, n, line)
			}
		}
		if columns < 80 {
			continue
		}
		matches, related, _ := strings.Cut(stdout.String(), "\nrelated\n")
		for name, part := range map[string]string{"matches": matches, "related": related} {
			for _, want := range []string{"TYPE ", "VALUE ", "SOURCE ", "Example feed: A", "NOTES", "0123456789", "89abcdef ", "hxxp[://]", "[.]php "} {
				if !strings.Contains(part, want) {
					t.Errorf("%s on %d columns do not show %q:\n%s", name, columns, want, part)
				}
			}
		}
		if !strings.Contains(matches, "known good?") || strings.Count(related, "same malware family") != 2 {
			t.Errorf("%d columns do not show why:\n%s", columns, stdout.String())
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name        string
		in          string
		n           int
		end, middle string
	}{
		{"fits", "abcdef", 6, "abcdef", "abcdef"},
		{"odd", "abcdefgh", 5, "abcd…", "ab…gh"},
		{"even", "abcdefgh", 6, "abcde…", "abc…gh"},
		{"one", "abcdefgh", 1, "…", "…"},
		{"two columns a character", "字字字字", 6, "字字…", "字…字"},
		{"marks take none", "e\u0301e\u0301", 2, "e\u0301e\u0301", "e\u0301e\u0301"},
	}
	for _, c := range cases {
		if got := cutEnd(c.in, c.n); got != c.end {
			t.Errorf("%s: end: got %q, want %q", c.name, got, c.end)
		}
		if got := cutMiddle(c.in, c.n); got != c.middle {
			t.Errorf("%s: middle: got %q, want %q", c.name, got, c.middle)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ in, want string }{
		"plain":         {"plain text", "plain text"},
		"escape":        {"a\x1b[2Jb", "a [2Jb"},
		"line breaks":   {"a\r\nb\tc", "a b c"},
		"c1 controls":   {"a\u009bb", "a b"},
		"reading order": {"a\u202eb\u2066c", "a b c"},
		"other letters": {"ünï 字", "ünï 字"},
	}
	for name, c := range cases {
		if got := printable(c.in); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestExplanation(t *testing.T) {
	t.Parallel()
	score := 55
	r := api.Record{Type: "domain", Value: "evil.example", Source: api.Source{FeedName: "Feed"}, TLP: "clear", Confidence: "high", ConfidenceScore: &score, ConfidenceTerms: []api.Term{
		{Name: "source", Points: 80, Reason: "a feed of high standing"},
		{Name: "sources", Points: 5, Reason: "2 independent feeds name the value"},
		{Name: "age", Points: -30, Reason: "see evil.example\x1b[31m"},
	}}
	plain := r
	plain.ConfidenceScore, plain.ConfidenceTerms = nil, nil
	answer := &api.SearchResponse{Data: api.SearchData{Found: true, Matches: []api.Record{r, plain}, Meta: api.SearchCounts{TotalMatches: 2, Stage: "exact"}}}
	want := `TYPE    VALUE           SOURCE  CONFIDENCE  LAST SEEN   NOTES
domain  evil[.]example  Feed    high        0001-01-01
      80  source   a feed of high standing
      +5  sources  2 independent feeds name the value
     -30  age      see evil[.]example [31m
    = 55  medium
domain  evil[.]example  Feed    high        0001-01-01
`
	var stdout strings.Builder
	a := &app{stdout: &stdout, stderr: io.Discard}
	if err := a.answerTable(answer, 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, stdout.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	stdout.Reset()
	if err := a.answerTable(answer, 40); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(stdout.String()) {
		if n := textWidth(strings.TrimSuffix(line, "\n")); n > 40 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

func TestWarningText(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, list, reason, want string }{
		{"known good", "public-resolvers", "a resolver", "known good? a resolver"},
		{"no reason", "top100", "", "known good? top100"},
		{"expired", store.WarningExpired, "the source vouched for it until 2026-01-01", "expired: the source vouched for it until 2026-01-01"},
		{"expired without a reason", store.WarningExpired, "", "expired: its source no longer vouches for it"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := warningText(c.list, c.reason); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
