package ioc

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Defang writes a canonical value so that no terminal, mail client or chat
// turns it into something to click: 192[.]0[.]2[.]10,
// hxxp[://]evil[.]example/x. Normalise reads it back to the same value.
func Defang(t Type, value string) string {
	if !t.Valid() {
		return DefangText(value)
	}
	return t.info().defang(value)
}

func same(value string) string { return value }

func defangDots(value string) string { return strings.ReplaceAll(value, ".", "[.]") }

func defangColons(value string) string { return strings.ReplaceAll(value, ":", "[:]") }

func defangEmail(value string) string {
	return strings.ReplaceAll(defangDots(value), "@", "[@]")
}

// defangURL also defangs what stands in path and query, where another URL may
// hide.
func defangURL(value string) string {
	scheme, after, ok := strings.Cut(value, "://")
	if !ok {
		return DefangText(value)
	}
	switch scheme {
	case "http":
		scheme = "hxxp"
	case "https":
		scheme = "hxxps"
	}
	host, rest := after, ""
	if i := strings.IndexByte(after, '/'); i >= 0 {
		host, rest = after[:i], after[i:]
	}
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			end = len(host) - 1
		}
		host = "[" + defangColons(host[1:end]) + host[end:]
	}
	rest = strings.ReplaceAll(rest, "://", "[://]")
	return scheme + "[://]" + defangDots(host) + defangDots(rest)
}

// maxDefangText bounds what DefangText writes from: log lines stay lines.
const maxDefangText = 4096

// DefangText defangs whatever is live inside free text, for logs and error
// messages: dots between word characters, "://", "@", IPv6 addresses. Control
// characters become spaces, and text over 4 KiB is cut.
func DefangText(s string) string {
	s = truncate(s, maxDefangText)
	var b strings.Builder
	b.Grow(len(s) + len(s)/4)
	for i := 0; i < len(s); {
		if n := ipv6Token(s, i); n > 0 {
			b.WriteString(defangColons(s[i : i+n]))
			i += n
			continue
		}
		n := writeDefanged(&b, s, i)
		i += n
	}
	return b.String()
}

// writeDefanged writes the text at s[i] and returns how much of it was read.
func writeDefanged(b *strings.Builder, s string, i int) int {
	between := i > 0 && isWordByte(s[i-1])
	if r, size := utf8.DecodeRuneInString(s[i:]); unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
		b.WriteByte(' ') // a bidi mark could make a log line read backwards
		return size
	}
	switch c := s[i]; {
	case c == ':' && between && strings.HasPrefix(s[i:], "://"):
		b.WriteString("[://]")
		return len("://")
	case (c == '.' || c == '@') && between && i+1 < len(s) && isWordByte(s[i+1]):
		b.WriteByte('[')
		b.WriteByte(c)
		b.WriteByte(']')
	default:
		b.WriteByte(c)
	}
	return 1
}

// ipv6Token returns the length of the IPv6 address that starts at s[i], or 0.
func ipv6Token(s string, i int) int {
	if c := s[i]; !isHex(c) && c != ':' || i > 0 && (isWordByte(s[i-1]) || s[i-1] == ':') {
		return 0
	}
	const longest = 45
	n, colons := 0, 0
	for i+n < len(s) && n <= longest && (isHex(s[i+n]) || s[i+n] == ':') {
		if s[i+n] == ':' {
			colons++
		}
		n++
	}
	if colons < 2 {
		return 0
	}
	if _, err := netip.ParseAddr(s[i : i+n]); err != nil {
		return 0
	}
	return n
}
