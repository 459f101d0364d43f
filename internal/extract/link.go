package extract

import (
	"strings"

	"spoor/internal/ioc"
)

// linked are the hosts that a document links to in the form of a link with a
// text of its own. It is gathered when first asked for: few texts ask.
type linked struct {
	known bool
	hosts map[string]struct{}
}

// links says whether the document refers its reader to a host or to one above
// or below it, up to the registrable domain.
func (s *scanner) links(host string) bool {
	if s.own != "" && domainOf(host) == s.own {
		return true
	}
	if !s.linked.known {
		s.linked.known = true
		s.gatherLinks()
	}
	if len(s.linked.hosts) == 0 {
		return false
	}
	domain := domainOf(host)
	_, ok := s.linked.hosts[domain]
	return ok && domain != ""
}

// gatherLinks finds [text](address) of Markdown and address[text] of AsciiDoc.
func (s *scanner) gatherLinks() {
	for _, link := range s.opt.Links {
		s.link(link)
	}
	s.steps += len(s.text)
	for i := 0; i < len(s.text); {
		k := strings.Index(s.text[i:], "://")
		if k < 0 {
			return
		}
		k += i + len("://")
		i = k
		from := k - len("https://")
		if from < 0 || (!foldPrefix(s.text[from:], "https://") && !foldPrefix(s.text[from+1:], "http://")) {
			continue
		}
		end := k
		for end < len(s.text) && !endsLink(s.text[end]) {
			end++
		}
		i = end
		marked := strings.HasSuffix(s.text[:from], "](") || strings.HasSuffix(s.text[:from+1], "](")
		if marked || (s.doc.asciidoc && end < len(s.text) && s.text[end] == '[') {
			s.link(s.text[k:end])
		}
	}
}

func endsLink(c byte) bool {
	return classes[c]&isSpace != 0 || c == '[' || c == ')' || c == ']' || c == '<' || c == '>' || c == '"' || c == '`' || c == '|'
}

// link keeps the domain of a link that is not defanged.
func (s *scanner) link(link string) {
	const most = 1000
	if i := strings.Index(link, "://"); i >= 0 {
		link = link[i+len("://"):]
	}
	if i := strings.IndexAny(link, "/?#:"); i >= 0 {
		link = link[:i]
	}
	if _, ok := s.linked.hosts[link]; ok || len(s.linked.hosts) >= most {
		return
	}
	if s.linked.hosts == nil {
		s.linked.hosts = map[string]struct{}{}
	}
	s.linked.hosts[link] = struct{}{}
	if domain := domainOf(link); domain != "" {
		s.linked.hosts[domain] = struct{}{}
	}
}

// lookIn looks into text[start:end], a URL that is only referred to and whose
// host begins at host. The page about a sample, an address or a name has it
// in its path: that is the indicator, the page is not.
func (s *scanner) lookIn(start, host, end int) {
	source := foldPrefix(s.text[host:end], "gist.")
	pages := analysis.under(lowerASCII(s.text[host : host+hostLen(s.text[host:end])]))
	before := ""
	for i := host; i < end; {
		j := i
		for j < end && !isStep(s.text[j]) {
			j++
		}
		if k := strings.LastIndex(s.text[i:j], "%3"); k >= 0 && i+k+3 <= j {
			i += k + len("%3A") // sha256%3A…
			i = min(i, j)
		}
		step := s.text[i:j]
		if i > host && step != "" {
			source = source || sourceSteps.has(step)
			if !source {
				s.step(i, j, before, pages)
			}
			s.mentionStep(step, before)
		}
		before = step
		i = j + 1
	}
	s.steps += end - start
}

func isStep(c byte) bool { return c == '/' || c == '?' || c == '=' || c == '&' || c == '#' || c == ':' }

func hostLen(rest string) int {
	if i := strings.IndexAny(rest, "/?#:"); i >= 0 {
		return i
	}
	return len(rest)
}

// step emits the step text[i:j] of a path if it is a hash, or an address or a
// name that the step before announces. An MD5 is as often a number of the site:
// it counts where pages about samples are, or behind a step that says so.
func (s *scanner) step(i, j int, before string, pages bool) {
	step := s.text[i:j]
	if t := hashType(len(step)); t != 0 && allOf(step, isHex) {
		if mixed(step) && (t != ioc.MD5 || pages || sampleSteps.has(before)) {
			s.emit(t, found{start: i, end: j, plain: s.lowerHex(step)})
		}
		return
	}
	if !addressSteps.has(before) {
		return
	}
	switch {
	case looksIPv4(step):
		s.emit(ioc.IPv4, found{start: i, end: j})
	case strings.Contains(step, ".") && knownName(step):
		s.emit(ioc.Domain, found{start: i, end: j})
	}
}

// mentionStep keeps the CVE or technique that a link is about.
func (s *scanner) mentionStep(step, before string) {
	switch {
	case len(step) >= len("CVE-1999-0001") && foldPrefix(step, "cve"):
		if ind, err := ioc.Normalise(ioc.CVE, step); err == nil {
			s.mention(ind)
		}
	case step[0] == 'T' && techniqueLen(step) == len(step) && before == "techniques":
		s.techniques.add(step)
	case len(step) == 3 && techniqueLen(before+"."+step) == len("T1001.001"):
		s.techniques.add(before + "." + step)
	}
}
