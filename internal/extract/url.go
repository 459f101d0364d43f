package extract

import (
	"strings"
	"unicode/utf8"

	"spoor/internal/ioc"
)

// schemes are the spellings that begin a URL, plain and defanged. Longer
// spellings stand before their prefixes, and those of one first letter
// together.
//
//nolint:gochecknoglobals // read-only table
var schemes = [...]struct {
	written  string
	defanged bool
}{
	{"https", false}, {"http", false},
	{"hxxps", true}, {"hxxp", true}, {"hxtps", true}, {"hxtp", true}, {"htxps", true}, {"htxp", true},
	{"h**ps", true}, {"h**p", true}, {"h__ps", true}, {"h__p", true},
	{"hxxp[s]", true}, {"http[s]", true}, {"hxxp(s)", true}, {"http(s)", true},
	{"meows", true}, {"meow", true},
	{"ftps", false}, {"ftp", false}, {"fxp", true},
	{"wss", false}, {"ws", false}, {"ldaps", false}, {"ldap", false}, {"rmi", false}, {"smb", false},
	{"tcp", false}, {"udp", false},
}

// schemesBy has, by first letter, where the schemes that begin with it stand.
//
//nolint:gochecknoglobals // read-only table
var schemesBy = indexSchemes()

func indexSchemes() (of [32]struct{ from, to int }) {
	for i := range schemes {
		k := schemes[i].written[0] & 31
		if of[k].to == 0 {
			of[k].from = i
		}
		of[k].to = i + 1
	}
	return of
}

// separators are the spellings of "://"; those in brackets defang.
//
//nolint:gochecknoglobals // read-only table
var separators = [...]struct {
	written  string
	defanged bool
}{
	{"://", false}, {`:\/\/`, false}, {`:\\`, true}, {"[:]//", true}, {"[://]", true}, {"(:)//", true},
	{"[:]\\\\", true}, {"(://)", true}, {"{:}//", true}, {"{://}", true}, {"[:][/][/]", true}, {"[:][//]", true},
	{":[//]", true}, {":[/][/]", true}, {":/[/]", true},
}

// schemeAt returns the length of a scheme and its separator at the start of
// s; 0 is none.
func schemeAt(s string) (n int, defanged bool) {
	const shortest = len("ws://a")
	if len(s) < shortest {
		return 0, false
	}
	of := &schemesBy[s[0]&31]
	for _, scheme := range schemes[of.from:of.to] {
		if len(s) <= len(scheme.written) || s[1]|0x20 != scheme.written[1]|0x20 || !foldPrefix(s, scheme.written) {
			continue
		}
		rest := s[len(scheme.written):]
		if rest == "" || (rest[0] != ':' && rest[0] != '[' && rest[0] != '(' && rest[0] != '{') {
			continue
		}
		for _, sep := range &separators {
			if strings.HasPrefix(rest, sep.written) {
				return len(scheme.written) + len(sep.written), scheme.defanged || sep.defanged
			}
		}
	}
	return 0, false
}

// url reads a URL that begins at start and whose host begins at host.
func (s *scanner) url(start, host int, defanged bool) int {
	r := s.bodyEnd(start, host)
	end := r.end
	if end <= host {
		return max(host, r.next)
	}
	at := found{start: start, end: end}
	labelled := s.labelAt(start, end)
	if r.cut == inWord {
		s.hostOfCut(start, host, defanged, labelled)
		return r.next
	}
	raw := s.text[start:end]
	if from, to := s.goesOn(host, end); to > from {
		raw += s.text[from:to]
		at.end, r.next = to, to
	}
	if strings.Contains(raw, `\/`) {
		raw = strings.ReplaceAll(raw, `\/`, "/") // a string of JSON
	}
	if strings.Contains(raw, " ") {
		raw = strings.ReplaceAll(raw, " ", "") // pay [.] site [.] example
	}
	at.defanged = defanged || (strings.ContainsAny(raw, "[({\\") && ioc.Refang(raw) != raw)
	ind, err := ioc.Normalise(ioc.URL, raw)
	if err != nil && strings.ContainsAny(raw, "[]") {
		ind, err = ioc.Normalise(ioc.URL, wholeMarks(raw))
		at.defanged = true
	}
	if err != nil || !plausibleHost(ind.Value, at.defanged) || (r.cut == atBorder && platforms.under(hostOfURL(ind.Value))) {
		return r.next // a platform with a placeholder is nobody's
	}
	if analysis.under(hostOfURL(ind.Value)) || (!at.defanged && !s.meantLive(ioc.URL, at, labelled)) {
		s.lookIn(start, host, end)
		if !labelled {
			at.plain = raw
			s.wait(ioc.URL, at, hostOfURL(ind.Value))
		}
		return r.next
	}
	s.add(ind, at)
	if fileHash(raw) {
		s.lookIn(start, host, end)
		s.last = at.end
	}
	return r.next
}

// hostOfCut emits the host of a URL that the author shortened in the middle of
// a word: no server was asked for the rest as it stands. A platform's host says
// nothing without it.
func (s *scanner) hostOfCut(start, host int, defanged, labelled bool) {
	if !s.wordAt(host) {
		return
	}
	r := s.readRun(host)
	end := s.port(r.end)
	at := found{start: r.start, end: end, plain: s.plain(r) + s.text[r.end:end], defanged: defanged || r.defanged}
	t := ioc.Domain
	if looksIPv4(s.plain(r)) {
		t = ioc.IPv4
	} else if r.labels < 2 || !(r.defanged || knownName(s.plain(r))) {
		return
	}
	if platforms.under(lowerASCII(s.plain(r))) {
		return
	}
	if at.defanged || s.meantLive(ioc.URL, found{start: start, end: end}, labelled) {
		s.emit(t, at)
	}
}

// wholeMarks makes dots of marks that are half there: bad[.example.
func wholeMarks(raw string) string {
	raw = strings.ReplaceAll(raw, "[.]", ".")
	return strings.ReplaceAll(strings.ReplaceAll(raw, "[.", "."), ".]", ".")
}

// hostOfURL is the host of a canonical URL, without its port.
func hostOfURL(value string) string {
	_, rest, _ := strings.Cut(value, "://")
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		rest = rest[:i]
	}
	if !strings.HasPrefix(rest, "[") {
		rest, _, _ = strings.Cut(rest, ":")
	}
	return rest
}

// plausibleHost checks the host of a canonical URL: a placeholder is none.
func plausibleHost(value string, defanged bool) bool {
	_, rest, ok := strings.Cut(value, "://")
	if !ok {
		return false
	}
	host := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	if strings.HasPrefix(host, "[") {
		return true
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	if !strings.Contains(host, ".") {
		return false
	}
	return defanged || looksIPv4(host) || knownName(host)
}

// cut says how a URL goes on behind what of it is fixed.
type cut uint8

const (
	whole    cut = iota // it does not
	atBorder            // with a placeholder, behind a border of the URL or a part of it
	inWord              // it was shortened in the middle of a word
)

// extent is how far a URL goes.
type extent struct {
	end  int // of what of it is fixed
	next int // of it and what stands for the rest
	cut  cut
}

// bodyEnd returns where the URL that begins at start, its host at host, ends.
//
// What ends a URL is what cannot be in one and what the markup around it
// uses: a bracket that was not opened inside, a table's bar, a quote.
func (s *scanner) bodyEnd(start, host int) extent {
	b := body{start: start, host: host, quote: s.before(start), inHost: true}
	i, pattern := host, false
	stop := s.escapedEnd(start, host)
	for i < stop {
		if bodyPlain[s.text[i]] {
			i++
			continue
		}
		n := s.bodyStep(&b, i)
		if n == stepPattern {
			pattern = true // <id>, {id}
			break
		}
		if n == 0 {
			break
		}
		i += n
	}
	s.steps += i - host
	if k := formatAt(s.text[host:i]); k >= 0 {
		i, pattern = host+k, true
	}
	if !pattern {
		return s.trimBody(start, host, min(i, stop))
	}
	r := extent{end: i, next: s.skipWord(i), cut: atBorder}
	if !strings.ContainsAny(s.text[host:i], "/?") {
		r.cut = inWord // the host is all that is known, or not even that
	}
	return r
}

// escapedEnd is where the body of a URL at host has to end: a URL that stands in
// the escaped part of another ends with an escaped space, quote, bar or
// semicolon, others with the line.
func (s *scanner) escapedEnd(start, host int) int {
	if start < 3 || s.text[start-3] != '%' || !allOf(s.text[start-2:start], isHex) {
		return s.end
	}
	const longest = 2048
	i := host
	for ; i+2 < min(s.end, host+longest) && classes[s.text[i]]&isSpace == 0; i++ {
		if s.text[i] != '%' {
			continue
		}
		switch strings.ToUpper(s.text[i+1 : i+3]) {
		case "20", "22", "27", "7C", "3B", "3C", "3E", "60", "0A", "0D", "09":
			s.steps += i - host
			return i
		}
	}
	s.steps += i - host
	return s.end
}

// fileHash says that a URL names the digest of what it leads to: both are meant.
func fileHash(url string) bool {
	i := strings.Index(url, "sha256%3A")
	return i >= 0 && len(url)-i >= len("sha256%3A")+64
}

// formatAt is the position of a placeholder of a program (%s, %08x, %NAME%) in
// a URL, or -1. Two hex digits behind the sign are an escape.
func formatAt(url string) int {
	for i := 0; ; i++ {
		k := strings.IndexByte(url[i:], '%')
		if k < 0 {
			return -1
		}
		i += k
		rest := url[i+1:]
		if len(rest) > 1 && allOf(rest[:2], isHex) {
			continue
		}
		const longest = 24
		if name := strings.IndexByte(rest[:min(len(rest), longest)], '%'); name > 1 && allOf(rest[:name], isWord) {
			return i
		}
		verb := strings.TrimLeft(rest, "0123456789lh")
		if verb != "" && strings.IndexByte("sSduxXc", verb[0]) >= 0 && (len(verb) == 1 || classes[verb[1]]&isWord == 0) {
			return i
		}
	}
}

// bodyPlain are the bytes that are always part of a URL, if they stand in one.
//
//nolint:gochecknoglobals // read-only table
var bodyPlain = setOf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~%&=@:")

// body is what bodyEnd knows of the URL it reads.
type body struct {
	start, host int
	quote       byte // what stands before it
	depth       int  // of round brackets
	inHost      bool
}

const stepPattern = -1

// bodyStep returns how many bytes of the URL stand at i: 0 is its end.
func (s *scanner) bodyStep(b *body, i int) int {
	c := s.text[i]
	switch {
	case classes[c]&isSpace != 0:
		n, _ := dotAt(s.text[i:s.end])
		if b.inHost && n > 0 && s.wordAt(i+n) && strings.Contains(s.text[i:i+n], "[") {
			return n
		}
		return 0
	case c >= utf8.RuneSelf:
		if c := s.text[i-1]; isAlnum(c) && unspaced(s.text[i:s.end]) {
			return 0 // the sentence goes on
		}
		return bodyRune(s.text[i:s.end])
	case c == '/', c == '?', c == '#':
		b.inHost = false
	case c == '(':
		b.depth++
	case c == ')':
		if b.depth == 0 {
			return 0
		}
		b.depth--
	case c == '[':
		return s.bracketIn(i, b.inHost)
	case c == '{':
		if n, _ := dotAt(s.text[i:s.end]); n > 0 || b.inHost {
			return n
		}
		return stepPattern
	case c == '<' && isPlaceholder(s.text[i:s.end]):
		return stepPattern
	case c == ']' && b.inHost && s.text[i-1] == '.' && i+1 < s.end && isAlnum(s.text[i+1]):
		return 1 // half a mark
	case c == ']', c == '}', c == '"', c == '<', c == '>', c == '`', c == '|', c == '^', c == '\'' && c == b.quote:
		return 0
	case c == '+' && b.quote == '+' && s.before(b.start-1) != '+':
		return 0 // the next argument of a command in a query
	case c == '\\' && !s.escapeIn(i) && s.text[b.host-1] != '\\':
		return 0
	case (c == ',' || c == ';') && (b.quote == c || s.listGoesOn(i+1)):
		return 0
	}
	return 1
}

// bodyRune is the length of the rune at the start of s if it is part of a
// URL: a letter, or an ideographic dot. Other runes are punctuation, and
// letters of unspaced scripts are the sentence around it.
func bodyRune(s string) int {
	if strings.HasPrefix(s, "．") || strings.HasPrefix(s, "。") {
		return len("．")
	}
	return wordRune(s)
}

// isPlaceholder says that s begins with <word>, and not with a tag of HTML.
func isPlaceholder(s string) bool {
	const longest = 32
	i := strings.IndexByte(s[:min(len(s), longest)], '>')
	return i > 1 && isAlnum(s[1]) && !htmlTags.has(s[1:i])
}

// skipWord returns the end of the chunk at i.
func (s *scanner) skipWord(i int) int {
	from := i
	for i < s.end && classes[s.text[i]]&isSpace == 0 && s.text[i] != '|' && s.text[i] != '`' {
		i++
	}
	s.steps += i - from
	return i
}

// bracketIn returns the length of a square bracket that belongs to the URL:
// a mark, an IPv6 host, an index of a query. 0 means a label or prose.
func (s *scanner) bracketIn(i int, inHost bool) int {
	rest := s.text[i:s.end]
	if n, _ := dotAt(rest); n > 0 {
		return n
	}
	for _, mark := range [...]string{"[:]", "[@]", "[at]", "[/]", "[://]"} {
		if foldPrefix(rest, mark) {
			return len(mark)
		}
	}
	const longest = 48
	j := strings.IndexByte(rest[:min(len(rest), longest)], ']')
	if j < 0 {
		return 0
	}
	inner := rest[1:j]
	if inHost && strings.Count(inner, ":") >= 2 {
		return j + 1
	}
	// a=[1], a[]=1, a[0]=1
	if !inHost && s.before(i) == '=' && allOf(inner, isDigit) {
		return j + 1
	}
	if !inHost && (inner == "" || allOf(inner, isDigit|isLetter)) && j+1 < len(rest) && (rest[j+1] == '=' || rest[j+1] == '[') {
		return j + 1
	}
	return 0
}

// escapeIn says that the backslash at i is an escape inside a URL.
func (s *scanner) escapeIn(i int) bool {
	c := s.after(i + 1)
	return c == '/' || (c == '.' && s.wordAt(i+2))
}

// listGoesOn says that behind a comma the next value of a list begins.
func (s *scanner) listGoesOn(i int) bool {
	if i >= s.end {
		return true
	}
	n, _ := schemeAt(s.text[i:s.end])
	return n > 0
}

// trimBody takes punctuation of the sentence off the end of a URL.
func (s *scanner) trimBody(start, host, end int) extent {
	full := end
	italic := s.before(start) == '_'
	for end > host {
		c := s.text[end-1]
		switch c {
		case '.', ',', ';', ':', '!', '?', '\'', '*', '\\':
		case '_':
			if !italic {
				return s.cutAt(host, end, full)
			}
		case '+':
			if s.before(start) != '+' { // ++passthrough++
				return s.cutAt(host, end, full)
			}
		case '(', '[', '{':
		default:
			return s.cutAt(host, end, full)
		}
		end--
	}
	return extent{end: end, next: end}
}

// cutAt is the extent of a URL that ends at end, its punctuation at full. What
// was shortened behind a border is known up to there.
func (s *scanner) cutAt(host, end, full int) extent {
	r := extent{end: end, next: end}
	if !s.isCut(end, full) {
		return r
	}
	r.cut = inWord
	if c := s.text[end-1]; (c == '/' || c == '=') && strings.ContainsAny(s.text[host:end], "/?") {
		r.cut = atBorder
	}
	return r
}

// isCut looks for the dots that say "and so on" between end and full.
func (s *scanner) isCut(end, full int) bool {
	rest := s.text[end:min(full+len("[redacted]"), s.end)]
	return strings.HasPrefix(rest, "..") || strings.HasPrefix(rest, "…") ||
		strings.HasPrefix(rest, "[...") || strings.HasPrefix(rest, "[…") || strings.HasPrefix(rest, "[snip") || strings.HasPrefix(rest, "[redacted") || strings.HasPrefix(rest, "[removed")
}

// skipBody goes past the path behind something that is no indicator, so that
// its steps are not looked at by themselves.
func (s *scanner) skipBody(i int) int {
	return max(s.bodyEnd(i, i).next, i)
}

// labelAt says that text[i:j] is the target of a link with a text of its own,
// or of an attribute: a reference by its form.
func (s *scanner) labelAt(i, j int) bool {
	for i > s.place.start && (s.text[i-1] == '+' || s.text[i-1] == '<') {
		i--
	}
	left := s.text[s.place.start:i]
	for j < s.end && s.text[j] == '+' {
		j++
	}
	switch s.after(j) {
	case '[': // AsciiDoc: https://…[text]
		rest := s.text[j:s.end]
		if rest == "[" && s.doc.asciidoc {
			return true // its text is on the next line
		}
		if s.text[j-1] == '=' {
			return false // ?id=[number]
		}
		n, _ := dotAt(rest)
		return n == 0 && len(rest) > 1 && rest[1] != ']' && rest[1] != '.' && !strings.HasPrefix(rest, "[…")
	}
	if strings.HasSuffix(left, "](") || strings.HasSuffix(left, "link:") || strings.HasSuffix(left, "mailto:") {
		return true
	}
	// href="…", reference = "…" of a YARA rule, reference:url,… of a Snort rule.
	const reach = 24
	left = strings.TrimSuffix(left[max(0, len(left)-reach):], "url,")
	name := linkMarks.trimRight(left)
	if name == left {
		return false
	}
	return linkNames.has(name[linkStarts.last(name)+1:])
}
