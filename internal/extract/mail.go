package extract

import (
	"strings"

	"spoor/internal/ioc"
)

// meantMail judges a live mail address. Most of a report's are whom to ask;
// meant are senders, and those that the text calls the attacker's.
func (s *scanner) meantMail(at found, host string) bool {
	p := &s.place
	if p.column(s.text, at.start) == secretColumn {
		return false
	}
	if p.area() == references || s.isContact(at.start) {
		s.disowned.domain(host)
		return false
	}
	if s.isHeader(at.start) {
		return true
	}
	if p.kind == literal && mailKeys.has(s.keyBefore(at.start)) && (s.doc.authorDefangs() || s.doc.speaksOfMalice()) {
		return true // of a kit, or of what steals
	}
	if isRole(s.text[at.start:at.end]) && p.area() != network && !s.inNote() {
		return false
	}
	switch s.mailCue(at.start) {
	case yes:
		return true
	case no:
		s.disowned.domain(host)
		return false
	}
	if !s.doc.authorDefangs() && !s.doc.speaksOfMalice() {
		return false
	}
	return s.listedLive(ioc.Email, at, host)
}

// isHeader says that position i stands in a line of a mail's header that names
// its sender. A header at the top is the one of the text itself.
func (s *scanner) isHeader(i int) bool {
	const longest = 24
	line := strings.TrimLeft(s.text[s.place.start:i], " \t>|`*-")
	k := strings.IndexByte(line[:min(len(line), longest)], ':')
	if k < 0 || !senderFields.has(strings.TrimRight(line[:k], " *`")) {
		return false
	}
	return s.place.start > s.headEnd() && !s.quotesMail()
}

// headEnd is where the first block of the text ends.
func (s *scanner) headEnd() int {
	if i := strings.Index(s.doc.text, "\n\n"); i >= 0 {
		return i
	}
	return 0
}

// quotesMail says that the line above begins a mail that is answered.
func (s *scanner) quotesMail() bool {
	const reach = 64
	above := s.text[max(0, s.place.start-reach):s.place.start]
	return strings.Contains(above, "riginal Message") || strings.Contains(above, "orwarded")
}

// isContact says that position i stands in a line that tells how to reach
// somebody: with a telephone number, the sign of copyright, below the mark of
// a signature, or in the author's line under the title.
func (s *scanner) isContact(i int) bool {
	p := &s.place
	if c := &s.contact; c.line != p.start+1 {
		const longest = 500
		line := s.text[p.start:min(p.end, p.start+longest)]
		s.steps += len(line)
		if next := s.text[min(p.end+1, len(s.text)):min(p.end+1+longest/2, len(s.text))]; p.kind == paragraph && next != "" {
			next, _, _ = strings.Cut(next, "\n")
			c.yes = hasPhone(next)
			s.steps += len(next)
		}
		c.line, c.yes = p.start+1, p.kind == paragraph && c.yes || p.signature || hasPhone(line) || strings.Contains(line, "©")
	}
	return s.contact.yes || s.isAuthor(i)
}

// contactCache remembers the verdict on the last line.
type contactCache struct {
	line int // its start, and one
	yes  bool
}

// isAuthor reads "Name <mail>" and "Author: Name, mail" near the top.
func (s *scanner) isAuthor(i int) bool {
	const top = 600
	if s.place.start > top || s.place.kind != paragraph {
		return false
	}
	const near = 3 // words
	n := 0
	line := s.text[s.place.start:i]
	if strings.HasSuffix(line, "<") && s.place.start <= max(s.headEnd(), len(line)) {
		return true
	}
	for w := range strings.FieldsFuncSeq(line, notWordFold) {
		if authorWords.has(w) {
			return true
		}
		if n++; n == near {
			break
		}
	}
	return false
}

// hasPhone says that a line has a telephone number: a plus sign and a
// country's digits, or the word and digits.
func hasPhone(line string) bool {
	for i := 0; i < len(line); i++ {
		k := strings.IndexByte(line[i:], '+')
		if k < 0 {
			break
		}
		i += k
		if (i == 0 || classes[line[i-1]]&isSpace != 0 || line[i-1] == '(' || line[i-1] == ':') &&
			i+1 < len(line) && line[i+1] >= '1' && line[i+1] <= '9' && phoneDigits(line[i+1:]) >= 8 {
			return true
		}
	}
	word := false
	for w := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ' ' || r == ':' || r == '.' || r == ',' }) {
		if word && phoneDigits(w) >= 2 {
			return true
		}
		word = phoneWords.has(w)
	}
	return false
}

// phoneDigits counts the digits at the start of s, with what parts them.
func phoneDigits(s string) int {
	n := 0
	for i := 0; i < len(s) && i < 24; i++ {
		switch c := s[i]; {
		case classes[c]&isDigit != 0:
			n++
		case c == ' ' || c == '-' || c == '(' || c == ')' || c == '/':
		default:
			return n
		}
	}
	return n
}

// mailCue is what the words before position i, in its sentence, make of a mail
// address: the attacker's, somebody's to ask, or neither.
func (s *scanner) mailCue(i int) answer {
	const reach, most = 160, 16
	left := s.text[max(i-reach, s.place.began, 0):i]
	s.steps += len(left)
	from, asked := false, false
	for n := 0; left != "" && n < most; n++ {
		left = referMarks.trimRight(left)
		k := spaceStarts.last(left)
		word := left[k+1:]
		if n > 0 && word != "" && strings.IndexByte(".!?", word[len(word)-1]) >= 0 && !strings.HasSuffix(word, "..") {
			break
		}
		word = wordMarks.trim(word)
		switch {
		case senderWords.has(word), startsAny(word, "발신자", "发件人", "差出人", "отправител"):
			return s.ifMalice()
		case n == 0 && fromWords.has(word):
			from = true
		case noteWords.has(word):
			return s.ifMalice()
		case (n < 8 && !from && askWords.has(word)) || (n < 8 || from) && referenceWords.has(word):
			asked = true
		}
		left = left[:k+1]
	}
	switch {
	case s.inNote():
		return yes
	case asked:
		return no
	case from:
		return s.ifMalice()
	}
	return unasked
}

// startsAny says that a word begins with one of the stems: some languages write
// particles and endings behind them.
func startsAny(word string, stems ...string) bool {
	if word == "" || classes[word[0]]&isHigh == 0 {
		return false
	}
	for _, stem := range stems {
		if strings.HasPrefix(word, stem) {
			return true
		}
	}
	return false
}

func (s *scanner) ifMalice() answer {
	if s.doc.authorDefangs() || s.doc.speaksOfMalice() {
		return yes
	}
	return no
}

// inNote says that the current line stands in what an attacker wrote: a block
// or list below a line that announces a ransom note.
func (s *scanner) inNote() bool {
	p := &s.place
	if p.kind == paragraph {
		return false
	}
	return hasWord(p.titles.intro, noteWords) || hasWord(p.titles.caption, noteWords) || hasWord(p.titles.heading, noteWords)
}
