package fetch

import (
	"errors"
	"io"
	"net/http"
	"testing"
)

// TestJudge is the table of addresses: what a name or a URL may lead to.
func TestJudge(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		allow   []string
		host    string
		address string
		want    bool
	}{
		{"public", nil, "site.example", "9.9.9.9:443", true},
		{"public, any port", nil, "site.example", "9.9.9.9:8443", true},
		{"public IPv6", nil, "site.example", "[2620:fe::fe]:443", true},
		{"loopback", nil, "site.example", "127.0.0.1:80", false},
		{"loopback, other", nil, "site.example", "127.8.9.10:80", false},
		{"loopback IPv6", nil, "site.example", "[::1]:80", false},
		{"unspecified", nil, "site.example", "0.0.0.0:80", false},
		{"unspecified IPv6", nil, "site.example", "[::]:80", false},
		{"this network", nil, "site.example", "0.1.2.3:80", false},
		{"private 10", nil, "site.example", "10.1.2.3:80", false},
		{"private 172", nil, "site.example", "172.31.0.1:80", false},
		{"private 192", nil, "site.example", "192.168.1.1:80", false},
		{"shared", nil, "site.example", "100.64.0.1:80", false},
		{"link-local", nil, "site.example", "169.254.1.1:80", false},
		{"metadata", nil, "site.example", "169.254.169.254:80", false},
		{"host agent", nil, "site.example", "168.63.129.16:80", false},
		{"metadata of another", nil, "site.example", "192.0.0.192:80", false},
		{"metadata IPv6", nil, "site.example", "[fd00:ec2::254]:80", false},
		{"multicast", nil, "site.example", "224.0.0.1:80", false},
		{"broadcast", nil, "site.example", "255.255.255.255:80", false},
		{"documentation", nil, "site.example", "192.0.2.1:80", false},
		{"benchmark", nil, "site.example", "198.18.0.1:80", false},
		{"mapped loopback", nil, "site.example", "[::ffff:127.0.0.1]:80", false},
		{"mapped public", nil, "site.example", "[::ffff:9.9.9.9]:80", true},
		{"compatible loopback", nil, "site.example", "[::127.0.0.1]:80", false},
		{"translated loopback", nil, "site.example", "[64:ff9b::7f00:1]:80", false},
		{"translated, local use", nil, "site.example", "[64:ff9b:1::7f00:1]:80", false},
		{"6to4", nil, "site.example", "[2002:7f00:1::]:80", false},
		{"teredo", nil, "site.example", "[2001:0:7f00:1::]:80", false},
		{"unique local", nil, "site.example", "[fd12::1]:80", false},
		{"link-local IPv6", nil, "site.example", "[fe80::1]:80", false},
		{"link-local with zone", nil, "site.example", "[fe80::1%eth0]:80", false},
		{"public with zone", nil, "site.example", "[2620:fe::fe%eth0]:80", true},
		{"site-local", nil, "site.example", "[fec0::1]:80", false},
		{"multicast IPv6", nil, "site.example", "[ff02::1]:80", false},
		{"documentation IPv6", nil, "site.example", "[2001:db8::1]:80", false},
		{"nonsense", nil, "site.example", "name:80", false},

		{"listed address", []string{"10.1.2.3"}, "site.example", "10.1.2.3:80", true},
		{"another than listed", []string{"10.1.2.3"}, "site.example", "10.1.2.4:80", false},
		{"listed range", []string{"10.0.0.0/8"}, "site.example", "10.1.2.4:8080", true},
		{"listed range with host bits", []string{"10.9.9.9/8"}, "site.example", "10.1.2.4:8080", true},
		{"outside the range", []string{"10.0.0.0/8"}, "site.example", "127.0.0.1:80", false},
		{"listed IPv6", []string{"[fd12::1]"}, "site.example", "[fd12::1]:80", true},
		{"listed IPv6 range", []string{"fd12::/16"}, "site.example", "[fd12::9]:80", true},
		{"listed with zone", []string{"fe80::/10"}, "fe80::1%eth0", "[fe80::1%eth0]:80", true},
		{"listed mapped", []string{"::ffff:10.1.2.3"}, "site.example", "10.1.2.3:80", true},
		{"range of translation", []string{"64:ff9b::/96"}, "site.example", "[64:ff9b::909:909]:443", true},
		{"translated into here", []string{"64:ff9b::/96"}, "site.example", "[64:ff9b::7f00:1]:443", false},
		{"translated metadata", []string{"64:ff9b::/96"}, "site.example", "[64:ff9b::a9fe:a9fe]:80", false},

		{"listed name, private", []string{"misp.example"}, "misp.example", "10.1.2.3:8443", true},
		{"listed name, loopback", []string{"misp.example"}, "misp.example", "[::1]:80", true},
		{"listed name, shared", []string{"misp.example"}, "misp.example", "100.64.0.7:80", true},
		{"listed name, unique local", []string{"misp.example"}, "misp.example", "[fd12::1]:80", true},
		{"listed name, public", []string{"misp.example"}, "misp.example", "9.9.9.9:443", true},
		{"listed name, metadata", []string{"misp.example"}, "misp.example", "169.254.169.254:80", false},
		{"listed name, metadata IPv6", []string{"misp.example"}, "misp.example", "[fd00:ec2::254]:80", false},
		{"listed name, metadata in shared space", []string{"misp.example"}, "misp.example", "100.100.100.200:80", false},
		{"listed name, host agent", []string{"misp.example"}, "misp.example", "168.63.129.16:80", false},
		{"listed name and metadata", []string{"misp.example", "169.254.169.254"}, "misp.example", "169.254.169.254:80", true},
		{"name below a listed one", []string{"misp.example"}, "a.misp.example", "10.1.2.3:80", false},
		{"listed in capitals with a dot", []string{" MISP.Example. "}, "misp.example", "10.1.2.3:80", true},
		{"listed in another script", []string{"bücher.example"}, "xn--bcher-kva.example", "10.1.2.3:80", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, err := newGuard(c.allow)
			if err != nil {
				t.Fatal(err)
			}
			network := "tcp4"
			if c.address[0] == '[' {
				network = "tcp6"
			}
			err = g.judge(c.host, network, c.address)
			if (err == nil) != c.want {
				t.Errorf("got %v, want allowed %v", err, c.want)
			}
			if err != nil && !errors.Is(err, ErrForbidden) {
				t.Errorf("got %v, want %v", err, ErrForbidden)
			}
		})
	}
}

func TestAllowHostsRefused(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"", "misp.example:8443", "https://misp.example/", "*.example", "127.1", "10.0.0.0/33", "a b", "user@host"} {
		if _, err := newGuard([]string{entry}); err == nil {
			t.Errorf("%q was accepted", entry)
		}
	}
}

// TestRefusedURLs: the guard judges what the system would connect to, so
// another notation of an address is no way around it.
func TestRefusedURLs(t *testing.T) {
	t.Parallel()
	f := newFetcher(t, func(o *Options) { o.AllowHosts = nil })
	for _, host := range []string{
		"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
		"0.0.0.0", "[::]", "10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1", "169.254.169.254", "168.63.129.16", "192.0.0.192",
		"[fd00:ec2::254]", "[fe80::1%25lo]", "224.0.0.1", "255.255.255.255", "198.51.100.1", "[2001:db8::1]", "localhost", "LOCALHOST.",
		"127.1", "0x7f.0.0.1", "2130706433", "0177.0.0.1", "017700000001", "0x7f000001", "127.0.0.1.", "１２７.０.０.１", "127。0。0。1", "1.2.3.4.5",
	} {
		_, _, err := ask(t, f, Request{URL: "http://" + host + "/"})
		if !errors.Is(err, ErrForbidden) && !errors.Is(err, ErrInvalidURL) {
			t.Errorf("%s: got %v", host, err)
		}
	}
}

// TestNoProxy: behind a proxy the guard would judge the proxy.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	if f := newFetcher(t); f.own.transport.Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}

// TestLinksDoNotReachListedHosts wants a link in a public feed to lead to
// nothing that the operator lists for sources of their own.
func TestLinksDoNotReachListedHosts(t *testing.T) {
	t.Parallel()
	server, asked := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "inside") })
	for name, c := range map[string]struct {
		allow, from string
		want        error
	}{
		"from nowhere":              {"127.0.0.0/8", "", ErrForbidden},
		"from a public source":      {"127.0.0.0/8", "https://news.example/feed", ErrForbidden},
		"from a public source, too": {"127.0.0.1", "https://news.example/feed", ErrForbidden},
		"from a file":               {"127.0.0.1", "file:///srv/feeds/news.xml", ErrForbidden},
		"from a listed host":        {"127.0.0.0/8", "http://127.0.0.2/feed", nil},
		"from the same host":        {"127.0.0.0/8", server.URL + "/feed", nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFetcher(t, func(o *Options) { o.AllowHosts = []string{c.allow} })
			if c.want != nil { // also by a name that leads there
				_, err := f.Get(t.Context(), Request{URL: "http://localhost/", LinkedFrom: c.from})
				wantError(t, err, c.want)
			}
			before := asked.count()
			res, err := f.Get(t.Context(), Request{URL: server.URL, LinkedFrom: c.from})
			_ = res.Close()
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if c.want != nil && asked.count() != before {
				t.Error("the server was asked")
			}
		})
	}
}
