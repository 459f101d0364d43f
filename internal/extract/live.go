package extract

import (
	"net/netip"
	"strings"

	"spoor/internal/ioc"
)

// meantLive judges a live name, URL or mail address: does the author list it,
// or refer to it? The package comment has the rule.
func (s *scanner) meantLive(t ioc.Type, at found, labelled bool) bool {
	if s.opt.AllLive {
		return true
	}
	if labelled || s.place.reference {
		return false
	}
	host := lowerASCII(s.hostOf(at))
	if analysis.under(host) || (s.own != "" && domainOf(host) == s.own) {
		return false
	}
	if s.isNameServer(t, at) {
		return false
	}
	if t != ioc.URL && s.ours(at.start, at.end) {
		s.disowned.value(host)
		return false
	}
	return s.knows(t, host) || s.meantHere(t, at, host)
}

// isNameServer says that a name is called one of those that answer for a
// domain: its registrar's, mostly.
func (s *scanner) isNameServer(t ioc.Type, at found) bool {
	raw := s.text[at.start:at.end]
	if t != ioc.Domain || (!foldPrefix(raw, "ns") && !foldPrefix(raw, "dns")) || s.place.area() == references {
		return false
	}
	const reach = 96
	left := lowerASCII(s.text[max(at.start-reach, s.place.began, 0):at.start])
	s.steps += len(left)
	return strings.Contains(left, "nameserver") || strings.Contains(left, "name server") || strings.Contains(left, "servidores de nome") ||
		strings.Contains(left, "serveurs de nom")
}

// isBrand reads "Name (name.example": the site of somebody well known.
func (s *scanner) isBrand(i int) bool {
	const reach = 32
	left := s.text[max(s.place.start, i-reach):i]
	if !strings.HasSuffix(left, " (") {
		return false
	}
	left = left[:len(left)-2]
	name := left[spaceStarts.last(left)+1:]
	return isCapital(name) && len(s.text) > i+len(name) && strings.EqualFold(s.text[i:i+len(name)], name) && s.text[i+len(name)] == '.'
}

// appended says that the string that ends at position j has something put
// behind it by a program.
func (s *scanner) appended(j int) bool {
	rest := s.text[j:min(s.end, j+4)]
	if rest == "" || (rest[0] != '"' && rest[0] != '\'') {
		return false
	}
	rest = strings.TrimLeft(rest[1:], " ")
	return rest != "" && (rest[0] == '.' || rest[0] == '+')
}

// received says that the words before position i are those of a mail's header
// that name the server that brought it.
func (s *scanner) received(i int) bool {
	const reach = 24
	left := strings.TrimRight(s.text[max(s.place.start, i-reach):i], " (")
	return strings.HasSuffix(left, "Received: from") && s.place.start > s.headEnd()
}

// meantHere is meantLive by what stands around the value.
func (s *scanner) meantHere(t ioc.Type, at found, host string) bool {
	if t == ioc.Email {
		return s.meantMail(at, host)
	}
	return !s.isContact(at.start) && s.listedLive(t, at, host)
}

// listedLive is meantLive by the place where the value stands.
func (s *scanner) listedLive(t ioc.Type, at found, host string) bool {
	p := &s.place
	if t == ioc.URL && s.unlinkable(at, host) {
		return p.area() != references && !p.installs()
	}
	subject, column := p.area(), p.column(s.text, at.start)
	if subject == references || column == referenceColumn || (t != ioc.URL && column == fileColumn) {
		return false
	}
	if p.columns.count == 2 && p.kind == cell && hasWord(p.firstCell(s.text, at.start), referenceWords) {
		return false
	}
	listed := (p.kind != paragraph && s.leads(at.start)) || s.assigned(at.start)
	if t == ioc.URL && p.kind == literal && s.isLine(at) {
		return true // nobody writes a reference as code
	}
	if p.installs() {
		return false
	}
	setting := s.setting(at.start)
	if setting == no && p.kind == literal {
		return false
	}
	if setting == yes && t == ioc.URL && p.kind == literal && !s.appended(at.end) && dropKeys.has(s.keyBefore(at.start)) {
		return true // what a platform carries
	}
	if !(subject == network && listed) && t != ioc.Email && (platforms.under(host) || s.links(host)) {
		return false
	}
	if t == ioc.Email && subject != network && isRole(s.text[at.start:at.end]) {
		return false
	}
	if subject == files && column != networkColumn && (t == ioc.Domain || !listed) {
		return false
	}
	if subject != files && (setting == yes || (t == ioc.URL && s.fetched(at.start)) || (t == ioc.Domain && s.received(at.start))) {
		return true
	}
	if subject != network && (p.kind == cell || p.kind == item) && !s.doc.authorDefangs() && !s.doc.speaksOfMalice() {
		return false // a list of something else
	}
	if t == ioc.Domain && p.kind == literal && subject != network && !s.isLine(at) && !s.inQuotes(at.start) {
		return false // item.name, event.id: members of objects
	}
	if listed || p.kind == literal {
		// An author who defangs lists live values only by oversight, under a
		// heading that says so.
		if !s.doc.authorDefangs() || subject == network || (p.kind == literal && s.assigned(at.start) && s.cue.bad(s.text, at.start, p)) {
			return true
		}
		return (t != ioc.URL && p.kind == cell && s.fills(at.start, at.end))
	}
	if s.refersTo(at.start) || s.says(at.end) || (t == ioc.Domain && s.isBrand(at.start)) || (t == ioc.Domain && s.named(at.start)) {
		return false
	}
	if subject == network {
		return true
	}
	return !s.doc.authorDefangs() && s.doc.speaksOfMalice() && (s.cue.bad(s.text, at.start, p) || s.quoted(at))
}

// isRole says that a mail address is one of an office.
func isRole(address string) bool {
	local, _, _ := strings.Cut(address, "@")
	return roleNames.has(local)
}

// remember keeps the hosts of indicators. A platform's is not its own.
func (s *scanner) remember(ind ioc.Indicator) {
	const most = 10_000
	host := ind.Value
	switch ind.Type {
	case ioc.Domain:
	case ioc.URL:
		_, host, _ = strings.Cut(host, "://")
		if i := strings.IndexAny(host, ":/?"); i >= 0 {
			host = host[:i]
		}
	default:
		return
	}
	if len(s.hosts) >= most || platforms.under(host) {
		return
	}
	if s.hosts == nil {
		s.hosts = map[string]bool{}
	}
	s.hosts[host] = s.hosts[host] || ind.Type == ioc.Domain
}

// unlinkable says that nobody refers a reader to this URL: its host is a
// public address, or its scheme is none that a browser follows.
func (s *scanner) unlinkable(at found, host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return !a.IsPrivate() && !a.IsLoopback() && !a.IsUnspecified()
	}
	if strings.HasSuffix(host, ".onion") {
		return true
	}
	scheme, _, ok := strings.Cut(s.text[at.start:at.end], "://")
	return ok && !foldPrefix(scheme, "http")
}

// meantAddress judges a live IP address. Reports rarely name an address that
// is not part of the attack, so that only what says nothing is left out.
func (s *scanner) meantAddress(at found) bool {
	raw := at.plain
	if raw == "" {
		raw = s.text[at.start:at.end]
	}
	if strings.HasPrefix(raw, "255.") {
		return false // a netmask
	}
	if s.opt.AllLive {
		return true
	}
	p := &s.place
	if p.area() == references || p.column(s.text, at.start) == versionColumn {
		return false
	}
	if s.ours(at.start, at.end) {
		s.disowned.value(hostOnly(raw))
		return false
	}
	if a, err := netip.ParseAddr(hostOnly(raw)); err == nil && (a.IsLoopback() || a.IsUnspecified()) {
		return false // every machine has it
	}
	if !s.doc.authorDefangs() || !smallNumbers(hostOnly(raw)) || s.leads(at.start) {
		return true
	}
	// Four small numbers that the author, who defangs, left alone in the
	// middle of a sentence: a version, unless the sentence says more.
	return p.kind == paragraph && (p.area() == network || s.cue.bad(s.text, at.start, p))
}

// hostOnly takes brackets and port off an address.
func hostOnly(raw string) string {
	if strings.HasPrefix(raw, "[") {
		host, _, _ := strings.Cut(raw[1:], "]")
		return host
	}
	if strings.Count(raw, ":") == 1 {
		raw, _, _ = strings.Cut(raw, ":")
	}
	return raw
}

// hostOf cuts the host out of a live value.
func (s *scanner) hostOf(at found) string {
	raw := s.text[at.start:at.end]
	if i := strings.Index(raw, "//"); i >= 0 {
		raw = raw[i+2:]
	} else if i := strings.Index(raw, `\/\/`); i >= 0 {
		raw = raw[i+4:]
	}
	if i := strings.IndexAny(raw, `/\?#`); i >= 0 {
		raw = raw[:i]
	}
	raw = raw[strings.LastIndexByte(raw, '@')+1:]
	if i := strings.IndexByte(raw, ':'); i >= 0 {
		raw = raw[:i]
	}
	return raw
}

// leads says that position i begins an entry: nothing but marks, or a label
// with a colon, stands between it and the start of the line or cell.
func (s *scanner) leads(i int) bool {
	const reach = 48
	from := max(s.place.start, i-reach)
	left := s.text[from:i]
	cut := from > s.place.start
	if k := cellStarts.last(left); k >= 0 {
		left, cut = left[k+1:], false
	}
	left = anySpace.trim(left)
	if !cut {
		left = itemMarks.trimLeft(left)
		if n := bulletLen(left); n > 0 {
			left = itemMarks.trimLeft(left[n:])
		}
	}
	left = entryMarks.trim(left)
	if left == "" {
		return !cut
	}
	if !cut && (left[len(left)-1] == ':' || strings.HasSuffix(left, "->") || strings.HasSuffix(left, "=>")) {
		return strings.Count(left, " ") < 4
	}
	// Values in a row: the one before was taken.
	return s.place.kind == bare
}

// assigned says that position i begins the quoted value of a key, as in the
// settings of an implant or a STIX pattern.
func (s *scanner) assigned(i int) bool {
	if c := s.before(i); c != '"' && c != '\'' {
		return false
	}
	left := strings.TrimRight(s.text[max(s.place.start, i-8):i-1], " ")
	if left == "" {
		return false
	}
	switch left[len(left)-1] {
	case '=', ':':
		return true
	case '[', ',': // of an array
		return s.place.kind == literal
	}
	return false
}

// inQuotes says that position i begins a string of code.
func (s *scanner) inQuotes(i int) bool {
	c := s.before(i)
	return c == '"' || c == '\'' || c == '`'
}

// named says that the words right before position i call what follows a file,
// a service or another thing with dots in its name.
func (s *scanner) named(i int) bool {
	const reach = 32
	left := nameMarks.trimRight(s.text[max(i-reach, s.place.began, 0):i])
	for range 2 {
		k := nameStarts.last(left)
		if nameWords.has(left[k+1:]) {
			return true
		}
		if k < 0 {
			return false
		}
		left = anySpace.trimRight(left[:k])
	}
	return false
}

// fills says that text[i:j] is the entire cell, item or line.
func (s *scanner) fills(i, j int) bool {
	if !s.leads(i) {
		return false
	}
	for j < s.end {
		switch s.text[j] {
		case '|', '\t', '\v', '\r', ',', ';':
			return true
		case ' ', '`', '\'', '"', '*', '+', '_', ')', '>', ']', '}':
			j++
		default:
			return false
		}
	}
	return true
}

// isLine says that a value is all that its line holds.
func (s *scanner) isLine(at found) bool {
	return strings.TrimSpace(s.text[s.place.start:at.start]) == "" && strings.TrimSpace(s.text[at.end:s.end]) == ""
}

// quoted says that a value stands in backticks of its own.
func (s *scanner) quoted(at found) bool {
	return s.before(at.start) == '`' && s.after(at.end) == '`'
}

// refersTo says that the words close before position i announce something to
// read or somebody to ask.
func (s *scanner) refersTo(i int) bool {
	const reach, most = 72, 8
	left := s.text[max(i-reach, s.place.began, 0):i]
	n := 0
	for left != "" && n < most {
		left = referMarks.trimRight(left)
		k := spaceStarts.last(left)
		word := wordMarks.trim(left[k+1:])
		if referenceWords.has(word) {
			return true
		}
		if strings.HasSuffix(left[k+1:], ".") {
			return false // the sentence before
		}
		left = left[:k+1]
		n++
	}
	return false
}

// says that the word behind position i makes what stands before it an author.
func (s *scanner) says(i int) bool {
	const longest = 16
	if s.after(i) != ' ' {
		return false
	}
	j := i + 1
	for j < s.end && j < i+longest && classes[s.text[j]]&isLetter != 0 {
		j++
	}
	return sayWords.has(s.text[i+1 : j])
}

// cueCache remembers the verdict on the last sentence that was looked at.
type cueCache struct {
	lo, hi int
	known  bool
	yes    bool
}

// bad says whether the sentence around position i speaks of an attack.
func (c *cueCache) bad(text string, i int, p *place) bool {
	if c.known && i >= c.lo && i < c.hi {
		return c.yes
	}
	c.lo, c.hi = sentence(text, i, i, p)
	p.steps += c.hi - c.lo
	c.known, c.yes = true, false
	for w := range strings.FieldsSeq(text[c.lo:c.hi]) {
		if badWords.has(sentenceEnds.trim(w)) {
			c.yes = true
			break
		}
	}
	return c.yes
}
