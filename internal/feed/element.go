package feed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// elements walks a JSON document and hands over the objects in its arrays,
// one at a time and still encoded. encoding/json's Decoder is not used for
// that because it keeps a value of any size and stops for good at the first
// syntax error: here one row is bounded, and a broken one costs that row.
type elements struct {
	// member says whether the member of the top-level object with that name
	// holds rows: in an array, or in an object keyed by their ids.
	member func(name string) bool
	// row takes one object. It must not keep raw.
	row func(where string, raw []byte) error
	// scalar takes the scalar members of the top-level object; may be nil.
	scalar func(name string, raw []byte)
	skip   func(Skip) error
}

// errSyntax marks an input that is no JSON document outside of its rows.
var errSyntax = errors.New("not valid JSON")

// walk reads r to its end.
func (e elements) walk(ctx context.Context, r io.Reader) error {
	s := &scanner{r: decode(r)}
	c, err := s.peek()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the input is empty", errSyntax)
	case err != nil:
		return err
	case c == '[':
		err = e.array(ctx, s, "")
	case c == '{':
		err = e.object(ctx, s, "")
	default:
		return fmt.Errorf("%w: begins with %q, want { or [", errSyntax, c)
	}
	if err != nil {
		return err
	}
	c, err = s.peek()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %q after the end of the document, at byte %d", errSyntax, c, s.off)
}

// array reads an array; the objects in it are rows.
func (e elements) array(ctx context.Context, s *scanner, where string) error {
	if _, err := s.readByte(); err != nil {
		return err
	}
	for i := 0; ; {
		c, err := s.inside()
		if err != nil {
			return err
		}
		switch c {
		case ']':
			_, err := s.readByte()
			return err
		case ',', ':', '}':
			// A bracket or colon here is left over from the broken row before.
			if _, err := s.readByte(); err != nil {
				return err
			}
		default:
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := e.element(s, where+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
			i++
		}
	}
}

// object reads the top-level object, or (where not empty) one keyed by ids.
func (e elements) object(ctx context.Context, s *scanner, where string) error {
	if _, err := s.readByte(); err != nil {
		return err
	}
	for {
		c, err := s.inside()
		if err != nil {
			return err
		}
		switch c {
		case '}':
			_, err := s.readByte()
			return err
		case ',':
			if _, err := s.readByte(); err != nil {
				return err
			}
		case '"':
			if err := ctx.Err(); err != nil {
				return err
			}
			name, err := s.name()
			if err != nil {
				return err
			}
			if err := e.value(ctx, s, where, name); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: %q instead of a member name, at byte %d", errSyntax, c, s.off)
		}
	}
}

// value reads the value of a member.
func (e elements) value(ctx context.Context, s *scanner, where, name string) error {
	c, err := s.inside()
	if err != nil {
		return err
	}
	top := where == ""
	full := name
	if !top {
		full = where + "." + name
	}
	switch {
	case c == '[' && (!top || e.member(name)):
		return e.array(ctx, s, full)
	case c == '{' && top && e.member(name):
		return e.object(ctx, s, full)
	case c == '{' && !top:
		return e.element(s, full)
	}
	raw, reason, err := s.value()
	if err == nil && reason == "" && top && e.scalar != nil && c != '{' && c != '[' {
		e.scalar(name, raw)
	}
	return err
}

// element reads one row.
func (e elements) element(s *scanner, where string) error {
	c, err := s.inside()
	if err != nil {
		return err
	}
	raw, reason, err := s.value()
	if err != nil {
		return err
	}
	switch {
	case reason == ReasonTooLarge:
		return e.skip(Skip{where, reason, "larger than " + strconv.Itoa(maxElement) + " bytes"})
	case reason != "":
		return e.skip(Skip{where, reason, "nested deeper than " + strconv.Itoa(maxDepth)})
	case c != '{':
		return e.skip(Skip{where, ReasonBrokenRow, "not an object: " + quote(string(raw))})
	case !utf8.Valid(raw):
		// encoding/json would replace the bytes and so change the value.
		return e.skip(Skip{where, ReasonBrokenRow, "not valid UTF-8"})
	}
	return e.row(where, raw)
}

// scanner reads JSON values as bytes, in constant memory.
type scanner struct {
	r   *bufio.Reader
	off int64
	buf []byte
}

func (s *scanner) readByte() (byte, error) {
	c, err := s.r.ReadByte()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return 0, err
		}
		return 0, fmt.Errorf("read byte %d: %w", s.off, err)
	}
	s.off++
	return c, nil
}

// peek skips white space and returns the next byte without taking it.
func (s *scanner) peek() (byte, error) {
	for {
		c, err := s.readByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			s.off--
			return c, s.r.UnreadByte()
		}
	}
}

// inside is peek where the document cannot end.
func (s *scanner) inside() (byte, error) {
	c, err := s.peek()
	return c, s.truncated(err)
}

func (s *scanner) truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("input ends in the middle of the document, at byte %d: %w", s.off, io.ErrUnexpectedEOF)
	}
	return err
}

// name reads a member name and its colon. Escapes in it are kept as written:
// no name that we look for has any.
func (s *scanner) name() (string, error) {
	raw, reason, err := s.value()
	if err != nil {
		return "", err
	}
	if reason != "" || len(raw) < 2 || len(raw) > maxLine {
		return "", fmt.Errorf("%w: unusable member name before byte %d", errSyntax, s.off)
	}
	name := string(raw[1 : len(raw)-1])
	c, err := s.inside()
	if err != nil {
		return "", err
	}
	if c != ':' {
		return "", fmt.Errorf("%w: %q instead of a colon, at byte %d", errSyntax, c, s.off)
	}
	_, err = s.readByte()
	return name, err
}

// value reads one value to its end; raw is valid until the next call. A value
// over the bounds is read past, and raw is not all of it: reason says which.
// It always takes at least one byte.
func (s *scanner) value() (raw []byte, reason string, err error) {
	s.buf = s.buf[:0]
	c, err := s.readByte()
	if err != nil {
		return nil, "", s.truncated(err)
	}
	switch c {
	case '{', '[', '"':
		return s.container(c)
	}
	for {
		if len(s.buf) < maxElement {
			s.buf = append(s.buf, c)
		} else {
			reason = ReasonTooLarge
		}
		c, err = s.readByte()
		if err != nil {
			return s.buf, reason, s.truncated(err)
		}
		switch c {
		case ',', ']', '}', ' ', '\n', '\r', '\t':
			s.off--
			return s.buf, reason, s.r.UnreadByte()
		}
	}
}

// container reads an object, an array or a string that begins with c.
func (s *scanner) container(c byte) (raw []byte, reason string, err error) {
	var open nesting
	inString, escaped := false, false
	for {
		if len(s.buf) < maxElement {
			s.buf = append(s.buf, c)
		} else {
			reason = ReasonTooLarge
		}
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		case c == '\n':
			// RFC 8259 section 7: no string holds a raw line break. A quote is
			// missing: end the string, so that only this row is lost.
			inString = false
		case inString:
		case c == '{', c == '[':
			if !open.push(c) && reason == "" {
				reason = ReasonTooDeep
			}
		case c == '}', c == ']':
			open.pop(c)
		}
		if open.depth == 0 && !inString {
			return s.buf, reason, nil
		}
		if c, err = s.readByte(); err != nil {
			return nil, reason, s.truncated(err)
		}
	}
}

// nesting are the brackets that are open, up to maxDepth by kind and beyond
// that by number.
type nesting struct {
	depth int
	kind  [maxDepth]byte
}

// push opens a bracket; false when it is too deep.
func (n *nesting) push(c byte) bool {
	fits := n.depth < maxDepth
	if fits {
		n.kind[n.depth] = c
	}
	n.depth++
	return fits
}

// pop closes the innermost bracket of c's kind, and with it those inside that
// were left open. A bracket that closes nothing is ignored: so a row with a
// bracket too many or too few is one broken row, and no other.
func (n *nesting) pop(c byte) {
	if n.depth > maxDepth {
		n.depth--
		return
	}
	opener := c - 2 // '{' and '}', '[' and ']' are two apart in ASCII
	for i := n.depth - 1; i >= 0; i-- {
		if n.kind[i] == opener {
			n.depth = i
			return
		}
	}
}
