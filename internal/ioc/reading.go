package ioc

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// Reading is one thing that a query may mean, in canonical form.
type Reading struct {
	// Type is the kind of Value.
	Type Type
	// Value is the canonical form.
	Value string
	// Key is what an exact search compares: Value in lower case.
	Key string
}

// Readings returns everything q may mean as a whole indicator, best first and
// without repeats (contract section 2.1, "Readings of a query"): what Identify
// would store it as, then the other scheme of a scheme-less URL, then the host
// of a URL that names nothing below it. With types given, only readings of
// those. Text that is no indicator has no reading: the result is nil.
func Readings(q string, only ...Type) []Reading {
	s, reason := prepare(q)
	if reason != "" {
		return nil
	}
	var all []Reading
	add := func(t Type, text string) {
		ind, reason := settle(t, text)
		if reason != "" {
			return
		}
		r := Reading{Type: ind.Type, Value: ind.Value, Key: ind.Key}
		if (len(only) == 0 || slices.Contains(only, r.Type)) && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	ind, reason := identify(s)
	if reason != "" {
		return nil
	}
	add(ind.Type, ind.Value)
	switch {
	case ind.Type == URL:
		if !hasScheme(s) {
			add(URL, "https://"+s)
		}
		if host, ok := bareHost(ind.Value); ok {
			add(hostType(host), host)
		}
	case ind.Port != 0:
		authority := net.JoinHostPort(ind.Value, strconv.Itoa(int(ind.Port)))
		add(URL, "http://"+authority)
		add(URL, "https://"+authority)
	}
	return all
}

// hasScheme reports whether tidied text begins with one of the schemes.
func hasScheme(s string) bool {
	colon := strings.IndexByte(s, ':')
	return colon > 0 && colon < maxScheme && schemeOf(s[:colon]) >= 0
}

// bareHost returns the host of a canonical URL with path "/" and no query.
func bareHost(value string) (string, bool) {
	_, after, ok := strings.Cut(value, "://")
	if !ok {
		return "", false
	}
	host, rest, ok := strings.Cut(after, "/")
	if !ok || rest != "" {
		return "", false
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		host = host[:i]
	}
	return host, true
}

// hostType is the type of a canonical URL host.
func hostType(host string) Type {
	switch {
	case strings.HasPrefix(host, "["):
		return IPv6
	case canonicalIPv4(host):
		return IPv4
	default:
		return Domain
	}
}

// Needle is the text that a contains search looks for: q cleaned, refanged and
// lower-cased; the rest is literal.
func Needle(q string) string { return lower(tidy(q)) }
