package ingest

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes free text of a source fit to store: valid UTF-8 without NUL,
// which PostgreSQL refuses, without what moves a terminal's cursor or turns the
// direction of reading around, and at most limit bytes, cut between characters.
// White space stays as it is.
func clean(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
		// Only an incomplete last character is taken off: what else is not
		// UTF-8 is replaced below.
		for i := 0; i < utf8.UTFMax && s != ""; i++ {
			if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
				break
			}
			s = s[:len(s)-1]
		}
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if hasHidden(s) {
		s = strings.Map(func(r rune) rune {
			if isHidden(r) {
				return -1
			}
			return r
		}, s)
	}
	return s
}

// hasHidden looks at each character of every text that is stored: nearly all
// are ASCII, and cheap.
func hasHidden(s string) bool {
	for _, r := range s {
		if (r < ' ' || r >= 0x7F) && isHidden(r) {
			return true
		}
	}
	return false
}

// isHidden reports whether r is a control character that is no white space, or
// one of those that reorder the text around them.
func isHidden(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return false
	case r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return unicode.IsControl(r)
}

// cleanAll is clean for a list of words. It returns the list itself when there
// is nothing to do, which is nearly always: rows share their lists.
func cleanAll(words []string) []string {
	if len(words) <= maxTags && allClean(words) {
		return words
	}
	words = words[:min(len(words), maxTags)]
	out := make([]string, 0, len(words))
	for _, w := range words {
		if w = clean(w, maxTag); w != "" {
			out = append(out, w)
		}
	}
	return out
}

func allClean(words []string) bool {
	for _, w := range words {
		if w == "" || len(w) > maxTag || !utf8.ValidString(w) || hasHidden(w) {
			return false
		}
	}
	return true
}

// maxPrintable bounds a line of the summary.
const maxPrintable = 400

// printable makes a name or message safe to print: names of files and archive
// entries come from strangers and could move the cursor of a terminal.
func printable(s string) string {
	s = clean(s, maxPrintable)
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
