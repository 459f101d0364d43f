package fetch

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseSource(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, in, want string
		err            error
	}{
		{"plain", "https://feeds.example/rss", "https://feeds.example/rss", nil},
		{"spaces around", " https://feeds.example/rss\n", "https://feeds.example/rss", nil},
		{"no path", "http://feeds.example", "http://feeds.example/", nil},
		{"capitals, dot, port, fragment", "HTTPS://Feeds.EXAMPLE.:443/RSS#x", "https://feeds.example/RSS", nil},
		{"other port", "http://feeds.example:8080/", "http://feeds.example:8080/", nil},
		{"query", "http://feeds.example?a=b c", "http://feeds.example/?a=b c", nil},
		{"another script", "https://Bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4", nil},
		{"ideographic stop", "https://例え。example/", "https://xn--r8jz45g.example/", nil},
		{"underscore", "https://a_b.example/", "https://a_b.example/", nil},
		{"IPv6", "http://[2001:DB8::0001]:80/", "http://[2001:db8::1]/", nil},
		{"IPv6 with zone", "http://[fe80::1%25eth0]:81/", "http://[fe80::1%25eth0]:81/", nil},
		{"file", "file:///feeds/a.csv", "file:///feeds/a.csv", nil},
		{"empty", "", "", ErrForbidden},
		{"relative", "/rss", "", ErrForbidden},
		{"without scheme", "feeds.example/rss", "", ErrForbidden},
		{"other scheme", "ftp://feeds.example/", "", ErrForbidden},
		{"script", "javascript:alert(1)", "", ErrForbidden},
		{"password", "https://user:pass@feeds.example/", "", ErrForbidden},
		{"user", "https://user@feeds.example/", "", ErrForbidden},
		{"no host", "http:///rss", "", ErrInvalidURL},
		{"only a port", "http://:80/", "", ErrInvalidURL},
		{"opaque", "http:feeds.example", "", ErrInvalidURL},
		{"only a dot", "http://./", "", ErrInvalidURL},
		{"empty label", "http://a..example/", "", ErrInvalidURL},
		{"bad port", "http://feeds.example:x/", "", ErrInvalidURL},
		{"control character", "http://feeds.example/\x00", "", ErrInvalidURL},
		{"line break", "http://feeds.example/a\r\nb", "", ErrInvalidURL},
		{"bad punycode", "http://xn--ü.example/", "", ErrInvalidURL},
		{"long", "http://feeds.example/" + strings.Repeat("x", maxURL), "", ErrInvalidURL},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			u, err := parseSource(c.in)
			if !errors.Is(err, c.err) {
				t.Fatalf("got error %v, want %v", err, c.err)
			}
			if err == nil && u.String() != c.want {
				t.Errorf("got %q, want %q", u, c.want)
			}
		})
	}
}

func FuzzParseSource(f *testing.F) {
	for _, seed := range []string{"https://feeds.example/rss", "http://[::1%25a]:81/", "http://xn--a.example", "file:///a/../b", "http://１.example:080/?#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := parseSource(raw)
		if err != nil {
			return
		}
		if u.User != nil || u.Scheme != "file" && u.Hostname() == "" {
			t.Fatalf("%q became %q", raw, u)
		}
		again, err := parseSource(u.String())
		if len(u.String()) > maxURL {
			return
		}
		if err != nil || again.String() != u.String() {
			t.Fatalf("%q became %q, which becomes %v, %v", raw, u, again, err)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "1e9", "99999999999999999999", "Mon, 02 Nov 2026 10:03:00 GMT", "Mon, 02 Nov 9999 10:03:00 GMT"} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		d, said := retryAfter(text, now)
		if d < 0 || d > maxRetryAfter || d > 0 && !said {
			t.Fatalf("%q: %v, %v", text, d, said)
		}
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no clock": {}, "agent": {Now: time.Now, UserAgent: "a\r\nb: c"}, "host": {Now: time.Now, AllowHosts: []string{"a:1"}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
