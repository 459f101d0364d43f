package extract

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxPDF is the most bytes that Render reads of a PDF.
const MaxPDF = 64 << 20

// renderPDF returns the text of a PDF, page by page, with its lines kept: a
// digest that is broken over two is for the scanner to join. There is no
// layout: cells are parted by tabs where the distance says so.
//
// It reads what is needed for that, without a library: the one there is
// allocates what a file of a kilobyte asks for, and follows references until
// the stack ends, which no caller can recover from. Here every bound is a
// number: bytes, objects, values, pages, nesting, text.
func renderPDF(data []byte) (doc Document, err error) {
	defer func() {
		// What all the bounds have missed costs this document, not the server.
		if p := recover(); p != nil {
			doc, err = Document{}, fmt.Errorf("read PDF: %w: %v", ErrDamaged, p)
		}
	}()
	f, err := openPDF(data)
	if err != nil {
		return Document{}, fmt.Errorf("read PDF: %w", err)
	}
	pages, err := f.pages()
	if err != nil {
		return Document{}, fmt.Errorf("read PDF: %w", err)
	}
	var links linkSet
	t := pdfText{file: f, fonts: map[pdfRef]*pdfFont{}, steps: maxPDFSteps}
	for i, p := range pages {
		if err := t.page(p); err != nil {
			return Document{}, fmt.Errorf("read PDF: page %d: %w", i+1, err)
		}
		f.links(p, &links)
	}
	text := tidy(t.out.String())
	if strings.Trim(text, " \t\n"+unknownGlyph) == "" {
		return Document{}, fmt.Errorf("read PDF: %w: it is pictures, or its fonts do not say what they show", ErrNoText)
	}
	for _, link := range liveLinks(text) {
		links.add(link)
	}
	doc = Document{Text: text, Links: links.list}
	f.about(&doc)
	return doc, nil
}

// tidy takes white space off the ends of lines, and blank lines beyond one.
func tidy(text string) string {
	var out strings.Builder
	out.Grow(len(text) + 1)
	blank := true
	for line := range strings.SplitSeq(strings.ToValidUTF8(text, unknownGlyph), "\n") {
		line = strings.TrimRight(strings.ReplaceAll(line, "\x00", ""), " \t")
		if line == "" && blank {
			continue
		}
		blank = line == ""
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// links adds where a page's links lead.
func (f *pdfFile) links(page pdfDict, to *linkSet) {
	for _, a := range f.list(page["Annots"]) {
		uri, _ := f.get(f.getDict(f.getDict(a)["A"])["URI"]).(pdfString)
		if utf8.ValidString(string(uri)) {
			to.add(strings.TrimSpace(string(uri)))
		}
	}
}

// about reads title and date from what the document says of itself.
func (f *pdfFile) about(doc *Document) {
	for _, t := range f.trailers {
		info := f.getDict(t["Info"])
		if title, ok := f.get(info["Title"]).(pdfString); ok && doc.Title == "" {
			doc.Title = pdfTitle(title)
		}
		if made, ok := f.get(info["CreationDate"]).(pdfString); ok && doc.Published.IsZero() {
			doc.Published = pdfTime(string(made))
		}
	}
}

// pdfTitle reads a text string (section 7.9.2.2). The names of files that
// programs put there are no titles.
func pdfTitle(s pdfString) string {
	text := ""
	switch {
	case strings.HasPrefix(string(s), "\xfe\xff"):
		const longest = 2048
		for rest := s[2:min(len(s), longest)]; len(rest) > 1; rest = rest[min(len(rest), 60):] {
			text += utf16Text(rest[:min(len(rest), 60)])
		}
	case utf8.ValidString(string(s)):
		text = strings.TrimPrefix(string(s), "\ufeff")
	default:
		for _, c := range []byte(s) {
			text += string(rune(c))
		}
	}
	text = collapse(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), unknownGlyph))
	lower := strings.ToLower(text)
	for _, suffix := range [...]string{".doc", ".docx", ".indd", ".pdf", ".tex", ".dvi", ".odt", ".ppt", ".pptx"} {
		if strings.HasSuffix(lower, suffix) {
			return ""
		}
	}
	if lower == "untitled" {
		return ""
	}
	return text
}

// pdfTime reads a date (section 7.9.4): "D:20260305100000+01'00'", the end of
// which may lack.
func pdfTime(s string) time.Time {
	s = strings.ReplaceAll(strings.TrimPrefix(s, "D:"), "'", "")
	for _, layout := range [...]string{"20060102150405-0700", "20060102150405Z0000", "20060102150405Z", "20060102150405", "200601021504", "20060102"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1970 {
			return t.UTC()
		}
	}
	return time.Time{}
}
