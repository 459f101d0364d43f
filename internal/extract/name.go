package extract

import (
	"strings"

	"spoor/internal/ioc"
)

// name reads a domain name, or a URL without its scheme, from run r.
func (s *scanner) name(r run) int {
	if r.labels < 2 {
		return 0
	}
	end := s.port(r.end)
	if next := s.after(end); next == '/' && s.after(end+1) != '/' {
		return s.hostPath(r, end)
	}
	at := found{start: r.start, end: end, plain: s.plain(r) + s.text[r.end:end]}
	at.defanged = r.defanged || strings.Contains(s.text[r.end:end], "[")
	if !s.isName(r) {
		return r.end
	}
	if labelled := s.labelAt(at.start, at.end); !at.defanged && !s.meantLive(ioc.Domain, at, labelled) {
		if !labelled {
			s.wait(ioc.Domain, at, lowerASCII(s.hostOf(at)))
		}
		return end
	}
	s.emit(ioc.Domain, at)
	return end
}

// hostPath reads a URL without its scheme: run r, and a path behind end.
func (s *scanner) hostPath(r run, end int) int {
	plain := s.plain(r)
	address := r.labels == 4 && looksIPv4(plain)
	if address {
		if next := s.rangeEnd(r, end); next > 0 {
			return next
		}
	}
	b := s.bodyEnd(r.start, end)
	stop := b.end
	if b.cut == inWord && s.isName(r) {
		s.hostOfCut(r.start, r.start, r.defanged, s.labelAt(r.start, end))
	}
	if stop <= end || b.cut == inWord || (b.cut == atBorder && platforms.under(lowerASCII(plain))) {
		return max(b.next, end)
	}
	at := found{start: r.start, end: stop, defanged: r.defanged}
	if r.defanged {
		at.plain = plain + s.text[r.end:stop]
	}
	switch {
	case address:
		if !at.defanged && (s.isVersion(r) || s.bareStep(r.start)) {
			return b.next
		}
	case !s.isName(r):
		return b.next
	}
	if labelled := s.labelAt(r.start, stop); !at.defanged && !s.meantLive(ioc.URL, at, labelled) {
		if !labelled {
			s.wait(ioc.URL, at, lowerASCII(s.hostOf(at)))
		}
		return b.next
	}
	s.emit(ioc.URL, at)
	return b.next
}

// rangeEnd reads the prefix length of addr/n, which is a range and no
// indicator, save for /32. It returns 0 when a path stands there.
func (s *scanner) rangeEnd(r run, end int) int {
	i := end + 1
	if s.after(end) == '[' {
		i = end + len("[/]")
	}
	j := i
	for j < s.end && classes[s.text[j]]&isDigit != 0 {
		j++
	}
	if j == i || j > i+2 || s.wordAt(j) || s.after(j) == '/' || (s.after(j) == '.' && s.wordAt(j+1)) {
		return 0
	}
	if s.text[i:j] == "32" && end == r.end {
		s.emit(ioc.IPv4, found{start: r.start, end: r.end, plain: s.plain(r), defanged: r.defanged})
	}
	return j
}

// isName judges whether run r is a host name and not a file, a class, a
// version or a method call. A defanged one has only to be no file: nobody
// breaks up the name of a class.
func (s *scanner) isName(r run) bool {
	plain := s.plain(r)
	suffix := plain[strings.LastIndexByte(plain, '.')+1:]
	if r.defanged {
		return s.isDefangedName(r, plain, suffix)
	}
	if s.outOfPlace(r) || !knownName(plain) || isClass(plain, suffix) {
		return false
	}
	if fileSuffixes.has(suffix) && !foldPrefix(plain, "www.") {
		return s.listsName(r)
	}
	return true
}

// listsName says that run r, which may be the name of a file, stands where
// names of hosts are listed: not beside a hash, and not in a column of its own
// kind.
func (s *scanner) listsName(r run) bool {
	p := &s.place
	if p.area() != network || p.kind == paragraph || !s.fills(r.start, r.end) {
		return false
	}
	switch p.column(s.text, r.start) {
	case fileColumn:
		return false
	case networkColumn:
		return true
	}
	const longest = 1024
	return !hasDigits(s.text[p.start:min(p.end, p.start+longest)], 32)
}

// isDefangedName is isName for a run with a defanged dot in it.
func (s *scanner) isDefangedName(r run, plain, suffix string) bool {
	if r.spaced && (!knownName(plain) || s.isPhrase(r, plain)) {
		return false
	}
	if strings.Contains(s.text[r.start:r.end], `\.`) &&
		(!knownName(plain) || s.inPath(r.start) || fileSuffixes.has(suffix)) {
		return false
	}
	return !fileEndings.has(suffix) || knownName(plain)
}

// outOfPlace says that what stands around a live run makes it a step of a
// path, a variable, a mention or a call.
func (s *scanner) outOfPlace(r run) bool {
	switch s.before(r.start) {
	case '/':
		if s.last != r.start-1 && s.before(r.start-1) != '/' {
			return true
		}
	case '\\', '$', '%', '#', '~', '@', '&':
		return true
	case '.':
		if s.wordBefore(r.start - 1) {
			return true
		}
	}
	switch s.after(r.end) {
	case '(', '\\', '%', '$', '{':
		return true
	case '[':
		// Subscript, except for AsciiDoc's link text.
		return classes[s.after(r.end+1)]&isDigit != 0
	case ':':
		return s.after(r.end+1) == ':'
	}
	return false
}

// isPhrase says that a run with spaced dots is English: "the dot com boom".
func (s *scanner) isPhrase(r run, plain string) bool {
	first, _, _ := strings.Cut(plain, ".")
	return phraseWords.has(first) || allOf(first, isDigit) && r.labels < 4
}

// isClass tells names of classes, packages, products and detections from
// names of hosts. Hosts are written in one case, or with a capital in front
// or inside ("PayPal.example"); a class has its last part capitalised too.
func isClass(plain, suffix string) bool {
	if products.has(plain) {
		return true
	}
	first, rest, _ := strings.Cut(plain, ".")
	if codeWords.has(first) {
		return true
	}
	// com.vendor.app, org.project.part: the order of Java and Android.
	if strings.Contains(rest, ".") && packageRoots.has(first) {
		return true
	}
	return suffix[0] >= 'A' && suffix[0] <= 'Z' && strings.ToUpper(plain) != plain
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// lowerASCII allocates only when there is something to lower.
func lowerASCII(s string) string {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 0x80 {
			return strings.ToLower(s)
		}
	}
	return s
}
