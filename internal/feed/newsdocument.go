package feed

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/unicode"
)

// newsDocument returns a document as UTF-8 from its root element on, checked
// against the bounds. Declarations go: an encoding has been dealt with here,
// and entities of a document type are never expanded.
func newsDocument(data []byte) (string, error) {
	text, err := decodeNews(data)
	if err != nil {
		return "", err
	}
	if len(text) > maxNews {
		return "", fmt.Errorf("%w: more than %d bytes as UTF-8", ErrNewsTooLarge, maxNews)
	}
	if start := strings.TrimLeft(text, " \t\r\n"); strings.HasPrefix(start, "{") {
		return start, checkJSON(start)
	}
	at, name := newsRoot(text)
	switch name {
	case "rss", "rdf", "feed":
	case "":
		if strings.TrimSpace(text) == "" {
			return "", fmt.Errorf("%w: it is empty", ErrNotNews)
		}
		return "", fmt.Errorf("%w: it is no XML and no JSON", ErrNotNews)
	default:
		if isPage(name) {
			return "", fmt.Errorf("%w: it is a web page", ErrNotNews)
		}
		return "", fmt.Errorf("%w: its root element is %s", ErrNotNews, quote(name))
	}
	return checkMarkup(text[at:])
}

// decodeNews returns data as valid UTF-8 without byte order mark.
func decodeNews(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}), bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		utf16 := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
		out, err := utf16.NewDecoder().Bytes(data)
		if err != nil {
			return "", fmt.Errorf("decode UTF-16: %w", err)
		}
		return string(out), nil
	case utf8.Valid(data) && bytes.IndexByte(data, 0x1B) < 0:
		// An escape is how ISO-2022-JP changes alphabets within ASCII.
		return strings.TrimPrefix(string(data), "\uFEFF"), nil
	}
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	label := "utf-8"
	if m := declaredEncoding.FindSubmatch(data[:min(len(data), 1024)]); m != nil {
		label = string(m[1])
	}
	enc, name := charset.Lookup(label)
	if name == "utf-8" && !mostlyUTF8(data) {
		// What old editors save as UTF-8 that is none.
		enc, _ = charset.Lookup("windows-1252")
	}
	if enc == nil {
		return "", fmt.Errorf("decode document: unknown encoding %s", quote(label))
	}
	out, err := enc.NewDecoder().Bytes(data)
	if err != nil {
		return "", fmt.Errorf("decode document as %s: %w", quote(label), err)
	}
	return strings.ToValidUTF8(string(out), "\uFFFD"), nil
}

// mostlyUTF8 reports whether data are UTF-8 with a broken byte here and there,
// and no encoding of one byte a letter.
func mostlyUTF8(data []byte) bool {
	good, bad := 0, 0
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			good++
		}
		data = data[n:]
	}
	return good > bad
}

//nolint:gochecknoglobals // compiled patterns
var (
	declaredEncoding = regexp.MustCompile(`^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']`)
	// PHP writes slashes with a backslash before them.
	jsonFeedVersion = regexp.MustCompile(`"version"\s*:\s*"https?:\\?/\\?/(?:www\.)?jsonfeed\.org\\?/version\\?/`)
)

// newsRoot finds the root element of an XML document: where it begins and its
// name in lower case without prefix, empty when there is none.
func newsRoot(text string) (at int, name string) {
	for at < len(text) {
		rest := text[at:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			at++
			continue
		case strings.HasPrefix(rest, "<?"):
			at += past(rest, "?>")
		case strings.HasPrefix(rest, "<!--"):
			at += len("<!--") + past(rest[len("<!--"):], "-->")
		case hasPrefixFold(rest, "<!doctype html"):
			return at, "html"
		case strings.HasPrefix(rest, "<!"):
			at += pastDoctype(rest)
		case rest[0] == '<':
			name, _, _ = strings.Cut(rest[1:min(len(rest), 80)], ">")
			if end := strings.IndexAny(name, " \t\r\n/"); end >= 0 {
				name = name[:end]
			}
			return at, strings.ToLower(name[strings.LastIndexByte(name, ':')+1:])
		default:
			return at, ""
		}
	}
	return at, ""
}

// past returns the length of s up to and with the mark, all of it without one.
func past(s, mark string) int {
	if i := strings.Index(s, mark); i >= 0 {
		return i + len(mark)
	}
	return len(s)
}

// pastDoctype returns the length of a document type with its inner subset.
func pastDoctype(s string) int {
	inner := false
	for i := range len(s) {
		switch s[i] {
		case '[':
			inner = true
		case ']':
			inner = false
		case '>':
			if !inner {
				return i + 1
			}
		}
	}
	return len(s)
}

// isPage reports whether a root element is one that only web pages begin with.
func isPage(name string) bool {
	switch name {
	case "html", "head", "body", "title", "meta", "script", "div", "center", "p", "h1", "link", "style":
		return true
	}
	return false
}

// isNews reports whether the root element that begins text is that of a news
// feed by its name and what it declares.
func isNews(text, name string) bool {
	tag := text[:past(text, ">")]
	switch name {
	case "rss":
		return true
	case "rdf":
		return strings.Contains(tag, "purl.org/rss/") || strings.Contains(tag, "netscape.com/rdf/")
	case "feed":
		return strings.Contains(tag, "www.w3.org/2005/Atom") || strings.Contains(tag, "purl.org/atom/")
	}
	return false
}

// detectNews wants the root element of a news feed, or the version of JSON
// Feed.
func detectNews(_ string, head []byte) bool {
	text := strings.TrimLeft(string(head), " \t\r\n")
	if strings.HasPrefix(text, "{") {
		return jsonFeedVersion.MatchString(text)
	}
	at, name := newsRoot(text)
	return isNews(text[at:], name)
}

// checkJSON bounds what the JSON parser has to build.
func checkJSON(text string) error {
	marks, depth := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			marks++
			depth++
		case '}', ']':
			depth--
		case ',':
			marks++
		}
		if marks > maxMarks {
			return fmt.Errorf("%w: more than %d members", ErrNewsTooLarge, maxMarks)
		}
		if depth > maxNesting {
			return fmt.Errorf("%w: nested deeper than %d", ErrNewsTooLarge, maxNesting)
		}
	}
	return nil
}
