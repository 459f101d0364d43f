package feed

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// records reads CSV (RFC 4180, any one-byte separator) record by record.
// encoding/csv is not used because one unbalanced quote makes it read the rest
// of the input as one cell: here a record is bounded in lines and bytes, and
// one that does not end is broken, and reading goes on at the line after it
// began.
type records struct {
	in *lines
	// pending are lines to read again after a broken record.
	pending []pendingLine
	split   splitter
}

type pendingLine struct {
	n    int
	long bool
	text []byte
}

// record is one row, or why it is none.
type record struct {
	line   int
	fields []string
	// reason is empty for a good row.
	reason, detail string
}

// take returns the next line. Its text is valid until the next call.
func (r *records) take() (pendingLine, error) {
	if len(r.pending) > 0 {
		line := r.pending[0]
		r.pending = r.pending[1:]
		return line, nil
	}
	text, long, err := r.in.next()
	return pendingLine{r.in.n, long, text}, err
}

// next returns the next row: width columns, separated by sep. Blank lines and
// comment lines are passed over. The error is io.EOF at the end.
func (r *records) next(sep byte, width int) (record, error) {
	for {
		line, err := r.take()
		if err != nil {
			return record{}, err
		}
		switch {
		case line.long:
			return record{line: line.n, reason: ReasonLineTooLong, detail: fmt.Sprintf("longer than %d bytes", maxLine)}, nil
		case isBlank(line.text) || line.text[0] == '#':
			continue
		}
		return r.finish(line, sep, width)
	}
}

// finish reads the record that begins with the line.
func (r *records) finish(first pendingLine, sep byte, width int) (record, error) {
	rec := record{line: first.n}
	r.split.begin(sep)
	r.split.feed(first.text)
	var more []pendingLine
	size := len(first.text)
	for r.split.open() && len(more) < maxRecordLines && size <= maxLine {
		line, err := r.take()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return record{}, err
		}
		line.text = []byte(string(line.text))
		more = append(more, line)
		if size += len(line.text); line.long {
			break
		}
		r.split.feed(line.text)
	}
	rec.fields, rec.reason, rec.detail = r.split.end(width)
	if rec.reason != "" && len(more) > 0 {
		r.pending = append(more, r.pending...)
	}
	return rec, nil
}

func isBlank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// splitter cuts one record into its cells, line by line.
type splitter struct {
	sep   byte
	state splitState
	// text holds all cells one after the other, ends where each ends.
	text   []byte
	ends   []int
	reason string
}

type splitState uint8

const (
	atCell splitState = iota // before the first byte of a cell
	inPlain
	inQuotes
	afterQuotes // behind a quote inside a quoted cell: its end, or half of ""
	broken
)

func (s *splitter) begin(sep byte) {
	*s = splitter{sep: sep, text: s.text[:0], ends: s.ends[:0]}
}

// open reports whether a quoted cell goes on in the next line.
func (s *splitter) open() bool { return s.state == inQuotes }

// feed takes one line.
func (s *splitter) feed(line []byte) {
	if s.state == inQuotes {
		s.text = append(s.text, '\n')
	}
	for _, c := range line {
		switch s.state {
		case atCell:
			s.first(c)
		case inPlain:
			if c == s.sep {
				s.close()
			} else {
				s.text = append(s.text, c)
			}
		case inQuotes:
			if c == '"' {
				s.state = afterQuotes
			} else {
				s.text = append(s.text, c)
			}
		case afterQuotes:
			s.behind(c)
		case broken:
			return
		}
	}
	if s.state != inQuotes && s.state != broken {
		s.close()
	}
}

// first takes the first byte of a cell. Spaces before it are dropped: some
// exporters write `"a", "b"`.
func (s *splitter) first(c byte) {
	switch c {
	case s.sep:
		s.close()
	case ' ':
	case '"':
		s.state = inQuotes
	default:
		s.state, s.text = inPlain, append(s.text, c)
	}
}

// behind takes the byte after a quote inside a quoted cell.
func (s *splitter) behind(c byte) {
	switch c {
	case '"':
		s.state, s.text = inQuotes, append(s.text, c)
	case s.sep:
		s.close()
	case ' ', '\r':
	default:
		s.fail(ReasonBrokenRow)
	}
}

// close ends a cell.
func (s *splitter) close() {
	s.state, s.ends = atCell, append(s.ends, len(s.text))
	if len(s.ends) > maxColumns {
		s.fail(ReasonTooManyColumns)
	}
}

func (s *splitter) fail(reason string) {
	if s.state != broken {
		s.state, s.reason = broken, reason
	}
}

// end returns the cells of the record. Empty cells beyond the width are
// dropped; any other difference breaks the row, because a cell may then stand
// under another column's name. A width of 0 accepts any.
func (s *splitter) end(width int) (fields []string, reason, detail string) {
	switch {
	case s.state == inQuotes:
		return nil, ReasonBrokenRow, "a quote is not closed"
	case s.reason == ReasonTooManyColumns:
		return nil, s.reason, fmt.Sprintf("more than %d columns", maxColumns)
	case s.reason != "":
		return nil, s.reason, "text after a closing quote"
	}
	all, from := string(s.text), 0
	fields = make([]string, len(s.ends))
	for i, to := range s.ends {
		fields[i] = all[from:to]
		from = to
	}
	if width == 0 {
		return fields, "", ""
	}
	for len(fields) > width && strings.TrimSpace(fields[len(fields)-1]) == "" {
		fields = fields[:len(fields)-1]
	}
	if len(fields) != width {
		return nil, ReasonBrokenRow, fmt.Sprintf("%d columns, the header has %d", len(fields), width)
	}
	return fields, "", ""
}
