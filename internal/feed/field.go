package feed

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"spoor/internal/ioc"
)

// timeLayouts are the spellings of a date that the sources use, all UTC unless
// they say otherwise.
//
//nolint:gochecknoglobals // read-only
var timeLayouts = []string{
	"2006-01-02 15:04:05",
	"2006-01-02 15:04:05 UTC",
	time.RFC3339Nano,
	"2006-01-02",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05.999999999",
	"2006/01/02",
	"2006/01/02 15:04:05",
}

// parseTime reads a date in one of the sources' spellings, or Unix seconds or
// milliseconds. What it cannot read, and years that no indicator has, are the
// zero time: a row is not lost for its date.
func parseTime(s string) time.Time {
	s = strings.TrimSpace(s)
	if s == "" {
		return time.Time{}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch len(s) {
		case 10:
			return plausible(time.Unix(n, 0))
		case 13:
			return plausible(time.UnixMilli(n))
		default:
			return time.Time{}
		}
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return plausible(t)
		}
	}
	return time.Time{}
}

func plausible(t time.Time) time.Time {
	if t.Year() < 1980 || t.Year() > 2200 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// parseConfidence reads a word, a score of 0 to 100, or a fraction written
// with a decimal point ("0.85"). Zero when it is none of them.
func parseConfidence(s string) ioc.Confidence {
	s = strings.TrimSpace(s)
	if c, err := ioc.ParseConfidence(s); err == nil {
		return c
	}
	score, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(score) || score < 0 || score > 100 {
		return 0
	}
	if score <= 1 && strings.ContainsRune(s, '.') {
		score *= 100
	}
	return ioc.ConfidenceFromScore(int(score))
}

// parseTLP reads a marking; zero when there is none.
func parseTLP(s string) ioc.TLP {
	t, err := ioc.ParseTLP(s)
	if err != nil {
		return 0
	}
	return t
}

// parsePorts reads decimal ports separated by commas, semicolons or spaces.
// Zero and what is no port are left out.
func parsePorts(s string) []uint16 {
	var ports []uint16
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '|' }) {
		n, err := strconv.ParseUint(word, 10, 16)
		if err == nil && n != 0 && len(ports) < maxTags {
			ports = append(ports, uint16(n))
		}
	}
	return ports
}

// addressType tells an IPv6 address (with or without a port) from an IPv4 one
// by its colons, for sources that only say "ip".
func addressType(s string) ioc.Type {
	if strings.Count(s, ":") > 1 {
		return ioc.IPv6
	}
	return ioc.IPv4
}

// parseType reads a type as feeds spell them; raw decides between the address
// families when the source does not. t is zero for words that leave it open,
// and for none; known is false for a type that is none of ours.
func parseType(word, raw string) (t ioc.Type, known bool) {
	word = columnName(word)
	switch word {
	case "", "ioc", "indicator", "hash", "file_hash", "host", "unknown", "any":
		return 0, true
	case "ip", "ip_port", "ip:port", "ip_address", "address", "ip_dst", "ip_src", "dst_ip", "src_ip":
		return addressType(raw), true
	case "ipv4_addr", "ipv4_address":
		return ioc.IPv4, true
	case "ipv6_addr", "ipv6_address":
		return ioc.IPv6, true
	case "hostname", "fqdn", "domain_name", "dns":
		return ioc.Domain, true
	case "uri", "link":
		return ioc.URL, true
	case "md5_hash", "filehash_md5", "hash_md5", "file_md5":
		return ioc.MD5, true
	case "sha1_hash", "sha_1", "filehash_sha1", "hash_sha1":
		return ioc.SHA1, true
	case "sha256_hash", "sha_256", "filehash_sha256", "hash_sha256":
		return ioc.SHA256, true
	case "sha512_hash", "sha_512", "filehash_sha512", "hash_sha512":
		return ioc.SHA512, true
	case "email_addr", "email_address", "e_mail", "email_src", "email_dst", "envelope_from", "body_from":
		return ioc.Email, true
	case "vulnerability", "cve_id", "cveid":
		return ioc.CVE, true
	case "attack_pattern", "technique", "mitre_technique":
		return ioc.MITREAttack, true
	}
	t, err := ioc.ParseType(word)
	return t, err == nil
}

// slug is a tag: lower case, no white space, nothing that ends a tag where
// tags are joined. Empty when nothing is left or it is too long.
func slug(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r <= ' ' || r == ',' || r == ';' || r == '"' || r == 0x7F || r == 0xA0 || r == utf8.RuneError
	}), "-")
	s = strings.Trim(s, "-_.")
	if len(s) > maxTagLen {
		return ""
	}
	return s
}

// addTags appends the slugs of words to tags, each once, up to maxTags; the
// words by which feeds say "no tag" are left out.
func addTags(tags []string, words ...string) []string {
	for _, word := range words {
		if len(tags) >= maxTags {
			return tags
		}
		tag := slug(word)
		switch tag {
		case "", "none", "null", "n/a", "nan":
			continue
		}
		if !contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// contains is slices.Contains with a cheap first comparison: most tags differ
// in length.
func contains(tags []string, tag string) bool {
	for _, t := range tags {
		if len(t) == len(tag) && t == tag {
			return true
		}
	}
	return false
}

// splitTags cuts a cell of tags at its separators: ';' and '|' when there are
// any, else ','.
func splitTags(s string) []string {
	if strings.ContainsAny(s, ";|") {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == '|' })
	}
	return strings.Split(s, ",")
}

// family is the slug of a malware family as a source names it, empty for the
// names that mean "not known".
func family(name string) string {
	f := slug(name)
	switch f {
	case "unknown", "unknown-malware", "unidentified", "generic", "none", "null", "n/a", "-":
		return ""
	}
	return f
}

// isURL reports whether s is written as a link to a page: a scheme, and
// nothing in it that no link holds.
func isURL(s string) bool {
	return len(s) > len("http://") && (hasPrefixFold(s, "http://") || hasPrefixFold(s, "https://")) && isLinkText(s)
}

// isLinkText reports whether s can stand in a link: bounded, valid UTF-8, no
// white space or control character.
func isLinkText(s string) bool {
	return len(s) <= maxLink && utf8.ValidString(s) &&
		strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7F }) < 0
}

// prose makes a source's own words fit to keep: valid UTF-8, no NUL (which no
// database text holds), trimmed, at most maxText bytes.
func prose(s string) string {
	s = strings.TrimSpace(s)
	s = strings.ToValidUTF8(s[:min(len(s), 2*maxText)], "\uFFFD")
	s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	if len(s) <= maxText {
		return s
	}
	cut := maxText - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// text is a JSON value read as a string whatever its scalar type: sources
// change between 75 and "75". Objects and arrays read as empty.
type text string

// UnmarshalJSON never fails on valid JSON.
func (t *text) UnmarshalJSON(raw []byte) error {
	*t = ""
	switch {
	case len(raw) == 0 || string(raw) == "null" || raw[0] == '{' || raw[0] == '[':
		return nil
	case raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		*t = text(s)
	default:
		*t = text(raw)
	}
	return nil
}

// texts is a JSON list of strings, also written as one separated string.
type texts []string

// UnmarshalJSON never fails on valid JSON.
func (t *texts) UnmarshalJSON(raw []byte) error {
	*t = nil
	if len(raw) > 0 && raw[0] == '[' {
		var list []text
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		for _, s := range list[:min(len(list), maxTags)] {
			*t = append(*t, string(s))
		}
		return nil
	}
	var s text
	if err := s.UnmarshalJSON(raw); err != nil {
		return err
	}
	if s != "" {
		*t = splitTags(string(s))
	}
	return nil
}
