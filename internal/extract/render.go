package extract

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// MaxDocument is the most bytes that Render reads.
const MaxDocument = 32 << 20

// maxLinks bounds Document.Links.
const maxLinks = 10_000

// ErrTooLarge is returned for a document of more than MaxDocument bytes.
var ErrTooLarge = errors.New("document too large")

// Document is a document as text.
type Document struct {
	// Title is empty when the document has none.
	Title string
	// Text is what to give to the function Text; offsets count in it. For
	// HTML it is light Markdown: headings, list items and code blocks are
	// marked, cells are parted by tabs. Other kinds are only decoded.
	Text string
	// Published is zero when the document does not say.
	Published time.Time
	// Links are the absolute live HTTP links in order of appearance, without
	// repetition; at most ten thousand.
	Links []string
}

// Render reads a document of any kind and encoding: UTF-8, UTF-16 with a byte
// order mark, what HTML declares, else Windows-1252. Broken markup is read as
// browsers do, never refused. The errors are the reader's and ErrTooLarge; of
// a PDF also ErrEncrypted, ErrDamaged and ErrNoText.
func Render(r io.Reader, kind Kind) (Document, error) {
	if kind == PDF {
		data, err := readDocument(r, MaxPDF)
		if err != nil {
			return Document{}, err
		}
		return renderPDF(data)
	}
	data, err := readDocument(r, MaxDocument)
	if err != nil {
		return Document{}, err
	}
	text := decode(data, kind)
	if kind == HTML {
		return renderHTML(text), nil
	}
	doc := Document{Text: text, Links: liveLinks(text)}
	readHead(&doc, text)
	return doc, nil
}

// readDocument reads a document of at most that many bytes.
func readDocument(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("read document: %w: more than %d bytes", ErrTooLarge, most)
	}
	return data, nil
}

// decode returns data as valid UTF-8.
func decode(data []byte, kind Kind) string {
	utf16 := len(data) > 1 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff)
	if !utf16 && utf8.Valid(data) {
		return strings.TrimPrefix(string(data), "\ufeff")
	}
	contentType := "text/plain"
	if kind == HTML {
		contentType = "text/html"
	}
	enc, _, certain := charset.DetermineEncoding(data[:min(len(data), 1024)], contentType)
	if !certain && !utf16 {
		// The package guesses UTF-8 from the first kilobyte; the whole is not.
		if e, _ := charset.Lookup("windows-1252"); e != nil && !mostlyUTF8(data) {
			enc = e
		}
	}
	out, err := enc.NewDecoder().Bytes(data)
	if err != nil {
		out = data
	}
	return strings.TrimPrefix(strings.ToValidUTF8(string(out), "\ufffd"), "\ufeff")
}

// mostlyUTF8 says that data is UTF-8 with a few broken bytes, as of a text
// that was cut, and not an encoding of one byte a letter.
func mostlyUTF8(data []byte) bool {
	good, bad := 0, 0
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			bad++
		} else {
			good++
		}
		i += n
	}
	return good > bad
}

// readHead reads title and date from the first lines: a heading, AsciiDoc's
// :revdate:, the front matter of Markdown.
func readHead(doc *Document, text string) {
	const lines = 40
	n, front := 0, false
	for line := range strings.SplitSeq(text, "\n") {
		if n++; n > lines {
			return
		}
		line = strings.TrimSpace(line)
		if line == "---" {
			front = n == 1
			continue
		}
		if doc.Title == "" {
			if t, ok := strings.CutPrefix(line, "# "); ok {
				doc.Title = strings.TrimSpace(strings.TrimRight(t, "#"))
			} else if t, ok := strings.CutPrefix(line, "= "); ok {
				doc.Title = strings.TrimSpace(t)
			} else if t, ok := strings.CutPrefix(line, "title:"); ok && front {
				doc.Title = strings.Trim(t, ` "'`)
			}
		}
		if doc.Published.IsZero() {
			if t, ok := strings.CutPrefix(line, ":revdate:"); ok {
				doc.Published = parseTime(t)
			} else if t, ok := strings.CutPrefix(line, "date:"); ok && front {
				doc.Published = parseTime(t)
			}
		}
	}
}

// parseTime reads a date as documents write it; zero when it is none.
func parseTime(s string) time.Time {
	s = strings.Trim(s, " \t\"'")
	for _, layout := range [...]string{
		time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05",
		"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02", time.RFC1123, time.RFC1123Z,
		"2 January 2006", "January 2, 2006", "2006/01/02",
	} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1970 {
			return t.UTC().Truncate(time.Second)
		}
	}
	return time.Time{}
}

// linkSet collects links once each.
type linkSet struct {
	list []string
	seen map[string]struct{}
}

func (l *linkSet) add(link string) {
	if len(l.list) >= maxLinks || len(link) > 2048 {
		return
	}
	if !foldPrefix(link, "http://") && !foldPrefix(link, "https://") {
		return
	}
	if _, ok := l.seen[link]; ok {
		return
	}
	if l.seen == nil {
		l.seen = map[string]struct{}{}
	}
	l.seen[link] = struct{}{}
	l.list = append(l.list, link)
}

// liveLinks finds the links of a text that is not HTML.
func liveLinks(text string) []string {
	var links linkSet
	s := scanner{text: text}
	for i := 0; i < len(text); {
		k := strings.Index(text[i:], "://")
		if k < 0 {
			break
		}
		k += i
		i = k + len("://")
		start := k
		for start > 0 && k-start < len("https") && classes[text[start-1]]&isLetter != 0 {
			start--
		}
		if scheme := strings.ToLower(text[start:k]); scheme != "http" && scheme != "https" {
			continue
		}
		s.end = len(text)
		if eol := strings.IndexByte(text[i:], '\n'); eol >= 0 {
			s.end = i + eol
		}
		s.place.start = start
		r := s.bodyEnd(start, i)
		if r.cut == whole && !strings.Contains(text[start:r.end], "[.]") {
			links.add(text[start:r.end])
		}
		i = max(i, r.next)
	}
	return links.list
}
