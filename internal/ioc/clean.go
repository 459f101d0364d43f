package ioc

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean takes off what surrounds an indicator in prose: Unicode space,
// zero-width and bidi marks, matching quotes and brackets around the whole,
// trailing punctuation. It returns a part of s and never allocates.
func Clean(s string) string {
	for {
		s = trimEdges(s)
		inner, ok := unwrap(s)
		if !ok {
			return s
		}
		s = inner
	}
}

// trimEdges trims space and marks on both sides and punctuation at the end.
func trimEdges(s string) string {
	for s != "" {
		r, size := firstRune(s)
		if !isInvisible(r) {
			break
		}
		s = s[size:]
	}
	for s != "" {
		r, size := lastRune(s)
		switch {
		case isInvisible(r):
			s = s[:len(s)-size]
		case r == ':' && endsInZeroGroups(s):
			return s
		case strings.IndexByte(".,;:!?", byte(min(r, utf8.RuneSelf-1))) >= 0:
			s = s[:len(s)-size]
			if r == '.' && strings.HasSuffix(s, `\`) {
				s = s[:len(s)-1] // an escaped dot, as in a pattern
			}
		default:
			return s
		}
	}
	return s
}

func firstRune(s string) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	return utf8.DecodeRuneInString(s)
}

func lastRune(s string) (rune, int) {
	if c := s[len(s)-1]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeLastRuneInString(s)
}

// isInvisible reports space, control characters, and the format characters
// that copying from documents leaves behind (zero-width, bidi, BOM, soft
// hyphen).
func isInvisible(r rune) bool {
	if r < utf8.RuneSelf {
		return r <= ' ' || r == 0x7f
	}
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r)
}

// endsInZeroGroups reports whether s is an IPv6 address that ends in "::",
// whose colons are no punctuation.
func endsInZeroGroups(s string) bool {
	const longest = 39
	if !strings.HasSuffix(s, "::") || strings.HasSuffix(s, ":::") || len(s) > longest {
		return false
	}
	for i := range len(s) {
		if !isHex(s[i]) && s[i] != ':' {
			return false
		}
	}
	return true
}

// unwrap takes one matching pair of quotes or brackets off the whole of s.
// Whether the brackets balance inside is not asked: a path may hold a lone one,
// and wrapping must not change how a value reads. Only a defanged mark at the
// start, as in "[:][:]", is no wrapping.
func unwrap(s string) (string, bool) {
	if len(s) < 2 {
		return s, false
	}
	first, n := firstRune(s)
	last, m := lastRune(s)
	if n+m > len(s) || !pairs(first, last) {
		return s, false
	}
	if first == '[' || first == '(' || first == '{' {
		if _, mark := readBracketed(s, 0); mark > 0 {
			return s, false
		}
	}
	return s[n : len(s)-m], true
}

// pairs reports whether the two runes are an opening and its closing mark.
func pairs(first, last rune) bool {
	switch first {
	case '"', '\'', '`':
		return last == first
	case '(':
		return last == ')'
	case '[':
		return last == ']'
	case '{':
		return last == '}'
	case '<':
		return last == '>'
	case '“', '”', '„':
		return last == '”' || last == '“'
	case '‘', '’', '‚':
		return last == '’' || last == '‘'
	case '«':
		return last == '»'
	case '»':
		return last == '«'
	case '‹':
		return last == '›'
	case '「':
		return last == '」'
	case '『':
		return last == '』'
	case '【':
		return last == '】'
	case '（':
		return last == '）'
	case '［':
		return last == '］'
	default:
		return false
	}
}
