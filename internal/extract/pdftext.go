package extract

import (
	"fmt"
	"math"
	"strings"
)

// pdfText writes the text of pages in the order in which they draw it, which
// is that of reading in nearly all documents; sorting by place would mix
// columns.
type pdfText struct {
	file  *pdfFile
	fonts map[pdfRef]*pdfFont
	out   strings.Builder
	forms int // how deep in forms
	steps int // that may still be made

	state pdfState
	saved []pdfState
	// end is where the last text ended, and what height it had.
	end    point
	height float64
	any    bool // something was written on this page
	fresh  bool // the last text ended with white space
	moved  bool // since then the place was set
}

// pdfState is what "q" keeps, with the text matrices, which is no harm.
type pdfState struct {
	matrix, line, place  matrix
	font                 *pdfFont
	size, char, word     float64
	stretch, leading, up float64
}

type point struct{ x, y float64 }

// matrix is a, b, c, d, e, f of section 8.3.3.
type matrix [6]float64

func unit() matrix { return matrix{1, 0, 0, 1, 0, 0} }

// times returns m applied before n.
func (m matrix) times(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

// page writes the text of one page.
func (t *pdfText) page(p pdfDict) error {
	t.state = pdfState{matrix: unit(), line: unit(), place: unit(), stretch: 1}
	t.saved, t.any, t.fresh = t.saved[:0], false, true
	if t.out.Len() > 0 {
		t.out.WriteString("\n\n")
	}
	// Parts of a page's content may be cut between any two words.
	var data []byte
	for _, part := range t.file.list(p["Contents"]) {
		ref, _ := part.(pdfRef)
		if o := t.file.objects[ref]; o != nil && o.raw != nil {
			data = append(append(data, t.file.decode(o)...), '\n')
		}
	}
	if ref, ok := p["Contents"].(pdfRef); ok && data == nil {
		if o := t.file.objects[ref]; o != nil && o.raw != nil {
			data = t.file.decode(o)
		}
	}
	t.run(data, t.file.getDict(p["Resources"]))
	switch {
	case t.file.err != nil:
		return t.file.err
	case t.file.values <= 0:
		return fmt.Errorf("%w: more than %d values", ErrTooLarge, maxPDFValues)
	case t.steps <= 0:
		return fmt.Errorf("%w: more than %d steps to draw it", ErrTooLarge, maxPDFSteps)
	case t.out.Len() > MaxDocument:
		return fmt.Errorf("%w: text of more than %d bytes", ErrTooLarge, MaxDocument)
	}
	return nil
}

// run goes through the operators of a page or a form.
func (t *pdfText) run(data []byte, resources pdfDict) {
	p := pdfParser{data: data, budget: &t.steps}
	var args []any
	for t.file.err == nil && t.out.Len() <= MaxDocument {
		switch v := p.next(0).(type) {
		case pdfEnd:
			return
		case pdfWord:
			switch v {
			case "BI":
				p.skipImage()
			case "Do":
				t.form(args, resources)
			case "Tf":
				t.setFont(args, resources)
			default:
				t.operator(string(v), args)
			}
			args, p.held = args[:0], 0
		case pdfClose:
		default:
			const most = 64
			if len(args) < most {
				args = append(args, v)
			}
		}
	}
}

// skipImage passes over the data of a picture within the content.
func (p *pdfParser) skipImage() {
	for i := p.at; i+2 < len(p.data); i++ {
		if isPDFSpace(p.data[i]) && p.data[i+1] == 'E' && p.data[i+2] == 'I' && (i+3 == len(p.data) || isPDFSpace(p.data[i+3])) {
			p.at = i + 3
			return
		}
	}
	p.at = len(p.data)
}

// form runs a form that a page draws.
func (t *pdfText) form(args []any, resources pdfDict) {
	const deepest, cost = 8, 20 // a form is looked up and set up
	t.steps -= cost
	name, _ := last(args).(pdfName)
	ref, _ := t.file.getDict(resources["XObject"])[string(name)].(pdfRef)
	o := t.file.objects[ref]
	if o == nil || o.raw == nil || t.forms >= deepest {
		return
	}
	d := t.file.dict(o)
	if t.file.get(d["Subtype"]) != pdfName("Form") {
		return
	}
	if own := t.file.getDict(d["Resources"]); own != nil {
		resources = own
	}
	was, depth := t.state, len(t.saved)
	if m, ok := t.file.get(d["Matrix"]).(pdfArray); ok {
		t.state.matrix = t.matrix(m).times(t.state.matrix)
	}
	t.forms++
	t.run(t.file.decode(o), resources)
	t.forms--
	t.state, t.saved = was, t.saved[:min(depth, len(t.saved))]
}

func (t *pdfText) setFont(args []any, resources pdfDict) {
	if len(args) < 2 {
		return
	}
	name, _ := args[0].(pdfName)
	t.state.size = number(args, 1)
	t.state.font = t.font(t.file.getDict(resources["Font"])[string(name)])
}

func last(args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[len(args)-1]
}

// number returns an argument, 0 when it is none.
func number(args []any, i int) float64 {
	if i >= len(args) {
		return 0
	}
	n, _ := args[i].(float64)
	return n
}

func (t *pdfText) matrix(args []any) matrix {
	var m matrix
	for i := range m {
		m[i] = number(args, i)
	}
	return m
}

// operator does what an operator says, as far as it moves or shows text
// (section 9.4).
func (t *pdfText) operator(op string, args []any) {
	s := &t.state
	switch op {
	case "q":
		const deepest = 256
		if len(t.saved) < deepest {
			t.saved = append(t.saved, *s)
		}
	case "Q":
		if n := len(t.saved); n > 0 {
			t.state, t.saved = t.saved[n-1], t.saved[:n-1]
		}
	case "cm":
		s.matrix = t.matrix(args).times(s.matrix)
	case "BT":
		s.line, s.place, t.moved = unit(), unit(), true
	case "Tm":
		s.line = t.matrix(args)
		s.place, t.moved = s.line, true
	case "Td":
		t.move(number(args, 0), number(args, 1))
	case "TD":
		s.leading = -number(args, 1)
		t.move(number(args, 0), number(args, 1))
	case "T*":
		t.move(0, -s.leading)
	case "Tj":
		t.show(last(args))
	case "'":
		t.move(0, -s.leading)
		t.show(last(args))
	case "\"":
		s.word, s.char = number(args, 0), number(args, 1)
		t.move(0, -s.leading)
		t.show(last(args))
	case "TJ":
		list, _ := last(args).(pdfArray)
		for _, v := range list {
			if n, ok := v.(float64); ok {
				t.advance(-n / 1000 * s.size * s.stretch)
				continue
			}
			t.show(v)
		}
	case "Tc":
		s.char = number(args, 0)
	case "Tw":
		s.word = number(args, 0)
	case "Tz":
		s.stretch = number(args, 0) / 100
	case "TL":
		s.leading = number(args, 0)
	case "Ts":
		s.up = number(args, 0)
	}
}

// move begins a new line at a distance from the start of this one.
func (t *pdfText) move(x, y float64) {
	t.state.line = matrix{1, 0, 0, 1, x, y}.times(t.state.line)
	t.state.place, t.moved = t.state.line, true
}

// advance moves along the line.
func (t *pdfText) advance(x float64) {
	t.state.place = matrix{1, 0, 0, 1, x, 0}.times(t.state.place)
}

// show writes one text, with the white space that its place asks for.
func (t *pdfText) show(v any) {
	text, ok := v.(pdfString)
	s := &t.state
	if !ok || len(text) == 0 || s.font == nil {
		return
	}
	at := s.place.times(s.matrix)
	if height := math.Abs(s.size) * math.Hypot(at[2], at[3]); t.any {
		t.gap(at, height)
	}
	t.steps -= len(text)
	for len(text) > 0 && t.out.Len() <= MaxDocument {
		c, width, isSpace, rest := s.font.next(text)
		text = rest
		x := width/1000*s.size + s.char
		if isSpace {
			x += s.word
		}
		t.advance(x * s.stretch)
		t.write(c)
	}
	at = s.place.times(s.matrix)
	t.end, t.height = point{at[4], at[5]}, math.Abs(s.size)*math.Hypot(at[2], at[3])
	t.any, t.moved = true, false
}

// write writes one character; what is white space of a kind is a space.
func (t *pdfText) write(c string) {
	switch c {
	case " ", "\u00a0", "\t", "\n", "\r":
		if !t.fresh {
			t.out.WriteByte(' ')
		}
		t.fresh = true
		return
	case "\u00ad", "\u200b", "\ufeff":
		return
	case "\u2010", "\u2011":
		c = "-"
	case "ﬁ":
		c = "fi"
	case "ﬂ":
		c = "fl"
	case "ﬀ":
		c = "ff"
	case "ﬃ":
		c = "ffi"
	case "ﬄ":
		c = "ffl"
	}
	t.out.WriteString(c)
	t.fresh = false
}

// gap writes what parts a text from the one before: lines by their distance
// across the direction of writing, words and cells by that along it.
func (t *pdfText) gap(at matrix, height float64) {
	const (
		sameLine  = 0.45 // of the height, as far as super- and subscript go
		nextLine  = 1.9
		wordGap   = 0.17
		cellGap   = 1.8
		backwards = -0.6
	)
	size := max(height, t.height)
	length := math.Hypot(at[0], at[1])
	if size == 0 || length == 0 || math.IsNaN(length) || math.IsInf(length, 0) {
		return
	}
	dx, dy := at[4]-t.end.x, at[5]-t.end.y
	along := (dx*at[0] + dy*at[1]) / length / size
	across := math.Abs(dx*at[1]-dy*at[0]) / length / size
	switch {
	case across > nextLine:
		t.part("\n\n")
	case across > sameLine || along < backwards*4:
		t.part("\n")
	case along > cellGap && t.moved:
		t.part("\t")
	case along > wordGap || along < backwards, t.moved && !t.state.font.measured:
		if !t.fresh {
			t.part(" ")
		}
	}
}

// part writes white space instead of what is there at the end.
func (t *pdfText) part(space string) {
	t.out.WriteString(space)
	t.fresh = true
}
