package feed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// document opens r and has read take the one value in it, an object or an
// array by its first byte.
func document(r io.Reader, read func(s *scanner, first byte) error) error {
	s := &scanner{r: decode(r)}
	c, err := s.peek()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the input is empty", errSyntax)
	case err != nil:
		return err
	case c != '{' && c != '[':
		return fmt.Errorf("%w: begins with %q, want { or [", errSyntax, c)
	}
	if err := read(s, c); err != nil {
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

// entries reads an array; entry takes the value at each index.
func (s *scanner) entries(ctx context.Context, entry func(i int) error) error {
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
			if err := entry(i); err != nil {
				return err
			}
			i++
		}
	}
}

// members reads an object; member takes the value under each name, white space
// before it is gone.
func (s *scanner) members(ctx context.Context, member func(name string) error) error {
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
			if _, err := s.inside(); err != nil {
				return err
			}
			if err := member(name); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: %q instead of a member name, at byte %d", errSyntax, c, s.off)
		}
	}
}

// each reads what should be an array and may be an object keyed by number, as
// programs write that keep both in one type; anything else is passed over.
func (s *scanner) each(ctx context.Context, where string, entry func(where string) error) error {
	c, err := s.inside()
	if err != nil {
		return err
	}
	switch c {
	case '[':
		return s.entries(ctx, func(i int) error { return entry(where + "[" + strconv.Itoa(i) + "]") })
	case '{':
		return s.members(ctx, func(name string) error { return entry(where + "." + name) })
	default:
		_, _, err := s.value()
		return err
	}
}

// text reads a scalar; an object or an array reads as empty, and so does one
// over the bounds.
func (s *scanner) text() (text, error) {
	raw, reason, err := s.value()
	if err != nil || reason != "" {
		return "", err
	}
	var t text
	// What does not parse is left empty.
	_ = json.Unmarshal(raw, &t)
	return t, nil
}

// fields hands over a value, still encoded, unless it is over the bounds.
func (s *scanner) fields(take func(raw []byte)) error {
	raw, reason, err := s.value()
	if err == nil && reason == "" {
		take(raw)
	}
	return err
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
