package search_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
	"spoor/internal/store/storetest"
)

// saidBy writes what a feed says of a name.
func saidBy(t *testing.T, st store.Store, feed string, tlp ioc.TLP, seen time.Time) {
	t.Helper()
	load(t, st, store.Feed{Name: feed, Category: store.Community}, []store.Observation{{
		Indicator:  ioc.Indicator{Type: ioc.Domain, Value: "heron.example", Key: "heron.example"},
		Confidence: ioc.Medium, TLP: tlp, Origin: store.OriginFeed, FirstSeen: seen, LastSeen: seen,
	}})
}

// terms are the names of an assessment's terms, with the reason of "sources".
func terms(t *testing.T, a store.Assessment) []string {
	t.Helper()
	var names []string
	sum := 0
	for _, x := range a.Terms {
		sum += x.Points
		name := x.Name
		if name == "sources" {
			name += ": " + x.Reason
		}
		names = append(names, name)
	}
	if sum != a.Score {
		t.Errorf("the terms add up to %d, the score is %d", sum, a.Score)
	}
	return names
}

// TestExplain holds that matches are worth what their terms add up to, that the
// feeds of a value are counted over all its records that the caller may see,
// whatever the window shows, and that the past is assessed as it was.
func TestExplain(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, st store.Store) {
		seen := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		saidBy(t, st, "one", ioc.Clear, seen)
		first := find(t, st, search.Query{Text: "heron.example", Window: store.Window{Limit: 1}}).Matches[0].AddedAt
		// Writing takes the clock of the tests some seconds on.
		saidBy(t, st, "two", ioc.Clear, seen)
		saidBy(t, st, "hidden", ioc.Red, seen)
		now := func() time.Time { return seen.Add(90 * 24 * time.Hour) }
		ask := func(q search.Query) search.Answer {
			t.Helper()
			q.Text, q.Explain, q.Limit = "heron.example", true, max(q.Limit, 1)
			a, err := search.New(st, now).Search(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Matches) != len(a.Assessments) {
				t.Fatalf("%d matches, %d assessments", len(a.Matches), len(a.Assessments))
			}
			return a
		}
		tests := []struct {
			name string
			q    search.Query
			want []string
		}{
			{"who may see all", search.Query{Visibility: store.Visibility{MaxTLP: ioc.Red}}, []string{"source", "sources: 3 independent feeds name the value", "age"}},
			{"who may not", search.Query{}, []string{"source", "sources: 2 independent feeds name the value", "age"}},
			{"behind the window", search.Query{Window: store.Window{Offset: 1}}, []string{"source", "sources: 2 independent feeds name the value", "age"}},
			{"as a part", search.Query{Match: search.Contains}, []string{"source", "sources: 2 independent feeds name the value", "age"}},
			{"before the second said so", search.Query{AsOf: first}, []string{"source"}},
		}
		for _, tt := range tests {
			a := ask(tt.q)
			if len(a.Assessments) != 1 {
				t.Errorf("%s: %d assessments", tt.name, len(a.Assessments))
				continue
			}
			if diff := cmp.Diff(tt.want, terms(t, a.Assessments[0])); diff != "" {
				t.Errorf("%s (-want +got)\n%s", tt.name, diff)
			}
		}
		if a := find(t, st, search.Query{Text: "heron.example", Window: store.Window{Limit: 9}}); a.Assessments != nil {
			t.Errorf("not asked for: %+v", a.Assessments)
		}
	})
}

func TestAsOf(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, st store.Store) {
		write(t, st, corpus())
		at := find(t, st, search.Query{Text: "evil.example", Window: store.Window{Limit: 1}}).Matches[0].AddedAt
		ask := func(as time.Time, mode search.Mode) search.Answer {
			t.Helper()
			a, err := search.New(st, time.Now).Search(t.Context(), search.Query{Text: "evil.ex", Match: mode, AsOf: as, Related: true, Window: store.Window{Limit: 100}})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		if a := ask(at.Add(-24*time.Hour), search.Auto); a.Found || a.Stage != search.StageNone || len(a.Related) > 0 {
			t.Errorf("before anything was known: %+v", a)
		}
		if a := ask(at.Add(-24*time.Hour), search.Contains); a.Found {
			t.Errorf("before anything was known, as a part: %+v", a)
		}
		now, then := ask(time.Time{}, search.Contains), ask(at.Add(24*time.Hour), search.Contains)
		if diff := cmp.Diff(values(now.Matches), values(then.Matches)); diff != "" || !now.Found {
			t.Errorf("afterwards nothing changed (-now +then)\n%s", diff)
		}
	})
}

func TestQueriesThatCannotBeExplained(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := search.New(storetest.NewModel(storetest.Clock()), func() time.Time { return now })
	for field, q := range map[string]search.Query{
		"as_of": {AsOf: now.Add(time.Second), Window: store.Window{Limit: 1}},
		"limit": {Explain: true, Window: store.Window{Limit: search.MaxExplained + 1}},
	} {
		q.Text = "heron.example"
		_, err := s.Search(t.Context(), q)
		var wrong *search.QueryError
		if !errors.As(err, &wrong) || wrong.Field != field || strings.Contains(err.Error(), "heron") {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := s.Search(t.Context(), search.Query{Text: "heron.example", AsOf: now, Explain: true, Window: store.Window{Limit: search.MaxExplained}}); err != nil {
		t.Errorf("now, and the most that can be explained: %v", err)
	}
}
