package extract

import (
	"math/bits"
	"strings"

	"spoor/internal/ioc"
)

// identifier reads what is no address: hashes, CVE and ATT&CK identifiers.
func (s *scanner) identifier(r run) int {
	raw := s.text[r.start:r.end]
	if len(raw) >= minPiece {
		if next := s.wrapped(r, raw); next > 0 {
			return next
		}
	}
	if dot := r.last - 1; r.labels == 2 && dot-r.start == 64 &&
		fileEndings.has(s.text[r.last:r.end]) && allOf(s.text[r.start:dot], isHex) {
		// A sample that is named by its digest: 0a1b….exe.
		s.hash(run{start: r.start, end: dot, labels: 1}, s.text[r.start:dot])
		return r.end
	}
	switch len(raw) {
	case 32, 40, 64, 128:
		if next := s.hash(r, raw); next > 0 {
			return next
		}
	}
	first := s.text[r.start]
	if first|0x20 == 'c' && len(raw) >= len("CVE-1999-0001") && foldPrefix(raw, "cve") {
		return s.cve(r)
	}
	if first|0x20 == 'c' && foldPrefix(raw, "cve-") {
		return s.brokenCVE(r)
	}
	switch first {
	case 'T', 'S', 'G', 'M':
		if len(raw) <= len("T1001.001") {
			return s.technique(r)
		}
	}
	// Win32/Exploit.CVE-2017-0199.A
	if r.labels < 2 || r.defanged {
		return 0
	}
	if i := strings.Index(raw, ".CVE-"); i > 0 {
		return s.cve(run{start: r.start + i + 1, end: r.end})
	}
	return 0
}

// digest reads a hash that stands by itself, which most do, in one go over its
// digits. What is anything but that it leaves to the long way.
func (s *scanner) digest(i int) int {
	j, seen := i, uint32(0)
	for j < s.end {
		bit := hexBits[s.text[j]]
		if bit == 0 {
			break
		}
		seen |= bit
		j++
	}
	s.steps += j - i
	switch j - i {
	case 32, 40, 64, 128:
	default:
		return i
	}
	if !looksRandom(seen) {
		return i
	}
	switch c := s.after(j); c {
	case 0, '\r', ' ', '\v': // may go on in the next line
		if c != ' ' || j+1 == s.end || classes[s.text[j+1]]&(isHex|isSpace|isMark) != 0 {
			return i
		}
	case '`', '|', '\t', ',', ';', '"', '\'', ')', '<':
	default:
		return i
	}
	if s.inPath(i) || s.isKey(i) || s.isPair(i) || s.isSecret(i, j) {
		return j
	}
	value := s.text[i:j]
	if seen&upperHex != 0 {
		value = s.lowerHex(value)
	}
	s.add(ioc.Indicator{Type: hashType(j - i), Value: value, Key: value}, found{start: i, end: j})
	return j
}

// hash reads hex digits of the exact length of a digest. The run ends before
// any other letter or digit, so that a part of something longer never counts.
func (s *scanner) hash(r run, raw string) int {
	if r.labels != 1 || !allOf(raw, isHex) || !mixed(raw) {
		return 0
	}
	if n, _ := atSign(s.text[r.end:s.end]); n > 0 {
		return 0 // a mail address may begin with anything
	}
	if s.inPath(r.start) || s.isKey(r.start) || s.isPair(r.start) || s.opensPair(r.end) || s.isSecret(r.start, r.end) {
		return r.end
	}
	value := s.lowerHex(raw)
	s.add(ioc.Indicator{Type: hashType(len(raw)), Value: value, Key: value}, found{start: r.start, end: r.end})
	return r.end
}

// hashType is the digest that has so many hex digits; 0 is none.
func hashType(digits int) ioc.Type {
	switch digits {
	case 32:
		return ioc.MD5
	case 40:
		return ioc.SHA1
	case 64:
		return ioc.SHA256
	case 128:
		return ioc.SHA512
	}
	return 0
}

// lowerHex is raw, at most 128 hex digits, in lower case. Values that have to
// be written anew share blocks of memory.
func (s *scanner) lowerHex(raw string) string {
	b := s.room(len(raw))
	from := b.Len()
	for i := range len(raw) {
		b.WriteByte(raw[i] | 0x20) // leaves digits as they are
	}
	return b.String()[from:]
}

// hexBits has a bit for every hex digit, and one for upper case.
//
//nolint:gochecknoglobals // read-only table
var hexBits = makeHexBits()

const (
	upperHex   = 1 << 16
	letterBits = 0xfc00
	digitBits  = 0xffff
)

func makeHexBits() (t [256]uint32) {
	for i := range 16 {
		t["0123456789abcdef"[i]] |= 1 << i
		t["0123456789ABCDEF"[i]] |= 1 << i
	}
	for c := 'A'; c <= 'F'; c++ {
		t[c] |= upperHex
	}
	return t
}

// looksRandom says that hex digits do: a ruler of one or two different digits,
// or a long decimal number, does not.
func looksRandom(seen uint32) bool {
	const fewest = 5
	return seen&letterBits != 0 && bits.OnesCount32(seen&digitBits) >= fewest
}

// mixed is looksRandom of hex digits.
func mixed(raw string) bool {
	seen := uint32(0)
	for i := range len(raw) {
		seen |= hexBits[raw[i]]
	}
	return looksRandom(seen)
}

// inPath says that what begins at i is one step of a path or of its query: of
// a URL whose host is a placeholder, or of a file.
func (s *scanner) inPath(i int) bool {
	c := s.before(i)
	if c == '=' {
		const longest = 32
		k := i - 2
		for k >= 0 && k > i-longest && classes[s.text[k]]&isWord != 0 {
			k--
		}
		return k >= 0 && (s.text[k] == '?' || s.text[k] == '&')
	}
	if c != '/' && c != '\\' && c != '%' && c != '$' {
		return false
	}
	return c != '/' || s.last != i-1 || i < 2
}

// isPair says that before position i stand 32 hex digits and a colon: two
// hashes of one password, as Windows keeps them.
func (s *scanner) isPair(i int) bool {
	const digits = 32
	return i > digits && s.before(i) == ':' && allOf(s.text[i-1-digits:i-1], isHex)
}

// opensPair says that the second hash of such a pair follows position i.
func (s *scanner) opensPair(i int) bool {
	const digits = 32
	return s.after(i) == ':' && i+1+digits <= s.end && allOf(s.text[i+1:i+1+digits], isHex) && s.after(i+1+digits) == ':'
}

// isKey says that the word before position i announces hex digits that are no
// digest of a file: "serial number: 0a1b…", "commit 0a1b…".
func (s *scanner) isKey(i int) bool {
	if i == s.place.start && s.place.kind != paragraph {
		return false
	}
	const reach = 48
	left := s.text[max(i-reach, s.place.began, 0):i]
	if s.place.columns.count == 2 {
		left = strings.TrimRight(left, " \t|`*")
	}
	if k := cellMarks.last(left); k >= 0 {
		left = left[k+1:]
	}
	left = keyMarks.trimRight(left)
	for n := 0; n < 3 && left != ""; n++ {
		j := keyStarts.last(left)
		if word := strings.Trim(left[j+1:], ":.#"); keyWords.has(word) || (n == 0 && endsAsKey(word)) {
			return true
		}
		if j < 0 {
			return false
		}
		left = anySpace.trimRight(left[:j])
		// "number", "id" and "key" stand behind the word that counts.
	}
	return false
}

// cve reads a CVE identifier with any dash in it.
func (s *scanner) cve(r run) int {
	if c := s.before(r.start); c == '/' || c == '\\' {
		if s.last != r.start-1 {
			return r.end
		}
	}
	end := r.start + cveLen(s.text[r.start:r.end])
	if end < r.end && (classes[s.text[end]]&isLetter != 0 || s.text[end] == '_') {
		return r.end
	}
	s.emit(ioc.CVE, found{start: r.start, end: end})
	return r.end
}

// cveLen is how much of s, which begins with "CVE", can be the identifier:
// two groups of digits with a dash before each. The run may go on, as in
// CVE-2021-44228-poc.
func cveLen(s string) int {
	n, dashes := len("CVE"), 0
	for n < len(s) {
		c := s[n]
		switch {
		case classes[c]&isDigit != 0:
			n++
		case (c == '-' || classes[c]&isHigh != 0) && dashes < 2:
			dashes++
			n += runeLen(s[n:])
		default:
			return n
		}
	}
	return n
}

// technique reads an ATT&CK identifier. Three letters of the four are also
// model numbers and paper sizes, so that they need company: the word or
// another such identifier before it in the text, or brackets or a cell of
// their own.
func (s *scanner) technique(r run) int {
	raw := s.text[r.start:r.end]
	if c := s.before(r.start); isAlnum(c) || c == '/' && s.last != r.start-1 || c == '.' || c == '\\' {
		return 0
	}
	if n := techniqueLen(raw); n == 0 || n != len(raw) || s.after(r.end) == '@' {
		return 0
	}
	sure := raw[0] == 'T'
	if !sure && !s.doc.speaksOfAttack() && !s.alone(r.start, r.end) {
		return 0
	}
	s.doc.attack = yes
	s.emit(ioc.MITREAttack, found{start: r.start, end: r.end})
	return r.end
}

// techniqueLen is the length of the ATT&CK identifier at the start of raw, 0
// if there is none. The ranges are those ATT&CK has given out, with room: a
// thousand more would meet years, sizes and models.
func techniqueLen(raw string) int {
	const tactic, plain, sub = len("TA0001"), len("T1001"), len("T1001.001")
	if len(raw) == tactic && raw[1] == 'A' && raw[0] == 'T' && allOf(raw[2:], isDigit) && raw[2:4] <= "01" {
		return tactic
	}
	if len(raw) < plain || !allOf(raw[1:plain], isDigit) {
		return 0
	}
	switch number := raw[1:plain]; raw[0] {
	case 'T':
		if len(raw) == sub && raw[plain] == '.' && allOf(raw[plain+1:], isDigit) {
			return sub
		}
		// Enterprise and mobile from 1001 on, industrial from 0800 on.
		if len(raw) == plain && (number >= "1001" && number < "2000" || number >= "0800" && number < "0900") {
			return plain
		}
	case 'S', 'G':
		if len(raw) == plain && number > "0000" && number < "2000" {
			return plain
		}
	case 'M':
		if len(raw) == plain && (number >= "1010" && number < "1100" || number >= "0800" && number < "0970") {
			return plain
		}
	}
	return 0
}

// alone says that text[i:j] fills brackets, quotes or a cell.
func (s *scanner) alone(i, j int) bool {
	switch s.before(i) {
	case '(', '[', '`', '"', '|':
		switch s.after(j) {
		case ')', ']', '`', '"', '|', ' ', ',', ';':
			return true
		}
	}
	return s.place.kind != paragraph && s.fills(i, j)
}
