package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// listParser reads plain lists: one value a line, comment lines that begin
// with '#', ';' or "//", and such a comment after a value and white space.
type listParser struct{}

// listMarks begin a comment.
//
//nolint:gochecknoglobals // read-only
var listMarks = []string{"#", ";", "//"}

// Parse implements Parser.
func (listParser) Parse(ctx context.Context, r io.Reader, _ Source, sink Sink) error {
	in := newLines(r)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, long, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read list: %w", err)
		}
		line = bytes.TrimSpace(line)
		switch {
		case long:
			err = sink.Skip(in.tooLong())
		case len(line) == 0 || isListComment(line):
			continue
		default:
			value, comment := cutComment(line, listMarks...)
			err = sink.Item(Item{Where: in.where(), Raw: string(value), Context: comment})
		}
		if err != nil {
			return err
		}
	}
}

// detectList wants nearly every line to be one word that looks like a value.
func detectList(_ string, head []byte) bool {
	values, others := 0, 0
	for raw := range bytes.Lines(head) {
		line := bytes.TrimSpace(raw)
		// A line with a NUL is damaged, and says nothing of the others.
		if len(line) == 0 || isListComment(line) || bytes.IndexByte(line, 0) >= 0 {
			continue
		}
		value, _ := cutComment(line, listMarks...)
		if oneToken(value) && looksLikeValue(value) {
			values++
		} else {
			others++
		}
	}
	return values > 0 && others*20 <= values
}

func isListComment(line []byte) bool {
	for _, mark := range listMarks {
		if bytes.HasPrefix(line, []byte(mark)) {
			return true
		}
	}
	return false
}
