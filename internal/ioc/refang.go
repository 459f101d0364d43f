package ioc

import "strings"

// Refang undoes the spellings that keep an indicator from being followed
// (contract section 2.1): hxxp and its relatives, bracketed dots, colons and
// at signs, " dot ", escaped and ideographic dots, in any mixture. Text that
// holds none of them comes back as it is.
//
// The rule is the same in host and path: tools that defang do not tell them
// apart, so /x[.]y must have the key of /x.y. Other brackets in a path stay.
func Refang(s string) string {
	head, rest := refangScheme(s)
	i := nextMark(rest, 0)
	if i < 0 {
		if head == "" {
			return s
		}
		return head + rest
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(head)
	done := 0
	for ; i >= 0; i = nextMark(rest, i) {
		plain, n := readMark(rest, i)
		if n == 0 {
			i++
			continue
		}
		start := i
		if rest[i] == ' ' {
			for start > done && rest[start-1] == ' ' {
				start--
			}
		}
		b.WriteString(rest[done:start])
		b.WriteString(plain)
		i += n
		done = i
	}
	b.WriteString(rest[done:])
	return b.String()
}

// nextMark finds the next byte from i on that may begin a defanged mark, or -1.
func nextMark(s string, i int) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case '[', '(', '{', '\\', ' ', 0xe3, 0xef:
			return i
		}
	}
	return -1
}

// readMark reads the defanged mark at s[i:] and returns what it stands for and
// its length; 0 means there is none.
func readMark(s string, i int) (string, int) {
	switch s[i] {
	case '\\':
		if i+1 < len(s) && s[i+1] == '.' && i > 0 && isWordByte(s[i-1]) && (i+2 == len(s) || isWordByte(s[i+2])) {
			return ".", 2
		}
		return "", 0
	case ' ':
		return readSpacedDot(s, i)
	case 0xe3: // U+3002 ideographic full stop
		if strings.HasPrefix(s[i:], "。") {
			return ".", len("。")
		}
		return "", 0
	case 0xef: // U+FF0E full-width full stop
		if strings.HasPrefix(s[i:], "．") {
			return ".", len("．")
		}
		return "", 0
	default:
		plain, n := readBracketed(s, i)
		return plain, n + spaces(s, i+n, n)
	}
}

// spaces returns the number of spaces at s[i:], after a mark of n bytes.
func spaces(s string, i, n int) int {
	if n == 0 {
		return 0
	}
	j := i
	for j < len(s) && s[j] == ' ' {
		j++
	}
	return j - i
}

// isWordByte is what may stand beside an escaped dot in a host or file name.
func isWordByte(c byte) bool { return isAlnum(c) || c == '-' || c == '_' || c >= 0x80 }

// readSpacedDot reads " dot " or a mark in brackets at the last space before
// it, with the spaces after it; Refang takes the spaces before that one along,
// so that runs of spaces cost linear time.
func readSpacedDot(s string, i int) (string, int) {
	const word = "dot "
	plain, n := ".", len(word)
	if !hasPrefixFold(s[i+1:], word) {
		if i+1 == len(s) || strings.IndexByte("[({", s[i+1]) < 0 {
			return "", 0
		}
		if plain, n = readBracketed(s, i+1); n == 0 {
			return "", 0
		}
	}
	n++
	return plain, n + spaces(s, i+n, n)
}

// bracketed are the marks that stand in brackets.
//
//nolint:gochecknoglobals // read-only table
var bracketed = [...]struct{ inner, plain string }{
	{".", "."}, {"dot", "."}, {"。", "."}, {"．", "."},
	{"://", "://"}, {":", ":"}, {`:\\`, "://"},
	{"@", "@"}, {"at", "@"},
}

// readBracketed reads a mark in square, round or curly brackets, with or
// without spaces inside.
func readBracketed(s string, i int) (string, int) {
	closing := byte(']')
	switch s[i] {
	case '(':
		closing = ')'
	case '{':
		closing = '}'
	}
	const longest = 16 // the longest mark with a little space around it
	end := strings.IndexByte(s[i:min(len(s), i+longest)], closing)
	if end < 0 {
		return "", 0
	}
	inner := strings.Trim(s[i+1:i+end], " ")
	for _, mark := range bracketed {
		if equalFold(inner, mark.inner) {
			return mark.plain, end + 1
		}
	}
	return "", 0
}

// defangedSchemes are the spellings of a scheme that are not the scheme.
//
//nolint:gochecknoglobals // read-only table
var defangedSchemes = [...]struct{ written, scheme string }{
	{"hxxp", "http"}, {"h**p", "http"}, {"h__p", "http"}, {"meow", "http"},
	{"hxtp", "http"}, {"htxp", "http"}, {"fxp", "ftp"},
}

// maxScheme bounds the search for a scheme.
const maxScheme = 8

// refangScheme rewrites scheme and separator at the start of s. It returns what
// now stands there and what follows; head is empty when nothing changes.
func refangScheme(s string) (head, rest string) {
	row, n := readScheme(s)
	m := readSeparator(s[n:])
	if row < 0 || m == 0 {
		return "", s
	}
	head = schemes[row].prefix
	if head == s[:n+m] {
		return "", s
	}
	return head, s[n+m:]
}

// readScheme reads any spelling of a known scheme, with its row and length; a
// row below 0 is none. The s of a secure one may stand in brackets.
func readScheme(s string) (row, n int) {
	name := ""
	for _, d := range defangedSchemes {
		if hasPrefixFold(s, d.written) {
			name, n = d.scheme, len(d.written)
			break
		}
	}
	if name == "" {
		for n < len(s) && n < maxScheme && isLetter(s[n]) {
			n++
		}
		name = s[:n]
	}
	row = schemeOf(name)
	for _, secure := range [...]string{"s", "[s]", "(s)"} {
		if row >= 0 && hasPrefixFold(s[n:], secure) {
			return secureScheme(row), n + len(secure)
		}
	}
	return row, n
}

// secureScheme is the row of the same scheme over TLS, or -1.
func secureScheme(row int) int {
	switch schemes[row].name {
	case "http":
		return schemeOf("https")
	case "ws":
		return schemeOf("wss")
	case "ldap":
		return schemeOf("ldaps")
	default:
		return -1
	}
}

// readSeparator returns the length of any spelling of "://" at the start of s.
func readSeparator(s string) int {
	for _, whole := range [...]string{"://", `:\\`, "[://]", "(://)", "{://}", `[:\\]`} {
		if strings.HasPrefix(s, whole) {
			return len(whole)
		}
	}
	n := 0
	for _, colon := range [...]string{"[:]", "(:)", "{:}", ":"} {
		if strings.HasPrefix(s, colon) {
			n = len(colon)
			break
		}
	}
	if n == 0 {
		return 0
	}
	for _, slashes := range [...]string{"//", `\\`, "[//]", "(//)", "[/][/]", `/\`, `\/`} {
		if strings.HasPrefix(s[n:], slashes) {
			return n + len(slashes)
		}
	}
	return 0
}
