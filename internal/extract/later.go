package extract

import (
	"slices"
	"strings"

	"spoor/internal/ioc"
)

// Some values are judged by what the text says elsewhere: a live URL in a
// piece of code is meant when its host is listed further down, and an address
// in a log is not when a sentence below calls it our own.

// later is a live value that nothing around it calls an indicator, and where
// it stands.
type later struct {
	typ  ioc.Type
	at   found
	host string

	start, end, began int
	kind              kind
	area              area
	reference         bool
	titles            titles
}

// mostLater bounds what is kept for the end of a text.
const mostLater = 4096

// wait keeps a live value for the end of the text.
func (s *scanner) wait(t ioc.Type, at found, host string) {
	if len(s.waiting) >= mostLater || s.place.area() == references {
		return
	}
	p := &s.place
	s.waiting = append(s.waiting, later{
		typ: t, at: at, host: host,
		start: p.start, end: p.end, began: p.began, kind: p.kind, area: p.area(), reference: p.reference, titles: p.titles,
	})
}

// settle judges the values that waited, and takes back those that the text
// calls its own.
func (s *scanner) settle() {
	s.disown()
	if len(s.waiting) == 0 || len(s.hosts) == 0 {
		return
	}
	had := s.out
	s.out, s.full = nil, s.full || len(had) >= s.opt.Limit
	for i := range s.waiting {
		w := &s.waiting[i]
		if s.full {
			break
		}
		if !s.knows(w.typ, w.host) || s.isDisowned(w.typ, w.host) || covered(had, w.at) {
			continue
		}
		s.end = w.end
		s.place = place{
			text: s.text, start: w.start, end: w.end, began: w.began, kind: w.kind, here: w.area, reference: w.reference,
			titles: w.titles, steps: s.place.steps,
		}
		s.cue, s.quote = cueCache{}, contextCache{}
		s.emit(w.typ, w.at)
		s.full = len(s.out)+len(had) >= s.opt.Limit
	}
	if len(s.out) == 0 {
		s.out = had
		return
	}
	s.out = merged(had, s.out)
}

// merged is two lists in order as one, in the memory of the first: nothing of
// it is looked at behind the place where the last of the few comes in.
func merged(many, few []Candidate) []Candidate {
	i, j := len(many)-1, len(few)-1
	out := append(many, few...)
	for k := len(out) - 1; j >= 0; k-- {
		if i >= 0 && out[i].Offset > few[j].Offset {
			out[k] = out[i]
			i--
			continue
		}
		out[k] = few[j]
		j--
	}
	return out
}

// covered says that one of the candidates, which are in order, shares bytes
// with a value: a hash in the path of the URL.
func covered(had []Candidate, at found) bool {
	i, _ := slices.BinarySearchFunc(had, at.start, func(c Candidate, start int) int { return c.Offset + len(c.Raw) - start - 1 })
	return i < len(had) && had[i].Offset < at.end
}

// knows says that the text has listed a host, or the name above it, as an
// indicator. A mail address asks for the name by itself: a URL on a host says
// nothing about those who have mail there.
func (s *scanner) knows(t ioc.Type, host string) bool {
	if byItself, ok := s.hosts[host]; ok && (byItself || t != ioc.Email) {
		return true
	}
	for name := host; ; {
		i := strings.IndexByte(name, '.')
		if i < 0 {
			return false
		}
		name = name[i+1:]
		if s.hosts[name] {
			return true
		}
	}
}

// disowned is what the text calls its own or somebody's good one.
type disowned struct {
	values  map[string]struct{} // addresses and hosts
	domains map[string]struct{} // registrable: of whom to ask
}

const mostDisowned = 1000

func (d *disowned) value(v string) { keep(&d.values, v) }

// domain keeps the domain of somebody's contact address. Many have their mail
// at one domain of a platform.
func (d *disowned) domain(host string) {
	if domain := domainOf(host); domain != "" && !platforms.under(domain) {
		keep(&d.domains, domain)
	}
}

func keep(set *map[string]struct{}, v string) {
	if len(*set) >= mostDisowned {
		return
	}
	if *set == nil {
		*set = map[string]struct{}{}
	}
	(*set)[strings.Clone(v)] = struct{}{}
}

func (s *scanner) isDisowned(t ioc.Type, host string) bool {
	if _, ok := s.disowned.values[host]; ok {
		return true
	}
	if len(s.disowned.domains) == 0 || (t != ioc.Domain && t != ioc.URL) {
		return false
	}
	_, ok := s.disowned.domains[domainOf(host)]
	return ok
}

// disown takes live candidates back that the text calls its own elsewhere.
func (s *scanner) disown() {
	if len(s.disowned.values) == 0 && len(s.disowned.domains) == 0 {
		return
	}
	s.out = slices.DeleteFunc(s.out, func(c Candidate) bool {
		if c.Defanged {
			return false
		}
		host := c.Indicator.Value
		switch c.Indicator.Type {
		case ioc.IPv4, ioc.IPv6, ioc.Domain:
		case ioc.URL:
			host = hostOfURL(host)
		default:
			return false
		}
		if !s.isDisowned(c.Indicator.Type, host) {
			return false
		}
		if _, value := s.disowned.values[host]; !value && (c.Indicator.Type == ioc.Domain && c.Listed || c.Indicator.Type == ioc.URL && s.hosts[host]) {
			return false // somebody is asked to write to the attacker
		}
		delete(s.hosts, host)
		if s.seen != nil {
			c.Indicator.Port = 0
			delete(s.seen, c.Indicator)
		}
		return true
	})
}

// ours says that the words around text[i:j] make it the author's or a good
// one: "192.0.2.1 is our resolver", "a machine of ours (192.0.2.2)".
func (s *scanner) ours(i, j int) bool {
	const reach = 96
	right := s.text[j:min(len(s.text), j+reach)]
	if ownsBehind(right) {
		return true
	}
	left := s.text[max(i-reach, s.place.began, 0):i]
	s.steps += 2 * reach
	return ownsBefore(left)
}

// ownsBehind reads "is our …", "belongs to us".
func ownsBehind(right string) bool {
	right = strings.TrimLeft(right, " `'\"*_)")
	if right == "" || strings.IndexByte("iawbseIAWBSE", right[0]) < 0 {
		return false
	}
	n := 0
	const most = 5
	verb, belongs := false, false
	for w := range strings.FieldsSeq(right) {
		last := strings.ContainsAny(w[len(w)-1:], ".;:!?")
		w = strings.Trim(w, "`'\"*_.,;:()!?")
		switch {
		case n == 0 && isVerbs.has(w):
			verb = true
		case n == 0 && strings.EqualFold(w, "belongs"):
			belongs = true
		case n == 0:
			return false
		case verb && (ownWords.has(w) || ownWords.has(strings.TrimSuffix(w, "'s"))):
			return true
		case belongs && (ownWords.has(w) || makers.has(w)):
			return true
		}
		if n++; n == most || last {
			return false
		}
	}
	return false
}

// ownsBefore reads "our resolver", "a machine of ours (": nothing but other
// values and marks may stand between the noun and the value.
func ownsBefore(left string) bool {
	const most = 8
	noun := false
	for range most {
		left = strings.TrimRight(left, " \n\r\t`'\"*_(,:")
		k := spaceStarts.last(left)
		w := strings.Trim(left[k+1:], "`'\"*_(),:")
		switch {
		case w == "" || strings.HasSuffix(w, "."):
			return false
		case strings.EqualFold(w, "ours"):
			return true
		case strings.EqualFold(w, "our"):
			return noun
		case ownNouns.has(w):
			noun = true
		case strings.Contains(w, "."), w == "and", w == "behind", w == "at", w == "is", w == "own", w == "IP", w == "address":
			if noun && w != "own" {
				return false
			}
		case !noun:
			return false
		}
		if k < 0 {
			return false
		}
		left = left[:k]
	}
	return false
}
