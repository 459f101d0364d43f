package extract

import (
	"bytes"
	"strconv"
)

// The objects of a PDF (ISO 32000-1, section 7.3) are nil, bool, float64,
// pdfString, pdfName, pdfArray, pdfDict, pdfRef, and pdfWord for an operator.
type (
	pdfString string
	pdfName   string
	pdfWord   string
	pdfArray  []any
	pdfDict   map[string]any
	pdfRef    int
)

const (
	// maxPDFDepth is the deepest nesting of arrays and dictionaries, of page
	// tree nodes and of forms.
	maxPDFDepth = 32
	// maxPDFValues bounds the values that are kept of a document, and so memory;
	// maxPDFSteps those that are read of its pages, and so time.
	maxPDFValues = 4_000_000
	maxPDFSteps  = 30_000_000
	// maxPDFHeld is the most values in one object, or before one operator.
	maxPDFHeld = 200_000
	// maxPDFToken is the longest name, number or operator in bytes.
	maxPDFToken = 256
)

// pdfParser reads objects from bytes. It never fails: what is no object is
// passed over, as readers do.
type pdfParser struct {
	data []byte
	at   int
	// budget is how many more values may be made, shared by all parsers of a
	// document; at 0 everything ends.
	budget *int
	// held is how many values are in the object that is being read.
	held int
}

// pdfEnd is what next returns behind the last object.
type pdfEnd struct{}

// pdfClose is a closing bracket without its opening one.
type pdfClose byte

// next returns the next object or operator, pdfEnd at the end.
func (p *pdfParser) next(depth int) any {
	p.space()
	if *p.budget--; *p.budget <= 0 || p.at >= len(p.data) {
		p.at = len(p.data)
		return pdfEnd{}
	}
	c := p.data[p.at]
	switch {
	case c == '(':
		return p.literal()
	case c == '/':
		return p.name()
	case c == '<' && p.peek(1) == '<':
		p.at += 2
		return p.dict(depth + 1)
	case c == '<':
		return p.hex()
	case c == '[':
		p.at++
		return p.array(depth + 1)
	case c == ']' || c == '}' || c == ')' || c == '{':
		p.at++
		return pdfClose(c)
	case c == '>':
		p.at++
		if p.peek(0) == '>' {
			p.at++
		}
		return pdfClose(c)
	}
	return p.word()
}

func (p *pdfParser) peek(n int) byte {
	if p.at+n < len(p.data) {
		return p.data[p.at+n]
	}
	return 0
}

// space passes over white space and comments.
func (p *pdfParser) space() {
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case isPDFSpace(c):
			p.at++
		case c == '%':
			for p.at < len(p.data) && p.data[p.at] != '\n' && p.data[p.at] != '\r' {
				p.at++
			}
		default:
			return
		}
	}
}

func isPDFSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isPDFDelimiter(c byte) bool {
	return isPDFSpace(c) || bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0
}

// word reads a number, a constant, an operator, or a reference ("12 0 R").
func (p *pdfParser) word() any {
	start := p.at
	for p.at < len(p.data) && !isPDFDelimiter(p.data[p.at]) {
		p.at++
	}
	if p.at == start {
		p.at++
		return nil
	}
	word := p.data[start:min(p.at, start+maxPDFToken)]
	if c := word[0]; c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' {
		n, err := strconv.ParseFloat(string(word), 64)
		if err != nil {
			return float64(0)
		}
		if ref, ok := p.reference(word, n); ok {
			return ref
		}
		return n
	}
	switch string(word) {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	return pdfWord(word)
}

// reference reads what is behind a number as the rest of a reference.
func (p *pdfParser) reference(word []byte, n float64) (pdfRef, bool) {
	const digits = 9
	if len(word) > digits || bytes.ContainsAny(word, ".-+eE") {
		return 0, false
	}
	i := p.at
	skip := func() bool {
		from := i
		for i < len(p.data) && isPDFSpace(p.data[i]) && i-from < digits {
			i++
		}
		return i > from
	}
	if !skip() {
		return 0, false
	}
	from := i
	for i < len(p.data) && p.data[i] >= '0' && p.data[i] <= '9' && i-from < digits {
		i++
	}
	if i == from || !skip() || i >= len(p.data) || p.data[i] != 'R' || i+1 < len(p.data) && !isPDFDelimiter(p.data[i+1]) {
		return 0, false
	}
	p.at = i + 1
	return pdfRef(n), true
}

func (p *pdfParser) name() pdfName {
	p.at++
	start := p.at
	for p.at < len(p.data) && !isPDFDelimiter(p.data[p.at]) {
		p.at++
	}
	raw := p.data[start:min(p.at, start+maxPDFToken)]
	if bytes.IndexByte(raw, '#') < 0 {
		return pdfName(raw)
	}
	var out []byte
	for i := 0; i < len(raw); i++ {
		if raw[i] == '#' && i+2 < len(raw) {
			if n, err := strconv.ParseUint(string(raw[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, raw[i])
	}
	return pdfName(out)
}

// literal reads "(text)": parentheses nest, a backslash escapes.
func (p *pdfParser) literal() pdfString {
	p.at++
	var out []byte
	for open := 1; p.at < len(p.data); p.at++ {
		switch c := p.data[p.at]; c {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				p.at++
				return pdfString(out)
			}
		case '\\':
			p.at++
			out = p.escape(out)
			continue
		case '\r':
			if p.peek(1) == '\n' {
				continue
			}
			out = append(out, '\n')
			continue
		}
		out = append(out, p.data[p.at])
	}
	return pdfString(out)
}

// escape reads what is behind a backslash and leaves p.at on its last byte.
func (p *pdfParser) escape(out []byte) []byte {
	c := p.peek(0)
	if i := bytes.IndexByte([]byte("nrtbf"), c); i >= 0 {
		return append(out, "\n\r\t\b\f"[i])
	}
	switch {
	case c == '\r':
		if p.peek(1) == '\n' {
			p.at++
		}
		return out
	case c == '\n':
		return out
	case c >= '0' && c <= '7':
		n := 0
		for i := 0; i < 3 && p.peek(0) >= '0' && p.peek(0) <= '7'; i++ {
			n = n*8 + int(p.peek(0)-'0')
			p.at++
		}
		p.at--
		return append(out, byte(n))
	}
	return append(out, c)
}

// hex reads "<6162>".
func (p *pdfParser) hex() pdfString {
	p.at++
	var out []byte
	half, odd := byte(0), false
	for ; p.at < len(p.data) && p.data[p.at] != '>'; p.at++ {
		n := hexDigit(p.data[p.at])
		if n > 15 {
			continue
		}
		if odd {
			out = append(out, half|n)
		}
		half, odd = n<<4, !odd
	}
	if odd {
		out = append(out, half)
	}
	p.at++
	return pdfString(out)
}

// hexDigit returns the value of a digit, 0xff for what is none.
func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}

// hold counts a value that is kept, and says whether it may be.
func (p *pdfParser) hold() bool {
	p.held++
	return p.held <= maxPDFHeld
}

func (p *pdfParser) array(depth int) pdfArray {
	var out pdfArray
	for {
		switch v := p.next(depth).(type) {
		case pdfEnd:
			return out
		case pdfClose:
			if v == ']' || v == '>' {
				return out
			}
		case pdfWord:
			if v == "endobj" {
				return out
			}
		default:
			if depth >= maxPDFDepth {
				p.at = len(p.data)
			} else if p.hold() {
				out = append(out, v)
			}
		}
	}
}

func (p *pdfParser) dict(depth int) pdfDict {
	out := pdfDict{}
	for {
		key := p.next(depth)
		switch k := key.(type) {
		case pdfEnd:
			return out
		case pdfClose:
			if k == '>' {
				return out
			}
		case pdfWord:
			if k == "endobj" || k == "stream" {
				p.at -= len(k)
				return out
			}
		case pdfName:
			v := p.next(depth)
			switch w := v.(type) {
			case pdfEnd:
				return out
			case pdfClose:
				return out
			case pdfWord:
				p.at -= len(w)
			default:
				if p.hold() {
					out[string(k)] = v
				}
			}
		}
		if depth >= maxPDFDepth {
			p.at = len(p.data)
			return out
		}
	}
}
