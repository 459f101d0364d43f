package ioc

import (
	"net/netip"
	"strings"
)

// canonicalIPv4 accepts four decimal octets without leading zeros.
func canonicalIPv4(s string) bool {
	if len(s) < 7 || len(s) > 15 {
		return false
	}
	octets, value, digits := 1, 0, 0
	for i := range len(s) {
		c := s[i]
		if c == '.' {
			if digits == 0 {
				return false
			}
			octets, value, digits = octets+1, 0, 0
			continue
		}
		if !isDigit(c) || (digits > 0 && value == 0) {
			return false
		}
		value, digits = value*10+int(c-'0'), digits+1
		if value > 255 {
			return false
		}
	}
	return octets == 4 && digits > 0
}

// canonicalIPv6 accepts RFC 5952 text of an address that is not IPv4-mapped.
func canonicalIPv6(s string) bool {
	if len(s) < 2 || len(s) > 39 || strings.IndexByte(s, ':') < 0 || !mayBeAddress(s) {
		return false
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Is4In6() {
		return false
	}
	var buf [46]byte
	return string(addr.AppendTo(buf[:0])) == s
}

// maxAddressInput bounds what is looked at as an address: the longest text of
// an IPv6 address, brackets, a zone, a port.
const maxAddressInput = 256

// parseIPv4 reads an IPv4 address, also one that is mapped into IPv6.
func parseIPv4(s string) (parsed, Reason) {
	p, reason := parseAddress(s)
	if reason == "" && p.typ != IPv4 {
		return parsed{}, ReasonWrongType
	}
	return p, reason
}

// parseIPv6 reads an IPv6 address. An IPv4-mapped one comes back as IPv4,
// which is its type (contract section 2.1); plain IPv4 text is refused.
func parseIPv6(s string) (parsed, Reason) {
	p, reason := parseAddress(s)
	if reason == "" && p.typ != IPv6 && strings.Count(s, ":") < 2 {
		return parsed{}, ReasonWrongType
	}
	return p, reason
}

// parseAddress reads an address of either family with its usual wrapping:
// brackets, zone, port, /32 or /128. Any other prefix length makes it a range.
func parseAddress(s string) (parsed, Reason) {
	if len(s) > maxAddressInput {
		return parsed{}, ReasonWrongType
	}
	// Most addresses of real feeds are IPv4 with or without a port.
	if host, port, reason := cutPort(s); reason == "" && canonicalIPv4(host) {
		return parsed{typ: IPv4, value: host, port: port}, ""
	}
	if host, length, found := strings.Cut(s, "/"); found {
		return parsePrefix(host, length)
	}
	if addr, ok := parseHostAddress(s); ok {
		return addressOf(addr, 0), ""
	}
	if first, last, found := strings.Cut(s, "-"); found {
		return parseSpan(first, last)
	}
	host, port, reason := cutPort(s)
	if reason != "" || host == s {
		return parsed{}, ReasonWrongType
	}
	if addr, ok := parseHostAddress(host); ok && (host[0] == '[' || strings.IndexByte(host, ':') < 0) {
		return addressOf(addr, port), ""
	}
	return parsed{}, ReasonWrongType
}

// parsePrefix reads "addr/n": one address when n covers all its bits.
func parsePrefix(host, length string) (parsed, Reason) {
	addr, ok := parseHostAddress(host)
	if !ok || !allDigits(length) || len(length) > len("128") {
		return parsed{}, ReasonWrongType
	}
	whole := "32"
	if strings.IndexByte(host, ':') >= 0 {
		whole = "128" // of the text's family, which may be mapped
	}
	if length != whole {
		return parsed{}, ReasonRange
	}
	return addressOf(addr, 0), ""
}

// parseSpan recognises "addr-addr" and "addr-n", which are ranges.
func parseSpan(first, last string) (parsed, Reason) {
	if _, ok := parseHostAddress(strings.TrimSpace(first)); !ok {
		return parsed{}, ReasonWrongType
	}
	last = strings.TrimSpace(last)
	if _, ok := parseHostAddress(last); ok || allDigits(last) {
		return parsed{}, ReasonRange
	}
	return parsed{}, ReasonWrongType
}

// addressOf is the canonical form of addr, which is not IPv4-mapped.
func addressOf(addr netip.Addr, port uint16) parsed {
	if addr.Is4() {
		return parsed{typ: IPv4, value: addr.String(), port: port}
	}
	return parsed{typ: IPv6, value: addr.String(), port: port}
}

// parseHostAddress reads an address as it stands in a host: IPv6 with or
// without brackets and zone. The result carries no zone and is unmapped.
func parseHostAddress(s string) (netip.Addr, bool) {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") && strings.IndexByte(s, ':') > 0 {
		s = s[1 : len(s)-1]
	}
	if i := strings.IndexByte(s, '%'); i > 0 && strings.IndexByte(s[:i], ':') >= 0 {
		s = s[:i]
	}
	if !mayBeAddress(s) {
		return netip.Addr{}, false // netip would allocate an error to say so
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// mayBeAddress reports whether s has only characters of an address without
// zone, and a separator of one.
func mayBeAddress(s string) bool {
	separators := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' || c == ':':
			separators++
		case !isHex(c):
			return false
		}
	}
	return separators > 1
}

// cutPort splits "host:port" at the last colon. A host without a port comes
// back whole.
func cutPort(s string) (host string, port uint16, reason Reason) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.IndexByte(s[i:], ']') >= 0 {
		return s, 0, ""
	}
	n, ok := parsePort(s[i+1:])
	if !ok {
		return "", 0, ReasonPort
	}
	return s[:i], n, ""
}

// parsePort reads a decimal port; an empty one is none (WHATWG URL, port state).
func parsePort(s string) (uint16, bool) {
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
		if n > 65535 {
			return 0, false
		}
	}
	return uint16(n), true
}
