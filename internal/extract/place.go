package extract

import (
	"strings"
	"unicode/utf8"
)

// kind is what a line is part of.
type kind uint8

const (
	paragraph kind = iota
	item           // of a list
	cell           // of a table
	literal        // a code block, an indented block
	bare           // a line of values alone
)

// area is what a section is about.
type area uint8

const (
	neutral    area = iota
	network         // indicators
	files           // files: what looks like a name is one of a file
	references      // what to read, whom to ask
)

// place is where the current line stands: the state that runs along the text.
type place struct {
	text       string
	start, end int
	kind       kind
	reference  bool // the line defines a link or is a comment
	began      int  // where the paragraph began

	label   area    // by the label of the line itself
	here    area    // by the last heading
	levels  [8]area // what headings by depth say of those below them
	depth   int
	titled  bool
	caption area // by a title without a heading's markup
	intro   area // by a line that ends in a colon: for the list below it
	titles  titles
	fence   string
	howto   answer // the code block sets something up
	opened  int    // where it begins
	table   bool
	columns columns
	blank   bool // the previous line was blank
	code    bool // the previous line was an indented block

	download bool // the line is labelled so, or is a digest below such a line

	introduced bool // the caption is a line with a colon, and
	listed     bool // its list has begun

	signature bool // the line stands below the mark of one ("-- ", RFC 3676)
	last      string
	steps     int // bytes looked at a second time
	// wasProse: the previous line was part of a paragraph.
	wasProse bool
}

// area is the subject at the current line.
func (p *place) area() area {
	if p.label != neutral {
		return p.label
	}
	if p.kind != paragraph && p.intro != neutral {
		return p.intro
	}
	if p.caption != neutral {
		return p.caption
	}
	return p.here
}

// next moves to the line text[start:end].
func (p *place) next(text string, start, end int, doc *facts) {
	p.text, p.start, p.end = text, start, end
	p.reference, p.label = false, neutral
	line := blanks.trim(text[start:end])
	if line == "--" && p.fence == "" {
		p.signature = true
	}
	if line == "" {
		p.blank, p.kind, p.began, p.last = true, paragraph, end+1, ""
		if !p.table {
			p.columns = columns{}
		}
		return
	}
	p.wasProse = p.kind == paragraph
	p.download = p.offers(line)
	if p.fenced(line, doc) {
		p.kind = literal
	} else {
		p.classify(text[start:end], line, doc)
	}
	if p.kind != paragraph || p.blank {
		p.began = start
	}
	p.reference = p.reference || p.download
	p.blank, p.last = false, line
}

// offers says that a line is labelled as a download, or is a digest below one.
func (p *place) offers(line string) bool {
	const longest = 24
	i := strings.IndexByte(line[:min(len(line), longest)], ':')
	if i < 0 {
		return false
	}
	return downloadLabels.has(itemMarks.trim(line[:i])) || p.download && !p.blank && digestsIn(line[:i]) != 0
}

// fenced follows code blocks: ``` and ~~~ of Markdown, ---- and .... of
// AsciiDoc. It says whether the line is in one.
func (p *place) fenced(line string, doc *facts) bool {
	if p.fence != "" {
		if strings.HasPrefix(line, p.fence) && strings.Trim(line, p.fence[:1]) == "" {
			p.fence = ""
		}
		return true
	}
	for _, mark := range [...]string{"```", "~~~"} {
		if strings.HasPrefix(line, mark) && !strings.Contains(line[3:], "`") {
			p.fence, p.howto, p.opened = mark, unasked, p.end
			return true
		}
	}
	if doc.asciidoc && len(line) >= 4 && (strings.Trim(line, "-") == "" || strings.Trim(line, ".") == "") {
		p.fence, p.howto, p.opened = line, unasked, p.end
		return true
	}
	return false
}

func (p *place) classify(full, line string, doc *facts) {
	p.kind = paragraph
	if p.heading(line, doc) {
		return
	}
	if strings.HasPrefix(line, "|===") {
		p.table, p.columns = !p.table, columns{}
	}
	switch {
	case p.table || isRow(line):
		p.kind = cell
		p.columns.read(line)
	case isItem(line):
		p.kind = item
	case (p.blank || p.code) && (strings.HasPrefix(full, "    ") || full[0] == '\t'):
		p.kind = literal
	case doc.asciidoc && strings.HasPrefix(line, "//"), isDefinition(line), isImprint(line):
		p.reference = true
	case isBare(line) && !p.continues() && !isDigestTitle(line):
		p.kind = bare
	}
	p.code = p.kind == literal
	p.listed = p.listed || p.kind != paragraph
	switch p.kind {
	case cell, literal:
		return
	case item, bare:
		p.labelled(line)
		return
	}
	p.caption = p.captionOf(line, doc)
}

// continues says that the line before was prose that goes on in this one, as
// in "The report is at", and not what introduces or is a list of values.
func (p *place) continues() bool {
	const words = 4
	if !p.wasProse || p.last == "" || p.last[len(p.last)-1] == ':' {
		return false
	}
	return strings.Count(p.last, " ") >= words || goesOnWords.has(p.last[strings.LastIndexByte(p.last, ' ')+1:])
}

// heading reads a heading of Markdown or AsciiDoc, or the line under one. The
// first of the first level is the title: a report that is called "Indicators
// of compromise" still begins with prose and links.
func (p *place) heading(line string, doc *facts) bool {
	mark := line[0]
	if mark != '#' && mark != '=' && mark != '-' {
		return false
	}
	n := len(line) - len(strings.TrimLeft(line, line[:1]))
	if n == len(line) { // underlined (Setext); a ruler otherwise
		if n < 3 || p.last == "" || doc.asciidoc || p.kind != paragraph || len(p.last) > 100 {
			return n >= 3 && mark != '#'
		}
		n, line = 1, p.last
		if mark == '-' {
			n = 2
		}
	} else if mark == '-' || n > 6 || line[n] != ' ' {
		return false
	}
	subject := subjectOf(line)
	if n == 1 && !p.titled {
		p.titled, subject = true, neutral
	}
	if subject == neutral && n > 1 {
		subject = p.levels[min(n-1, p.depth)]
	}
	p.here = subject
	if subject == references && hasWord(line, targetTitles) {
		subject = neutral // "Banks targeted by X" may have a section on the servers of X
	}
	for i := n; i < len(p.levels); i++ {
		p.levels[i] = subject
	}
	p.signature = false
	p.depth, p.caption, p.intro, p.table, p.columns = n, neutral, neutral, false, columns{}
	p.titles = titles{heading: line}
	return true
}

// isRow says that a line is a row of a table: bars or tabs between cells.
func isRow(line string) bool {
	if line[0] == '|' {
		return true
	}
	const enough = 2
	return strings.Count(line[:min(len(line), 400)], "|") >= enough || strings.IndexByte(line, '\t') > 0
}

// isItem says that a line begins with the mark of a list.
func isItem(line string) bool {
	if line[0] >= '0' && line[0] <= '9' {
		i := 1
		for i < len(line) && i < 4 && line[i] >= '0' && line[i] <= '9' {
			i++
		}
		return i+1 < len(line) && (line[i] == '.' || line[i] == ')') && line[i+1] == ' '
	}
	rest := strings.TrimLeft(line, "-*+")
	if n := len(line) - len(rest); n > 0 {
		return n < 6 && rest != "" && rest[0] == ' '
	}
	n := bulletLen(line)
	return n > 0 && n < len(line) && line[n] == ' '
}

// bulletLen is the length of a bullet outside of ASCII at the start of s.
func bulletLen(s string) int {
	if s == "" || s[0] < utf8.RuneSelf {
		return 0
	}
	for _, bullet := range [...]string{"•", "–", "·", "‣", "▪", "◦", "●", "■", "►"} {
		if strings.HasPrefix(s, bullet) {
			return len(bullet)
		}
	}
	return 0
}

// isDefinition says that a line defines a link or an attribute:
// "[1]: https://…", ":vt-url: https://…".
func isDefinition(line string) bool {
	if line[0] == '[' {
		i := strings.Index(line[:min(len(line), 64)], "]:")
		return i > 0 && i+2 < len(line) && line[i+2] == ' '
	}
	if line[0] != ':' {
		return false
	}
	i := strings.IndexByte(line[1:min(len(line), 64)], ':')
	return i > 0 && !strings.ContainsAny(line[1:i+1], " .")
}

// isImprint says that a line is the publisher's: who owns the text.
func isImprint(line string) bool {
	switch line[0] {
	case '(', 'C', 'c', 0xc2:
		return foldPrefix(line, "(c) ") || strings.HasPrefix(line, "©") || foldPrefix(line, "copyright ")
	}
	return false
}

// isBare says that a line holds values and no prose: every chunk of it could
// be one, save for a label in front ("C2: …").
func isBare(line string) bool {
	const most = 16
	n, label := 0, 0
	for chunk := range strings.FieldsSeq(line) {
		n++
		if n > most {
			return true
		}
		seen := class(0)
		for i := range len(chunk) {
			seen |= classes[chunk[i]]
		}
		if worth(chunk, seen) && seen&isHigh == 0 {
			continue
		}
		switch {
		case chunk == "-", chunk == ",", chunk == "and", chunk == "|":
		case n == label+1 && n <= 4: // still in the label
			label = n
		default:
			return false
		}
	}
	return label == 0 || (label < n && labelEnds(line, label))
}

// isDigestTitle says that a line has the name of a digest and no value:
// "SHA-256", "MD5 hashes:".
func isDigestTitle(line string) bool {
	const longest = 40
	return len(line) <= longest && digestsIn(line) != 0 && strings.IndexByte(line, '\t') < 0 && !hasDigits(line, minPiece)
}

// hasDigits says that a line has so many hex digits in a row.
func hasDigits(line string, n int) bool {
	run := 0
	for i := range len(line) {
		if classes[line[i]]&isHex == 0 {
			run = 0
		} else if run++; run == n {
			return true
		}
	}
	return false
}

// labelEnds says that word number n of a line ends in a colon.
func labelEnds(line string, n int) bool {
	for chunk := range strings.FieldsSeq(line) {
		n--
		if n == 0 {
			return chunk[len(chunk)-1] == ':' || chunk == "="
		}
	}
	return false
}
