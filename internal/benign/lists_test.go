package benign_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/benign"
	"spoor/internal/ioc"
)

// identify reads a value as it would be stored.
func identify(tb testing.TB, value string) ioc.Indicator {
	tb.Helper()
	ind, err := ioc.Identify(value)
	if err != nil {
		tb.Fatal(err)
	}
	return ind
}

// lists are the names of the lists of verdicts.
func lists(vs []benign.Verdict) []string {
	var names []string
	for _, v := range vs {
		names = append(names, v.List)
	}
	return names
}

// TestBuiltin holds our own lists to what they are for, and to what they must
// leave alone.
func TestBuiltin(t *testing.T) {
	t.Parallel()
	const (
		addresses = "special-purpose-addresses"
		special   = "special-use-names"
		good      = "known-good-names"
		sites     = "analysis-sites"
		shared    = "shared-services"
		resolvers = "public-resolvers"
		harmless  = "harmless-files"
		examples  = "examples" // weak, the others are strong
	)
	cases := []struct {
		name, value string
		list        string // "" is none
		reason      string // of it, if given
	}{
		{"documentation range", "192.0.2.77", examples, "192.0.2.0/24 is reserved for documentation (RFC 5737)"},
		{"documentation range of IPv6", "2001:db8::1", examples, "2001:db8::/32 is reserved for documentation (RFC 3849)"},
		{"newer documentation range", "3fff:1::1", examples, "3fff::/20 is reserved for documentation (RFC 9637)"},
		{"private", "10.1.2.3", addresses, "10.0.0.0/8 is for private networks (RFC 1918)"},
		{"two ranges", "233.252.0.9", addresses, "224.0.0.0/4 is multicast (RFC 5771)"},
		{"one range above another", "2001:db8::1:1", examples, ""},
		{"one address", "255.255.255.255", addresses, "255.255.255.255 is everyone on this network (RFC 919)"},
		{"mapped address", "::ffff:192.168.1.1", addresses, ""},
		{"address next to a range", "192.0.3.1", "", ""},
		{"first address after shared space", "100.128.0.0", "", ""},
		{"6to4 holds somebody's address", "2002:c633:6401::1", "", ""},

		{"URL on a private address", "http://192.168.1.1/cgi-bin/x", addresses, ""},
		{"URL on a documentation address", "https://[2001:db8::5]:8443/a?b", examples, ""},
		{"URL on a resolver", "http://8.8.8.8/payload.exe", "", ""},
		{"URL that is a resolver", "https://8.8.8.8/", resolvers, "8.8.8.8 is Google's public resolver"},
		{"resolver", "2620:fe::9", resolvers, ""},
		{"neighbour of a resolver", "8.8.8.9", "", ""},

		{"documentation name", "c2.example.com", examples, "example.com is reserved for documentation (RFC 2606, RFC 6761)"},
		{"name below a reserved top", "a.b.test", examples, "test is reserved for tests (RFC 2606, RFC 6761)"},
		{"URL on a reserved name", "http://evil.example/gate.php?id=1", examples, ""},
		{"mail at a reserved name", "someone@example.org", examples, ""},
		{"name within a network", "dc01.corp.local", special, "local is for one link (RFC 6762)"},
		{"URL within a network", "http://intranet.lan/a?b", special, ""},
		{"mail within a network", "root@localhost.localdomain", special, ""},
		{"name like a reserved one", "notexample.com", "", ""},
		{"reserved name in the middle", "example.com.attacker.top", "", ""},
		{"onion leads somewhere", "abcdefghijklmnop.onion", "", ""},

		{"vendor", "www.microsoft.com", good, "microsoft.com is a name of a maker of systems or software"},
		{"vendor in the middle", "microsoft.com.login.attacker.top", "", ""},
		{"name that ends like a vendor", "xmicrosoft.com", "", ""},
		{"mail at a vendor", "someone@microsoft.com", "", ""},
		{"URL that is a vendor's host", "https://www.google.com/", good, ""},
		{"URL with a port that is a vendor's host", "http://google.com:8080/", good, ""},
		{"URL on a vendor's host", "https://www.google.com/url?q=1", "", ""},
		{"query on a vendor's host", "https://www.google.com/?q=1", "", ""},

		{"customer of a cloud", "attacker.azurewebsites.net", "", ""},
		{"cloud", "azurewebsites.net", shared, ""},
		{"customer of a provider that is no public suffix", "attacker-my.sharepoint.com", "", ""},
		{"below a customer", "a.attacker.sharepoint.com", "", ""},
		{"bucket", "attacker.s3.amazonaws.com", "", ""},
		{"page of a code host", "attacker.github.io", "", ""},
		{"page that is on a list itself", "lolbas-project.github.io", sites, ""},
		{"file share", "drive.google.com", shared, ""},
		{"URL on a file share", "https://drive.google.com/uc?id=1", "", ""},
		{"URL on a code host", "https://raw.githubusercontent.com/u/r/main/x.ps1", "", ""},
		{"paste", "https://pastebin.com/raw/AbCd", "", ""},
		{"paste site", "https://pastebin.com/", shared, ""},

		{"link to an analysis", "https://www.virustotal.com/gui/file/abc", sites, "virustotal.com is a site that analyses files and addresses"},
		{"link to something like it", "https://virustotal.com.attacker.top/gui", "", ""},

		{"empty file", "d41d8cd98f00b204e9800998ecf8427e", harmless, "d41d8cd98f00b204e9800998ecf8427e is an empty file"},
		{"empty file, other hash", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", harmless, ""},
		{"test file", "44d88612fea8a8f36de82e1278abb02f", harmless, ""},
		{"some file", "0123456789abcdef0123456789abcdef", "", ""},
		{"vulnerability", "CVE-2024-0001", "", ""},
		{"technique", "T1059.001", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ind := identify(t, c.value)
			got := benign.Builtin().Judge(ind)
			if c.list == "" {
				if got != nil || benign.Builtin().Known(ind) {
					t.Errorf("%s: got %+v, want no verdict", ind.Value, got)
				}
				return
			}
			strong := c.list != examples
			if benign.Builtin().Known(ind) != strong {
				t.Errorf("%s: known is %v", ind.Value, !strong)
			}
			i := slices.Index(lists(got), c.list)
			if i < 0 || got[i].Marks() != strong || (c.reason != "" && got[i].Reason != c.reason) {
				t.Errorf("%s: got %+v, want %s: %s", ind.Value, got, c.list, c.reason)
			}
		})
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, host string
		list       string
		want       bool
	}{
		{"vendor", "www.microsoft.com", "known-good-names", true},
		{"in capitals, with a dot", "WWW.Microsoft.COM.", "known-good-names", true},
		{"analysis site", "app.any.run", "analysis-sites", true},
		{"code host", "github.com", "known-good-names", true},
		{"raw files of a code host", "raw.githubusercontent.com", "shared-services", false},
		{"file share below a vendor", "drive.google.com", "known-good-names", false},
		{"below a file share", "a.pastebin.com", "shared-services", false},
		{"private address", "10.0.0.1", "special-purpose-addresses", true},
		{"IPv6 in brackets", "[FE80::1]", "special-purpose-addresses", true},
		{"name for documentation", "www.example.com", "examples", false},
		{"customer", "attacker.azurewebsites.net", "", false},
		{"anyone", "attacker.top", "", false},
		{"no host", "not a host", "", false},
		{"nothing", "", "", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, got := benign.Builtin().Host(c.host)
			if got != c.want || v.List != c.list {
				t.Errorf("got %+v, %v, want %s, %v", v, got, c.list, c.want)
			}
		})
	}
}

// TestNone asks lists that know nothing.
func TestNone(t *testing.T) {
	t.Parallel()
	empty, err := (*benign.Lists)(nil).With(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*benign.Lists{nil, {}, empty, benign.Merge(), benign.Merge(nil, &benign.Lists{})} {
		for _, value := range []string{"192.0.2.1", "example.com", "http://example.com/", "d41d8cd98f00b204e9800998ecf8427e", "a@example.com"} {
			ind := identify(t, value)
			if vs := l.Judge(ind); vs != nil || l.Known(ind) {
				t.Errorf("%s: got %+v, want nil", value, vs)
			}
		}
		if v, ok := l.Host("example.com"); ok || v != (benign.Verdict{}) {
			t.Errorf("Host: got %+v, %v", v, ok)
		}
	}
	// A value of no type, or one that is not canonical, is nobody's.
	for _, ind := range []ioc.Indicator{{}, {Type: ioc.URL, Value: "://"}, {Type: ioc.IPv4, Value: "x"}, {Type: ioc.Email}, {Type: ioc.Domain}} {
		if vs := benign.Builtin().Judge(ind); vs != nil {
			t.Errorf("%+v: got %+v, want nil", ind, vs)
		}
	}
}

// TestWith puts an operator's entries on top of lists, and others in their
// place.
func TestWith(t *testing.T) {
	t.Parallel()
	with := func(entries ...benign.Entry) *benign.Lists {
		l, err := benign.Builtin().With(entries)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := with(
		benign.Entry{Value: "corp[.]top", Reason: "ours"},
		benign.Entry{Value: "198.18.0.0/24", Reason: "our laboratory"},
		benign.Entry{Value: "https://shop.top/app", Reason: "our shop"},
		benign.Entry{Value: "https://shop.top/one?a=1"},
		benign.Entry{Value: "https://*.cdn.top/"},
		benign.Entry{Value: "@mail.top"},
		benign.Entry{Value: "friend@other.top"},
		benign.Entry{Value: "00000000000000000000000000000001"},
		benign.Entry{Value: "github.io"},
	)
	cases := []struct {
		name, value string
		want        string // reason of the allow list; "" is none
	}{
		{"name", "corp.top", "corp.top is on the allow list: ours"},
		{"name below", "a.b.corp.top", "corp.top is on the allow list: ours"},
		{"name beside", "xcorp.top", ""},
		{"URL on the name", "http://corp.top/a", ""},
		{"URL that is the name", "http://corp.top/", "corp.top is on the allow list: ours"},
		{"mail at the name", "a@corp.top", ""},
		{"address", "198.18.0.7", "198.18.0.0/24 is on the allow list: our laboratory"},
		{"URL itself", "https://shop.top/app", "shop.top/app is on the allow list: our shop"},
		{"URL over http", "http://shop.top/app", "shop.top/app is on the allow list: our shop"},
		{"URL that continues after a slash", "https://shop.top/app/a/b?c=/d", "shop.top/app is on the allow list: our shop"},
		{"URL that continues after a question mark", "https://shop.top/app?c", "shop.top/app is on the allow list: our shop"},
		{"URL that continues a word", "https://shop.top/application", ""},
		{"URL above", "https://shop.top/", ""},
		{"URL on another port", "https://shop.top:8443/app", ""},
		{"URL over ftp", "ftp://shop.top/app", ""},
		{"URL with its query", "https://shop.top/one?a=1", "shop.top/one?a=1 is on the allow list"},
		{"URL with more query", "https://shop.top/one?a=12", ""},
		{"URL without the query", "https://shop.top/one", ""},
		{"URL on a whole host", "https://cdn.top/a?b", "cdn.top is on the allow list"},
		{"URL on a host below", "http://x.y.cdn.top:81/a?b", "cdn.top is on the allow list"},
		{"the name of whole hosts", "x.cdn.top", ""},
		{"mail at a name", "a@mail.top", "mail.top is on the allow list"},
		{"mail below a name", "a@b.mail.top", "mail.top is on the allow list"},
		{"mail address", "friend@other.top", "friend@other.top is on the allow list"},
		{"mail address beside", "foe@other.top", ""},
		{"hash", "00000000000000000000000000000001", "00000000000000000000000000000001 is on the allow list"},
		{"a provider is not its customers", "friend.github.io", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ind := identify(t, c.value)
			got := ""
			for _, v := range l.Judge(ind) {
				if v.List == "allow-list" {
					got = v.Reason
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.want != "" && !l.Known(ind) {
				t.Error("not known")
			}
		})
	}
	t.Run("both say so", func(t *testing.T) {
		t.Parallel()
		want := []string{"allow-list", "special-purpose-addresses"}
		if diff := cmp.Diff(lists(l.Judge(identify(t, "198.18.0.7"))), want); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("in their place", func(t *testing.T) {
		t.Parallel()
		next, err := l.With([]benign.Entry{{Value: "next.top"}})
		if err != nil {
			t.Fatal(err)
		}
		if next.Known(identify(t, "corp.top")) || !next.Known(identify(t, "next.top")) || !next.Known(identify(t, "10.0.0.1")) {
			t.Error("With does not replace the entries, or loses the lists")
		}
		if !l.Known(identify(t, "corp.top")) || l.Known(identify(t, "next.top")) {
			t.Error("With changed the lists it was called on")
		}
	})
	t.Run("merged", func(t *testing.T) {
		t.Parallel()
		m := benign.Merge(l, with(benign.Entry{Value: "next.top"}))
		for _, value := range []string{"corp.top", "next.top", "10.0.0.1", "https://shop.top/app/x"} {
			if !m.Known(identify(t, value)) {
				t.Errorf("%s is not known after Merge", value)
			}
		}
		if again, err := m.With(nil); err != nil || again.Known(identify(t, "corp.top")) {
			t.Error("the operator's entries became part of the lists")
		}
	})
}
