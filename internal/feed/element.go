package feed

import (
	"context"
	"errors"
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
	return document(r, func(s *scanner, first byte) error {
		if first == '[' {
			return e.array(ctx, s, "")
		}
		return e.object(ctx, s, "")
	})
}

// array reads an array; the objects in it are rows.
func (e elements) array(ctx context.Context, s *scanner, where string) error {
	return s.entries(ctx, func(i int) error {
		return e.element(s, where+"["+strconv.Itoa(i)+"]")
	})
}

// object reads the top-level object, or (where not empty) one keyed by ids.
func (e elements) object(ctx context.Context, s *scanner, where string) error {
	return s.members(ctx, func(name string) error {
		return e.value(ctx, s, where, name)
	})
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
