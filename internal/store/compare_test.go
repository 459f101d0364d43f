package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
)

func TestDifference(t *testing.T) {
	t.Parallel()
	utc := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	base := Record{Value: "a", Tags: []string{"x"}, Article: &ArticleRef{Title: "t"}, LastSeen: utc}
	with := func(change func(*Record)) Record { r := base; change(&r); return r }
	for name, c := range map[string]struct {
		got  Record
		want string
	}{
		"equal":              {base, ""},
		"another zone":       {with(func(r *Record) { r.LastSeen = utc.In(time.FixedZone("", 3600)) }), ""},
		"empty and nil":      {with(func(r *Record) { r.Ports = []uint16{} }), ""},
		"text":               {with(func(r *Record) { r.Value = "b" }), ".Value is b, want a"},
		"time":               {with(func(r *Record) { r.LastSeen = utc.Add(1) }), ".LastSeen is "},
		"entry":              {with(func(r *Record) { r.Tags = []string{"y"} }), ".Tags[0] is y, want x"},
		"entry more":         {with(func(r *Record) { r.Tags = []string{"x", "y"} }), ".Tags has 2 entries, want 1"},
		"behind a pointer":   {with(func(r *Record) { r.Article = &ArticleRef{Title: "u"} }), ".Article.Title is u, want t"},
		"pointer to nothing": {with(func(r *Record) { r.Article = nil }), ".Article is "},
		"array":              {with(func(r *Record) { r.ID = uuid.Max }), ".ID is ffffffff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := difference("", reflect.ValueOf(c.got), reflect.ValueOf(base))
			if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// answers is a store that answers everything with what it was given.
type answers struct {
	Snapshot
	FeedKeeper
	AllowKeeper
	record Record
	said   []Sighting
	found  Matches
	listed List
	states []FeedState
	runs   []RunRecord
	listOf []Allowed
}

func (a *answers) View(_ context.Context, fn func(Snapshot) error) error { return fn(a) }
func (a *answers) Record(context.Context, uuid.UUID) (Record, error) {
	if a.record.Value == "" {
		return a.record, ErrNotFound
	}
	return a.record, nil
}
func (a *answers) Sightings(context.Context, uuid.UUID) ([]Sighting, error) { return a.said, nil }
func (a *answers) Article(context.Context, uuid.UUID) (Article, error)      { return Article{}, nil }
func (a *answers) Exact(context.Context, ExactQuery) (Matches, error)       { return a.found, nil }
func (a *answers) Contains(context.Context, ContainsQuery) (Matches, error) { return a.found, nil }
func (a *answers) Related(context.Context, RelatedQuery) ([]Related, error) { return nil, nil }
func (a *answers) FeedStates(context.Context) ([]FeedState, error)          { return a.states, nil }
func (a *answers) Allowed(context.Context) ([]Allowed, error)               { return a.listOf, nil }
func (a *answers) Runs(context.Context, string, int) ([]RunRecord, error)   { return a.runs, nil }
func (a *answers) List(context.Context, Filter, Page) (List, error)         { return a.listed, nil }

// TestCompare: every kind of answer that differs is found and named.
func TestCompare(t *testing.T) {
	t.Parallel()
	record := Record{Type: ioc.Domain, Value: "evil.example", Key: "evil.example", Tags: []string{"t"}, Article: &ArticleRef{}}
	same := answers{
		record: record, found: Matches{Total: 3, Work: Work{Rows: 1}}, listOf: []Allowed{{Value: "v"}},
		states: []FeedState{{Feed: "f", Seen: []uint64{1, 2}}}, runs: []RunRecord{{Stats: RunStats{Dropped: map[string]int64{"range": 1}}}, {}},
	}
	for name, c := range map[string]struct {
		change func(*answers)
		want   string
	}{
		"nothing":   {func(a *answers) { a.found.Work.Rows = 9 }, ""},
		"missing":   {func(a *answers) { a.record = Record{} }, "it is missing"},
		"record":    {func(a *answers) { a.record.Seq = 7 }, ".Seq is 7, want 0"},
		"sightings": {func(a *answers) { a.said = []Sighting{{}} }, "sightings of "},
		"matches":   {func(a *answers) { a.found.Total = 2 }, "exact search for evil[.]example: .Total is 2, want 3"},
		"list":      {func(a *answers) { a.listed.Total = 2 }, "list of "},
		"state":     {func(a *answers) { a.states = []FeedState{{Feed: "f", Seen: []uint64{1, 3}}} }, "states of feeds: [0].Seen[1] is 3, want 2"},
		"no state":  {func(a *answers) { a.states = nil }, "states of feeds:  has 0 entries, want 1"},
		"run": {func(a *answers) {
			a.runs = []RunRecord{{Stats: RunStats{Dropped: map[string]int64{"range": 2}}}, {}}
		}, "last runs: [0].Stats.Dropped is map[range:2], want map[range:1]"},
		"allowed": {func(a *answers) { a.listOf = []Allowed{{Value: "v", Reason: "r"}} }, "allowed values: [0].Reason is r, want "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other, original := same, same
			c.change(&other)
			done := int64(0)
			n, err := Compare(t.Context(), &other, &original, Comparison{
				Sample: []uuid.UUID{{1}, {2}}, Random: rand.New(rand.NewPCG(1, 1)), //nolint:gosec // a test
				Progress: func(d, _ int64) { done = d },
			})
			if c.want == "" {
				if want := (Compared{Records: 2, Sightings: 2, Articles: 2, Exact: 4, Contains: 1, Related: 1, Lists: 8, Runs: 2, FeedStates: 1, Allowed: 1}); err != nil || n != want || done != 2 {
					t.Errorf("got %+v, %v, %d done, want %+v", n, err, done, want)
				}
				return
			}
			if !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrDiffers with %q", err, c.want)
			}
		})
	}
}

func TestPart(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // a test
	for _, key := range []string{"a", "abc", "abcd", "http://ü.example/a/long/path/with/much/in/it"} {
		for range 200 {
			got := part(key, random)
			if !strings.Contains(key, got) || len([]rune(got)) < min(MinTrigram, len([]rune(key))) {
				t.Fatalf("part(%q) = %q", key, got)
			}
		}
	}
}
