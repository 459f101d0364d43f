package extract

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// renderHTML turns HTML into text, token by token. There is no tree: nesting
// of any depth costs nothing, tags that are never closed lose nothing.
func renderHTML(source string) Document {
	w := htmlWriter{}
	w.out.Grow(len(source) / 2)
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		switch z.Next() {
		case html.ErrorToken:
			w.flushFence()
			w.doc.Text = strings.TrimRight(w.out.String(), " \n") + "\n"
			w.doc.Links = w.links.list
			if w.doc.Title == "" {
				w.doc.Title = w.firstHeading
			}
			return w.doc
		case html.TextToken:
			w.text(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			w.start(readTag(z))
		case html.EndTagToken:
			name, _ := z.TagName()
			w.stop(atom.Lookup(name), string(name))
		}
	}
}

// tag is a start tag with the attributes that matter.
type tag struct {
	atom   atom.Atom
	name   string
	hidden bool
	around bool // what pages have around an article
	attr   map[string]string
}

// readTag keeps the few attributes that are looked at; a page may have
// thousands, or one of megabytes.
func readTag(z *html.Tokenizer) tag {
	name, more := z.TagName()
	t := tag{atom: atom.Lookup(name), name: string(name)}
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		switch k := string(key); k {
		case "hidden":
			t.hidden = string(value) != "until-found"
		case "style":
			t.hidden = t.hidden || hides(value)
		case "class", "id", "role":
			t.around = t.around || isAround(value)
		case "href", "content", "name", "property", "itemprop", "datetime", "type":
			if t.attr == nil {
				t.attr = map[string]string{}
			}
			const longest = 4096
			if len(value) <= longest {
				t.attr[k] = string(value)
			}
		}
	}
	return t
}

func hides(style []byte) bool {
	const longest = 1024
	s := strings.ReplaceAll(string(style[:min(len(style), longest)]), " ", "")
	s = strings.ToLower(s)
	return strings.Contains(s, "display:none") || strings.Contains(s, "visibility:hidden")
}

// htmlWriter writes text with the light markup that Text reads.
type htmlWriter struct {
	doc   Document
	links linkSet
	out   strings.Builder

	skipName  string // the element being left out, and how deep in it
	skipDepth int

	sample string // the address of the page about a sample that the open link leads to
	linkAt int    // where the text of that link begins

	lines   int  // line breaks to write before the next text
	space   bool // a space to write before the next text
	fresh   bool // the current line has only a prefix or nothing
	prefix  string
	pre     int
	fenced  bool
	row     int // cells so far in the current row
	inCell  bool
	cellAt  int // where its text begins
	title   bool
	heading bool
	jsonLD  bool

	firstHeading string
}

// start handles a start tag.
func (w *htmlWriter) start(t tag) {
	if w.skipName != "" {
		if t.name == w.skipName {
			if !implied(t.atom) {
				w.skipDepth++
				return
			}
			w.skipName = "" // <p hidden> … <p>: the second ends the first
		} else {
			return
		}
	}
	if t.attr != nil {
		w.meta(t)
	}
	if (skipped(t.atom) || t.hidden || (t.around && contains(t.atom))) && !isVoid(t.atom) {
		w.skipName, w.skipDepth = t.name, 1
		w.jsonLD = t.atom == atom.Script && t.attr["type"] == "application/ld+json"
		return
	}
	switch t.atom {
	case atom.Title:
		w.title = w.doc.Title == ""
	case atom.Br:
		w.breakLine(1)
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.prefix = ""
		w.breakLine(2)
		if !w.inCell {
			w.prefix = strings.Repeat("#", int(t.name[1]-'0')) + " "
		}
		w.heading = t.atom == atom.H1 && w.firstHeading == ""
	case atom.Li:
		w.prefix = ""
		w.breakLine(1)
		w.prefix = "- "
	case atom.Pre, atom.Textarea, atom.Listing, atom.Xmp:
		w.openFence()
	case atom.Tr:
		w.breakLine(1)
		w.row, w.inCell = 0, false
	case atom.Td, atom.Th:
		w.cell()
	default:
		w.breakLine(breaks(t.atom))
	}
}

// stop handles an end tag.
func (w *htmlWriter) stop(a atom.Atom, name string) {
	if w.skipName != "" {
		if name == w.skipName {
			if w.skipDepth--; w.skipDepth == 0 {
				w.skipName, w.jsonLD = "", false
			}
		} else if a == atom.Body || a == atom.Html {
			w.skipName = "" // never closed: go on behind the body
		}
		return
	}
	switch a {
	case atom.A:
		w.closeLink()
	case atom.Title:
		w.title = false
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.heading, w.prefix = false, ""
		w.breakLine(2)
	case atom.Li:
		w.prefix = ""
		w.breakLine(1)
	case atom.Pre, atom.Textarea, atom.Listing, atom.Xmp:
		w.closeFence()
	case atom.Td, atom.Th:
		w.lines, w.space = 0, false
	case atom.Tr:
		w.inCell = false
		w.breakLine(1)
	case atom.Table:
		w.inCell = false
		w.breakLine(2)
	default:
		w.breakLine(breaks(a))
	}
}

// meta reads links and the date of publication.
func (w *htmlWriter) meta(t tag) {
	switch t.atom {
	case atom.A:
		w.links.add(t.attr["href"])
		w.sample, w.linkAt = samplePage(t.attr["href"]), w.out.Len()
	case atom.Meta:
		switch strings.ToLower(t.attr["property"] + t.attr["name"] + t.attr["itemprop"]) {
		case "article:published_time", "date", "pubdate", "publishdate", "dc.date", "dc.date.issued",
			"datepublished", "og:published_time", "dcterms.created", "parsely-pub-date":
			w.published(t.attr["content"])
		}
	case atom.Time:
		w.published(t.attr["datetime"])
	}
}

// samplePage is an address if it is the one of a page about a sample, whose
// digest it names.
func samplePage(href string) string {
	const longest = 512
	if len(href) > longest || !hasDigits(href, 32) {
		return ""
	}
	_, rest, _ := strings.Cut(href, "://")
	if i := strings.IndexAny(rest, "/?#"); i < 0 || !analysis.under(lowerASCII(rest[:i])) {
		return ""
	}
	return href
}

// closeLink writes the address of a page about a sample behind a link whose
// text does not say which: "this sample".
func (w *htmlWriter) closeLink() {
	if w.sample != "" && w.linkAt < w.out.Len() && !hasDigits(w.out.String()[w.linkAt:], minPiece) {
		w.out.WriteString(" (" + w.sample + ")")
	}
	w.sample = ""
}

func (w *htmlWriter) published(s string) {
	if w.doc.Published.IsZero() {
		w.doc.Published = parseTime(s)
	}
}

// cell parts two cells of a row by a tab, whatever blocks are in them.
func (w *htmlWriter) cell() {
	if w.row > 0 {
		w.lines = 0
		w.out.WriteByte('\t')
	} else {
		w.inCell = false
		w.flushLines(0)
	}
	w.space, w.fresh = false, true
	w.row++
	w.inCell, w.cellAt = true, w.out.Len()
}

// breakLine asks for n line breaks before the next text. Breaks at the start
// of a cell, an item or a heading are its own.
func (w *htmlWriter) breakLine(n int) {
	if n == 0 || (w.inCell && w.fresh) || (w.prefix != "" && w.lines > 0) {
		return
	}
	if w.pre > 0 {
		if n > 0 {
			w.out.WriteByte('\n')
		}
		return
	}
	w.space = false
	if w.inCell {
		n = 1
	}
	w.lines = max(w.lines, n)
}

func (w *htmlWriter) openFence() {
	w.pre++
	if w.pre > 1 || w.inCell {
		return
	}
	w.flushLines(2)
	w.out.WriteString("```\n")
	w.fenced = true
}

func (w *htmlWriter) closeFence() {
	if w.pre == 0 {
		return
	}
	w.pre--
	if w.pre == 0 {
		w.flushFence()
		w.breakLine(1)
	}
}

func (w *htmlWriter) flushFence() {
	if !w.fenced {
		return
	}
	w.fenced = false
	if !strings.HasSuffix(w.tail(), "\n") {
		w.out.WriteByte('\n')
	}
	w.out.WriteString("```")
	w.lines = 2
}

// tail is the end of what was written.
func (w *htmlWriter) tail() string {
	s := w.out.String()
	return s[max(0, len(s)-1):]
}

// flushLines writes the breaks that were asked for, at least n if n is not 0.
func (w *htmlWriter) flushLines(n int) {
	n = max(n, w.lines)
	w.lines = 0
	if n == 0 || w.out.Len() == 0 {
		return
	}
	w.space = false
	if w.inCell && w.out.Len()-w.cellAt < longestCell {
		w.out.WriteByte('\v') // the row stays one line
		return
	}
	w.out.WriteString("\n\n"[:min(n, 2)])
}

// text writes the text between two tags.
func (w *htmlWriter) text(s string) {
	switch {
	case w.jsonLD:
		w.linkedData(s)
		return
	case w.skipName != "":
		return
	case w.title:
		w.doc.Title += collapse(s)
		return
	}
	if w.heading {
		w.firstHeading = strings.TrimSpace(w.firstHeading + " " + collapse(s))
	}
	if w.pre > 0 {
		w.out.WriteString(dropInvisible(strings.ReplaceAll(s, "\r", "")))
		w.fresh = false
		return
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\f' || r == 0xa0:
			w.space = true
		case invisible(r):
		default:
			w.begin()
			// Copy the whole word at once.
			j := i + n
			for j < len(s) && s[j] > ' ' && s[j] < utf8.RuneSelf {
				j++
			}
			w.out.WriteString(s[i:j])
			n = j - i
		}
		i += n
	}
}

// begin writes what stands before the next word: breaks and marks, or a space.
func (w *htmlWriter) begin() {
	broke := w.lines > 0 || w.out.Len() == 0
	w.flushLines(0)
	if w.prefix != "" {
		w.out.WriteString(w.prefix)
		w.prefix = ""
	} else if w.space && !broke && !w.fresh {
		w.out.WriteByte(' ')
	}
	w.space, w.fresh = false, false
}

// linkedData finds the date in a block of JSON-LD, without a parser: blocks
// are often broken, and nothing else of them is of use.
func (w *htmlWriter) linkedData(s string) {
	_, rest, ok := strings.Cut(s, `"datePublished"`)
	if !ok {
		return
	}
	rest = strings.TrimLeft(rest, " :\n\t")
	if len(rest) > 1 && rest[0] == '"' {
		if value, _, ok := strings.Cut(rest[1:], `"`); ok {
			w.published(value)
		}
	}
}

// longestCell is how many bytes of a cell stand on one line. More is layout.
const longestCell = 1000

func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }

// invisible says that a rune is only there to let a browser break a word.
func invisible(r rune) bool {
	return r == 0x00ad || r == 0x200b || r == 0x2060 || r == 0xfeff
}

func dropInvisible(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		if r == 0xa0 {
			return ' '
		}
		return r
	}, s)
}
