package ioc

import (
	"strings"
	"unicode"
)

// maxCVEDigits is the longest sequence number of the CVE record format (JSON
// schema 5: ^CVE-[0-9]{4}-[0-9]{4,19}$).
const maxCVEDigits = 19

func canonicalCVE(s string) bool { return strings.HasPrefix(s, "CVE-") && isCVE(s) }

// isCVE checks everything but the case of the first three letters.
func isCVE(s string) bool {
	return len(s) >= 13 && len(s) <= 9+maxCVEDigits && s[3] == '-' && s[8] == '-' &&
		hasPrefixFold(s, "cve") && allDigits(s[4:8]) && allDigits(s[9:])
}

// parseCVE reads a CVE identifier in any case and with any dash: word
// processors turn hyphens into en dashes.
func parseCVE(s string) (parsed, Reason) {
	if !hasPrefixFold(s, "cve") {
		return parsed{}, ReasonWrongType
	}
	// Three bytes a dash at most: longer text cannot be one.
	if len(s) > 3+4+maxCVEDigits+2*4 {
		return parsed{}, ReasonWrongType
	}
	if !isASCII(s) {
		s = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Dash, r) {
				return '-'
			}
			return r
		}, s)
	}
	if !isCVE(s) {
		return parsed{}, ReasonWrongType
	}
	return parsed{typ: CVE, value: strings.ToUpper(s)}, ""
}

func canonicalMITRE(s string) bool {
	return isMITRE(s) && 'A' <= s[0] && s[0] <= 'Z' && (s[1] != 'a')
}

// isMITRE checks an ATT&CK identifier in any case: Tnnnn, Tnnnn.nnn, TAnnnn,
// Snnnn, Gnnnn, Mnnnn.
func isMITRE(s string) bool {
	if len(s) < 5 {
		return false
	}
	switch s[0] | 0x20 {
	case 't':
		if s[1]|0x20 == 'a' {
			return len(s) == 6 && allDigits(s[2:])
		}
		if len(s) == 9 {
			return allDigits(s[1:5]) && s[5] == '.' && allDigits(s[6:])
		}
		return len(s) == 5 && allDigits(s[1:])
	case 's', 'g', 'm':
		return len(s) == 5 && allDigits(s[1:])
	default:
		return false
	}
}

func parseMITRE(s string) (parsed, Reason) {
	if !isMITRE(s) {
		return parsed{}, ReasonWrongType
	}
	return parsed{typ: MITREAttack, value: strings.ToUpper(s)}, ""
}
