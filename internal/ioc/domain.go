package ioc

import (
	"strings"

	"golang.org/x/net/idna"
)

// RFC 1035 section 2.3.4, in octets of the text form.
const (
	maxLabel  = 63
	maxDomain = 253
)

// maxUnicodeDomain bounds what is handed to IDNA, whose Punycode step is
// quadratic in the label's length.
const maxUnicodeDomain = 1024

// idnaProfile is UTS 46, non-transitional, without the STD3 rules: malware
// uses underscores and odd hyphens, and resolvers answer for them.
//
//nolint:gochecknoglobals // read-only, expensive to build
var idnaProfile = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.CheckJoiners(true),
	idna.Transitional(false),
	idna.StrictDomainName(false),
	idna.CheckHyphens(false),
	idna.VerifyDNSLength(false),
)

// canonicalDomain accepts lower-case A-labels without port, wildcard or final
// dot. The last label needs a letter (RFC 3696 section 2: no top-level name is
// numeric), which also keeps 192.0.2.1-9 from being a name.
func canonicalDomain(s string) bool {
	if len(s) > maxDomain {
		return false
	}
	start, labels, letters := 0, 0, 0
	for i := range len(s) {
		c := s[i]
		if c == '.' {
			if i == start || i-start > maxLabel {
				return false
			}
			start, labels, letters = i+1, labels+1, 0
			continue
		}
		if 'a' <= c && c <= 'z' {
			letters++
		} else if !isDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	last := s[start:]
	return labels > 0 && letters > 0 && len(last) <= maxLabel && !isHexNumber(last)
}

// isHexNumber reports a label that the WHATWG "ends in a number" checker takes
// for a hexadecimal octet: a host that ends in one is an address or nothing.
func isHexNumber(label string) bool {
	if !strings.HasPrefix(label, "0x") {
		return false
	}
	for i := len("0x"); i < len(label); i++ {
		if !isHex(label[i]) {
			return false
		}
	}
	return true
}

// parseDomain reads a domain name with its usual wrapping: a leading "*.", a
// final dot, a port.
func parseDomain(s string) (parsed, Reason) {
	host, port, reason := cutPort(s)
	if reason != "" {
		return parsed{}, ReasonWrongType
	}
	host = strings.TrimPrefix(host, "*")
	host = strings.TrimPrefix(host, ".")
	name, ok := domainName(host)
	if !ok {
		return parsed{}, ReasonWrongType
	}
	return parsed{typ: Domain, value: name, port: port}, ""
}

// domainName is the canonical form of a bare domain name; one final dot is
// dropped.
func domainName(s string) (string, bool) {
	name, ok := asciiHost(s)
	if !ok || !canonicalDomain(name) {
		return "", false
	}
	return name, true
}

// asciiHost maps a host to lower-case ASCII and drops one final dot. ASCII
// labels are only lower-cased: an A-label that is valid maps to itself, and
// one that does not decode is kept (contract section 2.1).
func asciiHost(s string) (string, bool) {
	if !isASCII(s) {
		mapped, ok := mapUnicode(s)
		if !ok {
			return "", false
		}
		s = mapped
	}
	return lower(strings.TrimSuffix(s, ".")), true
}

// mapUnicode turns the non-ASCII labels of s into A-labels, one by one, so
// that a label IDNA refuses does not take its neighbours with it.
func mapUnicode(s string) (string, bool) {
	if len(s) > maxUnicodeDomain {
		return "", false
	}
	s = unicodeDots.Replace(s)
	labels := strings.Split(s, ".")
	for i, label := range labels {
		if isASCII(label) {
			continue
		}
		a, err := idnaProfile.ToASCII(label)
		if err != nil || !isASCII(a) {
			return "", false
		}
		labels[i] = a
	}
	return strings.Join(labels, "."), true
}

// unicodeDots are the label separators of UTS 46 section 2.3.
//
//nolint:gochecknoglobals // read-only
var unicodeDots = strings.NewReplacer("。", ".", "．", ".", "｡", ".")
