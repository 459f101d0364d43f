package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// driftCases are the rows of design.md's table of what engines disagree about.
func driftCases() []testCase {
	return []testCase{
		{"mixed case", driftCase},
		{"accented capitals", driftAccents},
		{"nul and invalid utf-8", driftBytes},
		{"text order", driftOrder},
		{"one and two characters", driftShort},
		{"dots and hyphens", driftPunctuation},
		{"wildcards", driftWildcards},
		{"timestamps", driftTimes},
		{"long values", driftLong},
	}
}

// urls writes one record for each path of a host.
func (w *world) urls(paths ...string) {
	w.t.Helper()
	var set []store.Observation
	for i, p := range paths {
		o := dated("", 1+i%28)
		o.Indicator = indicator(ioc.URL, "http://a.example/"+p)
		set = append(set, o)
	}
	w.say(feedNamed("drift"), set...)
	w.verify()
}

// hits are the keys that hold text, sorted.
func (w *world) hits(text string) []string {
	w.t.Helper()
	got := keysOf(w.contains(holding(text)))
	slices.Sort(got)
	for i := range got {
		got[i] = strings.TrimPrefix(got[i], "http://a.example/")
	}
	return got
}

func driftCase(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.urls("UPPER", "lower")
	same(t, "lower-case needle", w.hits("upper"), []string{"upper"})
	// Case is folded before the store: what is not lower case is in no key.
	same(t, "upper-case needle", w.hits("UPPER"), nil)
	same(t, "upper-case needle for a lower-case key", w.hits("LOWER"), nil)
	same(t, "short upper-case needle", w.hits("HT"), nil)
	same(t, "exact, upper case", len(w.find(ioc.URL, "http://a.example/UPPER")), 0)
	same(t, "exact, lower case", len(w.find(ioc.URL, "http://a.example/upper")), 1)
}

func driftAccents(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.urls("MÜNCHEN", "munchen", "mu\u0308nchen", "ПРИМЕР", "straße", "strasse", "ıstanbul", "istanbul")
	for text, want := range map[string][]string{
		"münchen": {"münchen"}, "MÜNCHEN": nil, "mÜnchen": nil, "munchen": {"munchen"}, "mu\u0308nchen": {"mu\u0308nchen"},
		"пример": {"пример"}, "ПРИМЕР": nil, "straße": {"straße"}, "strasse": {"strasse"},
		"istanbul": {"istanbul"}, "ıstanbul": {"ıstanbul"}, "ünc": {"münchen"}, "\u0308nc": {"mu\u0308nchen"},
	} {
		same(t, text, w.hits(text), want)
	}
	same(t, "exact with another composition", len(w.find(ioc.URL, "http://a.example/mu\u0308nchen")), 1)
	same(t, "exact, upper case", len(w.find(ioc.URL, "http://a.example/MÜNCHEN")), 0)
}

// driftBytes: ioc refuses them, so that no store ever sees one; a query for
// one is nothing found, or refused, but no failure of the store.
func driftBytes(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.urls("abc")
	for _, bad := range []string{"http://a.example/a\x00b", "http://a.example/\xff\xfe", "\xc3.example"} {
		if i, err := ioc.Identify(bad); err == nil {
			t.Fatalf("Identify(%q) = %+v, want an error", bad, i)
		}
	}
	for _, text := range []string{"abc\x00", "\x00", "\x00bc", "\xff\xfe\xfd", "a\xffb"} {
		err := w.st.View(w.ctx, func(s store.Snapshot) error {
			q := holding(text)
			m, err := s.Contains(w.ctx, q)
			if err == nil {
				same(t, fmt.Sprintf("contains %q", text), m.Total, 0)
			}
			e, err := s.Exact(w.ctx, store.ExactQuery{Keys: []store.TypedKey{{Type: ioc.URL, Key: text}}})
			if err == nil {
				same(t, fmt.Sprintf("exact %q", text), e.Total, 0)
			}
			return nil
		})
		must(t, err)
	}
	same(t, "and goes on", w.hits("abc"), []string{"abc"})
}

// driftOrder: names come in the order of their bytes.
func driftOrder(t *testing.T, open Open) {
	w := newWorld(t, open)
	names := []string{"b", "B", "a", "A", "ä", "Z", "z", "_", "a b", "a-b", "ab", "10", "9", "é", "e", "\U0001f9a0"}
	for _, n := range names {
		w.say(feedNamed(n), tagged(dated("a.example", 1), names...))
	}
	all := w.verify()
	slices.Sort(names)
	for _, r := range all {
		same(t, "tags", r.Tags, names)
	}
	w.view(func(s store.Snapshot) {
		feeds, err := s.Feeds(w.ctx)
		must(t, err)
		var got []string
		for _, f := range feeds {
			got = append(got, f.Name)
		}
		same(t, "feeds", got, names)
	})
}

func driftShort(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), dated("a.example", 1), dated("ab.example", 1), dated("b.example", 1), dated("xa.example", 1))
	for text, want := range map[string][]string{
		"a": {"a.example", "ab.example"}, "ab": {"ab.example"}, "a.": {"a.example"}, "xa": {"xa.example"}, ".e": nil, "le": nil,
		"b": {"b.example"}, "\xff": nil, "\U0010ffff": nil,
	} {
		same(t, fmt.Sprintf("%q", text), w.hits(text), want)
	}
}

func driftPunctuation(t *testing.T, open Open) {
	w := newWorld(t, open)
	var paths []string
	for i := range 400 {
		paths = append(paths, fmt.Sprintf("a-b.c-d.e-f/%d", i))
	}
	w.urls(append(paths, "x--y..z", "-.-.-", "a.b-c.d")...)
	for text, want := range map[string]int{
		"-b.c-": 400, "b.c": 400, ".e-f/": 400, "--y..": 1, "-.-": 1, "...": 0, "b-c.d": 1, "-.-.-": 1, "//a.e": 403,
		"/.-": 0, "b c d": 0, "b.c-d.e-f/399": 1,
	} {
		start := time.Now()
		same(t, text, w.contains(holding(text)).Total, want)
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("%q took %v", text, took)
		}
	}
}

func driftWildcards(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.urls("100%25", "a%b", "axb", "a_b", `a\b`, `a\%b`, "a*b", "a?b", "a[b]c", "a'b", `a"b`, "a''b", "a^b", "a$b", "a.*b", "a|b")
	for text, want := range map[string][]string{
		"a%b": {"a%b"}, "a_b": {"a_b"}, `a\b`: {`a\b`}, `a\%b`: {`a\%b`}, "a*b": {"a*b"}, "a?b": {"a?b"}, "a[b]c": {"a[b]c"},
		"a'b": {"a'b"}, `a"b`: {`a"b`}, "a''b": {"a''b"}, "a^b": {"a^b"}, "a$b": {"a$b"}, "a.*b": {"a.*b"}, "a|b": {"a|b"},
		"e/a%": {"a%b"}, "e/a_": {"a_b"}, "%25": {"100%25"}, "%%%": nil, "___": nil, `\\\`: nil, "e/%b": nil, "e/_xb": nil,
		"/a*": {"a*b"}, `e/a\`: {`a\%b`, `a\b`}, "a' or '1'='1": nil, `" or "`: nil, "ht%": nil, "h%": nil, "h_": nil, "h*": nil,
	} {
		slices.Sort(want)
		same(t, text, w.hits(text), want)
	}
}

func driftTimes(t *testing.T, open Open) {
	w := newWorld(t, open)
	at := time.Date(2025, 3, 30, 2, 30, 0, 999_999_999, time.FixedZone("", 2*3600)) // a summer-time gap in Europe
	o := dated("a.example", 1)
	o.FirstSeen, o.LastSeen = at, at.Add(time.Nanosecond)
	old, far := dated("old.example", 1), dated("far.example", 1)
	old.FirstSeen = time.Date(1969, 12, 31, 23, 59, 59, 500_000_000, time.UTC)
	old.LastSeen = old.FirstSeen
	far.LastSeen = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	w.say(feedNamed("f"), o, old, far, store.Observation{Indicator: indicator(ioc.Domain, "none.example")})
	w.verify()
	want := time.Date(2025, 3, 30, 0, 30, 0, 0, time.UTC)
	r := w.one(ioc.Domain, "a.example")
	same(t, "first seen", r.FirstSeen, want)
	same(t, "last seen", r.LastSeen, want.Add(time.Second))
	same(t, "before 1970", w.one(ioc.Domain, "old.example").FirstSeen, time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC))
	same(t, "far off", w.one(ioc.Domain, "far.example").LastSeen, far.LastSeen)
	same(t, "undated", w.one(ioc.Domain, "none.example").LastSeen, runNow(1))
	same(t, "a part of a second is no news", w.say(feedNamed("f"), o, old), store.Outcome{Unchanged: 2})
}

// driftLong: a key of the longest length is stored and found; ioc refuses a
// longer one, so that a batch never fails for it.
func driftLong(t *testing.T, open Open) {
	w := newWorld(t, open)
	host := "http://a.example/"
	longest := host + strings.Repeat("Ab1", ioc.MaxKeyBytes)[:ioc.MaxKeyBytes-len(host)]
	i, err := ioc.Normalise(ioc.URL, longest)
	must(t, err)
	if _, err := ioc.Normalise(ioc.URL, longest+"x"); err == nil {
		t.Fatal("a key of 2,049 bytes is not refused")
	}
	o := dated("", 1)
	o.Indicator = i
	o.Article = article(feedNamed("f"), longest)
	same(t, "outcome", w.say(feedNamed("f"), dated("a.example", 1), o, dated("b.example", 1)), store.Outcome{New: 3})
	w.verify()
	same(t, "exact", w.one(ioc.URL, i.Key).Value, longest)
	same(t, "contains the whole", w.contains(holding(i.Key)).Total, 1)
	same(t, "again", w.say(feedNamed("f"), o), store.Outcome{Unchanged: 1})
}
