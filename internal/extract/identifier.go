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
	switch first {
	case 'T', 'S', 'G', 'M':
		return s.technique(r)
	}
	// Win32/Exploit.CVE-2017-0199.A
	if i := strings.Index(raw, ".CVE-"); r.labels > 1 && i > 0 {
		return s.cve(run{start: r.start + i + 1, end: r.end})
	}
	return 0
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
	if s.inPath(r.start) || s.isKey(r.start) {
		return r.end
	}
	value := lowerHex(raw)
	s.add(ioc.Indicator{Type: hashType(raw), Value: value, Key: value}, found{start: r.start, end: r.end})
	return r.end
}

// lowerHex is raw, at most 128 hex digits, in lower case.
func lowerHex(raw string) string {
	var buf [128]byte
	upper := false
	for i := range len(raw) {
		c := raw[i]
		upper = upper || (c >= 'A' && c <= 'F')
		buf[i] = c | 0x20 // leaves digits as they are
	}
	if !upper {
		return raw
	}
	return string(buf[:len(raw)])
}

// mixed says that hex digits look random: a ruler of one or two different
// digits, or a long decimal number, is none.
func mixed(raw string) bool {
	digits, letters := uint16(0), uint8(0)
	for i := range len(raw) {
		if c := raw[i]; c <= '9' {
			digits |= 1 << (c - '0')
		} else {
			letters |= 1 << ((c | 0x20) - 'a')
		}
	}
	const fewest = 5
	return letters != 0 && bits.OnesCount16(digits)+bits.OnesCount8(letters) >= fewest
}

// inPath says that what begins at i is one step of a path: of a URL whose
// host is a placeholder, or of a file.
func (s *scanner) inPath(i int) bool {
	c := s.before(i)
	if c != '/' && c != '\\' && c != '%' && c != '$' {
		return false
	}
	return c != '/' || s.last != i-1 || i < 2
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
	if k := strings.LastIndexAny(left, "|\t\v,;()[]"); k >= 0 {
		left = left[k+1:]
	}
	left = strings.TrimRight(left, " `'\"*+_=:<>\t\r\n")
	for n := 0; n < 3 && left != ""; n++ {
		j := strings.LastIndexAny(left, " -_`*'\"\n")
		if keyWords.has(strings.Trim(left[j+1:], ":.#")) {
			return true
		}
		if j < 0 {
			return false
		}
		left = strings.TrimRight(left[:j], " \r\n")
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
