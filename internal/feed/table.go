package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// table reads a CSV file by the names of its columns.
type table struct {
	// isHeader says whether these names (as columnName writes them) are the
	// header that the format needs.
	isHeader func(names []string) bool
	// defaults are the columns of a file without a header; nil: it must have one.
	defaults []string
	// sought says in an error which columns were looked for.
	sought string
}

// errHeader marks a CSV file whose header is missing or unusable.
var errHeader = errors.New("no usable header")

// separators are tried in this order on the header.
const separators = ",;\t|"

// walk reads r to its end. row gets every good record; the others are skips.
func (t table) walk(ctx context.Context, r io.Reader, sink Sink, row func(where string, c cells) error) error {
	in := &records{in: newLines(r)}
	names, sep, err := t.header(in)
	if err != nil {
		return err
	}
	c := cells{column: columnIndex(names)}
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		rec, err := in.next(sep, len(names))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case rec.reason != "":
			err = sink.Skip(Skip{lineName(rec.line), rec.reason, rec.detail})
		case first && slices.Equal(columnNames(rec.fields), names):
			// The header once more, below its commented-out form.
		default:
			c.fields = rec.fields
			err = row(lineName(rec.line), c)
		}
		if err != nil {
			return err
		}
	}
}

// header reads up to the header, which may be commented out, or to the first
// row of a file that needs none.
func (t table) header(in *records) (names []string, sep byte, err error) {
	for {
		line, err := in.take()
		switch {
		case errors.Is(err, io.EOF):
			return nil, 0, fmt.Errorf("%w: the input has no rows%s", errHeader, t.hint())
		case err != nil:
			return nil, 0, err
		case line.long:
			return nil, 0, fmt.Errorf("%w: line %d is longer than %d bytes%s", errHeader, line.n, maxLine, t.hint())
		case isBlank(line.text):
			continue
		}
		names, sep, tooMany := splitHeader(line.text, t.isHeader)
		if names != nil {
			return names, sep, nil
		}
		if line.text[0] == '#' {
			continue
		}
		if tooMany {
			return nil, 0, fmt.Errorf("%w: line %d has more than %d columns%s", errHeader, line.n, maxColumns, t.hint())
		}
		if t.defaults == nil || len(splitLine(line.text, ',')) != len(t.defaults) {
			return nil, 0, fmt.Errorf("%w: line %d is %s%s", errHeader, line.n, quote(string(line.text)), t.hint())
		}
		line.text = bytes.Clone(line.text)
		in.pending = append(in.pending, line)
		return t.defaults, ',', nil
	}
}

func (t table) hint() string {
	if t.sought == "" {
		return ""
	}
	return "; " + t.sought
}

// splitHeader reads a line, commented out or not, as a header with the
// separator under which it is one and has the most columns. tooMany tells that
// it is none only because of its width.
func splitHeader(line []byte, isHeader func([]string) bool) (names []string, sep byte, tooMany bool) {
	line = bytes.TrimSpace(bytes.TrimLeft(line, "# "))
	for i := range len(separators) {
		var s splitter
		s.begin(separators[i])
		s.feed(line)
		fields, reason, _ := s.end(0)
		tooMany = tooMany || reason == ReasonTooManyColumns
		if reason != "" || len(fields) <= len(names) {
			continue
		}
		if candidate := columnNames(fields); isHeader(candidate) {
			names, sep = candidate, separators[i]
		}
	}
	return names, sep, tooMany
}

// splitLine cuts one line into cells; nil when it is broken.
func splitLine(line []byte, sep byte) []string {
	var s splitter
	s.begin(sep)
	s.feed(line)
	fields, _, _ := s.end(0)
	return fields
}

// hasHeader reports whether the first row of head, or a comment above it, is
// the wanted header.
func hasHeader(head []byte, isHeader func([]string) bool) bool {
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || len(line) > maxLine {
			continue
		}
		if names, _, _ := splitHeader(line, isHeader); names != nil {
			return true
		}
		if line[0] != '#' {
			return false
		}
	}
	return false
}

// columnName writes a column's name as the tables here do: lower case, '_'
// for spaces and hyphens.
func columnName(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return '_'
		}
		return r
	}, s)
}

func columnNames(fields []string) []string {
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = columnName(field)
	}
	return names
}

// columnIndex maps each name to its first column.
func columnIndex(names []string) map[string]int {
	column := make(map[string]int, len(names))
	for i, name := range names {
		if _, ok := column[name]; !ok {
			column[name] = i
		}
	}
	return column
}

// cells is one row by column name.
type cells struct {
	column map[string]int
	fields []string
}

// get returns the first cell under one of the names that is not empty. The
// quote that guards a cell from being run as a formula (contract section 4) is
// taken off.
func (c cells) get(names ...string) string {
	for _, name := range names {
		i, ok := c.column[name]
		if !ok || i >= len(c.fields) {
			continue
		}
		if cell := strings.TrimSpace(c.fields[i]); cell != "" {
			return unguard(cell)
		}
	}
	return ""
}

// unguard undoes the formula guard: ' before a character that would start one.
func unguard(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.IndexByte("=+-@\t\r", cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}
