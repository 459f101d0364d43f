package ioc

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLocal is the longest local part (RFC 5321 section 4.5.3.1.1).
const maxLocal = 64

func canonicalEmail(s string) bool {
	at := strings.IndexByte(s, '@')
	if at <= 0 || at > maxLocal {
		return false
	}
	for i := range at {
		if c := s[i]; (c < 'a' || c > 'z') && !isDigit(c) && c != '.' && c != '-' && c != '_' && c != '+' {
			return false
		}
	}
	return s[0] != '.' && canonicalDomain(s[at+1:])
}

// parseEmail reads local@domain, also behind "mailto:". Both sides are
// lower-cased: no provider that matters tells local parts apart by case.
func parseEmail(s string) (parsed, Reason) {
	if hasPrefixFold(s, "mailto:") {
		s, _, _ = strings.Cut(s[len("mailto:"):], "?")
	}
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at > maxLocal*4 {
		return parsed{}, ReasonWrongType
	}
	local := lower(s[:at])
	if len(local) > maxLocal || !isLocal(local) {
		return parsed{}, ReasonWrongType
	}
	domain, ok := domainName(s[at+1:])
	if !ok {
		return parsed{}, ReasonHost
	}
	return parsed{typ: Email, value: local + "@" + domain}, ""
}

// isLocal accepts the characters of a dot-atom (RFC 5322 section 3.2.3) and
// the letters, marks and digits of RFC 6531. Dots may stand anywhere: spam is
// not well-formed.
func isLocal(s string) bool {
	for _, r := range s {
		if r < utf8.RuneSelf {
			if !isAlnum(byte(r)) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", byte(r)) < 0 {
				return false
			}
		} else if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return true
}
