package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"spoor/internal/ioc"
)

// maxName is the longest host name in its longest spelling that is looked at:
// 253 bytes (RFC 1035) of A-labels, every dot of them defanged. Longer runs
// are read to their end, for speed, and are nothing.
const maxName = 1024

// run is a maximal stretch of labels with dots, in any spelling, between them.
type run struct {
	start, end int
	labels     int
	last       int // where the last label begins
	defanged   bool
	spaced     bool // some dot is a word between spaces
}

// readRun reads the run that begins at i, where a word byte stands.
func (s *scanner) readRun(i int) run {
	r := run{start: i}
	for {
		r.last = i
		i = s.labelEnd(i)
		r.labels++
		n, how := dotAt(s.text[i:s.end])
		if n == 0 || !s.wordAt(i+n) || (s.text[i] >= utf8.RuneSelf && s.text[i+n] >= utf8.RuneSelf) {
			break // "。" before a letter of the same script ends a sentence
		}
		r.defanged = r.defanged || how != plainDot
		r.spaced = r.spaced || how == spacedDot
		i += n
	}
	r.end = i
	// Emphasis (_name_) and rulers (name--) are not part of it.
	for r.end > r.last+1 && classes[s.text[r.end-1]]&isJoin != 0 {
		r.end--
	}
	if s.text[r.start] == '_' && s.after(r.end) == '_' && r.end > r.start+1 {
		r.start++
	}
	return r
}

func (s *scanner) wordAt(i int) bool {
	if i >= s.end {
		return false
	}
	c := classes[s.text[i]]
	return c&isWord != 0 || (c&isHigh != 0 && wordRune(s.text[i:s.end]) > 0)
}

// labelEnd returns where the label at i ends. Scripts that are written without
// spaces end a label of another script, so that a name is found in the middle
// of a Chinese sentence.
func (s *scanner) labelEnd(i int) int {
	start := i
	for i < s.end {
		c := classes[s.text[i]]
		switch {
		case c&isWord != 0:
			if i > start && s.text[i-1] >= utf8.RuneSelf && unspacedBefore(s.text[start:i]) {
				return i
			}
			i++
		case c&isHigh != 0:
			n := wordRune(s.text[i:s.end])
			if n == 0 || (i > start && s.text[i-1] < utf8.RuneSelf && unspaced(s.text[i:s.end])) {
				return i
			}
			i += n
		default:
			return i
		}
	}
	return i
}

// unspaced says that s begins with a letter of a script without spaces.
func unspaced(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}

func unspacedBefore(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}

type dot uint8

const (
	plainDot dot = iota
	markedDot
	spacedDot
)

// dotAt reads a dot, in any spelling, at the start of s and returns its
// length; 0 is none. An ideographic full stop is a plain dot here: it ends
// sentences, so that it says nothing about the author's intent.
func dotAt(s string) (int, dot) {
	if s == "" {
		return 0, plainDot
	}
	switch s[0] {
	case '.':
		if len(s) > 1 && (s[1] == ']' || s[1] == ')') && len(s) > 2 && isAlnum(s[2]) {
			return 2, markedDot // half a mark: evil.]net
		}
		return 1, plainDot
	case '[', '(', '{':
		return bracketedDot(s)
	case '\\':
		if len(s) > 1 && s[1] == '.' {
			return 2, markedDot
		}
	case ' ':
		return spacedMark(s)
	case 0xe3, 0xef:
		if strings.HasPrefix(s, "。") || strings.HasPrefix(s, "．") {
			return 3, plainDot
		}
	}
	return 0, plainDot
}

func bracketedDot(s string) (int, dot) {
	closing := byte(']')
	switch s[0] {
	case '(':
		closing = ')'
	case '{':
		closing = '}'
	}
	i := 1
	for i < len(s) && i < 3 && s[i] == ' ' {
		i++
	}
	var inner int
	switch rest := s[i:]; {
	case foldPrefix(rest, "dot"):
		inner = 3
	case foldPrefix(rest, "."):
		inner = 1
	case strings.HasPrefix(rest, "。"), strings.HasPrefix(rest, "．"):
		inner = 3
	default:
		return 0, plainDot
	}
	i += inner
	for j := i; j < len(s) && j < i+3; j++ {
		if s[j] == closing {
			return j + 1, markedDot
		}
		if s[j] != ' ' {
			break
		}
	}
	if inner == 1 && s[0] == '[' && i < len(s) && isAlnum(s[i]) {
		return i, markedDot // half a mark: evil[.net
	}
	return 0, plainDot
}

// spacedMark reads " dot ", " [.] " and " [dot] ".
func spacedMark(s string) (int, dot) {
	const most = 3 // spaces on a side
	i := 0
	for i < len(s) && i < most && s[i] == ' ' {
		i++
	}
	n := 0
	if foldPrefix(s[i:], "dot ") {
		n = 3
	} else if i < len(s) && (s[i] == '[' || s[i] == '(' || s[i] == '{') {
		n, _ = bracketedDot(s[i:])
	}
	if n == 0 || i+n >= len(s) || s[i+n] != ' ' {
		return 0, plainDot
	}
	i += n
	for k := 0; i < len(s) && k < most && s[i] == ' '; k++ {
		i++
	}
	return i, spacedDot
}

// opensMark says that the chunk before position i ends in the bracket of a
// mark with spaces in it: bad[ . ]example.
func (s *scanner) opensMark(i int) bool {
	switch s.text[i-1] {
	case '[', '(', '{':
		n, _ := bracketedDot(s.text[i-1 : s.end])
		return n > 0
	}
	return false
}

// isSpacedMark says that a chunk may be a dot or an at sign between spaces.
func isSpacedMark(chunk string) bool {
	switch len(chunk) {
	case 3:
		return foldPrefix(chunk, "dot") || chunk == "[.]" || chunk == "(.)" || chunk == "{.}" || chunk == "[@]"
	case 4:
		return foldPrefix(chunk, "[at]") || foldPrefix(chunk, "(at)")
	case 5:
		return foldPrefix(chunk[1:], "dot") && (chunk[0] == '[' || chunk[0] == '(' || chunk[0] == '{')
	}
	return false
}

// atSign reads an at sign, in any spelling, at the start of s.
func atSign(s string) (n int, defanged bool) {
	if s == "" {
		return 0, false
	}
	switch s[0] {
	case '@':
		return 1, false
	case '[', '(', '{', ' ':
	default:
		return 0, false
	}
	for _, form := range [...]string{"[at]", "(at)", "{at}", "[@]", "(@)", "{@}", " [at] ", " (at) ", " [@] "} {
		if foldPrefix(s, form) {
			return len(form), true
		}
	}
	return 0, false
}

// plain is the run with its dots put back. It is the text itself where
// nothing was defanged.
func (s *scanner) plain(r run) string {
	raw := s.text[r.start:r.end]
	if !r.defanged {
		return raw
	}
	if s.made.start == r.start && s.made.end == r.end {
		return s.made.plain
	}
	b := s.room(len(raw))
	from := b.Len()
	for i := r.start; i < r.end; {
		j := min(s.labelEnd(i), r.end)
		s.steps += j - i
		b.WriteString(s.text[i:j])
		i = j
		if i >= r.end {
			break
		}
		n, _ := dotAt(s.text[i:s.end])
		if n == 0 {
			break
		}
		b.WriteByte('.')
		i += n
	}
	s.made = found{start: r.start, end: r.end, plain: b.String()[from:]}
	return s.made.plain
}

// room is the block of memory for values that are not parts of the text, with
// room for n bytes more.
func (s *scanner) room(n int) *strings.Builder {
	const block = 8 << 10
	if s.arena.Cap()-s.arena.Len() < n {
		s.arena = strings.Builder{}
		s.arena.Grow(max(block, n))
	}
	return &s.arena
}

// port reads ":443" behind a host and returns its end; i is none. A colon in
// brackets is how a defanged one is written.
func (s *scanner) port(i int) int {
	j := i
	if strings.HasPrefix(s.text[i:s.end], "[:]") {
		j += 3
	} else if s.after(i) == ':' {
		j++
	} else {
		return i
	}
	k := j
	for k < s.end && k < j+6 && classes[s.text[k]]&isDigit != 0 {
		k++
	}
	if k == j || k > j+5 || s.wordAt(k) || (k-j == 5 && s.text[j:k] > "65535") || s.text[j] == '0' {
		return i
	}
	return k
}

// mail reads an e-mail address that begins with run r.
func (s *scanner) mail(r run) int {
	switch s.after(r.end) {
	case '@', '[', '(', '{', ' ', '+', '.', '-', '_':
	default:
		return 0
	}
	i := r.end
	for i < s.end && i < r.start+64 && (s.text[i] == '+' || s.text[i] == '.' || isAlnum(s.text[i]) || classes[s.text[i]]&isJoin != 0) {
		i++ // a sub-address, RFC 5233; nothing of a run without one
	}
	n, defanged := atSign(s.text[i:s.end])
	if n == 0 || !s.wordAt(i+n) || r.end-r.start > 64 {
		return 0
	}
	host := s.readRun(i + n)
	if host.labels < 2 {
		if defanged {
			return 0 // "meet at noon"
		}
		return host.end
	}
	if next := s.after(host.end); next == '/' || (next == ':' && s.port(host.end) == host.end) {
		return s.skipBody(host.end) // git@host:path, user@host/path
	}
	at := found{start: r.start, end: host.end, defanged: defanged || r.defanged || host.defanged}
	if s.isVersion(host) || looksIPv4(s.plain(host)) {
		return i + n // root@192.0.2.1: the address is read by itself
	}
	at.plain = ioc.Refang(s.text[r.start:i]) + "@" + s.plain(host)
	labelled := s.labelAt(at.start, at.end)
	if !at.defanged && !knownName(s.plain(host)) {
		return host.end
	}
	if !at.defanged && !s.meantLive(ioc.Email, at, labelled) {
		if !labelled {
			s.wait(ioc.Email, at, lowerASCII(s.plain(host)))
		}
		return host.end
	}
	s.emit(ioc.Email, at)
	return host.end
}
