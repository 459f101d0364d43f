package extract

import (
	"strings"

	"spoor/internal/ioc"
)

// lookIn looks into text[start:end], a URL that is only referred to and whose
// host begins at host. The page about a sample, an address or a name has it
// in its path: that is the indicator, the page is not.
func (s *scanner) lookIn(start, host, end int) {
	source := foldPrefix(s.text[host:end], "gist.")
	before := ""
	for i := host; i < end; {
		j := i
		for j < end && !isStep(s.text[j]) {
			j++
		}
		step := s.text[i:j]
		if i > host && step != "" {
			source = source || sourceSteps.has(step)
			if !source {
				s.step(i, j, before)
			}
			s.mentionStep(step, before)
		}
		before = step
		i = j + 1
	}
	s.steps += end - start
}

func isStep(c byte) bool { return c == '/' || c == '?' || c == '=' || c == '&' || c == '#' || c == ':' }

// step emits the step text[i:j] of a path if it is a hash, or an address or a
// name that the step before announces.
func (s *scanner) step(i, j int, before string) {
	step := s.text[i:j]
	if t := hashType(step); t != 0 {
		if mixed(step) {
			s.emit(t, found{start: i, end: j, plain: lowerHex(step)})
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

// hashType is the digest that hex digits of this length are; 0 is none.
func hashType(hex string) ioc.Type {
	var t ioc.Type
	switch len(hex) {
	case 32:
		t = ioc.MD5
	case 40:
		t = ioc.SHA1
	case 64:
		t = ioc.SHA256
	case 128:
		t = ioc.SHA512
	default:
		return t
	}
	if !allOf(hex, isHex) {
		return 0
	}
	return t
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
