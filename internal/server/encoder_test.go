package server

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"spoor/api"
	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
)

// oracle is what encoding/json makes of a value, with HTML escaping off.
func oracle(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The conversions below say a second time, in the plainest way, what the
// Encoder does by hand.

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func list[T any](s []T) []T { return append([]T{}, s...) }

func apiRecord(r store.Record) api.Record {
	out := api.Record{
		ID: r.ID.String(), Type: r.Type.String(), Value: r.Value, Confidence: r.Confidence.String(),
		FirstSeen: r.FirstSeen, LastSeen: r.LastSeen, Context: optional(r.Context),
		Tags: list(r.Tags), MITRETechniques: list(r.Techniques), Ports: list(r.Ports), TLP: max(r.TLP, ioc.Clear).String(),
		Warnings: []api.Warning{},
		Source:   api.Source{FeedName: r.Feed.Name, Category: string(r.Feed.Category), Origin: r.Origin.String()},
	}
	for _, w := range r.Warnings {
		out.Warnings = append(out.Warnings, api.Warning{List: w.List, Reason: w.Reason})
	}
	if a := r.Article; a != nil {
		out.Source.ArticleID, out.Source.ArticleTitle = optional(a.ID.String()), optional(a.Title)
		out.Source.ArticleURL, out.Source.ReferenceURL = optional("https://feed.example/item/"+a.ID.String()), optional(a.URL)
	}
	return out
}

func apiRelated(r store.Related) api.Related {
	c := apiRecord(r.Record)
	return api.Related{
		ID: c.ID, Type: c.Type, Value: c.Value, Confidence: c.Confidence, FirstSeen: c.FirstSeen, LastSeen: c.LastSeen,
		Source: c.Source, Tags: c.Tags, MITRETechniques: c.MITRETechniques, Ports: c.Ports, TLP: c.TLP, Warnings: c.Warnings,
		Relation: string(r.Relation),
	}
}

func apiDetail(r Result) api.SearchResponse {
	out := api.SearchResponse{
		Meta: api.SearchMeta{
			GeneratedAt: r.GeneratedAt, FeedVersion: "1.0", Source: "SOC Defenders",
			Total: r.Answer.Total, Limit: r.Window.Limit, Offset: r.Window.Offset,
		},
		Data: api.SearchData{
			Found: r.Answer.Found, Query: r.Query, Matches: []api.Record{}, RelatedIOCs: []api.Related{},
			Meta: api.SearchCounts{
				TotalMatches: r.Answer.Total, RelatedCount: len(r.Answer.Related),
				SearchTimeUS: r.Answer.Took.Microseconds(), SearchTimeMS: (r.Answer.Took.Microseconds() + 999) / 1000,
				Stage: string(r.Answer.Stage), TotalIsLowerBound: r.Answer.LowerBound, Interpretations: []api.Interpretation{},
			},
		},
	}
	for i, m := range r.Answer.Matches {
		rec := apiRecord(m)
		if r.Answer.Assessments != nil {
			rec.ConfidenceScore = &r.Answer.Assessments[i].Score
			for _, x := range r.Answer.Assessments[i].Terms {
				rec.ConfidenceTerms = append(rec.ConfidenceTerms, api.Term(x))
			}
		}
		out.Data.Matches = append(out.Data.Matches, rec)
	}
	for _, m := range r.Answer.Related {
		out.Data.RelatedIOCs = append(out.Data.RelatedIOCs, apiRelated(m))
	}
	for _, i := range r.Answer.Interpretations {
		out.Data.Meta.Interpretations = append(out.Data.Meta.Interpretations, api.Interpretation{Type: i.Type.String(), Normalized: i.Value})
	}
	return out
}

func newEncoder() *Encoder { return NewEncoder("https://feed.example/", "", "") }

func sampleResult() Result {
	m := sample()
	return Result{
		Query: "hxxp://Evil[.]example/\"<&>\u2028\x01", GeneratedAt: testNow, Window: store.Window{Limit: 100, Offset: 7},
		Answer: search.Answer{
			Found: true, Stage: search.StageExact, Matches: m.records, Total: 10_000, LowerBound: true,
			Related:         []store.Related{{Record: m.records[0], Relation: store.RelationArticle}, {Record: m.records[3], Relation: store.RelationCampaign}},
			Interpretations: []ioc.Reading{{Type: ioc.URL, Value: "http://evil.example/"}, {Type: ioc.Domain, Value: "evil.example"}},
			Took:            412 * time.Microsecond,
		},
	}
}

func TestDetailIsEncodingJSON(t *testing.T) {
	t.Parallel()
	full := sampleResult()
	bare := full
	bare.Answer.Matches = []store.Record{full.Answer.Matches[2]}
	bare.Answer.Related, bare.Answer.LowerBound = nil, false
	explained := full
	for i := range full.Answer.Matches {
		explained.Answer.Assessments = append(explained.Answer.Assessments, store.Assess(&full.Answer.Matches[i], i+1, testNow.AddDate(1, 0, 0)))
	}
	tests := map[string]Result{
		"explained": explained,
		"full":      full,
		"bare":      bare,
		"nothing":   {Query: "none.example", GeneratedAt: testNow, Window: store.Window{Limit: 1}, Answer: search.Answer{Stage: search.StageNone}},
		"exactly one millisecond": {
			Query: "x", GeneratedAt: testNow, Answer: search.Answer{Stage: search.StageNone, Took: time.Millisecond},
		},
	}
	for name, r := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := string(newEncoder().Detail(nil, &r))
			if diff := cmp.Diff(oracle(t, apiDetail(r)), got); diff != "" {
				t.Errorf("Detail (-encoding/json +got):\n%s", diff)
			}
		})
	}
}

func TestListIsEncodingJSON(t *testing.T) {
	t.Parallel()
	filters := unsetFilters()
	filters.Type, filters.Tag = "ipv4,domain", `a"b`
	h := listHead{at: testNow, total: 3, lowerBound: true, window: store.Window{Limit: 2, Offset: 1}, filters: filters}
	e := newEncoder()
	want := api.ListResponse{
		Meta: api.ListMeta{
			GeneratedAt: testNow, FeedVersion: "1.0", Source: "SOC Defenders", Total: 3, TotalIsLowerBound: true, Limit: 2, Offset: 1, Filters: filters,
		},
		Data: []api.Record{}, Links: api.Links{Self: "https://feed.example/a?b&c"},
	}
	got := e.appendListTail(e.appendListHead(nil, &h), want.Links.Self, "")
	if diff := cmp.Diff(oracle(t, want), string(got)); diff != "" {
		t.Errorf("empty list (-encoding/json +got):\n%s", diff)
	}
	next := "https://feed.example/next"
	want.Links.Next = &next
	got = e.appendListHead(nil, &h)
	rows := jsonRows{enc: e}
	for _, r := range sample().records {
		want.Data = append(want.Data, apiRecord(r))
		got = rows.row(got, &r)
	}
	if diff := cmp.Diff(oracle(t, want), string(e.appendListTail(got, want.Links.Self, next))); diff != "" {
		t.Errorf("list (-encoding/json +got):\n%s", diff)
	}
	rec := sample().records[0]
	one := api.RecordResponse{Meta: api.Meta{GeneratedAt: testNow, FeedVersion: "1.0", Source: "SOC Defenders"}, Data: apiRecord(rec)}
	if diff := cmp.Diff(oracle(t, one), string(e.Record(nil, testNow, &rec))); diff != "" {
		t.Errorf("record (-encoding/json +got):\n%s", diff)
	}
}

func TestTimesAreUTCWholeSeconds(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 17, 12, 30, 0, 999_999_999, time.FixedZone("", 2*3600))
	if got, want := string(appendTime(nil, at)), `"2026-05-17T10:30:00Z"`; got != want {
		t.Errorf("appendTime = %s, want %s", got, want)
	}
}

// FuzzAppendString: our escaping is encoding/json's, and always valid.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "<&>", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "\u2028\u2029\u2027", "\xff\xfe", "é\xc3", "😀\xed\xa0\x80", strings.Repeat("é", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := appendString(nil, s)
		if want := strings.TrimSuffix(oracle(t, s), "\n"); string(got) != want {
			t.Errorf("appendString(%q) = %s, encoding/json makes %s", s, got, want)
		}
		if !json.Valid(got) || !utf8.Valid(got) {
			t.Errorf("appendString(%q) = %s is not valid JSON", s, got)
		}
	})
}

func TestDetailDoesNotAllocate(t *testing.T) {
	r, e := sampleResult(), newEncoder()
	dst := make([]byte, 0, 64<<10)
	if n := testing.AllocsPerRun(100, func() { e.Detail(dst, &r) }); n != 0 {
		t.Errorf("Detail allocates %v times", n)
	}
}

func BenchmarkDetail(b *testing.B) {
	r, e := sampleResult(), newEncoder()
	r.Answer.Matches = nil
	for range 20 {
		r.Answer.Matches = append(r.Answer.Matches, sample().records...)
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = e.Detail(dst[:0], &r)
	}
	b.SetBytes(int64(len(dst)))
}
