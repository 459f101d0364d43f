package fetch

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxURL bounds the length of a URL.
const maxURL = 8 << 10

// parseSource reads a URL into the one form that is worked with: lower-case
// ASCII host without final dot, no default port, no fragment. The error does
// not repeat the URL, which may hold a password.
func parseSource(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, fmt.Errorf("%w: over %d bytes", ErrInvalidURL, maxURL)
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: want http://host/path, https://host/path or file:///path", ErrInvalidURL)
	}
	return canonical(u)
}

// canonical brings a parsed URL into that form.
func canonical(u *url.URL) (*url.URL, error) {
	u.Fragment, u.RawFragment = "", ""
	switch {
	case u.User != nil:
		return nil, forbid("a user name or password in a URL; give the source a header instead")
	case u.Scheme == "file":
		return u, nil
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, forbid("scheme %q; only http, https and file are read", clip(u.Scheme))
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("%w: no host in it", ErrInvalidURL)
	}
	host, err := asciiHost(u.Hostname())
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if port == defaultPort(u.Scheme) {
		port = ""
	}
	u.Host = host
	if strings.Contains(host, ":") {
		u.Host = "[" + host + "]"
	}
	if port != "" {
		u.Host += ":" + port
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// asciiHost returns a host name in the form that is resolved, or an address as
// it is.
func asciiHost(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String(), nil
	}
	if !isASCII(host) {
		var err error
		// As browsers do, and underscores stay: names of hosts have them.
		profile := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckJoiners(true),
			idna.Transitional(false), idna.StrictDomainName(false))
		if host, err = profile.ToASCII(host); err != nil {
			return "", fmt.Errorf("%w: its host is no valid name", ErrInvalidURL)
		}
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "" || len(host) > 253 || strings.Contains(host, "..") || strings.ContainsAny(host, " %/\\:@") {
		return "", fmt.Errorf("%w: its host is no valid name", ErrInvalidURL)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String(), nil
	}
	// Resolvers read 127.1, 0x7f.1 and 2130706433 as addresses, each in its
	// own way; no name ends in a number.
	last := host[strings.LastIndexByte(host, '.')+1:]
	if isNumber(last) {
		return "", forbid("host %q is a number; write the address with its four parts", host)
	}
	return host, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isNumber(label string) bool {
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		label, digits = hex, "0123456789abcdef"
	}
	return strings.Trim(label, digits) == ""
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return defaultPort(u.Scheme)
}

// origin tells whether a header for one URL may go to another (RFC 6454).
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// shown is the URL for people and logs: a query may hold a key.
func shown(u *url.URL) string {
	if u.Scheme == "file" {
		return clip("file://" + u.EscapedPath())
	}
	text := clip(origin(u) + u.EscapedPath())
	if u.RawQuery != "" {
		text += "?…"
	}
	return text
}

// fileName is the last element of the URL's path, or nothing.
func fileName(p string) string {
	if p == "" || strings.HasSuffix(p, "/") {
		return ""
	}
	return path.Base(p)
}

// vouched reports whether a link in a document of a source may lead to where
// the operator allows it: the source is at such a host, or at that very one.
func (f *Fetcher) vouched(u *url.URL, from string) bool {
	source, err := parseSource(from)
	if err != nil || source.Scheme == "file" {
		return false
	}
	return f.own.guard.lists(source.Hostname()) || source.Hostname() == u.Hostname()
}

// mayStart checks the first URL of a Get. Only the operator may name other
// ports than those of the web, so that a link in a feed cannot make this
// machine talk to a mail server.
func (g *guard) mayStart(u *url.URL, configured bool) error {
	if configured || webPort(u) || g.lists(u.Hostname()) {
		return nil
	}
	return forbid("port %s of %s, which is not in the configuration; only 80 and 443 are, and hosts in feeds.allow_hosts", portOf(u), u.Hostname())
}

func webPort(u *url.URL) bool {
	p := portOf(u)
	return p == "80" || p == "443"
}

// redirected returns where an answer of from sends a Get that began at first.
func (g *guard) redirected(first, from *url.URL, location string) (*url.URL, error) {
	if location == "" || len(location) > maxURL {
		return nil, fmt.Errorf("%w: without a usable location", ErrRedirect)
	}
	to, err := from.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("%w: without a usable location", ErrRedirect)
	}
	if to.Scheme != "http" && to.Scheme != "https" {
		return nil, forbid("redirect to scheme %q", clip(to.Scheme))
	}
	if to, err = canonical(to); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRedirect, err)
	}
	switch {
	case from.Scheme == "https" && to.Scheme == "http":
		return nil, forbid("redirect from https to http (%s): what comes could be anybody's", shown(to))
	case !webPort(to) && portOf(to) != portOf(first) && !g.lists(to.Hostname()):
		return nil, forbid("redirect to port %s of %s; if it is meant, list the host in feeds.allow_hosts", portOf(to), to.Hostname())
	}
	return to, nil
}
