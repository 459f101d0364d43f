package extract

import "strings"

// column is what a table's header says of a column.
type column uint8

const (
	otherColumn column = iota
	fileColumn
	versionColumn
	referenceColumn
	networkColumn
	secretColumn
)

// columns are the columns of the current table, from its first row.
type columns struct {
	known bool
	count int
	of    [16]column
	title string // the row itself
}

// read takes the first row of a table for its header. One cell is no header:
// AsciiDoc may write every cell on its own line.
func (c *columns) read(line string) {
	if c.known || strings.HasPrefix(line, "|===") {
		return
	}
	c.known, c.title = true, line
	const longest = 1024
	if len(line) > longest {
		return
	}
	line = strings.TrimRight(line, "|")
	for i, text := range strings.FieldsFunc(strings.TrimPrefix(line, "|"), isBar) {
		if i >= len(c.of) {
			break
		}
		c.count = i + 1
		c.of[i] = columnOf(text)
	}
	if c.count < 2 {
		c.count = 0
	}
}

func isBar(r rune) bool { return r == '|' || r == '\t' }

func columnOf(title string) column {
	const longest = 40
	if len(title) > longest {
		return otherColumn
	}
	if hasWord(title, secretWords) && digestsIn(title) == 0 {
		return secretColumn
	}
	for w := range strings.FieldsFuncSeq(strings.ToLower(title), notWord) {
		switch w {
		case "file", "filename", "filenames", "path", "files", "process", "detection", "detections":
			return fileColumn
		case "version", "versions", "build", "firmware", "fixed", "affected", "patched", "vulnerable", "unaffected", "release", "releases":
			return versionColumn
		case "domain", "domains", "host", "hosts", "hostname", "fqdn", "url", "urls", "indicator", "indicators", "ioc",
			"iocs", "c2", "c&c", "server", "servers", "network":
			return networkColumn
		case "registrar", "isp", "provider", "hosting", "organization", "owner", "vendor", "product", "target", "victim",
			"legitimate", "impersonated", "imitates", "brand", "reference", "references", "source", "sources", "report", "link", "links":
			return referenceColumn
		}
	}
	return otherColumn
}

// columnTitle is the header of the column of position i of the current line.
func (p *place) columnTitle(text string, i int) string {
	n := p.cell(text, i)
	if n < 0 || n >= p.columns.count {
		return ""
	}
	title := strings.TrimPrefix(p.columns.title, "|")
	for ; n > 0; n-- {
		k := strings.IndexFunc(title, isBar)
		title = title[k+1:]
	}
	if k := strings.IndexFunc(title, isBar); k >= 0 {
		title = title[:k]
	}
	return title
}

// column is the column of position i of the current line.
func (p *place) column(text string, i int) column {
	n := p.cell(text, i)
	if n < 0 || n >= p.columns.count {
		return otherColumn
	}
	return p.columns.of[n]
}

// firstCell is what stands in the first cell of the current line, if position
// i is in another.
func (p *place) firstCell(text string, i int) string {
	const longest = 64
	line := strings.TrimLeft(text[p.start:min(i, p.start+longest)], "| ")
	if k := strings.IndexFunc(line, isBar); k >= 0 {
		return line[:k]
	}
	return ""
}

// cell is the number of the cell of position i of the current line; negative
// where no table with a header is.
func (p *place) cell(text string, i int) int {
	const longest = 4096 // the cells before i are counted for every candidate
	if p.kind != cell || p.columns.count == 0 || i-p.start > longest {
		return -1
	}
	p.steps += i - p.start
	line := strings.TrimLeft(text[p.start:i], " ")
	line = strings.TrimPrefix(line, "|")
	return strings.Count(line, "|") + strings.Count(line, "\t")
}
