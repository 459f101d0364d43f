package store_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func TestNeedleMatch(t *testing.T) {
	t.Parallel()
	const (
		none = iota
		inside
		boundary
	)
	for _, c := range []struct {
		name string
		text string
		rule store.Rule
		typ  ioc.Type
		key  string
		want int
	}{
		{"the whole key", "evil.example", store.Anywhere, ioc.Domain, "evil.example", boundary},
		{"begins the key", "evil", store.Anywhere, ioc.Domain, "evil.example", boundary},
		{"begins a label", "example", store.Anywhere, ioc.Domain, "evil.example", boundary},
		{"begins with the dot", ".example", store.Anywhere, ioc.Domain, "evil.example", inside},
		{"inside a label", "vil", store.Anywhere, ioc.Domain, "evil.example", inside},
		{"behind a hyphen", "evil", store.Anywhere, ioc.Domain, "my-evil.example", inside},
		{"a path segment", "gate", store.Anywhere, ioc.URL, "http://a.example/gate.php", boundary},
		{"a query value", "gate", store.Anywhere, ioc.URL, "http://a.example/?gate", inside},
		{"a port", "8080", store.Anywhere, ioc.URL, "http://a.example:8080/", boundary},
		{"behind an at sign", "evil", store.Anywhere, ioc.Email, "who@evil.example", boundary},
		{"the best of several places", "evil", store.Anywhere, ioc.Domain, "devil.evil.example", boundary},
		{"overlapping", "aba", store.Anywhere, ioc.Domain, "xababa.example", inside},
		{"overlapping at a boundary", "..a", store.Anywhere, ioc.URL, "http://a.example/x...a", boundary},
		{"absent", "evil", store.Anywhere, ioc.Domain, "good.example", none},
		{"longer than the key", "evil.example.", store.Anywhere, ioc.Domain, "evil.example", none},
		{"percent is a letter", "a%b", store.Anywhere, ioc.URL, "http://a.example/axb", none},
		{"underscore is a letter", "a_b", store.Anywhere, ioc.URL, "http://a.example/axb", none},
		{"not ascii", "ünï", store.Anywhere, ioc.URL, "http://a.example/ünï", boundary},

		{"short: begins", "ev", store.Anywhere, ioc.Domain, "evil.example", boundary},
		{"short: does not begin", "vi", store.Anywhere, ioc.Domain, "evil.example", none},
		{"short: begins a label only", "ex", store.Anywhere, ioc.Domain, "evil.example", none},
		{"two characters of two bytes are short", "üü", store.Anywhere, ioc.URL, "http://a.example/üü", none},
		{"short under a rule", "t1", store.WholeToken, ioc.MITREAttack, "t1071", none},

		{"token: the key", "192.0.2.22", store.WholeToken, ioc.IPv4, "192.0.2.22", boundary},
		{"token: digit behind", "192.0.2.22", store.WholeToken, ioc.IPv4, "192.0.2.226", none},
		{"token: digit before", "92.0.2.22", store.WholeToken, ioc.IPv4, "192.0.2.22", none},
		{"token: letter before", "192.0.2.22", store.WholeToken, ioc.URL, "http://a.example/x192.0.2.22", none},
		{"token: in a url", "192.0.2.22", store.WholeToken, ioc.URL, "http://192.0.2.22/", boundary},
		{"token: refused once, allowed once", "192.0.2.2", store.WholeToken, ioc.URL, "http://192.0.2.22/192.0.2.2", boundary},
		{"token: punctuation on both sides", "cve-2024-1234", store.WholeToken, ioc.URL, "http://a.example/x_cve-2024-1234.zip", inside},
		{"token: longer number", "cve-2024-1234", store.WholeToken, ioc.CVE, "cve-2024-12345", none},
		{"token: a letter that is not ascii may touch", "abc", store.WholeToken, ioc.URL, "http://a.example/üabcü", inside},

		{"host: the domain", "evil.example", store.WholeHost, ioc.Domain, "evil.example", boundary},
		{"host: the parent", "evil.example", store.WholeHost, ioc.Domain, "a.evil.example", boundary},
		{"host: a longer label", "evil.example", store.WholeHost, ioc.Domain, "notevil.example", none},
		{"host: behind a hyphen", "evil.example", store.WholeHost, ioc.Domain, "my-evil.example", none},
		{"host: the beginning of another", "evil.example", store.WholeHost, ioc.Domain, "evil.example.com", none},
		{"host: twice, the last counts", "evil.example", store.WholeHost, ioc.Domain, "evil.example.evil.example", boundary},
		{"host: of a url", "evil.example", store.WholeHost, ioc.URL, "http://evil.example/x", boundary},
		{"host: of a url with port", "evil.example", store.WholeHost, ioc.URL, "https://a.evil.example:8443/x", boundary},
		{"host: in the path only", "evil.example", store.WholeHost, ioc.URL, "http://a.example/evil.example", none},
		{"host: in the query only", "evil.example", store.WholeHost, ioc.URL, "http://a.example?evil.example", none},
		{"host: of an e-mail address", "evil.example", store.WholeHost, ioc.Email, "who@evil.example", boundary},
		{"host: as a local part", "evil.example", store.WholeHost, ioc.Email, "evil.example@a.example", none},
		{"host: of what has none", "abc", store.WholeHost, ioc.MD5, "abc", none},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			place, ok := store.Needle{Text: c.text, Rule: c.rule}.Match(c.typ, c.key)
			got := none
			switch {
			case ok && place == store.AtBoundary:
				got = boundary
			case ok:
				got = inside
			}
			if got != c.want {
				t.Errorf("%q in %q: got %d, want %d", c.text, c.key, got, c.want)
			}
		})
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ       ioc.Type
		key, want string
	}{
		{ioc.Domain, "a.example", "a.example"},
		{ioc.IPv4, "192.0.2.1", "192.0.2.1"},
		{ioc.IPv6, "2001:db8::1", "2001:db8::1"},
		{ioc.Email, "who@a.example", "a.example"},
		{ioc.Email, "a@b@a.example", "a.example"},
		{ioc.URL, "http://a.example/", "a.example"},
		{ioc.URL, "http://a.example", "a.example"},
		{ioc.URL, "http://a.example:8080/x:y/z", "a.example"},
		{ioc.URL, "http://a.example?x=/y", "a.example"},
		{ioc.URL, "http://a.example#x", "a.example"},
		{ioc.URL, "http://[2001:db8::1]/", "[2001:db8::1]"},
		{ioc.URL, "http://[2001:db8::1]:8080/", "[2001:db8::1]"},
		{ioc.URL, "tcp://192.0.2.1:4444/", "192.0.2.1"},
		{ioc.URL, "http://a.example/http://b.example/", "a.example"},
		{ioc.URL, "a.example/x", ""},
		{ioc.SHA256, "00ff", ""},
		{ioc.CVE, "cve-2024-1234", ""},
		{ioc.MITREAttack, "t1566.002", ""},
	} {
		from, to := store.Host(c.typ, c.key)
		if got := c.key[from:to]; got != c.want {
			t.Errorf("host of %s %q: got %q, want %q", c.typ, c.key, got, c.want)
		}
	}
}

// FuzzNeedle holds the rules to what they mean: each refuses only what plain
// contains finds.
func FuzzNeedle(f *testing.F) {
	f.Add("evil.example", "http://a.evil.example:8080/x", uint8(ioc.URL))
	f.Add("192.0.2.2", "192.0.2.22", uint8(ioc.IPv4))
	f.Add("ü", "üü", uint8(ioc.Email))
	f.Add("]", "http://[::]:1]", uint8(ioc.URL))
	f.Fuzz(func(t *testing.T, text, key string, typ uint8) {
		if text == "" {
			t.Skip("a needle has text")
		}
		it := ioc.Type(typ % 12)
		if from, to := store.Host(it, key); from > to || from < 0 || to > len(key) {
			t.Fatalf("host of %q is [%d, %d)", key, from, to)
		}
		_, plain := store.Needle{Text: text}.Match(it, key)
		want := strings.Contains(key, text)
		if utf8.RuneCountInString(text) < store.MinTrigram {
			want = strings.HasPrefix(key, text)
		}
		if plain != want {
			t.Errorf("%q in %q: got %v, want %v", text, key, plain, want)
		}
		for _, rule := range []store.Rule{store.WholeToken, store.WholeHost} {
			if _, ok := (store.Needle{Text: text, Rule: rule}).Match(it, key); ok && !plain {
				t.Errorf("%q in %q: rule %d finds what contains does not", text, key, rule)
			}
		}
	})
}
