package ioc

import (
	"strconv"
	"strings"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

// schemes is the table of URL schemes (contract section 2.1) with their
// default ports; -1 is none. After a special one (WHATWG URL section 3.1) any
// number of slashes may stand, either way round.
//
//nolint:gochecknoglobals // read-only table
var schemes = [...]struct {
	name    string
	prefix  string // name and "://"
	port    int
	special bool
}{
	{"http", "http://", 80, true},
	{"https", "https://", 443, true},
	{"ftp", "ftp://", 21, true},
	{"ws", "ws://", 80, true},
	{"wss", "wss://", 443, true},
	{"ldap", "ldap://", 389, false},
	{"ldaps", "ldaps://", 636, false},
	{"rmi", "rmi://", 1099, false},
	{"smb", "smb://", 445, false},
	{"tcp", "tcp://", -1, false},
	{"udp", "udp://", -1, false},
}

// schemeOf finds the row of a scheme in any ASCII case, or -1.
func schemeOf(name string) int {
	for i := range schemes {
		if equalFold(name, schemes[i].name) {
			return i
		}
	}
	return -1
}

// pathParser is the WHATWG parser; it only ever sees a placeholder host.
//
//nolint:gochecknoglobals // read-only
var pathParser = whatwg.NewParser()

// isBarePath reports a URL path that has no host.
func isBarePath(s string) bool { return strings.HasPrefix(s, "/") }

// isURLShaped reports whether tidied text can only be a URL: it has a scheme or
// something behind a host.
func isURLShaped(s string) bool { return strings.IndexByte(s, '/') >= 0 || hasScheme(s) }

// parseURL reads an absolute URL, or "host/path" as http.
func parseURL(s string) (parsed, Reason) {
	if isBarePath(s) {
		return parsed{}, ReasonBarePath
	}
	if hasScheme(s) && strings.ContainsAny(s, "\t\n\r") {
		s = dropBreaks.Replace(s) // without a scheme, lines are lines
	}
	row, after, reason := cutScheme(s)
	if reason != "" {
		return parsed{}, reason
	}
	authority, rest := cutAuthority(after)
	if len(after) == len(s) && strings.IndexByte(authority, '@') >= 0 {
		return parsed{}, ReasonNotIndicator // user@host is e-mail, not user-info
	}
	host, port, reason := parseAuthority(authority)
	if reason != "" {
		return parsed{}, reason
	}
	rest, reason = canonicalRest(schemes[row].name, rest)
	if reason != "" {
		return parsed{}, reason
	}
	var b strings.Builder
	b.Grow(len(schemes[row].prefix) + len(host) + len(":65535") + len(rest))
	b.WriteString(schemes[row].prefix)
	b.WriteString(host)
	if port >= 0 && port != schemes[row].port {
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(port))
	}
	b.WriteString(rest)
	return parsed{typ: URL, value: b.String()}, ""
}

// dropBreaks removes what the WHATWG parser removes anywhere in its input.
//
//nolint:gochecknoglobals // read-only
var dropBreaks = strings.NewReplacer("\t", "", "\n", "", "\r", "")

// cutScheme splits off the scheme and the slashes behind it.
func cutScheme(s string) (row int, after string, reason Reason) {
	colon := strings.IndexByte(s, ':')
	if colon > 0 && colon < maxScheme {
		if row = schemeOf(s[:colon]); row >= 0 {
			after = s[colon+1:]
			if !schemes[row].special && !strings.HasPrefix(after, "//") {
				return 0, "", ReasonHost
			}
			return row, strings.TrimLeft(after, `/\`), ""
		}
	}
	if colon > 0 && isSchemeName(s[:colon]) && strings.HasPrefix(s[colon:], "://") {
		return 0, "", ReasonScheme
	}
	// A backslash behind a bare host is a pattern or an account, not a path; a
	// line break without a scheme is two lines.
	if i := strings.IndexAny(s, `/\?#`); i >= 0 && s[i] == '\\' || strings.ContainsAny(s, "\t\n\r") {
		return 0, "", ReasonNotIndicator
	}
	switch _, reason := parseAddress(s); {
	case reason == ReasonRange:
		return 0, "", ReasonRange
	case reason == "" && strings.IndexByte(s, '/') >= 0:
		return 0, "", ReasonWrongType
	}
	return schemeOf("http"), s, ""
}

// isSchemeName is RFC 3986 section 3.1.
func isSchemeName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && isLetter(s[0])
}

// cutAuthority splits at the first character that ends an authority. A
// backslash ends it in every scheme: people write smb://host\share.
func cutAuthority(s string) (authority, rest string) {
	if i := strings.IndexAny(s, `/\?#`); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// parseAuthority drops the user-info and returns canonical host and port; -1
// is none.
func parseAuthority(s string) (host string, port int, reason Reason) {
	s = s[strings.LastIndexByte(s, '@')+1:]
	port = -1
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.IndexByte(s[i:], ']') < 0 {
		n, ok := parsePort(s[i+1:])
		if !ok {
			return "", 0, ReasonPort
		}
		if s[i+1:] != "" {
			port = int(n)
		}
		s = s[:i]
	}
	host, ok := urlHost(s)
	if !ok {
		return "", 0, ReasonHost
	}
	return host, port, ""
}

// urlHost is the canonical form of the host of a URL: the rows ipv4, ipv6 and
// domain of contract section 2.1.
func urlHost(s string) (string, bool) {
	if strings.HasPrefix(s, "[") {
		addr, ok := parseHostAddress(s)
		if !ok || !strings.HasSuffix(s, "]") {
			return "", false
		}
		if addr.Is4() {
			return addr.String(), true
		}
		return "[" + addr.String() + "]", true
	}
	if strings.IndexByte(s, '%') >= 0 {
		s = unescape(s) // WHATWG: hosts are percent-decoded before IDNA
	}
	name, ok := asciiHost(s)
	if !ok {
		return "", false
	}
	return name, canonicalIPv4(name) || canonicalDomain(name)
}

// unescape decodes every valid percent escape.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// maxRest bounds what is handed to the parser: three bytes of escape for each
// byte of the longest key, and room for dot segments.
const maxRest = 4 * MaxKeyBytes

// canonicalRest is the canonical form of path and query; the fragment goes.
func canonicalRest(scheme, rest string) (string, Reason) {
	if i := strings.IndexByte(rest, '#'); i >= 0 {
		rest = rest[:i]
	}
	if len(rest) > maxRest {
		return "", ReasonTooLong
	}
	path, query, hasQuery := strings.Cut(rest, "?")
	path = strings.ReplaceAll(path, `\`, "/")
	if path == "" {
		path = "/"
	}
	if hasQuery && query != "" {
		query = "?" + query
	}
	// Where only escapes need work, the parser would change nothing else.
	plainPath, plainQuery := canonicalEscapes(path, true), canonicalEscapes(query, false)
	if isPlainPath(plainPath, 0) && isPlainQuery(plainQuery, 0) {
		return plainPath + plainQuery, ""
	}
	return parseRest(scheme, path, query)
}

// parseRest has the WHATWG parser resolve and escape path and query, the latter
// with its question mark. The host is a placeholder: ours may be one that the
// parser refuses, and a fragment keeps the parser from trimming space at the
// end of the query.
func parseRest(scheme, path, query string) (string, Reason) {
	u, err := pathParser.Parse(scheme + "://placeholder.example" + path + query + "#")
	if err != nil {
		return "", ReasonNotIndicator
	}
	return canonicalEscapes(u.Pathname(), true) + canonicalEscapes(u.Search(), false), ""
}

// canonicalEscapes upper-cases escapes, decodes those of unreserved characters
// (RFC 3986 section 6.2.2.2), and escapes a "%" that escapes nothing. In a path
// it also escapes "^", which the WHATWG standard has added to the path set
// since our parser's release.
func canonicalEscapes(s string, inPath bool) string {
	if strings.IndexByte(s, '%') < 0 && !(inPath && strings.IndexByte(s, '^') >= 0) {
		return s
	}
	const upperHex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '^' && inPath:
			b = append(b, "%5E"...)
		case c != '%':
			b = append(b, c)
		case i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]):
			b = append(b, "%25"...)
		default:
			d := unhex(s[i+1])<<4 | unhex(s[i+2])
			if isUnreserved(d) {
				b = append(b, d)
			} else {
				b = append(b, '%', upperHex[d>>4], upperHex[d&15])
			}
			i += 2
		}
	}
	return string(b)
}
