package ioc

import (
	"fmt"
	"strings"
)

// Type is the kind of an indicator. The zero value is no type.
type Type uint8

// The eleven types, in the order of contract section 2.
const (
	IPv4 Type = 1 + iota
	IPv6
	Domain
	URL
	MD5
	SHA1
	SHA256
	SHA512
	Email
	CVE
	MITREAttack
)

// typeInfo is one row of the table of types.
type typeInfo struct {
	name string
	// canonical says, without allocating, that s is already what parse would
	// return for it. It may say no to a canonical value (only speed is lost),
	// never yes to another.
	canonical func(s string) bool
	// parse reads cleaned and refanged text as this type: one pass.
	parse func(s string) (parsed, Reason)
	// defang writes a canonical value so that nothing resolves or follows it.
	defang func(value string) string
}

// typeTable is the one table of types, indexed by Type; row 0 is no type.
// Everything that enumerates types is checked against it.
//
//nolint:gochecknoglobals // read-only table
var typeTable = [...]typeInfo{
	IPv4:        {"ipv4", canonicalIPv4, parseIPv4, defangDots},
	IPv6:        {"ipv6", canonicalIPv6, parseIPv6, defangColons},
	Domain:      {"domain", canonicalDomain, parseDomain, defangDots},
	URL:         {"url", canonicalURL, parseURL, defangURL},
	MD5:         {"md5", canonicalMD5, parseMD5, same},
	SHA1:        {"sha1", canonicalSHA1, parseSHA1, same},
	SHA256:      {"sha256", canonicalSHA256, parseSHA256, same},
	SHA512:      {"sha512", canonicalSHA512, parseSHA512, same},
	Email:       {"email", canonicalEmail, parseEmail, defangEmail},
	CVE:         {"cve", canonicalCVE, parseCVE, same},
	MITREAttack: {"mitre-attack", canonicalMITRE, parseMITRE, same},
}

func (t Type) info() *typeInfo { return &typeTable[t] }

// Types returns the eleven types in contract order. The caller owns the slice.
func Types() []Type {
	all := make([]Type, 0, len(typeTable)-1)
	for t := IPv4; t.Valid(); t++ {
		all = append(all, t)
	}
	return all
}

// ParseType reads the name of a type in any ASCII case. "mitre_attack" is
// taken for "mitre-attack" (contract section 2). The error names the allowed
// values.
func ParseType(s string) (Type, error) {
	name := strings.ReplaceAll(strings.ToLower(s), "_", "-")
	for t := IPv4; t.Valid(); t++ {
		if t.info().name == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown indicator type %q: use one of %s", truncate(s, 40), typeNames())
}

func typeNames() string {
	var b strings.Builder
	for t := IPv4; t.Valid(); t++ {
		if t != IPv4 {
			b.WriteString(", ")
		}
		b.WriteString(t.info().name)
	}
	return b.String()
}

// String returns the name of the type on the wire, or "unknown".
func (t Type) String() string {
	if !t.Valid() {
		return "unknown"
	}
	return t.info().name
}

// Valid reports whether t is one of the eleven types.
func (t Type) Valid() bool { return t >= IPv4 && t <= MITREAttack }
