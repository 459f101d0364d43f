package store

import (
	"strings"
	"unicode/utf8"

	"spoor/internal/ioc"
)

// Rule says where in a key a needle may match (contract section 3, "No near
// miss passes for a hit").
type Rule uint8

const (
	// Anywhere is plain contains.
	Anywhere Rule = iota
	// WholeToken refuses a match that touches an ASCII letter or digit on
	// either side: for complete addresses, hashes, CVEs, techniques, e-mails.
	WholeToken
	// WholeHost accepts a match only as the whole host name of the key, or as
	// the parent of it: for complete domains.
	WholeHost
)

// MinTrigram is the length, in characters, from which a needle is looked for
// anywhere. Shorter needles match keys that begin with them.
const MinTrigram = 3

// Needle is a text to look for in keys. It is the one definition of what
// contains means: engines may use any index to find candidates, and ask Match
// for the verdict.
type Needle struct {
	// Text is lower case and not empty; every byte of it is literal.
	Text string
	Rule Rule
}

// Prefix reports whether the needle is too short for the trigram index, and
// so matches only keys that begin with it.
func (n Needle) Prefix() bool { return utf8.RuneCountInString(n.Text) < MinTrigram }

// Place ranks a match: lower is better.
type Place uint8

const (
	// AtBoundary is a match that begins the key, a label or a path segment.
	AtBoundary Place = iota
	// Inside is any other match.
	Inside
)

// Match reports whether the key of that type matches, and its best place.
func (n Needle) Match(t ioc.Type, key string) (Place, bool) {
	if n.Prefix() {
		return AtBoundary, strings.HasPrefix(key, n.Text) && n.allowed(t, key, 0)
	}
	place, found := Inside, false
	for from := 0; ; {
		i := strings.Index(key[from:], n.Text)
		if i < 0 {
			return place, found
		}
		at := from + i
		if n.allowed(t, key, at) {
			found = true
			if boundary(key, at) {
				return AtBoundary, true
			}
		}
		from = at + 1
	}
}

// allowed applies the rule to the occurrence at the byte offset at.
func (n Needle) allowed(t ioc.Type, key string, at int) bool {
	end := at + len(n.Text)
	switch n.Rule {
	case WholeToken:
		return (at == 0 || !alnum(key[at-1])) && (end == len(key) || !alnum(key[end]))
	case WholeHost:
		from, to := Host(t, key)
		return end == to && (at == from || at > from && key[at-1] == '.')
	default:
		return true
	}
}

// boundary reports whether a label or path segment begins at the offset.
func boundary(key string, at int) bool {
	return at == 0 || strings.IndexByte("./:@", key[at-1]) >= 0
}

func alnum(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// Host returns the byte range of the host name or address in a key: all of a
// domain or address, the host of a URL without its port, what follows the @
// of an e-mail address; an empty range for what has none.
func Host(t ioc.Type, key string) (from, to int) {
	switch t {
	case ioc.Domain, ioc.IPv4, ioc.IPv6:
		return 0, len(key)
	case ioc.Email:
		return strings.LastIndexByte(key, '@') + 1, len(key)
	case ioc.URL:
		i := strings.Index(key, "://")
		if i < 0 {
			return 0, 0
		}
		from = i + len("://")
		to = len(key)
		if j := strings.IndexAny(key[from:], "/?#"); j >= 0 {
			to = from + j
		}
		// A bracketed IPv6 address holds colons of its own.
		if j := strings.LastIndexByte(key[from:to], ':'); j >= 0 && !strings.HasSuffix(key[from:to], "]") {
			to = from + j
		}
		return from, to
	default:
		return 0, 0
	}
}
