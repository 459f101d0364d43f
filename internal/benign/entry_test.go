package benign_test

import (
	"errors"
	"strings"
	"testing"

	"spoor/internal/benign"
	"spoor/internal/ioc"
)

func TestParseEntry(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 501)
	cases := []struct {
		name, value, reason string
		want                string // canonical; "" is an error
		problem             string // part of the message
	}{
		{"name", " Corp.Example. ", "", "corp.example", ""},
		{"name with all below", "*.corp.example", "", "corp.example", ""},
		{"defanged name", "corp[.]example", "", "corp.example", ""},
		{"address", "192.0.2.1", "ours", "192.0.2.1", ""},
		{"address with its length", "192.0.2.1/32", "", "192.0.2.1", ""},
		{"range", "192.0.2.99/24", "", "192.0.2.0/24", ""},
		{"defanged range", "192.0.2[.]0/24", "", "192.0.2.0/24", ""},
		{"range of IPv6", "2001:DB8::1/32", "", "2001:db8::/32", ""},
		{"mapped range", "::ffff:192.0.2.0/120", "", "192.0.2.0/24", ""},
		{"URL", "hxxps://corp[.]example/a", "", "https://corp.example/a", ""},
		{"URL without scheme", "corp.example/a", "", "http://corp.example/a", ""},
		{"whole hosts", "https://*.Corp.example", "", "https://*.corp.example/", ""},
		{"whole hosts over http", "http://*.corp.example/", "", "https://*.corp.example/", ""},
		{"mail", "A@corp.example", "", "a@corp.example", ""},
		{"mail at a name", "@Corp.example", "", "@corp.example", ""},
		{"hash", "D41D8CD98F00B204E9800998ECF8427E", "", "d41d8cd98f00b204e9800998ecf8427e", ""},
		{"vulnerability", "cve-2024-0001", "", "CVE-2024-0001", ""},
		{"provider", "github.io", "", "github.io", ""},

		{"provider with all below", "*.github.io", "", "", "strangers register"},

		{"nothing", " ", "", "", "give an indicator"},
		{"everything", "0.0.0.0/0", "", "", "too wide"},
		{"nearly everything", "2000::/3", "", "", "too wide"},
		{"nearly everything, mapped", "::ffff:0:0/96", "", "", "too wide"},
		{"top-level name", "com", "", "", ""},
		{"public suffix", "co.uk", "", "", "everyone registers"},
		{"mail at a public suffix", "@co.uk", "", "", "everyone registers"},
		{"whole hosts with a path", "https://*.corp.example/a", "", "", "leave out the path"},
		{"span", "192.0.2.1-192.0.2.9", "", "", ""},
		{"words", "our own network", "", "", ""},
		{"NUL", "corp.example\x00", "", "", ""},
		{"long reason", "corp.example", long, "", "longer than 500"},
		{"reason of two lines", "corp.example", "a\nb", "", "one line"},
		{"broken reason", "corp.example", "a\xff", "", "one line"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := benign.ParseEntry(c.value, c.reason)
			if c.want == "" {
				if !errors.Is(err, benign.ErrEntry) || !strings.Contains(err.Error(), c.problem) {
					t.Errorf("got %+v, %v, want an EntryError with %q", got, err, c.problem)
				}
				if _, err := benign.Builtin().With([]benign.Entry{{Value: c.value, Reason: c.reason}}); !errors.Is(err, benign.ErrEntry) {
					t.Errorf("With: got %v, want an EntryError", err)
				}
				return
			}
			if err != nil || got != (benign.Entry{Value: c.want, Reason: c.reason}) {
				t.Errorf("got %+v, %v, want %q", got, err, c.want)
			}
			if again, err := benign.ParseEntry(got.Value, got.Reason); err != nil || again != got {
				t.Errorf("again: got %+v, %v, want %+v", again, err, got)
			}
		})
	}
}

// TestEntryOfProvider allows a name below which strangers register theirs: the
// name itself, and none of theirs.
func TestEntryOfProvider(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"github.io", "duckdns.org", "blogspot.com"} {
		lists, err := benign.Builtin().With([]benign.Entry{{Value: name}})
		if err != nil {
			t.Fatal(err)
		}
		for value, want := range map[string]bool{name: true, "https://" + name + "/": true, "tenant." + name: false, "https://tenant." + name + "/": false} {
			ind, err := ioc.Identify(value)
			if err != nil {
				t.Fatal(err)
			}
			allowed := false
			for _, v := range lists.Judge(ind) {
				allowed = allowed || v.List == "allow-list"
			}
			if allowed != want {
				t.Errorf("%s with %s allowed: %t, want %t", value, name, allowed, want)
			}
		}
	}
}
