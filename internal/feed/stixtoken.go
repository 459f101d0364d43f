package feed

import (
	"fmt"
	"strings"
)

// patternToken is one token of a STIX pattern. The zero token is the end.
type patternToken struct {
	kind tokenKind
	// text is without quotes and escapes.
	text string
	// at is where it begins, in bytes.
	at int
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenString
	tokenNumber
	tokenSign
)

// String names the token for a message.
func (t patternToken) String() string {
	if t.kind == tokenEnd {
		return "the end"
	}
	return quote(t.text)
}

// patternLexer cuts a pattern into tokens.
type patternLexer struct {
	in  string
	pos int
}

// token returns the next token, the zero token at the end.
func (l *patternLexer) token() (patternToken, error) {
	if err := l.space(); err != nil || l.pos >= len(l.in) {
		return patternToken{at: l.pos}, err
	}
	t := patternToken{at: l.pos}
	switch c := l.in[l.pos]; {
	case c == '\'':
		text, err := l.quoted()
		t.kind, t.text = tokenString, text
		return t, err
	case isNameByte(c) && (c < '0' || c > '9') && c != '-':
		t.kind, t.text = tokenWord, l.run(isNameByte)
	case c >= '0' && c <= '9', (c == '-' || c == '+' || c == '.') && l.digitFollows():
		l.pos++
		l.run(func(c byte) bool { return isNameByte(c) || c == '.' })
		t.kind, t.text = tokenNumber, l.in[t.at:l.pos]
	default:
		size := 1
		for _, two := range []string{"==", "!=", "<>", "<=", ">="} {
			if strings.HasPrefix(l.in[l.pos:], two) {
				size = 2
			}
		}
		if size == 1 && strings.IndexByte("[]().,:=<>*", c) < 0 {
			return t, fmt.Errorf("%w: %q at byte %d", errPattern, c, l.pos)
		}
		t.kind, t.text = tokenSign, l.in[l.pos:l.pos+size]
		l.pos += size
	}
	return t, nil
}

// isNameByte reports whether c stands in an unquoted name: types of objects
// hold hyphens, and so do the keys of hashes that are not quoted as they
// should be (file:hashes.SHA-256).
func isNameByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// digitFollows reports whether a digit stands behind the sign or point here,
// or behind both.
func (l *patternLexer) digitFollows() bool {
	rest := l.in[l.pos+1:]
	if l.in[l.pos] != '.' {
		rest = strings.TrimPrefix(rest, ".")
	}
	return rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

// run takes bytes as long as they fit.
func (l *patternLexer) run(fits func(byte) bool) string {
	from := l.pos
	for l.pos < len(l.in) && fits(l.in[l.pos]) {
		l.pos++
	}
	return l.in[from:l.pos]
}

// space passes over white space and comments.
func (l *patternLexer) space() error {
	for l.pos < len(l.in) {
		rest := l.in[l.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\v\f", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "\u00a0"):
			l.pos += len("\u00a0")
		case strings.HasPrefix(rest, "//"):
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.in)
			}
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest, "*/")
			if i < 0 {
				return fmt.Errorf("%w: a comment without end at byte %d", errPattern, l.pos)
			}
			l.pos += i + 2
		default:
			return nil
		}
	}
	return nil
}

// quoted takes a string constant. \' and \\ are its only escapes (section
// 9.2); a backslash before anything else is itself.
func (l *patternLexer) quoted() (string, error) {
	from := l.pos + 1
	var text strings.Builder
	for i := from; i < len(l.in); i++ {
		switch c := l.in[i]; {
		case c == '\'':
			l.pos = i + 1
			if text.Len() == 0 {
				return l.in[from:i], nil
			}
			text.WriteString(l.in[from:i])
			return text.String(), nil
		case c == '\\' && i+1 < len(l.in) && (l.in[i+1] == '\'' || l.in[i+1] == '\\'):
			text.WriteString(l.in[from:i])
			i++
			from = i
		}
	}
	return "", fmt.Errorf("%w: a constant without end at byte %d", errPattern, l.pos)
}
