package extract

import (
	"strings"
	"unicode/utf8"
)

// MaxContext is the most bytes of a Candidate's Context.
const MaxContext = 240

// sentenceReach is how far to either side the border of a sentence is sought.
const sentenceReach = MaxContext

// contextCache remembers the last context: the values of one line share it.
type contextCache struct {
	lo, hi int
	out    string
}

// around returns the context of text[i:j] in place p.
func (c *contextCache) around(text string, i, j int, p *place) string {
	lo, hi := p.start, max(p.end, j)
	if p.kind == paragraph {
		lo, hi = sentence(text, i, j, p)
	}
	if hi-lo > MaxContext {
		lo, hi = window(text, i, j, lo, hi)
	}
	if c.hi > 0 && c.lo == lo && c.hi == hi {
		return c.out
	}
	*c = contextCache{lo: lo, hi: hi, out: fold(text[lo:hi])}
	return c.out
}

// sentence returns the borders of the sentence around text[i:j], or of as
// much of it as is in reach.
func sentence(text string, i, j int, p *place) (lo, hi int) {
	lo = max(p.began, i-sentenceReach, 0)
	lo = min(lo, i)
	for k := i - 1; k > lo; k-- {
		if isStop(text, k-1) {
			lo = k
			break
		}
	}
	hi = min(len(text), j+sentenceReach)
	for k := j; k < hi; k++ {
		if isStop(text, k) || (text[k] == '\n' && k+1 < len(text) && text[k+1] == '\n') {
			return lo, k + 1
		}
	}
	return lo, hi
}

// isStop says that a sentence ends with the byte at k.
func isStop(text string, k int) bool {
	switch text[k] {
	case '.', '!', '?':
		return k+1 == len(text) || classes[text[k+1]]&isSpace != 0
	}
	return false
}

// window cuts text[lo:hi] to MaxContext bytes around text[i:j], at the
// borders of runes.
func window(text string, i, j, lo, hi int) (int, int) {
	room := MaxContext - (j - i)
	if room < 0 {
		j, room = i+MaxContext, 0
	}
	lo = max(lo, i-room/2)
	hi = min(hi, lo+MaxContext)
	if hi < j {
		hi = j
	}
	lo = max(lo, hi-MaxContext)
	for lo < i && !utf8.RuneStart(text[lo]) {
		lo++
	}
	for hi > lo && hi < len(text) && !utf8.RuneStart(text[hi]) {
		hi--
	}
	return lo, hi
}

// fold trims s and turns every run of white space into one space. What a
// store would refuse (NUL, broken UTF-8) becomes a question mark. Folded text
// is returned as it is.
func fold(s string) string {
	s = strings.Trim(s, " \t\r\n\v\f")
	clean := utf8.ValidString(s)
	for i := 0; clean && i < len(s); i++ {
		clean = s[i] > ' ' && s[i] != 0x7f || s[i] == ' ' && s[i+1] != ' '
	}
	if clean {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\t' || r == '\n' || r == '\r' || r == ' ' || r == '\v' || r == '\f' || r == 0xa0:
			space = true
		default:
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			if r == utf8.RuneError && n <= 1 || r < ' ' || r == 0x7f {
				b.WriteByte('?')
			} else {
				b.WriteString(s[i : i+n])
			}
		}
		i += n
	}
	return b.String()
}
