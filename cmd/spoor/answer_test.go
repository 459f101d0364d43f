package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/api"
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
	want := `TYPE      VALUE                          CONFIDENCE  NOTES                                     FIRST SEEN  LAST SEEN   SOURCE
url       hxxp[://]evil[.]example/a[.]b  high                                                  2026-03-02  2026-03-02  Feed: A title [31m with  colour, see http[://]evil[.]example/x
ipv4      192[.]0[.]2[.]1                high        known good? public resolver, TLP:AMBER,…  2026-03-02  2026-03-02  Feed: https[://]reports[.]example/1
new-type  evil[.]example                 high                                                  2026-03-02  2026-03-02  Feed

related
TYPE    VALUE           CONFIDENCE  NOTES                FIRST SEEN  LAST SEEN   SOURCE
domain  evil[.]example  low         same malware family  2026-03-02  2026-03-02  Feed
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
	stdout.Reset()
	if err := a.answerTable(answer, 50); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(stdout.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 50 {
			t.Errorf("a terminal of 50 columns gets %d: %q", n, line)
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
