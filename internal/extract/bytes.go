package extract

import (
	"unicode"
	"unicode/utf8"
)

// class is a set of the properties of a byte.
type class uint8

const (
	isLetter class = 1 << iota
	isDigit
	isSpace
	isMark // may be part of an address between two labels: . : @ and brackets
	isHigh // part of a multi-byte rune
	isHex
	isJoin // - and _

	isWord = isLetter | isDigit | isJoin
)

//nolint:gochecknoglobals // read-only table
var classes = makeClasses()

func makeClasses() (t [256]class) {
	for c := range 256 {
		switch b := byte(c); {
		case b >= '0' && b <= '9':
			t[c] = isDigit | isHex
		case b >= 'a' && b <= 'f', b >= 'A' && b <= 'F':
			t[c] = isLetter | isHex
		case b >= 'g' && b <= 'z', b >= 'G' && b <= 'Z':
			t[c] = isLetter
		case b == '-', b == '_':
			t[c] = isJoin
		case b >= utf8.RuneSelf:
			t[c] = isHigh
		case b <= ' ', b == 0x7f:
			t[c] = isSpace
		case b == '.', b == ':', b == '@', b == '[', b == '(', b == '{', b == '\\', b == '*':
			t[c] = isMark
		}
	}
	return t
}

// worth says whether a chunk can hold an indicator: it has a digit and is as
// long as the shortest identifier, is not ASCII, or has a mark inside (a full
// stop or bracket at its border is punctuation).
func worth(chunk string, seen class) bool {
	const shortest = 4 // "a.bc"
	if len(chunk) < shortest {
		return false
	}
	if seen&isHigh != 0 || (seen&isDigit != 0 && len(chunk) > shortest) {
		return true
	}
	if seen&isMark == 0 || seen&isLetter == 0 {
		return false
	}
	i, j := 0, len(chunk)-1
	for classes[chunk[i]]&isWord == 0 {
		i++
	}
	for classes[chunk[j]]&isWord == 0 {
		j--
	}
	for ; i < j; i++ {
		if classes[chunk[i]]&isMark != 0 {
			return true
		}
	}
	return false
}

// wordRune returns the length of the non-ASCII rune at the start of s if it
// can be part of a host name label, else 0.
func wordRune(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if r < utf8.RuneSelf || r == utf8.RuneError {
		return 0
	}
	// U+200C and U+200D join letters inside labels (RFC 5892, appendix A);
	// the dashes are for CVE identifiers that met a word processor.
	if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) ||
		r == 0x200c || r == 0x200d || (r >= 0x2010 && r <= 0x2015) || r == 0x2212 {
		return n
	}
	return 0
}

// runeLen is the length of the rune, or broken byte, at the start of s.
func runeLen(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return max(n, 1)
}

func isAlnum(c byte) bool { return classes[c]&(isLetter|isDigit) != 0 }

func allOf(s string, want class) bool {
	for i := range len(s) {
		if classes[s[i]]&want == 0 {
			return false
		}
	}
	return s != ""
}

// foldPrefix reports whether s begins with prefix, which is lower case ASCII.
func foldPrefix(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

// before and after are the bytes on either side of a position; 0 is none.
func (s *scanner) before(i int) byte {
	if i <= 0 {
		return 0
	}
	return s.text[i-1]
}

func (s *scanner) after(i int) byte {
	if i >= s.end {
		return 0
	}
	return s.text[i]
}
