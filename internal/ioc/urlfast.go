package ioc

import "strings"

// Character classes of the fast path.
const (
	plainInPath  = 1 << iota // left as it is in a path
	plainInQuery             // left as it is in a query
	inMark                   // may begin a defanged mark
)

// urlClass says of each byte what the WHATWG parser and canonicalEscapes do
// with it. It knows the everyday characters only.
//
//nolint:gochecknoglobals // read-only table
var urlClass = func() (table [256]uint8) {
	const everyday = "-._~!$&()*+,;=:@/[]|"
	for c := range 256 {
		if isAlnum(byte(c)) || strings.IndexByte(everyday, byte(c)) >= 0 {
			table[c] |= plainInPath | plainInQuery
		}
	}
	table['\''] |= plainInPath // escaped in the query of a special scheme
	table['?'] |= plainInQuery
	table['['] |= inMark
	table['('] |= inMark
	return table
}()

// canonicalURL says, without the 5 µs of a WHATWG parse, that s is its own
// canonical form. A canonical URL with rarer characters takes the long way and
// comes back the same.
func canonicalURL(s string) bool {
	colon := strings.IndexByte(s, ':')
	if colon <= 0 || colon >= maxScheme || !strings.HasPrefix(s[colon:], "://") {
		return false
	}
	row := schemeOf(s[:colon])
	if row < 0 || s[:colon] != schemes[row].name {
		return false
	}
	after := s[colon+len("://"):]
	slash := strings.IndexByte(after, '/')
	if slash <= 0 || !canonicalAuthority(after[:slash], schemes[row].port) {
		return false
	}
	switch s[len(s)-1] {
	case '.', ',', ';', ':', '!', '?':
		return false // Clean would take it off
	}
	path, query := after[slash:], ""
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path, query = path[:i], path[i:]
	}
	return isPlainPath(path, inMark) && isPlainQuery(query, inMark)
}

// canonicalAuthority accepts a canonical domain or IPv4 address, and a port
// without leading zeros that is not the scheme's own.
func canonicalAuthority(s string, defaultPort int) bool {
	host := s
	if i := strings.IndexByte(s, ':'); i >= 0 {
		digits := s[i+1:]
		n, ok := parsePort(digits)
		if !ok || digits == "" || (digits[0] == '0' && len(digits) > 1) || int(n) == defaultPort {
			return false
		}
		host = s[:i]
	}
	return canonicalDomain(host) || canonicalIPv4(host)
}

// isPlainPath reports a path that the WHATWG parser and canonicalEscapes leave
// as it is: everyday characters but those of class except, canonical escapes,
// no dot segments.
func isPlainPath(s string, except uint8) bool {
	if s == "" || s[0] != '/' {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch class := urlClass[s[i]]; {
		case class&plainInPath != 0 && class&except == 0:
			if s[i] == '.' && s[i-1] == '/' && isDotSegment(s[i:]) {
				return false
			}
		case s[i] == '%' && isCanonicalEscape(s[i:]):
			i += 2
		default:
			return false
		}
	}
	return true
}

// isDotSegment reports whether s begins with "." or ".." as a whole segment,
// or may do so once an escape is decoded.
func isDotSegment(s string) bool {
	s = strings.TrimPrefix(s[1:], ".")
	return s == "" || s[0] == '/' || s[0] == '%'
}

// isPlainQuery is isPlainPath for a query with its question mark; "" is plain.
func isPlainQuery(s string, except uint8) bool {
	for i := 0; i < len(s); i++ {
		switch class := urlClass[s[i]]; {
		case class&plainInQuery != 0 && class&except == 0:
		case s[i] == '%' && isCanonicalEscape(s[i:]):
			i += 2
		default:
			return false
		}
	}
	return s != "?"
}

// isCanonicalEscape reports an upper-case escape of something that is not
// unreserved at the start of s.
func isCanonicalEscape(s string) bool {
	if len(s) < 3 || !isHex(s[1]) || !isHex(s[2]) || s[1] >= 'a' || s[2] >= 'a' {
		return false
	}
	return !isUnreserved(unhex(s[1])<<4 | unhex(s[2]))
}
