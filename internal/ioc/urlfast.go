package ioc

import "strings"

// canonicalURL says, in one scan and without the 5 µs of a WHATWG parse, that
// s is its own canonical form. It knows only the everyday characters: a URL
// with others takes the long way and comes back the same.
func canonicalURL(s string) bool {
	colon := strings.IndexByte(s, ':')
	if colon <= 0 || colon >= maxScheme || !strings.HasPrefix(s[colon:], "://") {
		return false
	}
	row := schemeOf(s[:colon])
	if row < 0 {
		return false
	}
	after := s[colon+len("://"):]
	slash := strings.IndexByte(after, '/')
	if slash <= 0 {
		return false
	}
	host, rest := after[:slash], after[slash:]
	if i := strings.IndexByte(host, ':'); i >= 0 {
		n, ok := parsePort(host[i+1:])
		if !ok || i+1 == len(host) || (host[i+1] == '0' && i+2 < len(host)) || n == schemes[row].port && n != 0 {
			return false
		}
		host = host[:i]
	}
	if !canonicalDomain(host) && !canonicalIPv4(host) {
		return false
	}
	path, query := rest, ""
	if i := strings.IndexByte(rest, '?'); i >= 0 {
		path, query = rest[:i], rest[i:]
	}
	if strings.ContainsAny(rest, "([") || strings.IndexByte(".,;:!?", s[len(s)-1]) >= 0 {
		return false // may hold a defanged mark, or end in punctuation
	}
	return isPlainPath(path) && isPlainQuery(query)
}

// isPlainPath reports a path that the WHATWG parser and canonicalEscapes leave
// as it is: everyday characters, canonical escapes, no dot segments.
func isPlainPath(s string) bool {
	if s == "" || s[0] != '/' {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isAlnum(c) || c == '-' || c == '_' || c == '~' || c == '\'':
		case strings.IndexByte("!$&()*+,;=:@/[]|", c) >= 0:
		case c == '.':
			if s[i-1] == '/' && isDotSegment(s[i:]) {
				return false
			}
		case c == '%':
			if !isCanonicalEscape(s[i:]) {
				return false
			}
			i += 2
		default:
			return false
		}
	}
	return true
}

// isDotSegment reports whether s begins with "." or ".." as a whole segment.
func isDotSegment(s string) bool {
	s = strings.TrimPrefix(s[1:], ".")
	return s == "" || s[0] == '/' || s[0] == '%'
}

// isPlainQuery is isPlainPath for a query with its question mark; "" is plain.
func isPlainQuery(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isAlnum(c) || strings.IndexByte("-._~!$&()*+,;=:@/?[]|", c) >= 0:
		case c == '%':
			if !isCanonicalEscape(s[i:]) {
				return false
			}
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
