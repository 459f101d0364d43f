package feed

import (
	"fmt"
	"strings"
)

// checkMarkup bounds what the XML parser has to build and how deep it
// recurses. It reads tags as that parser does, and refuses the two constructs
// inside a document that could make the two read differently, which are not
// allowed there anyway. It returns the document without the bases of links.
//
// The library parses the texts of Atom as pages, of XHTML always and of others
// where a base is in scope, as the HTML standard says: formatting elements that
// stay open are opened again in every block. A feed of 100 kilobytes can come to
// gigabytes by that. So bases go (entries are told by absolute links, or by such
// that the feed's own link makes whole), and what is opened again counts.
func checkMarkup(text string) (string, error) {
	m := markup{text: text}
	for m.at < len(text) {
		i := strings.IndexByte(text[m.at:], '<')
		if i < 0 {
			break
		}
		m.at += i
		if err := m.tag(); err != nil {
			return "", err
		}
		if m.marks > maxMarks {
			return "", fmt.Errorf("%w: more than %d elements and attributes", ErrNewsTooLarge, maxMarks)
		}
		if m.again > maxNews {
			return "", fmt.Errorf("%w: formatting that is never closed", ErrNewsTooLarge)
		}
		if len(m.open) > maxNesting {
			return "", fmt.Errorf("%w: elements nested deeper than %d", ErrNewsTooLarge, maxNesting)
		}
	}
	return m.withoutBases(), nil
}

// markup walks the tags of a document.
type markup struct {
	text  string
	at    int
	marks int
	open  []string
	// formats are the tags of formatting elements that are open in an entry as
	// HTML has it, where <b/> opens one; again is how many bytes of them are
	// opened again.
	formats []string
	again   int
	// bases is where names of attributes end in "base".
	bases []int
}

// tag passes over the markup that begins at m.at.
func (m *markup) tag() error {
	rest := m.text[m.at:]
	switch {
	case strings.HasPrefix(rest, "<!--"):
		m.at += len("<!--") + past(rest[len("<!--"):], "-->")
	case strings.HasPrefix(rest, "<![CDATA["):
		m.at += past(rest, "]]>")
	case strings.HasPrefix(rest, "<!"), hasPrefixFold(rest, "<?xml") && (len(rest) == 5 || strings.IndexByte(" \t\r\n?", rest[5]) >= 0):
		return fmt.Errorf("document is malformed: %s inside the root element", quote(rest[:min(len(rest), 20)]))
	case strings.HasPrefix(rest, "<?"):
		m.at += past(rest, "?>")
	case strings.HasPrefix(rest, "</"):
		n := past(rest, ">")
		m.close(strings.TrimSpace(strings.TrimSuffix(rest[2:n], ">")))
		m.at += n
	default:
		m.start()
	}
	return nil
}

// start passes over a start tag.
func (m *markup) start() {
	m.marks++
	i, quoted := m.at+1, byte(0)
	for ; i < len(m.text); i++ {
		c := m.text[i]
		switch {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
			continue
		case c == '"' || c == '\'':
			quoted = c
		case c == '=':
			m.marks++
			if name := strings.TrimRight(m.text[m.at:i], " \t\r\n"); strings.HasSuffix(name, ":base") {
				m.bases = append(m.bases, m.at+len(name)-len("base"))
			}
		case c == '>':
			m.push(m.text[m.at+1 : i])
			m.at = i + 1
			return
		}
	}
	m.at = i
}

func (m *markup) push(inside string) {
	m.format(inside)
	if strings.HasSuffix(inside, "/") {
		return
	}
	m.open = append(m.open, nameOf(inside))
}

// nameOf is the name in a start tag.
func nameOf(inside string) string {
	if end := strings.IndexAny(inside, " \t\r\n/"); end >= 0 {
		return inside[:end]
	}
	return inside
}

// maxAlike is how many formatting elements that are the same are open at once
// (HTML standard, section 13.2.4.3).
const maxAlike = 3

// format counts what an element opens again, and the element if it is one of
// formatting.
func (m *markup) format(inside string) {
	m.marks += len(m.formats)
	for _, f := range m.formats {
		m.again += len(f)
	}
	if !isFormatting(nameOf(inside)) {
		return
	}
	alike := 0
	for _, f := range m.formats {
		if f == inside {
			alike++
		}
	}
	if alike < maxAlike {
		m.formats = append(m.formats, inside)
	}
}

// isFormatting knows the formatting elements (HTML standard, section 13.2.4.2)
// but those of which a second one ends the first.
func isFormatting(name string) bool {
	switch strings.ToLower(name) {
	case "b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u":
		return true
	}
	return false
}

// close ends elements up to the one of that name, as the parser does for tags
// that were never closed. Each entry's texts are read by themselves.
func (m *markup) close(name string) {
	switch {
	case name == "entry" || name == "item":
		m.formats = nil
	case isFormatting(name):
		for i := len(m.formats) - 1; i >= 0; i-- {
			if strings.EqualFold(nameOf(m.formats[i]), name) {
				m.formats = append(m.formats[:i], m.formats[i+1:]...)
				break
			}
		}
	}
	for len(m.open) > 0 {
		last := m.open[len(m.open)-1]
		m.open = m.open[:len(m.open)-1]
		if last == name {
			return
		}
	}
}

// withoutBases is the text with other names for the attributes that say what
// links are relative to.
func (m *markup) withoutBases() string {
	if len(m.bases) == 0 {
		return m.text
	}
	text := []byte(m.text)
	for _, at := range m.bases {
		copy(text[at:], "none")
	}
	return string(text)
}
