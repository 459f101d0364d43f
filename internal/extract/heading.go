package extract

import "strings"

// titles are the lines above the current one that say what it is about, as
// they stand in the text.
type titles struct {
	heading string // with markup
	caption string // a title without a heading's markup
	intro   string // a line that ends in a colon, for the list below it

	keysKnown answer // they speak of keys; asked anew when one of them changes
}

// headingCache remembers the last heading: a section has many values.
type headingCache struct{ line, out string }

// heading is the nearest of the titles above the current line, without its
// markup.
func (s *scanner) heading() string {
	p := &s.place
	line := p.titles.heading
	switch {
	case p.kind != paragraph && p.titles.intro != "":
		line = p.titles.intro
	case p.titles.caption != "":
		line = p.titles.caption
	}
	if s.above.line != line {
		s.above = headingCache{line: line, out: plainTitle(line)}
	}
	return s.above.out
}

// plainTitle takes the markup off a heading or caption.
func plainTitle(line string) string {
	line = strings.TrimLeft(line, "#=.*_-+ \t")
	line = strings.TrimRight(line, "#=*_:- \t\r")
	return shorten(fold(line[:min(len(line), 8*MaxHeading)]), MaxHeading)
}

// listed says that a value is an entry of a list, or in a part of the text
// that is about indicators.
func (s *scanner) listed(at found) bool {
	p := &s.place
	switch p.area() {
	case references:
		return false
	case network, files:
		return true
	}
	return !p.reference && p.kind != paragraph && s.fills(at.start, at.end)
}
