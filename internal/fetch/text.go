package fetch

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	// judged is how much of a body is looked at to find its character set.
	judged = 1 << 20
	// declared is how far into a text its own declaration may go.
	declared = 1 << 10
)

// Text returns the body from its start as valid UTF-8 without byte order mark;
// what cannot be decoded is U+FFFD. The character set is that of the byte order
// mark, else of the answer's header, else of the XML declaration, else of the
// form of UTF-16, else of the page's meta element, else UTF-8 when the bytes
// are that, else windows-1252. What is declared and cannot be is passed over,
// and so is a header that names another set for what is UTF-8 and not ASCII:
// servers send one header with all pages, and text of other sets does not look
// like UTF-8 by chance.
// An XML declaration says UTF-8 afterwards, so that no parser decodes twice.
// The readers of several calls are independent; all end with the result.
func (r *Result) Text() (io.Reader, error) {
	if r.Body == nil {
		return nil, errors.New("read text: the result has no body")
	}
	head := make([]byte, min(r.Size, judged))
	if _, err := r.Body.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	enc, skip := r.encoding(head)
	body := io.NewSectionReader(r.Body, int64(skip), r.Size-int64(skip))
	return declareUTF8(transform.NewReader(body, enc.NewDecoder()))
}

// encoding finds the character set, and how many bytes of mark come before the
// text.
func (r *Result) encoding(head []byte) (enc encoding.Encoding, skip int) {
	for _, m := range marks() {
		if bytes.HasPrefix(head, m.bytes) {
			return m.encoding, len(m.bytes)
		}
	}
	labels := []string{r.Charset, xmlLabel(head), utf16Label(head)}
	if r.isPage(head) {
		labels = append(labels, metaLabel(head))
	}
	utf := false
	for i, label := range labels {
		enc, name := charset.Lookup(label)
		switch {
		case name == "", name == "replacement":
			// Unknown; or one that browsers refuse, because it hides markup.
		case name == "utf-8":
			utf = true
			if isUTF8(head) {
				return unicode.UTF8, 0
			}
		case strings.HasPrefix(name, "utf-16") && bytes.IndexByte(head, 0) < 0:
			// Markup in UTF-16 has a zero in every other byte.
		case i == 0 && isUTF8(head) && hasWide(head):
			// One header for all pages, and this page knows better.
		default:
			return enc, 0
		}
	}
	if utf || isUTF8(head) {
		return unicode.UTF8, 0
	}
	return charmap.Windows1252, 0
}

type mark struct {
	bytes    []byte
	encoding encoding.Encoding
}

func marks() []mark {
	return []mark{
		{[]byte{0xef, 0xbb, 0xbf}, unicode.UTF8},
		{[]byte{0xfe, 0xff}, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)},
		{[]byte{0xff, 0xfe}, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
	}
}

// isUTF8 reports whether the bytes may be UTF-8 that was cut off anywhere.
func isUTF8(head []byte) bool {
	for i := 1; i < utf8.UTFMax && i <= len(head); i++ {
		if at := len(head) - i; utf8.RuneStart(head[at]) {
			if !utf8.FullRune(head[at:]) {
				head = head[:at]
			}
			break
		}
	}
	return utf8.Valid(head)
}

// hasWide reports whether valid UTF-8 that may be cut off has a whole character
// beyond ASCII.
func hasWide(head []byte) bool {
	for i, b := range head {
		if b >= utf8.RuneSelf {
			return utf8.FullRune(head[i:])
		}
	}
	return false
}

var (
	declaration   = regexp.MustCompile(`^\s*<\?xml\s[^>]*?\?>`)
	encodingLabel = regexp.MustCompile(`\sencoding\s*=\s*(?:"([^"]*)"|'([^']*)')`)
)

func xmlLabel(head []byte) string {
	m := encodingLabel.FindSubmatch(declaration.Find(head[:min(len(head), declared)]))
	if m == nil {
		return ""
	}
	return string(m[1]) + string(m[2])
}

// utf16Label knows markup in UTF-16 without a mark by its first character.
func utf16Label(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0, '<', 0}):
		return "utf-16be"
	case bytes.HasPrefix(head, []byte{'<', 0}) && len(head) > 3 && head[3] == 0:
		return "utf-16le"
	}
	return ""
}

func (r *Result) isPage(head []byte) bool {
	if r.MediaType == "" {
		return strings.HasPrefix(http.DetectContentType(head), "text/html")
	}
	return strings.Contains(r.MediaType, "html")
}

// metaLabel asks for a meta element. Where there is none the answer is a
// guess, windows-1252, which is not better than ours.
func metaLabel(head []byte) string {
	_, name, _ := charset.DetermineEncoding(head, "")
	if name == "windows-1252" {
		return ""
	}
	return name
}

// declareUTF8 corrects the XML declaration of a text that was decoded, and
// drops the marks that some programs put before it more than once.
func declareUTF8(r io.Reader) (io.Reader, error) {
	br := bufio.NewReaderSize(r, declared)
	for mark, _ := br.Peek(3); string(mark) == "\ufeff"; mark, _ = br.Peek(3) {
		_, _ = br.Discard(3) // is there
	}
	head, err := br.Peek(declared)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	found := declaration.FindIndex(head)
	if found == nil {
		return br, nil
	}
	at := encodingLabel.FindSubmatchIndex(head[:found[1]])
	if at == nil {
		return br, nil
	}
	from, to := at[2], at[3]
	if from < 0 {
		from, to = at[4], at[5]
	}
	fixed := bytes.Join([][]byte{head[:from], []byte("UTF-8"), head[to:found[1]]}, nil)
	if _, err := br.Discard(found[1]); err != nil {
		return nil, err
	}
	return io.MultiReader(bytes.NewReader(fixed), br), nil
}
