package extract

import (
	"strings"

	"spoor/internal/ioc"
)

// Text of a printed page breaks its lines inside of values: behind the border
// of a URL, or behind a hyphen.

// nextLine is the first chunk of the line behind position i, if nothing but
// white space stands between i and the line's end.
func (s *scanner) nextLine(i int) (from, to int) {
	const most = 64 // an indentation
	from = i
	for from < s.end && classes[s.text[from]]&isSpace != 0 {
		from++
	}
	if from != s.end || from >= len(s.text) || from-i > most {
		return i, i
	}
	from++
	for from < len(s.text) && from-s.end < most && s.text[from] == ' ' {
		from++
	}
	to = from
	const longest = 2048
	for to < len(s.text) && to-from < longest && classes[s.text[to]]&isSpace == 0 {
		to++
	}
	s.steps += to - i
	return from, to
}

// goesOn returns the end of the rest, on the next line, of a URL that breaks at
// position i, and where the rest begins; from == end when it does not go on.
func (s *scanner) goesOn(host, i int) (from, end int) {
	if s.place.kind == cell || s.place.kind == bare || i <= host {
		return i, i
	}
	if c := s.text[i-1]; c != '/' && c != '-' && c != '=' && c != '&' && c != '?' && c != '_' {
		return i, i
	}
	from, to := s.nextLine(i)
	rest := s.text[from:to]
	if rest == "" || !isAlnum(rest[0]) {
		return i, i
	}
	if n, _ := schemeAt(rest); n > 0 {
		return i, i
	}
	if s.place.kind == item && from == s.end+1 || isItem(rest+" x") {
		return i, i // the next of a list
	}
	inHost := !strings.ContainsAny(s.text[host:i], "/?")
	first := rest
	if k := strings.IndexAny(rest, "/?&="); k >= 0 {
		first = rest[:k]
	}
	switch {
	case inHost && !strings.Contains(first, ".") || !strings.ContainsAny(trimStops(rest), "0123456789/?&=-_."):
		return i, i // a word of the sentence
	case !inHost && (strings.Contains(first, "[") || isHostLike(first)):
		return i, i // the next of a list
	}
	was := s.end
	s.end = to
	r := s.bodyEnd(from, from)
	s.end = was
	if r.cut == inWord || r.end <= from {
		return i, i
	}
	return from, r.end
}

func trimStops(chunk string) string { return strings.TrimRight(chunk, ".,;:!?)") }

// isHostLike says that the first step of a line is more likely the name of a
// host than that of a file.
func isHostLike(step string) bool {
	step = trimStops(step)
	k := strings.LastIndexByte(step, '.')
	return k > 0 && !fileEndings.has(step[k+1:]) && knownName(step)
}

// brokenCVE reads a CVE identifier that breaks behind its second hyphen.
func (s *scanner) brokenCVE(r run) int {
	const year, most = len("CVE-1999"), 7
	if r.end-r.start != year || s.after(r.end) != '-' || cveLen(s.text[r.start:r.end]) != year {
		return 0
	}
	from, to := s.nextLine(r.end + 1)
	end := from
	for end < to && classes[s.text[end]]&isDigit != 0 {
		end++
	}
	if n := end - from; n < 4 || n > most || (end < to && classes[s.text[end]]&isWord != 0) {
		return 0
	}
	s.emit(ioc.CVE, found{start: r.start, end: end, plain: s.text[r.start:r.end] + "-" + s.text[from:end]})
	return end
}
