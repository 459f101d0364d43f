package ioc

import (
	"strings"
	"unicode/utf8"
)

const (
	// MaxKeyBytes is the longest key that is stored: a B-tree row of PostgreSQL
	// holds about 2,700 bytes (design.md, "Storage").
	MaxKeyBytes = 2048
	// MaxInputBytes is the longest input that is looked at. Longer input is
	// refused before any work is done on it.
	MaxInputBytes = 64 << 10

	// maxRounds is how often one pass is repeated in search of its fixed point
	// (contract section 2.1).
	maxRounds = 8
)

// Indicator is one value in canonical form.
type Indicator struct {
	// Type is the kind of Value.
	Type Type
	// Value is the canonical form; the path of a URL keeps its case.
	Value string
	// Key is Value in lower case: what exact and contains searches look at.
	Key string
	// Port is the port that stood behind an address or a domain name; 0 is none.
	// The port of a URL stays in Value.
	Port uint16
}

// parsed is what one pass over input makes of it.
type parsed struct {
	typ   Type
	value string
	port  uint16
}

// Normalise reads raw as type t and returns its canonical form. An IPv4-mapped
// IPv6 address comes back as IPv4 whichever of the two was asked for (contract
// section 2.1). Any error is an *InvalidError. Normalising a result changes
// nothing.
func Normalise(t Type, raw string) (Indicator, error) {
	if !t.Valid() {
		return Indicator{}, &InvalidError{Reason: ReasonWrongType, input: raw}
	}
	if len(raw) <= MaxKeyBytes && t.info().canonical(raw) {
		return Indicator{Type: t, Value: raw, Key: lower(raw)}, nil
	}
	s, reason := prepare(raw)
	if reason != "" {
		return Indicator{}, &InvalidError{Reason: reason, Type: t, input: raw}
	}
	ind, reason := settle(t, s)
	if reason != "" {
		return Indicator{}, &InvalidError{Reason: reason, Type: t, input: raw}
	}
	return ind, nil
}

// prepare refuses what no store may see, then cleans and refangs.
func prepare(raw string) (string, Reason) {
	if len(raw) > MaxInputBytes {
		return "", ReasonTooLong
	}
	if strings.IndexByte(raw, 0) >= 0 {
		return "", ReasonNUL
	}
	if !utf8.ValidString(raw) {
		return "", ReasonInvalidUTF8
	}
	s := tidy(raw)
	if s == "" {
		return "", ReasonEmpty
	}
	return s, ""
}

// tidy is Clean and Refang to where refanging uncovers nothing more to clean.
func tidy(s string) string {
	cleaned := Clean(s)
	refanged := Refang(cleaned)
	if refanged == cleaned {
		return cleaned
	}
	return Clean(refanged)
}

// settle repeats the pass of type t over tidied text until nothing changes.
// Decoding %2E may uncover a trailing dot, dropping a fragment a comma: one
// pass is not enough, and the contract wants the fixed point.
func settle(t Type, s string) (Indicator, Reason) {
	var port uint16
	for range maxRounds {
		if len(s) <= MaxKeyBytes && t.info().canonical(s) {
			return Indicator{Type: t, Value: s, Key: lower(s), Port: port}, ""
		}
		p, reason := t.info().parse(s)
		if reason != "" && len(s) > MaxKeyBytes {
			reason = ReasonTooLong // whatever else it is not
		}
		if reason != "" {
			return Indicator{}, reason
		}
		if p.port != 0 {
			port = p.port
		}
		next := tidy(p.value)
		if p.typ == t && next == s {
			key := lower(s)
			if max(len(s), len(key)) > MaxKeyBytes {
				return Indicator{}, ReasonTooLong
			}
			return Indicator{Type: t, Value: s, Key: key, Port: port}, ""
		}
		t, s = p.typ, next
	}
	return Indicator{}, ReasonUnstable
}

// Identify reads raw as the one type under which it is stored when its source
// does not name one. The order is fixed: CVE, ATT&CK, hashes by length,
// addresses, URL, e-mail, domain. Any error is an *InvalidError.
func Identify(raw string) (Indicator, error) {
	if len(raw) <= MaxKeyBytes {
		// What is canonical for one type is so for no other: a test says so.
		for t := IPv4; t.Valid(); t++ {
			if t.info().canonical(raw) {
				return Indicator{Type: t, Value: raw, Key: lower(raw)}, nil
			}
		}
	}
	s, reason := prepare(raw)
	if reason != "" {
		return Indicator{}, &InvalidError{Reason: reason, input: raw}
	}
	ind, reason := identify(s)
	if reason != "" {
		return Indicator{}, &InvalidError{Reason: reason, input: raw}
	}
	return ind, nil
}

// identify is Identify on tidied text.
func identify(s string) (Indicator, Reason) {
	if isBarePath(s) {
		return Indicator{}, ReasonBarePath
	}
	for _, t := range [...]Type{CVE, MITREAttack, MD5, SHA1, SHA256, SHA512} {
		if p, reason := t.info().parse(s); reason == "" {
			return settle(t, p.value)
		}
	}
	switch p, reason := parseAddress(s); reason {
	case "":
		ind, reason := settle(p.typ, p.value)
		ind.Port = p.port
		return ind, reason
	case ReasonRange:
		return Indicator{}, reason
	}
	if isURLShaped(s) {
		return settle(URL, s)
	}
	t := Domain
	if strings.IndexByte(s, '@') >= 0 {
		t = Email
	}
	ind, reason := settle(t, s)
	if reason == ReasonWrongType {
		reason = ReasonNotIndicator
	}
	return ind, reason
}

// lower is the one rule of case: ASCII without allocation when nothing changes.
func lower(s string) string { return strings.ToLower(s) }

// truncate cuts s to at most n bytes at a rune boundary and marks the cut.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
