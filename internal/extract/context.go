package extract

import (
	"strings"
	"unicode/utf8"
)

// MaxContext is the most characters of a Candidate's Context.
const MaxContext = 300

// MaxHeading is the most characters of a Candidate's Heading.
const MaxHeading = 120

// sentenceReach is how far to either side the border of a sentence is sought,
// in bytes: a sentence that is longer is cut anyway.
const sentenceReach = 2 * MaxContext

// margin is how many bytes stand at least beside a value in a context that is
// cut, when the value before has left one to it.
const margin = 64

// contextCache remembers the last context: the values of one sentence, and of
// one line of a table or list, share it.
type contextCache struct {
	lo, hi int // of the values that may have it
	out    string
}

// around returns the context of text[i:j], which stands in place p.
func (s *scanner) around(i, j int) string {
	c, p := &s.quote, &s.place
	if i >= c.lo && j <= c.hi {
		return c.out
	}
	lo, hi := p.start, max(p.end, j)
	if p.kind == paragraph {
		lo, hi = sentence(s.text, i, j, p)
		s.steps += hi - lo
	}
	from, to := lo, hi
	if hi-lo > MaxContext {
		from, to = cutWords(s.text, i, j, lo, hi)
	}
	s.steps += to - from
	*c = contextCache{lo: from, hi: to, out: fold(s.text[from:to])}
	if from > lo {
		c.lo = min(i, from+margin)
	}
	if to < hi {
		c.hi = max(j, to-margin)
	}
	return c.out
}

// sentence returns the borders of the sentence around text[i:j], or of as
// much of it as is in reach.
func sentence(text string, i, j int, p *place) (lo, hi int) {
	lo = max(p.began, i-sentenceReach, 0)
	lo = min(lo, i)
	for k := i - 1; k > lo; k-- {
		if classes[text[k]]&isSpace != 0 && (text[k] == '\v' || isStop(text, k-1)) {
			lo = k
			break
		}
	}
	hi = min(len(text), j+sentenceReach)
	for k := j; k < hi; k++ {
		if text[k] == '\v' {
			return lo, k
		}
		if isStop(text, k) || (text[k] == '\n' && k+1 < len(text) && text[k+1] == '\n') {
			return lo, k + 1
		}
	}
	return lo, hi
}

// isStop says that a sentence ends with the byte at k: a stop, closing marks
// behind it, and no small letter after the space, as there is in "e.g. this".
func isStop(text string, k int) bool {
	if k < 0 {
		return false
	}
	switch text[k] {
	case '.', '!', '?':
	case '"', '\'', ')', ']', '*', '`':
		if k == 0 || (text[k-1] != '.' && text[k-1] != '!' && text[k-1] != '?') {
			return false
		}
	case 0x82:
		return k > 1 && text[k-2:k+1] == "。"
	default:
		return false
	}
	if k+1 == len(text) {
		return true
	}
	if classes[text[k+1]]&isSpace == 0 {
		return false
	}
	for k++; k < len(text) && classes[text[k]]&isSpace != 0; k++ {
		if text[k] == '\n' && k+1 < len(text) && text[k+1] == '\n' {
			return true
		}
	}
	return k == len(text) || text[k] < 'a' || text[k] > 'z'
}

// cutWords cuts text[lo:hi] to MaxContext characters around text[i:j], between
// words. Only a value that is longer by itself is cut inside.
func cutWords(text string, i, j, lo, hi int) (from, to int) {
	room := MaxContext - utf8.RuneCountInString(text[i:j])
	if room <= 0 {
		return i, forward(text, i, j, MaxContext)
	}
	// What one side does not use the other has.
	left := utf8.RuneCountInString(text[back(text, lo, i, room):i])
	right := utf8.RuneCountInString(text[j:forward(text, j, hi, room)])
	left = min(left, max(room/2, room-right))
	from, to = back(text, lo, i, left), forward(text, j, hi, room-left)
	if from > lo && !betweenWords[text[from-1]] {
		from = nextWord(text, from, i)
	}
	if to < hi && !betweenWords[text[to]] {
		to = wordsBefore(text, j, to)
	}
	return from, to
}

// forward and back are the positions n characters on from i, at most at the
// other border.
func forward(text string, i, most, n int) int {
	for ; n > 0 && i < most; n-- {
		if text[i] < utf8.RuneSelf {
			i++
		} else {
			i += runeLen(text[i:])
		}
	}
	return min(i, most)
}

func back(text string, least, i, n int) int {
	for ; n > 0 && i > least; n-- {
		if text[i-1] < utf8.RuneSelf {
			i--
			continue
		}
		_, size := utf8.DecodeLastRuneInString(text[least:i])
		i -= size
	}
	return i
}

// nextWord is where the first whole word of text[lo:hi] begins. Scripts that
// are written without spaces have none to lose.
func nextWord(text string, lo, hi int) int {
	for k := lo; k < hi; k++ {
		if betweenWords[text[k]] {
			return k + 1
		}
	}
	if isASCII(text[lo:hi]) {
		return hi
	}
	return lo
}

// wordsBefore is where the last whole word of text[lo:hi] ends.
func wordsBefore(text string, lo, hi int) int {
	for k := hi; k > lo; k-- {
		if betweenWords[text[k-1]] {
			return k - 1
		}
	}
	if isASCII(text[lo:hi]) {
		return lo
	}
	return hi
}

// shorten cuts folded text to n characters, between words if it has any.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := forward(s, 0, len(s), n)
	if end == len(s) || s[end] == ' ' {
		return s[:end]
	}
	if k := strings.LastIndexByte(s[:end], ' '); k > 0 {
		end = k
	}
	return s[:end]
}

// isFolded says that there is nothing to fold in text that is trimmed.
func isFolded(s string) bool {
	for i := 0; i < len(s); i++ {
		if classes[s[i]]&isSpace != 0 && (s[i] != ' ' || s[i+1] == ' ') {
			return false
		}
	}
	return true
}

// fold trims s and turns every run of white space into one space. What a
// store would refuse (NUL, broken UTF-8) becomes a question mark. Folded text
// is returned as it is.
func fold(s string) string {
	s = anySpace.trim(s)
	clean := true
	for i := 0; i < len(s); i++ {
		if c := classes[s[i]]; c&(isSpace|isHigh) == 0 || s[i] == ' ' && s[i+1] != ' ' {
			continue
		}
		clean = classes[s[i]]&isHigh != 0 && utf8.ValidString(s[i:]) && isFolded(s[i:])
		break
	}
	if clean {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for i := 0; i < len(s); {
		// What is neither space nor special goes over in one piece.
		j := i
		for j < len(s) && classes[s[j]]&(isSpace|isHigh) == 0 {
			j++
		}
		if j > i {
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteString(s[i:j])
			i = j
			continue
		}
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
