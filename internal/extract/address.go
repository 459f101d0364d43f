package extract

import (
	"net/netip"
	"strings"

	"spoor/internal/ioc"
)

// address reads an IP address that begins with run r.
func (s *scanner) address(r run) int {
	if r.labels == 1 {
		if c := s.after(r.end); (c == ':' || c == '[') && r.end-r.start <= 4 && allOf(s.text[r.start:r.end], isHex) {
			return s.ipv6(r.start)
		}
		return 0
	}
	if r.labels < 4 || classes[s.text[r.start]]&isDigit == 0 || !looksIPv4(s.plain(r)) {
		return 0
	}
	return s.ipv4(r)
}

// looksIPv4 says that s is four numbers.
func looksIPv4(s string) bool {
	if len(s) < len("1.1.1.1") || len(s) > len("255.255.255.255") {
		return false
	}
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

func (s *scanner) ipv4(r run) int {
	end := s.port(r.end)
	at := found{start: r.start, end: end, defanged: r.defanged || strings.Contains(s.text[r.end:end], "[")}
	next := s.after(end)
	switch {
	case next == '/' || (next == '[' && strings.HasPrefix(s.text[end:s.end], "[/]")):
		return s.hostPath(r, end)
	case next == '-' && end == r.end, s.wordAt(end):
		return r.end // 192.0.2.1-20, 1.2.3.4-rc1: a range or a version
	case next == '*' && s.before(r.start) != '*', next == '.' && s.wordAt(end+1):
		return r.end
	}
	if !at.defanged && (s.isVersion(r) || s.bareStep(r.start) || !s.meantAddress(at)) {
		return end
	}
	at.plain = s.plain(r)
	if end == r.end {
		s.add(ioc.Indicator{Type: ioc.IPv4, Value: at.plain, Key: at.plain}, at) // as netip reads it
		return end
	}
	at.plain += s.text[r.end:end]
	s.emit(ioc.IPv4, at)
	return end
}

// bareStep says that an address-like run is a step of a path or the version
// behind a product's name: Chrome/120.0.0.0, lodash@4.17.21.1.
func (s *scanner) bareStep(i int) bool {
	switch s.before(i) {
	case '/':
		return s.last != i-1 && s.before(i-1) != '/' && s.wordBefore(i-1)
	case '\\':
		return s.before(i-1) != '\\'
	case '@', '-', '_', '.', '$', '#':
		return s.wordBefore(i - 1)
	}
	return false
}

func (s *scanner) wordBefore(i int) bool {
	c := s.before(i)
	return isAlnum(c) || classes[c]&isHigh != 0
}

// isVersion says that the words around an address-like run call it a version
// or a section number.
func (s *scanner) isVersion(r run) bool {
	const reach = 40
	left := quotes.trimRight(s.text[max(r.start-reach, s.place.start):r.start])
	word := left[wordStarts.last(left)+1:]
	if versionWords.has(strings.TrimRight(word, ".")) || versionWords.has(strings.TrimRight(wordBeforeNumbers(left), ".")) {
		return true
	}
	if s.place.column(s.text, r.start) == versionColumn {
		return true
	}
	right := closings.trimLeft(s.text[r.end:min(r.end+reach, s.end)])
	for _, tail := range [...]string{"and earlier", "and later", "and below", "and prior", "and newer", "and above",
		"and older", "or later", "or earlier", "or newer", "or below", "or above", "or higher", "or older", "and higher"} {
		if foldPrefix(right, tail) {
			return true
		}
	}
	if tinyNumbers(s.text[r.start:r.end]) && !s.callsAddress(r.start) {
		return true
	}
	if s.place.kind == paragraph && s.productBefore(left, word) && smallNumbers(s.text[r.start:r.end]) && !s.callsAddress(r.start) {
		return true
	}
	// "before 91.1.0.2", "81.1.0.0 through 81.1.9.4".
	if !smallNumbers(s.text[r.start:r.end]) {
		return false
	}
	return boundWords.has(word) || strings.HasSuffix(left, "prior to") || foldPrefix(right, "through ") || foldPrefix(right, "up to ")
}

// productBefore says that the word right before an address-like run has a
// capital in the middle of a sentence, as names of products do.
func (s *scanner) productBefore(left, word string) bool {
	return len(word) > 1 && word[0] >= 'A' && word[0] <= 'Z' && len(left) > len(word) && strings.ToUpper(word) != word
}

// wordBeforeNumbers is the last word of left that is no number and joins
// none: "version 13.1-48.47 and".
func wordBeforeNumbers(left string) string {
	for left != "" {
		k := wordStarts.last(left)
		word := left[k+1:]
		if word != "" && word != "and" && word != "or" && word != "to" && classes[word[0]]&isDigit == 0 {
			return word
		}
		if k < 0 {
			return ""
		}
		left = left[:k]
	}
	return ""
}

// callsAddress says that a word close before position i calls what follows an
// address, or that it begins an entry without a label.
func (s *scanner) callsAddress(i int) bool {
	const reach = 48
	left := s.text[max(i-reach, s.place.start):i]
	n := 0
	for w := range strings.FieldsFuncSeq(left, notWordFold) {
		if addressWords.has(w) && !(n > 0 && isCapital(w)) {
			return true // but "Some Server 1.2.3.4" is a product
		}
		if classes[w[0]]&isLetter != 0 {
			n++
		}
	}
	return n == 0 && s.place.kind != paragraph
}

// isCapital says that a word is written as names are: Server, but not DNS.
func isCapital(w string) bool {
	return len(w) > 1 && w[0] >= 'A' && w[0] <= 'Z' && w[1] >= 'a'
}

func notWordFold(r rune) bool { return notWord(r | 0x20) }

// tinyNumbers says that four numbers are a version unless something calls
// them an address: one address in thirty thousand has only numbers so small,
// and most of those are public resolvers.
func tinyNumbers(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if len(part) > 2 || (len(part) == 2 && part[0] != '1') {
			return false
		}
	}
	return true
}

// smallNumbers says that four numbers are more likely a version than an
// address by their size alone. It only breaks a tie.
func smallNumbers(s string) bool {
	const most = 2 // digits
	for part := range strings.SplitSeq(s, ".") {
		if len(part) > most {
			return false
		}
	}
	return true
}

// ipv6 reads an IPv6 address at i, with its brackets and port if it has them.
// It returns i when there is none.
func (s *scanner) ipv6(i int) int {
	if c := s.before(i); isAlnum(c) || c == ':' || c == '.' || c == '_' || c == '-' {
		return i
	}
	j, defanged := s.ipv6End(i)
	if j == i || (s.wordAt(j) && s.text[j] != '%') {
		return i
	}
	plain := ioc.Refang(strings.ReplaceAll(s.text[i:j], "[::]", "::"))
	addr, err := netip.ParseAddr(plain)
	if err != nil || (!defanged && !plausibleIPv6(plain)) {
		return i
	}
	if s.after(j) == '/' {
		k := j + 1
		for k < s.end && classes[s.text[k]]&isDigit != 0 {
			k++
		}
		if s.text[j:k] != "/128" {
			return k // a range
		}
	}
	at := found{start: i, end: j, defanged: defanged, plain: plain}
	if s.before(i) == '[' && s.after(j) == ']' {
		if end := s.port(j + 1); end > j+1 {
			at.start, at.end = i-1, end
			at.plain = "[" + plain + "]" + s.text[j+1:end]
		}
	}
	t := ioc.IPv6
	if addr.Is4In6() {
		t = ioc.IPv4
	}
	if defanged || s.meantAddress(at) {
		s.emit(t, at)
	}
	return at.end
}

// ipv6End returns the end of what has the letters of an IPv6 address, or i.
func (s *scanner) ipv6End(i int) (end int, defanged bool) {
	const longest = 96 // eight groups, every colon in brackets
	j, colons := i, 0
	for j < s.end && j-i < longest {
		c := s.text[j]
		n := 1
		switch {
		case classes[c]&isHex != 0, c == '.':
		case c == ':':
			colons++
		case strings.HasPrefix(s.text[j:s.end], "[:]"):
			n, defanged = len("[:]"), true
			colons++
		case strings.HasPrefix(s.text[j:s.end], "[.]"):
			n, defanged = len("[.]"), true
		case strings.HasPrefix(s.text[j:s.end], "[::]"):
			n, defanged = len("[::]"), true
			colons += 2
		default:
			n = 0
		}
		if n == 0 {
			break
		}
		j += n
	}
	if colons < 2 {
		return i, false
	}
	for j > i && (s.text[j-1] == '.' || s.text[j-1] == ':' && !strings.HasSuffix(s.text[i:j], "::")) {
		j--
	}
	return j, defanged
}

// plausibleIPv6 tells an address from what has its grammar: scoped names of
// programming languages (Face::Add), port identifiers (eight pairs of digits).
func plausibleIPv6(s string) bool {
	groups, longest, digits := 0, 0, false
	for g := range strings.SplitSeq(s, ":") {
		if g == "" {
			continue
		}
		groups++
		longest = max(longest, len(g))
		digits = digits || strings.ContainsAny(g, "0123456789")
	}
	return groups >= 2 && longest > 2 && digits && !strings.HasPrefix(s, "0:")
}
