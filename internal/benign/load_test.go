package benign_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/benign"
)

// folder writes files, by their paths, into a folder of the test.
func folder(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// list writes a warning list as MISP does.
func list(title, listType, attributes string, entries ...string) string {
	quoted := func(all []string) string { return `["` + strings.Join(all, `","`) + `"]` }
	return `{"description": "d", "list": ` + quoted(entries) + `, "matching_attributes": ` +
		quoted(strings.Split(attributes, " ")) + `, "name": "` + title + `", "type": "` + listType + `", "version": 1}`
}

// TestLoadEntries compiles one list a case and asks it.
func TestLoadEntries(t *testing.T) {
	t.Parallel()
	type answers map[string]string // value to the entry that covers it; "" is none
	const (
		addresses = "ip-src ip-dst domain|ip"
		names     = "hostname domain"
		urls      = "hostname domain url"
		files     = "md5 filename|sha1"
		mails     = "email-src email-dst"
	)
	cases := []struct {
		name, listType, attributes string
		entries                    []string
		want                       answers
		left                       int
	}{
		{"ranges", "cidr", addresses, []string{"10.7.0.0/16", "10.8.1.1", "2A00:DB9::/32", "::ffff:10.9.0.0/112", "x", "0.0.0.0/0", "::/1"}, answers{
			"10.7.255.1": "10.7.0.0/16", "10.8.1.1": "10.8.1.1", "10.8.1.2": "", "2a00:db9::1": "2a00:db9::/32", "10.9.3.3": "10.9.0.0/16",
			"http://10.7.0.1/": "10.7.0.0/16", "http://10.7.0.1:81/": "10.7.0.0/16", "http://10.7.0.1/a": "", "http://[2a00:db9::1]/": "2a00:db9::/32",
		}, 3},
		{"ranges for names only", "cidr", names, []string{"10.7.0.0/16"}, answers{"10.7.0.1": ""}, 1},
		{"host bits in a range", "cidr", addresses, []string{"10.7.1.1/16"}, answers{"10.7.9.9": "10.7.0.0/16"}, 0},
		{"host names", "hostname", urls, []string{".one.top", "Two.top.", "10.7.1.1", "xn--bcher-kva.top", "bücher.top", "three", "*.four.top"}, answers{
			"one.top": "one.top", "a.b.one.top": "one.top", "xone.top": "", "two.top": "two.top", "a.two.top": "two.top",
			"https://two.top/": "two.top", "https://a.two.top/": "two.top", "https://two.top/a": "", "https://two.top/?a": "",
			"a@two.top": "", "10.7.1.1": "", "xn--bcher-kva.top": "xn--bcher-kva.top", "a.four.top": "four.top",
		}, 2},
		{"host names and addresses", "hostname", "hostname domain|ip", []string{"10.7.1.1", "one.top"}, answers{"10.7.1.1": "10.7.1.1", "one.top": "one.top"}, 0},
		{"host names of providers", "hostname", names, []string{"github.io", "azure.com", "top"}, answers{
			"github.io": "github.io", "a.github.io": "", "b.a.github.io": "", "azure.com": "azure.com", "portal.azure.com": "azure.com",
			"attacker.westeurope.cloudapp.azure.com": "", "a.top": "",
		}, 1},
		{"strings that are names", "string", urls, []string{"one.top", ".two.top", "*.three.top"}, answers{
			"one.top": "one.top", "a.one.top": "", "http://one.top/": "one.top", "a.two.top": "two.top", "two.top": "two.top", "a.three.top": "three.top",
		}, 0},
		{"strings that are files", "string", files, []string{"0123456789ABCDEF0123456789abcdef", strings.Repeat("a", 56), strings.Repeat("b", 128), "one.top"}, answers{
			"0123456789abcdef0123456789abcdef": "0123456789abcdef0123456789abcdef", strings.Repeat("b", 128): strings.Repeat("b", 100) + "…",
			"0123456789abcdef0123456789abcdee": "", "one.top": "",
		}, 2},
		{"strings that are addresses", "string", addresses, []string{"10.7.1.1", "10.8.0.0/16", "2a00:db9::0001"}, answers{
			"10.7.1.1": "10.7.1.1", "10.8.1.1": "10.8.0.0/16", "2a00:db9::1": "2a00:db9::1",
		}, 0},
		{"strings that are URLs", "string", urls, []string{"https://one.top/a?b", "two.top/c"}, answers{
			"https://one.top/a?b": "one.top/a?b", "http://one.top/a?b": "one.top/a?b", "http://one.top/a?bc": "", "one.top": "",
			"http://two.top/c": "two.top/c", "http://two.top/c/d": "",
		}, 0},
		{"strings that are mail", "string", mails, []string{"A@one.top", "two.top"}, answers{
			"a@one.top": "a@one.top", "b@one.top": "", "b@two.top": "two.top", "b@a.two.top": "two.top", "two.top": "",
		}, 0},
		{"substrings that are names", "substring", urls, []string{"one.top"}, answers{
			"one.top": "one.top", "a.one.top": "one.top", "xone.top": "", "one.top.attacker.net": "", "http://attacker.net/one.top": "",
		}, 0},
		{"substrings of mail", "substring", mails, []string{"one.top", "newsletter@"}, answers{
			"a@one.top": "one.top", "a@b.one.top": "one.top", "a@xone.top": "", "my-newsletter@two.top": "newsletter@", "letter@two.top": "",
		}, 0},
		{"substrings", "substring", urls, []string{"/wp-login.php", "TRACK-", "ab", strings.Repeat("a", 1025), "setup.php"}, answers{
			"http://two.top/wp-login.php": "/wp-login.php", "http://two.top/x/WP-Login.php?a": "/wp-login.php", "http://two.top/wp-login": "",
			"track-1.two.top": "track-", "ftp://two.top/a-setup.php": "setup.php",
		}, 2},
		{"expressions", "regex", mails, []string{`/^(abuse|noc)\\@.*\\..*$/i`, `^post.*@mail\\.top$`, `/a/x`, `(`, `[a-z]+[0-9]{4}@`, strings.Repeat("a", 1001)}, answers{
			"abuse@two.top": "abuse@two.top", "noc@two.top": "noc@two.top", "xabuse@two.top": "", "postmaster@mail.top": "postmaster@mail.top",
			"postmaster@mail.top.net": "", "joe1234@two.top": "joe1234@two.top", "abuse.two.top": "",
		}, 3},
		{"no strings", "hostname", urls, []string{`one.top", 7, null, {"a": []}, [1], "two.top`}, answers{"one.top": "one.top", "two.top": "two.top"}, 4},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"lists/mine/list.json": list("My list", c.listType, c.attributes, c.entries...)})
			l, report, err := benign.Load(context.Background(), dir, benign.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := report.LeftOut(); got != c.left || report.Loaded() != 1 {
				t.Errorf("left out %d of the list, want %d: %+v", got, c.left, report)
			}
			for _, later := range []*benign.Lists{l, benign.Merge(&benign.Lists{}, l, benign.Builtin())} {
				for value, entry := range c.want {
					var got string
					for _, v := range later.Judge(identify(t, value)) {
						if v.List == "mine" {
							got = v.Reason
						}
					}
					want := ""
					if entry != "" {
						want = entry + ` is on "My list"`
					}
					if got != want {
						t.Errorf("%s: got %q, want %q", value, got, want)
					}
				}
			}
		})
	}
}

// TestLoadFolder finds lists in every layout and leaves out what is none.
func TestLoadFolder(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"lists/a/list.json":     list("A", "hostname", "domain", "a.top"),
		"lists/a/README.md":     "no list",
		"lists/deep/a/b/c.json": list("Deep", "hostname", "domain", "deep.top"),
		"b/list.json":           list("B", "hostname", "domain", "b.top"),
		"c.json":                list("C\\n\\u0007 D", "hostname", "domain", "c.top"),
		"a.json":                list("Again", "hostname", "domain", "again.top"),
		"package.json":          `{"name": "x"}`,
		"broken.json":           `{"list": ["a.top"`,
		"text.json":             "hello",
		"strange.json":          list("S", "wildcard", "domain", "s.top"),
		"phones.json":           list("P", "regex", "phone-number", "/1/"),
		"untyped.json":          `{"list": ["u.top"]}`,
		"dir.json/x":            "",
		"README.md":             "no list",
	})
	l, report, err := benign.Load(context.Background(), dir, benign.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range report.Lists {
		got[r.Name] += r.Title
		if r.Err != nil {
			got[r.Name] += "!"
		}
	}
	want := map[string]string{
		"a": "Again!", "b": "B", "c": "C D", "package": "!", "broken": "!", "text": "!",
		"strange": "S!", "phones": "P!", "untyped": "untyped!", "dir": "!",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	for value, want := range map[string]bool{"b.top": true, "c.top": true, "again.top": true, "a.top": false, "deep.top": false, "s.top": false} {
		if l.Known(identify(t, value)) != want {
			t.Errorf("%s: known is not %v", value, want)
		}
	}
	if s := report.String(); !strings.HasPrefix(s, "3 lists with 3 entries, 8 lists left out (") {
		t.Errorf("report says %q", s)
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	good := folder(t, map[string]string{"a.json": list("A", "hostname", "domain", "a.top")})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	cases := []struct {
		name string
		ctx  context.Context
		dir  string
		want string
	}{
		{"no folder", context.Background(), filepath.Join(good, "gone"), "no such file"},
		{"a file", context.Background(), filepath.Join(good, "a.json"), "not a directory"},
		{"empty", context.Background(), t.TempDir(), "no warning list there"},
		{"nothing of use", context.Background(), folder(t, map[string]string{"a.json": "{}"}), "a: no warning list"},
		{"ended", ended, good, "canceled"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if l, _, err := benign.Load(c.ctx, c.dir, benign.Options{}); l != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want an error with %q", l, err, c.want)
			}
		})
	}
	if _, _, err := benign.Load(ended, good, benign.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestStrengths judges lists of several kinds by their names, and as the
// operator says.
func TestStrengths(t *testing.T) {
	t.Parallel()
	hosts := func(title, entry string) string { return list(title, "hostname", "domain", entry) }
	dir := folder(t, map[string]string{
		"tranco10k.json":            hosts("Top", "both.top"),
		"our-partners.json":         hosts("Partners", "both.top"),
		"new-nt-scanning.json":      hosts("New", "both.top"),
		"best.json":                 hosts("Top 500 sites", "both.top"),
		"desktop.json":              hosts("Desktop programs", "both.top"),
		"some.json":                 hosts("Known VPN services", "both.top"),
		"dynamic-dns.json":          hosts("Dynamic", "duckdns.org"),
		"vendor.json":               hosts("Vendor", "duckdns.org"),
		"public-dns-hostname.json":  hosts("Resolvers", "both.top"),
		"zz-sinkhole-of-x.json":     hosts("X", "both.top"),
		"zz-shortener-of-them.json": hosts("Y", "both.top"),
	})
	load := func(o benign.Options) *benign.Lists {
		l, _, err := benign.Load(context.Background(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	strengths := func(l *benign.Lists, value string) map[string]string {
		got := map[string]string{}
		for _, v := range l.Judge(identify(t, value)) {
			got[v.List] = v.Strength.String()
		}
		return got
	}
	l := load(benign.Options{})
	want := map[string]string{
		"our-partners": "strong", "desktop": "strong", "best": "popular", "tranco10k": "popular", "new-nt-scanning": "weak",
		"some": "weak", "public-dns-hostname": "weak", "zz-shortener-of-them": "weak",
	}
	if diff := cmp.Diff(strengths(l, "both.top"), want); diff != "" {
		t.Error(diff)
	}
	if got := lists(l.Judge(identify(t, "both.top"))); got[0] != "desktop" || got[2] != "best" || got[7] != "zz-shortener-of-them" {
		t.Errorf("order %q", got)
	}
	// A list of providers speaks of their customers, others do not.
	if diff := cmp.Diff(strengths(l, "attacker.duckdns.org"), map[string]string{"dynamic-dns": "weak"}); diff != "" {
		t.Error(diff)
	}
	if l.Known(identify(t, "attacker.duckdns.org")) || !l.Known(identify(t, "duckdns.org")) {
		t.Error("a weak list makes a value known, or a strong one does not")
	}
	if v, ok := l.Host("attacker.duckdns.org"); ok || v.Strength != benign.Weak || v.Marks() {
		t.Errorf("Host: got %+v, %v", v, ok)
	}
	strong := load(benign.Options{Strengths: map[string]benign.Strength{"dynamic-dns": benign.Strong, "vendor": benign.Weak}})
	if diff := cmp.Diff(strengths(strong, "duckdns.org"), map[string]string{"dynamic-dns": "strong", "vendor": "weak"}); diff != "" {
		t.Error(diff)
	}
}
