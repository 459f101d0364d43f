package search_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
	"spoor/internal/store/storetest"
)

// both runs the test on the model and on the embedded engine.
func both(t *testing.T, fn func(t *testing.T, st store.Store)) {
	t.Helper()
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		fn(t, storetest.NewModel(storetest.Clock()))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, engine(t))
	})
}

func find(t *testing.T, st store.Viewer, q search.Query) search.Answer {
	t.Helper()
	a, err := search.New(st, time.Now).Search(t.Context(), q)
	if err != nil {
		t.Fatalf("search %q: %v", q.Text, err)
	}
	return a
}

func values(rs []store.Record) []string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Value)
	}
	return out
}

func TestSearch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		q     search.Query
		stage search.Stage
		want  []string // in order
	}{
		{"a domain, latest first", search.Query{Text: "EVIL[.]example"}, search.StageExact, []string{"evil.example", "evil.example"}},
		{"a url in both spellings of its path", search.Query{Text: "hxxp://a.example/PATH/up"}, search.StageExact,
			[]string{"http://a.example/path/up", "http://a.example/Path/Up"}},
		{"host:port is the url and the host", search.Query{Text: "evil.example:8080"}, search.StageExact,
			[]string{"evil.example", "http://evil.example:8080/", "evil.example"}},
		{"narrowed to the url", search.Query{Text: "evil.example:8080", Type: ioc.URL}, search.StageExact,
			[]string{"http://evil.example:8080/"}},
		{"a scheme-less url", search.Query{Text: "b.evil.example/login/index.php?id=7"}, search.StageExact,
			[]string{"https://b.evil.example/Login/Index.php?Id=7"}},
		{"an ipv6 in long", search.Query{Text: "2001:0db8:0:0:0:0:0:1"}, search.StageExact, []string{"2001:db8::1"}},
		{"an address that only a longer one has", search.Query{Text: "192.0.2.23"}, search.StageContains,
			[]string{"http://192.0.2.23/a"}},
		{"an ipv6 that only a url and a longer one have", search.Query{Text: "2001:db8:0::2"}, search.StageContains,
			[]string{"http://[2001:db8::2]:8080/x"}},
		{"a mapped address", search.Query{Text: "[::ffff:c000:217]"}, search.StageContains, []string{"http://192.0.2.23/a"}},
		{"an address that is nowhere", search.Query{Text: "192.0.2.3"}, search.StageNone, nil},
		{"a domain that only urls have", search.Query{Text: "onlyurl.example"}, search.StageContains,
			[]string{"http://onlyurl.example/x", "http://sub.onlyurl.example:81/"}},
		{"host:port that only urls have", search.Query{Text: "onlyurl.example:9"}, search.StageContains,
			[]string{"http://onlyurl.example/x", "http://sub.onlyurl.example:81/"}},
		{"a root url of it", search.Query{Text: "https://onlyurl.example/"}, search.StageContains,
			[]string{"http://onlyurl.example/x", "http://sub.onlyurl.example:81/"}},
		{"an international domain", search.Query{Text: "münchen.example"}, search.StageContains,
			[]string{"http://xn--mnchen-3ya.example/bier"}},
		{"urls of a domain", search.Query{Text: "evil.example", Type: ioc.URL}, search.StageContains, []string{
			"http://evil.example:8080/", "http://evil.example/gate.php", "https://b.evil.example/Login/Index.php?Id=7",
		}},
		{"addresses of a domain", search.Query{Text: "evil.example", Type: ioc.Email}, search.StageContains,
			[]string{"who@evil.example"}},
		{"a hash inside a url", search.Query{Text: "00112233445566778899AABBCCDDEEFF"}, search.StageContains,
			[]string{"http://d.example/00112233445566778899aabbccddeeff"}},
		{"a cve", search.Query{Text: "cve-2024-1234"}, search.StageExact, []string{"CVE-2024-1234"}},
		{"part of a cve", search.Query{Text: "2024-1234"}, search.StageContains, []string{"CVE-2024-1234", "CVE-2024-12345"}},
		{"a whole technique of its parts", search.Query{Text: "T1566"}, search.StageContains, []string{"T1566.002"}},
		{"wildcards are text", search.Query{Text: "%25_o"}, search.StageContains, []string{"http://a.example/100%25_off"}},
		{"a wildcard finds nothing", search.Query{Text: "log%n"}, search.StageNone, nil},
		{"a word, boundaries first", search.Query{Text: "login"}, search.StageContains, []string{
			"login.bank.example", "http://c.example/wp-includes/login.js", "https://b.evil.example/Login/Index.php?Id=7",
			"blogins.example", "secure-login.bank.example",
		}},
		{"two characters", search.Query{Text: "t1"}, search.StageContains, []string{"T1566.002"}},
		{"contains has no whole hosts", search.Query{Text: "notevil.ex", Match: search.Contains}, search.StageContains,
			[]string{"notevil.example"}},
		{"contains has no readings", search.Query{Text: "192.0.2.2", Match: search.Contains, Type: ioc.IPv4}, search.StageContains,
			[]string{"192.0.2.2", "192.0.2.22", "192.0.2.226"}},
		{"contains is not cleaned", search.Query{Text: "evil[.]example", Match: search.Contains}, search.StageNone, nil},
		{"exact has no second stage", search.Query{Text: "onlyurl.example", Match: search.Exact}, search.StageNone, nil},
		{"nothing to look for", search.Query{Text: `"..."`}, search.StageNone, nil},
		{"not to be seen", search.Query{Text: "secret.example"}, search.StageContains, []string{"http://secret.example/open"}},
		{"to be seen", search.Query{Text: "secret.example", Visibility: store.Visibility{MaxTLP: ioc.Red}}, search.StageExact,
			[]string{"secret.example"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, st store.Store) {
				write(t, st, corpus())
				q := c.q // both stores run side by side
				q.Limit = 100
				a := find(t, st, q)
				if diff := cmp.Diff(values(a.Matches), c.want, cmpopts.EquateEmpty()); diff != "" || a.Stage != c.stage {
					t.Errorf("stage %s, want %s; matches (-got +want):\n%s", a.Stage, c.stage, diff)
				}
				if a.Found != (len(c.want) > 0) || a.Total != len(c.want) || a.LowerBound {
					t.Errorf("found %v, total %d, lower bound %v", a.Found, a.Total, a.LowerBound)
				}
			})
		})
	}
}

func TestSearchRelated(t *testing.T) {
	t.Parallel()
	related := func(a search.Answer) []string {
		var out []string
		for _, r := range a.Related {
			out = append(out, string(r.Relation)+" "+r.Value)
		}
		return out
	}
	for _, c := range []struct {
		name string
		q    search.Query
		want []string
	}{
		{"not asked for", search.Query{Text: "evil.example"}, nil},
		{"of both articles, in match order, then of the family", search.Query{Text: "evil.example", Related: true}, []string{
			"article CVE-2024-1234", "article 2001:db8::1", "article who@evil.example",
			"article https://b.evil.example/Login/Index.php?Id=7",
			"article 0123456789abcdef0123456789abcdef", "article 192.0.2.22", "article http://onlyurl.example/x",
			"article quiet.example", "article http://evil.example/gate.php", "article a.evil.example",
		}},
		{"a match is not related, shown or not",
			search.Query{Text: "evil.ex", Related: true, Window: store.Window{Limit: 1}, Match: search.Contains}, []string{
				"article CVE-2024-1234", "article 2001:db8::1",
			}},
		{"a match of another type is",
			search.Query{Text: "evil.example", Type: ioc.Email, Related: true}, []string{
				"article evil.example", "article CVE-2024-1234", "article 2001:db8::1",
				"article https://b.evil.example/Login/Index.php?Id=7",
			}},
		{"by family alone", search.Query{Text: "kin.example", Related: true}, []string{
			"campaign quiet.example", "campaign evil.example",
		}},
		{"nothing found", search.Query{Text: "unheard.example", Related: true}, nil},
		{"nothing shown", search.Query{Text: "evil.example", Related: true, Window: store.Window{Limit: 5, Offset: 5}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, st store.Store) {
				write(t, st, corpus())
				q := c.q // both stores run side by side
				if q.Window == (store.Window{}) {
					q.Limit = 100
				}
				if diff := cmp.Diff(related(find(t, st, q)), c.want, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("related (-got +want):\n%s", diff)
				}
			})
		})
	}
}

func TestSearchWindow(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, st store.Store) {
		write(t, st, corpus())
		for _, text := range []string{"evil.example", "example", "onlyurl.example"} {
			whole := find(t, st, search.Query{Text: text, Window: store.Window{Limit: 100}})
			var parts []store.Record
			for offset := 0; offset < whole.Total+3; offset += 3 {
				a := find(t, st, search.Query{Text: text, Window: store.Window{Limit: 3, Offset: offset}})
				if a.Stage != whole.Stage || a.Total != whole.Total || !a.Found {
					t.Fatalf("%s at %d: stage %s, total %d, found %v", text, offset, a.Stage, a.Total, a.Found)
				}
				parts = append(parts, a.Matches...)
			}
			if diff := cmp.Diff(values(parts), values(whole.Matches)); diff != "" {
				t.Errorf("%s: pages (-together +whole):\n%s", text, diff)
			}
		}
	})
}

func TestSearchTells(t *testing.T) {
	t.Parallel()
	st := storetest.NewModel(storetest.Clock())
	write(t, st, corpus())
	clock := storetest.Clock() // a second for each look
	a, err := search.New(st, clock).Search(t.Context(), search.Query{Text: "evil.example:8080", Window: store.Window{Limit: 1}})
	if err != nil {
		t.Fatal(err)
	}
	want := []ioc.Reading{
		{Type: ioc.Domain, Value: "evil.example", Key: "evil.example"},
		{Type: ioc.URL, Value: "http://evil.example:8080/", Key: "http://evil.example:8080/"},
		{Type: ioc.URL, Value: "https://evil.example:8080/", Key: "https://evil.example:8080/"},
	}
	if diff := cmp.Diff(a.Interpretations, want); diff != "" {
		t.Errorf("interpretations (-got +want):\n%s", diff)
	}
	if a.Took != time.Second || a.Seq != int64(len(corpus())) || a.Work.Rows == 0 {
		t.Errorf("took %v at seq %d with %+v", a.Took, a.Seq, a.Work)
	}
	miss := find(t, st, search.Query{Text: "unheard.example"})
	if miss.Work.Rows != 2*a.Work.Rows {
		t.Errorf("a miss cost %+v, want the work of both stages", miss.Work)
	}
}

// broken is a store that fails, and tells which stages were asked for.
type broken struct {
	store.Snapshot
	asked []string
	err   error
}

func (b *broken) View(_ context.Context, fn func(store.Snapshot) error) error { return fn(b) }
func (b *broken) Seq() int64                                                  { return 1 }

func (b *broken) Exact(context.Context, store.ExactQuery) (store.Matches, error) {
	b.asked = append(b.asked, "exact")
	return store.Matches{}, b.err
}

func (b *broken) Contains(context.Context, store.ContainsQuery) (store.Matches, error) {
	b.asked = append(b.asked, "contains")
	return store.Matches{}, b.err
}

func TestSearchStages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		q    search.Query
		want []string
	}{
		{"auto", search.Query{Text: "a.example"}, []string{"exact", "contains"}},
		{"auto without a reading", search.Query{Text: "login"}, []string{"contains"}},
		{"exact", search.Query{Text: "a.example", Match: search.Exact}, []string{"exact"}},
		{"exact without a reading", search.Query{Text: "login", Match: search.Exact}, nil},
		{"contains", search.Query{Text: "a.example", Match: search.Contains}, []string{"contains"}},
		{"nothing to look for", search.Query{Text: "..."}, nil},
	} {
		b := &broken{}
		a, err := search.New(b, time.Now).Search(t.Context(), c.q)
		if err != nil || a.Found || !slices.Equal(b.asked, c.want) {
			t.Errorf("%s: asked %q, want %q; found %v, error %v", c.name, b.asked, c.want, a.Found, err)
		}
	}
}

func TestSearchFails(t *testing.T) {
	t.Parallel()
	for _, q := range []search.Query{{Text: "a.example"}, {Text: "login"}} {
		_, err := search.New(&broken{err: store.ErrBusy}, time.Now).Search(t.Context(), q)
		if !errors.Is(err, store.ErrBusy) || errors.Is(err, search.ErrQuery) {
			t.Errorf("%q: got error %v, want the store's", q.Text, err)
		}
	}
	st := engine(t)
	write(t, st, corpus())
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := search.New(st, time.Now).Search(dead, search.Query{Text: "a.example"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the context's", err)
	}
}
