package extract

import (
	"strings"

	"spoor/internal/ioc"
)

// Narrow columns wrap hashes: what is one value for the reader is two or more
// lines of hex digits for a program.

// minPiece is the shortest first piece of a wrapped hash that is looked at.
const minPiece = 16

// maxPieces is in how many pieces a hash may be.
const maxPieces = 8

// wrapped reads a hash that begins with the hex digits of run r and goes on
// behind a line break or a space. It returns 0 when there is none.
//
// Lines of one length are more likely values of their own: they are joined
// only where a label names the digest they add up to. Otherwise the last line
// is shorter than those before.
func (s *scanner) wrapped(r run, raw string) int {
	c := s.after(r.end)
	if (c != 0 && c != '\r' && c != ' ' && c != '\v') || r.labels != 1 || len(raw) < minPiece || !allOf(raw, isHex) {
		return 0
	}
	digits, end := []byte(nil), r.end
	for range maxPieces - 1 {
		i, j := s.nextPiece(end)
		if i == j || len(digits)+len(raw)+j-i > 128 {
			return 0
		}
		last := s.text[i:j]
		if len(last) == len(raw) && hashType(len(raw)) != 0 && s.digestsNamed(r.start)&^(digestBit(hashType(len(raw)))) == 0 {
			return 0 // a list of hashes
		}
		if digits == nil {
			digits = append(make([]byte, 0, 128), raw...)
		}
		digits, end = append(digits, last...), j
		if len(last) > len(raw) || !sameCase(string(digits)) {
			return 0
		}
		if t := hashType(len(digits)); t != 0 && s.pieceEnds(j) && s.joins(r, t, len(raw), len(last)) {
			if !mixed(string(digits)) || s.isKey(r.start) {
				return 0
			}
			s.emit(t, found{start: r.start, end: end, plain: s.lowerHex(string(digits))})
			return end
		}
		if len(last) < len(raw) {
			return 0 // only the last is shorter
		}
	}
	return 0
}

// nextPiece is the hex digits behind the white space at i: at most one line
// break and no more than an indentation.
func (s *scanner) nextPiece(i int) (from, to int) {
	const most = 64
	breaks := 0
	from = i
	for from < len(s.text) && from < i+most && classes[s.text[from]]&isSpace != 0 {
		if s.text[from] == '\t' || (breaks == 0 && from > i && s.text[from] == ' ' && s.text[from-1] == ' ') {
			return i, i // another column
		}
		if s.text[from] == '\n' || s.text[from] == '\v' {
			breaks++
		}
		from++
	}
	to = from
	for to < len(s.text) && to < from+128 && classes[s.text[to]]&isHex != 0 {
		to++
	}
	s.steps += to - i
	if breaks > 1 || from == i || (to < len(s.text) && classes[s.text[to]]&(isWord|isHigh) != 0) {
		return i, i
	}
	return from, to
}

// pieceEnds says that nothing of the cell or line stands behind position i.
func (s *scanner) pieceEnds(i int) bool {
	rest := s.text[i:min(len(s.text), i+2)]
	if rest == "" {
		return true
	}
	switch rest[0] {
	case '\n', '\r', '\t', '\v', '|':
		return true
	case '.', ',', ';', ')': // of the sentence
		return s.place.kind == paragraph && (len(rest) == 1 || classes[rest[1]]&isSpace != 0)
	case ' ':
		return len(rest) == 1 || rest[1] == ' ' || rest[1] == '|' || rest[1] == '\n'
	}
	return false
}

// joins says that a digest of type t in pieces of these lengths is one.
func (s *scanner) joins(r run, t ioc.Type, first, last int) bool {
	whole := digestBit(t)
	alone := whole
	if p := hashType(r.end - r.start); p != 0 {
		alone = digestBit(p)
	}
	named := s.digestsNamed(r.start)
	if first == last {
		return named&whole != 0 && (alone == whole || named&alone == 0)
	}
	return named == 0 || named&whole != 0
}

// digestsNamed is the set of digests that the label, the title of the column
// or the heading of the value at position i names: the nearest that names any.
func (s *scanner) digestsNamed(i int) uint8 {
	const reach = 48
	p := &s.place
	if set := digestsIn(s.text[max(p.start, i-reach):i]); set != 0 {
		return set
	}
	if set := digestsIn(p.columnTitle(s.text, i)); set != 0 {
		return set
	}
	for _, title := range [...]string{p.titles.intro, p.titles.caption, p.titles.heading} {
		if set := digestsIn(title); set != 0 {
			return set
		}
	}
	return 0
}

// digestsIn is the set of digests that the words of a short line name.
func digestsIn(line string) uint8 {
	const longest = 200
	if len(line) > longest || !mayNameDigest(line) {
		return 0
	}
	set := uint8(0)
	for w := range strings.FieldsFuncSeq(line, notWordFold) {
		switch strings.ReplaceAll(strings.ToLower(w), "-", "") {
		case "md5":
			set |= digestBit(ioc.MD5)
		case "sha1":
			set |= digestBit(ioc.SHA1)
		case "sha256", "sha2":
			set |= digestBit(ioc.SHA256)
		case "sha512":
			set |= digestBit(ioc.SHA512)
		}
	}
	return set
}

// mayNameDigest is a quick look for "md5" and "sha".
func mayNameDigest(line string) bool {
	for i := 0; i+2 < len(line); i++ {
		switch line[i] | 0x20 {
		case 'm':
			if line[i+2] == '5' {
				return true
			}
		case 's':
			if line[i+1]|0x20 == 'h' {
				return true
			}
		}
	}
	return false
}

func digestBit(t ioc.Type) uint8 { return 1 << (t - ioc.MD5) }

// sameCase says that hex digits are not of both cases.
func sameCase(hex string) bool {
	upper, lower := false, false
	for i := range len(hex) {
		upper = upper || (hex[i] >= 'A' && hex[i] <= 'F')
		lower = lower || hex[i] >= 'a'
	}
	return !upper || !lower
}
