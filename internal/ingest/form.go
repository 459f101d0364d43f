package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"spoor/internal/extract"
	"spoor/internal/feed"
	"spoor/internal/store"
)

var (
	errUnknown = errors.New("format not recognised")
	errBinary  = errors.New("is binary data")
)

// form is how one input is to be read: as rows by a parser, or as prose.
type form struct {
	name string
	// feed is who reports what has no name of its own in the request.
	feed     string
	category store.Category
	// parser is nil for prose.
	parser feed.Parser
	// prose is the kind of the document, where it is one.
	prose extract.Kind
	// news is set for a document that announces reports.
	news bool
}

// The formats that say nothing of who publishes in them.
const (
	// listForm is also the one whose files belong to the README beside them.
	listForm  = "list"
	tableForm = "csv"
)

// formNamed returns the form of that name; nil for the empty name, which stands
// for recognising each input.
func formNamed(name string) (*form, error) {
	if name == "" {
		return nil, nil
	}
	if f, err := feed.ByName(name); err == nil {
		return rowForm(f), nil
	}
	for _, kind := range proseKinds() {
		if kind.String() == name {
			return proseForm(kind), nil
		}
	}
	return nil, fmt.Errorf("%w: unknown format %q: use one of %s", ErrRequest, name, formNames())
}

func rowForm(f feed.Format) *form {
	to := &form{name: f.Name, feed: f.Feed, category: store.Category(f.Category), parser: f.Parser, news: f.News()}
	switch f.Name {
	case listForm, tableForm, "misp", "stix", "taxii":
		// Anybody's rows, like prose: a list belongs to the feed of the README
		// beside it.
		to.feed, to.category = LocalFeed, store.Community
	}
	return to
}

func proseForm(kind extract.Kind) *form {
	return &form{name: kind.String(), feed: LocalFeed, category: store.Community, prose: kind}
}

func proseKinds() []extract.Kind {
	return []extract.Kind{extract.PlainText, extract.Markdown, extract.AsciiDoc, extract.HTML, extract.PDF}
}

// Formats returns the names that Request.Format takes.
func Formats() []string {
	var names []string
	for _, f := range feed.Formats() {
		names = append(names, f.Name)
	}
	for _, kind := range proseKinds() {
		names = append(names, kind.String())
	}
	return names
}

func formNames() string { return strings.Join(Formats(), ", ") }

// recognise says how to read an input, from its name and its first bytes.
func recognise(name string, head []byte) (*form, error) {
	if len(head) == 0 {
		return nil, errEmpty
	}
	if packed := packedAs(head); packed != "" {
		return nil, fmt.Errorf("%w: it is %s; unpack it first", errUnknown, packed)
	}
	if kind, _ := extract.DetectKind("", head); kind == extract.PDF {
		return proseForm(kind), nil // whatever it is called
	}
	if isBinary(head) {
		return nil, fmt.Errorf("%w: %w (or UTF-16 without a byte order mark); convert it to UTF-8 text, or %s", errUnknown, errBinary, sayFormat())
	}
	// One NUL is binary to DetectKind; how many may be has been settled here.
	kind, prose := extract.DetectKind(name, bytes.ReplaceAll(head, []byte{0}, nil))
	prose = prose && isProseName(name) && !isData(head)
	if prose && isReadmeName(name) {
		return proseForm(kind), nil
	}
	if f, ok := feed.Detect(name, head); ok {
		return rowForm(f), nil
	}
	if prose {
		return proseForm(kind), nil
	}
	return nil, fmt.Errorf("%w; %s", errUnknown, sayFormat())
}

func sayFormat() string { return "say what it is with --format F, one of " + formNames() }

// nulShare is how many bytes of text may hold one NUL: a damaged row or two
// must not cost the whole file, and what is compressed holds one in 256.
const nulShare = 1000

// isBinary reports whether a head holds more NULs than damaged text does.
// UTF-16 has been decoded by now, if it says that it is.
func isBinary(head []byte) bool {
	nuls := bytes.Count(head, []byte{0})
	if len(head) < nulShare && nuls == 1 {
		// Too short for a share: text apart from the one.
		return !utf8.Valid(head)
	}
	return nuls*nulShare > len(head)
}

// packers are the beginnings of files that have to be unpacked by other means.
//
//nolint:gochecknoglobals // read-only table
var packers = []struct{ magic, name string }{
	{"BZh", "packed with bzip2"}, {"\xfd7zXZ\x00", "packed with xz"}, {"7z\xbc\xaf\x27\x1c", "a 7z archive"},
	{"Rar!\x1a\x07", "a RAR archive"},
}

// packedAs names what text cannot be read from, or returns an empty text.
func packedAs(head []byte) string {
	for _, p := range packers {
		if bytes.HasPrefix(head, []byte(p.magic)) {
			return p.name
		}
	}
	// POSIX.1-2017, pax, "ustar Interchange Format": magic at offset 257.
	if len(head) > 262 && string(head[257:262]) == "ustar" {
		return "a tar archive"
	}
	return ""
}

// isProseName reports whether a file of that name may be a document. Nearly
// anything is text; a program or a feed of some other format is not, and
// reading it as prose would find what nobody meant. No suffix may be anything.
func isProseName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case "", ".txt", ".text", ".log", ".md", ".markdown", ".mkd", ".adoc", ".asciidoc", ".asc", ".rst", ".html", ".htm", ".xhtml":
		return true
	}
	return false
}

// isData reports whether a text begins as JSON or as XML that is no HTML.
func isData(head []byte) bool {
	text := bytes.TrimSpace(head)
	if bytes.HasPrefix(text, []byte("<?xml")) {
		return !bytes.Contains(bytes.ToLower(text), []byte("<html"))
	}
	if len(text) < 2 || text[0] != '{' && text[0] != '[' {
		return false
	}
	next := bytes.TrimLeft(text[1:], " \t\r\n")
	return len(next) > 0 && bytes.IndexByte([]byte(`"{[]}0123456789`), next[0]) >= 0
}

// isReadmeName reports whether a file of that name is written for people.
func isReadmeName(name string) bool {
	base := strings.ToLower(path.Base(name))
	return strings.TrimSuffix(base, path.Ext(base)) == "readme"
}
