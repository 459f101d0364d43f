package search

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

const (
	md5Hex    = "0123456789abcdef0123456789abcdef"
	sha256Hex = md5Hex + md5Hex
)

// written is a plan as one line: what stage 1 looks for, what stage 2.
func written(p plan) string {
	var b strings.Builder
	for _, r := range p.readings {
		b.WriteString(r.Type.String() + "=" + r.Key + " ")
	}
	b.WriteString("| ")
	if p.needle.Text == "" {
		b.WriteString("-")
		return b.String()
	}
	b.WriteString([]string{"anywhere", "token", "host"}[p.needle.Rule] + " " + p.needle.Text)
	for _, t := range p.types {
		b.WriteString(" in " + t.String())
	}
	return b.String()
}

func TestPlan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		q    Query
		want string
	}{
		{"ipv4", Query{Text: "192.0.2.10"}, "ipv4=192.0.2.10 | token 192.0.2.10"},
		{"ipv4, defanged, in quotes", Query{Text: ` "192[.]0[.]2[.]10" `}, "ipv4=192.0.2.10 | token 192.0.2.10"},
		{"ipv4 as a range of one", Query{Text: "192.0.2.10/32"}, "ipv4=192.0.2.10 | token 192.0.2.10"},
		{"ipv4 with port", Query{Text: "192.0.2.10:8080"},
			"ipv4=192.0.2.10 url=http://192.0.2.10:8080/ url=https://192.0.2.10:8080/ | token 192.0.2.10"},
		{"ipv4, mapped", Query{Text: "::ffff:192.0.2.1"}, "ipv4=192.0.2.1 | token 192.0.2.1"},
		{"ipv4, mapped, in brackets with port", Query{Text: "[::ffff:c000:201]:443"},
			"ipv4=192.0.2.1 url=http://192.0.2.1:443/ url=https://192.0.2.1/ | token 192.0.2.1"},
		{"ipv4, mapped, is no ipv6", Query{Text: "::ffff:192.0.2.1", Type: ioc.IPv6}, "| token 192.0.2.1 in ipv6"},
		{"ipv6 in long", Query{Text: "2001:0DB8:0:0:0:0:0:1"}, "ipv6=2001:db8::1 | token [2001:db8::1]"},
		{"ipv6 with port", Query{Text: "[2001:db8::1]:443"},
			"ipv6=2001:db8::1 url=http://[2001:db8::1]:443/ url=https://[2001:db8::1]/ | token [2001:db8::1]"},
		{"range", Query{Text: "203.0.113.0/24"}, "| anywhere 203.0.113.0/24"},
		{"part of an address", Query{Text: "192.0.2"}, "| anywhere 192.0.2"},
		{"domain", Query{Text: "Evil.Example."}, "domain=evil.example | host evil.example"},
		{"domain with wildcard", Query{Text: "*.evil.example"}, "domain=evil.example | host evil.example"},
		{"domain, international", Query{Text: "münchen[.]example"}, "domain=xn--mnchen-3ya.example | host xn--mnchen-3ya.example"},
		{"domain with port", Query{Text: "evil.example:8080"},
			"domain=evil.example url=http://evil.example:8080/ url=https://evil.example:8080/ | host evil.example"},
		{"domain with slash", Query{Text: "evil.example/"},
			"url=http://evil.example/ url=https://evil.example/ domain=evil.example | host evil.example"},
		{"file that looks like a domain", Query{Text: "gate.php"}, "domain=gate.php | host gate.php"},
		{"file that looks like a domain, as it is", Query{Text: "gate.php", Match: Contains}, "| anywhere gate.php"},
		{"root url", Query{Text: "hxxps://evil[.]example"}, "url=https://evil.example/ domain=evil.example | host evil.example"},
		{"root url with port", Query{Text: "http://evil.example:81/"},
			"url=http://evil.example:81/ domain=evil.example | host evil.example"},
		{"root url of an address", Query{Text: "http://192.0.2.1/"}, "url=http://192.0.2.1/ ipv4=192.0.2.1 | token 192.0.2.1"},
		{"root url of an ipv6", Query{Text: "http://[2001:DB8::1]/"},
			"url=http://[2001:db8::1]/ ipv6=2001:db8::1 | token [2001:db8::1]"},
		{"url", Query{Text: "http://Evil.example/A/b?C=1"}, "url=http://evil.example/a/b?c=1 | anywhere http://evil.example/a/b?c=1"},
		{"url without scheme", Query{Text: "evil.example/a"},
			"url=http://evil.example/a url=https://evil.example/a | anywhere evil.example/a"},
		{"path", Query{Text: "/wp-includes/"}, "| anywhere /wp-includes/"},
		{"path with wildcards", Query{Text: `/a%_*\b'`}, `| anywhere /a%_*\b'`},
		{"md5", Query{Text: strings.ToUpper(md5Hex)}, "md5=" + md5Hex + " | token " + md5Hex},
		{"sha-256", Query{Text: sha256Hex}, "sha256=" + sha256Hex + " | token " + sha256Hex},
		{"part of a hash", Query{Text: md5Hex[:12]}, "| anywhere " + md5Hex[:12]},
		{"cve", Query{Text: "cve–2024–12345"}, "cve=cve-2024-12345 | token cve-2024-12345"},
		{"technique", Query{Text: "t1566.002"}, "mitre-attack=t1566.002 | token t1566.002"},
		{"e-mail", Query{Text: "Who[at]evil[.]example"}, "email=who@evil.example | token who@evil.example"},
		{"word", Query{Text: "Login"}, "| anywhere login"},
		{"two characters", Query{Text: "ab"}, "| anywhere ab"},
		{"two characters around one", Query{Text: `"a"`}, "| anywhere a"},
		{"nothing after cleaning", Query{Text: `"..."`}, "| -"},
		{"zero-width only", Query{Text: "\u200b\u200b"}, "| -"},
		{"longer than any key", Query{Text: strings.Repeat("ü", 1200)}, "| -"},

		{"type that fits", Query{Text: "evil.example:80", Type: ioc.Domain}, "domain=evil.example | host evil.example in domain"},
		{"url of a domain", Query{Text: "evil.example", Type: ioc.URL}, "| host evil.example in url"},
		{"url of an address", Query{Text: "192.0.2.1", Type: ioc.URL}, "| token 192.0.2.1 in url"},
		{"type that does not fit", Query{Text: md5Hex, Type: ioc.SHA1}, "| token " + md5Hex + " in sha1"},
		{"url as its host", Query{Text: "http://evil.example/", Type: ioc.Domain}, "domain=evil.example | host evil.example in domain"},

		{"exact", Query{Text: "192.0.2.10", Match: Exact}, "ipv4=192.0.2.10 | -"},
		{"exact, no reading", Query{Text: "login", Match: Exact}, "| -"},
		{"auto by name", Query{Text: "192.0.2.10", Match: Auto}, "ipv4=192.0.2.10 | token 192.0.2.10"},
		{"contains", Query{Text: " 192.0.2.10 ", Match: Contains}, "| anywhere 192.0.2.10"},
		{"contains is not cleaned", Query{Text: `HXXP://"a[.]b".`, Match: Contains}, `| anywhere hxxp://"a[.]b".`},
		{"contains with type", Query{Text: "Evil", Match: Contains, Type: ioc.Email}, "| anywhere evil in email"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := makePlan(c.q)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(written(p)); got != c.want {
				t.Errorf("plan of %q:\n got %s\nwant %s", c.q.Text, got, c.want)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, field string
		q           Query
	}{
		{"nothing", "q", Query{}},
		{"one character", "q", Query{Text: "a"}},
		{"one character in space", "q", Query{Text: " \t\u00a0ü\n"}},
		{"2,049 characters", "q", Query{Text: strings.Repeat("a", 2049)}},
		{"2,049 characters of two bytes", "q", Query{Text: strings.Repeat("ü", 2049)}},
		{"nul", "q", Query{Text: "evil\x00.example"}},
		{"nul at the end", "q", Query{Text: "evil.example\x00"}},
		{"invalid utf-8", "q", Query{Text: "evil\xff.example"}},
		{"unknown type", "type", Query{Text: "evil.example", Type: 99}},
		{"unknown mode", "match", Query{Text: "evil.example", Match: "fuzzy"}},
		{"negative limit", "limit", Query{Text: "evil.example", Window: store.Window{Limit: -1}}},
		{"negative offset", "offset", Query{Text: "evil.example", Window: store.Window{Offset: -1}}},
		{"limit past the cap", "limit", Query{Text: "evil.example", Window: store.Window{Limit: store.Cap + 1}}},
		{"together past the cap", "offset", Query{Text: "evil.example", Window: store.Window{Limit: 2, Offset: store.Cap - 1}}},
		{"sum that overflows", "offset", Query{Text: "evil.example", Window: store.Window{Limit: 1, Offset: 1<<63 - 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := makePlan(c.q)
			var bad *QueryError
			if !errors.Is(err, ErrQuery) || !errors.As(err, &bad) {
				t.Fatalf("got error %v, want a *QueryError", err)
			}
			if bad.Field != c.field || bad.Reason == "" || strings.Contains(err.Error(), "evil") {
				t.Errorf("got %q, want one about %s without the text", err, c.field)
			}
		})
	}
}

func TestPlanAccepts(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]Query{
		"two characters":            {Text: "ü…"},
		"2,048 characters":          {Text: strings.Repeat("ü", 2048)},
		"2,048 in space":            {Text: " " + strings.Repeat("a", 2048) + "\n"},
		"the whole ranked part":     {Text: "abc", Window: store.Window{Limit: store.Cap}},
		"the last ranked":           {Text: "abc", Window: store.Window{Limit: 1, Offset: store.Cap - 1}},
		"nothing at the very end":   {Text: "abc", Window: store.Window{Offset: store.Cap}},
		"replacement character":     {Text: "a\ufffd"},
		"control characters inside": {Text: "a\x01b"},
	} {
		if _, err := makePlan(q); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPlan(f *testing.F) {
	for _, s := range []string{"evil.example", "[::ffff:c000:201]:443", "hxxp://a[.]b/%%34%31", `"'<>'"`, "T1071", "\u200b", "a/b?c#d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := makePlan(Query{Text: text})
		if err != nil {
			if !errors.Is(err, ErrQuery) {
				t.Fatalf("error %v is no QueryError", err)
			}
			return
		}
		// What a source writes, an analyst finds by pasting the same.
		if ind, err := ioc.Identify(text); err == nil {
			want := ioc.Reading{Type: ind.Type, Value: ind.Value, Key: ind.Key}
			if len(p.readings) == 0 || p.readings[0] != want {
				t.Errorf("%q is stored as %+v and read as %+v", text, want, p.readings)
			}
			if !p.isMatch(StageExact)(ind.Type, ind.Key) {
				t.Errorf("%q: its own key is no match", text)
			}
		}
		again, err := makePlan(Query{Text: strings.TrimSpace(text)})
		if diff := cmp.Diff(again.readings, p.readings); err != nil || diff != "" {
			t.Errorf("space around %q changes the plan: %v\n%s", text, err, diff)
		}
	})
}
