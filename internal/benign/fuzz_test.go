package benign

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"spoor/internal/ioc"
)

// FuzzParseEntry never panics; what it accepts has one spelling, is known at
// once, and changes nothing beside it.
func FuzzParseEntry(f *testing.F) {
	for _, s := range []string{"corp.example", "*.corp.example", "192.0.2.0/24", "2001:db8::/32", "https://corp[.]example/a?b", "https://*.a.b/", "@a.b", "a@b.cd", "::ffff:1.2.3.4/120", "CVE-2024-1", "://", "@", "/", "*."} {
		f.Add(s, "a reason")
	}
	f.Fuzz(func(t *testing.T, value, reason string) {
		e, err := ParseEntry(value, reason)
		if err != nil {
			if !errors.Is(err, ErrEntry) || len(err.Error()) > 1000 {
				t.Fatalf("error %v", err)
			}
			return
		}
		if again, err := ParseEntry(e.Value, e.Reason); err != nil || again != e {
			t.Fatalf("%q: again %+v, %v, want %+v", value, again, err, e)
		}
		l, err := (*Lists)(nil).With([]Entry{e})
		if err != nil {
			t.Fatalf("With: %v", err)
		}
		if l.Known(ioc.Indicator{Type: ioc.Domain, Value: "beside.invalid-owner.test", Key: "beside.invalid-owner.test"}) &&
			!strings.Contains(e.Value, "invalid-owner.test") {
			t.Fatalf("%q covers everything", e.Value)
		}
		if ind, err := ioc.Identify(e.Value); err == nil && !l.Known(ind) {
			t.Fatalf("%q does not cover itself", e.Value)
		}
	})
}

// FuzzDocument compiles any text as a warning list and asks it for what it
// holds: it never panics, accounts for every entry, and merging keeps it.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"name":"n","type":"cidr","list":["192.0.2.0/24","x"],"matching_attributes":["ip-src"]}`))
	f.Add([]byte(`{"name":"n","type":"hostname","list":[".a.top","b.top",1],"matching_attributes":["domain","url"]}`))
	f.Add([]byte(`{"name":"n","type":"string","list":["a@b.top","https://a.top/b","d41d8cd98f00b204e9800998ecf8427e"]}`))
	f.Add([]byte(`{"name":"n","type":"substring","list":["a.top","/x.php","ab"]}`))
	f.Add([]byte(`{"name":"n","type":"regex","list":["/^(abuse|noc)@/i","(","[a-z]"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := parseDocument(text)
		if err != nil {
			return
		}
		b := newBuilder()
		var report ListReport
		c := compiler{b: b, report: &report, types: typesOf(doc.Matching), class: classify("x", doc.Name)}
		read, ok := c.reader(doc.Type)
		if !ok {
			return
		}
		b.begin(list{name: "x", says: "is on x", strength: Strong})
		if err := c.compile(context.Background(), doc.Entries, read); err != nil {
			t.Fatal(err)
		}
		left := 0
		for _, x := range report.Left {
			left += x.Count
			if !utf8.ValidString(x.Example) || strings.ContainsAny(x.Example, "\n\x00") {
				t.Fatalf("example %q", x.Example)
			}
		}
		if report.Entries+left != len(doc.Entries) {
			t.Fatalf("%d entries and %d left out of %d", report.Entries, left, len(doc.Entries))
		}
		l := &Lists{base: b.layer()}
		merged := Merge(&Lists{base: newBuilder().layer()}, l)
		for _, e := range doc.Entries {
			ind, err := ioc.Identify(e)
			if err != nil {
				continue
			}
			got, again := l.Judge(ind), merged.Judge(ind)
			if !slices.Equal(got, again) {
				t.Fatalf("%q: %+v, merged %+v", e, got, again)
			}
		}
	})
}

// FuzzJudge asks for values as no parser would make them.
func FuzzJudge(f *testing.F) {
	for _, s := range []string{"example.com", "http://[::1]:80/a?b", "://", "a..b", ".", "@", "192.0.2.1", "::ffff:1.2.3.4", "[", "http://a"} {
		f.Add(uint8(ioc.URL), s)
	}
	l, err := Builtin().With([]Entry{{Value: "https://shop.top/app"}, {Value: "corp.top"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, typ uint8, value string) {
		ind := ioc.Indicator{Type: ioc.Type(typ % 16), Value: value, Key: strings.ToLower(value)}
		vs := l.Judge(ind)
		if l.Known(ind) != (len(vs) > 0 && vs[0].Marks()) || len(vs) > maxVerdicts {
			t.Fatalf("%+v: known %v, verdicts %+v", ind, l.Known(ind), vs)
		}
		for _, v := range vs {
			if v.List == "" || v.Reason == "" || v.Strength == 0 {
				t.Fatalf("%+v", v)
			}
		}
		l.Host(value)
	})
}
