package extract

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"
)

// Kind is the markup of a document. The zero value is plain text.
type Kind uint8

// The kinds that Render reads.
const (
	PlainText Kind = iota
	Markdown
	AsciiDoc
	HTML
	PDF
)

// String returns the name of the kind in lower case.
func (k Kind) String() string {
	switch k {
	case PlainText:
		return "text"
	case Markdown:
		return "markdown"
	case AsciiDoc:
		return "asciidoc"
	case HTML:
		return "html"
	case PDF:
		return "pdf"
	}
	return "unknown"
}

// DetectKind says of which kind a file is, by its name and its first bytes (a
// kilobyte will do); either may be empty. It is false for what has no text:
// an archive, a program. What is text and nothing else is PlainText.
func DetectKind(name string, head []byte) (Kind, bool) {
	if bytes.HasPrefix(head, []byte("%PDF-")) {
		return PDF, true
	}
	if isBinary(head) {
		return PlainText, false
	}
	switch strings.ToLower(path.Ext(strings.ReplaceAll(name, `\`, "/"))) {
	case ".md", ".markdown", ".mkd":
		return Markdown, true
	case ".adoc", ".asciidoc", ".asc":
		return AsciiDoc, true
	case ".html", ".htm", ".xhtml":
		return HTML, true
	case ".txt", ".text", ".log":
		return PlainText, true
	case ".pdf", ".doc", ".docx", ".zip", ".gz", ".xz", ".7z", ".rar", ".exe", ".png", ".jpg", ".gif":
		return PlainText, false
	}
	return sniff(head), true
}

// sniff tells the kinds apart by how a text begins.
func sniff(head []byte) Kind {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	start := strings.ToLower(string(text[:min(len(text), 64)]))
	for _, tag := range [...]string{"<!doctype html", "<html", "<head", "<body", "<div", "<article", "<p>", "<table", "<h1"} {
		if strings.HasPrefix(start, tag) {
			return HTML
		}
	}
	// "<?xml" may be a feed; it is HTML only if it says so.
	if strings.HasPrefix(start, "<?xml") && bytes.Contains(bytes.ToLower(text), []byte("<html")) {
		return HTML
	}
	switch {
	case strings.HasPrefix(start, "= "), bytes.Contains(text, []byte("\n== ")), bytes.Contains(text, []byte("\n|===")):
		return AsciiDoc
	case strings.HasPrefix(start, "# "), strings.HasPrefix(start, "## "), bytes.Contains(text, []byte("\n## ")),
		bytes.Contains(text, []byte("\n```")):
		return Markdown
	}
	return PlainText
}

// isBinary says that bytes are no text in an encoding that Render reads.
func isBinary(head []byte) bool {
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		return false // UTF-16 with its mark
	}
	for _, magic := range [...]string{"PK\x03\x04", "\x7fELF", "MZ\x90", "\x1f\x8b", "\x28\xb5\x2f\xfd", "Rar!", "7z\xbc\xaf", "\x89PNG", "GIF8", "\xff\xd8\xff", "SQLite format 3"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	control := 0
	for _, c := range head {
		if c == 0 {
			return true
		}
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b {
			control++
		}
	}
	const most = 32 // one control byte in so many is a slip, more are data
	return control > len(head)/most && !utf8.Valid(head) || control > len(head)/4
}
