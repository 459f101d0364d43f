package benign

import (
	"regexp"
	"strings"

	"spoor/internal/ioc"
)

// Bounds of what is searched for within values.
const (
	minNeedle     = 3    // bytes; less is in every value
	maxNeedle     = 1024 // bytes
	maxExpression = 1024 // expressions that have a literal to look for first
	maxBlind      = 16   // expressions that have none and are always tried
)

// typeSet is a set of indicator types.
type typeSet uint16

func setOf(types ...ioc.Type) typeSet {
	var s typeSet
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

func (s typeSet) has(t ioc.Type) bool { return s&(1<<t) != 0 }

// pattern is a text that values may contain, or an expression that needs it.
type pattern struct {
	text       string // lower case; "" for an expression without literal
	at         int    // of the three bytes by which text is found
	list       uint32
	types      typeSet
	expression *regexp.Regexp // nil: the text is enough
	number     int            // of the expression
}

// needles finds many texts in one pass over a value: three bytes of each are
// looked for, the rest is compared where they stand.
type needles struct {
	types    typeSet // that any pattern is about
	filter   [1 << 10]uint64
	byWindow map[uint32][]pattern
	blind    []pattern
	numbers  map[*regexp.Regexp]int
}

func window(s string, i int) uint32 {
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16
}

// slotOf is a window's bit in the filter.
func slotOf(w uint32) (word, bit uint32) {
	h := w * 0x9e3779b1 >> 16
	return h >> 6, h & 63
}

// add takes a pattern whose text is empty or has at least minNeedle bytes. It
// reports false when there are too many expressions already.
func (n *needles) add(p pattern) bool {
	if n.byWindow == nil {
		n.byWindow, n.numbers = map[uint32][]pattern{}, map[*regexp.Regexp]int{}
	}
	if p.expression != nil {
		number, ok := n.numbers[p.expression]
		if !ok {
			number = len(n.numbers)
			if number == maxExpression || p.text == "" && len(n.blind) == maxBlind {
				return false
			}
			n.numbers[p.expression] = number
		}
		p.number = number
	}
	n.types |= p.types
	if p.text == "" {
		n.blind = append(n.blind, p)
		return true
	}
	// The window that fewest patterns have keeps the lists short.
	best := window(p.text, 0)
	for i := 1; i+minNeedle <= len(p.text); i++ {
		if w := window(p.text, i); len(n.byWindow[w]) < len(n.byWindow[best]) {
			best, p.at = w, i
		}
	}
	n.byWindow[best] = append(n.byWindow[best], p)
	word, bit := slotOf(best)
	n.filter[word] |= 1 << bit
	return true
}

// all returns every pattern, in no order.
func (n *needles) all() []pattern {
	all := append([]pattern(nil), n.blind...)
	for _, ps := range n.byWindow {
		for _, p := range ps {
			p.at = 0
			all = append(all, p)
		}
	}
	return all
}

// judge adds what is in the value. Every expression is tried once at most, or
// a value that repeats its literal would cost the square of its length.
func (n *needles) judge(f *findings, ly *layer, ind *ioc.Indicator) {
	if !n.types.has(ind.Type) {
		return
	}
	var tried [maxExpression / 64]uint64
	for _, p := range n.blind {
		if p.types.has(ind.Type) && p.expression.MatchString(ind.Value) {
			f.add(finding{ly: ly, list: p.list, bits: -1, entry: ind.Value})
		}
	}
	s := ind.Key
	for i := 0; i+minNeedle <= len(s); i++ {
		w := window(s, i)
		if word, bit := slotOf(w); n.filter[word]&(1<<bit) == 0 {
			continue
		}
		for _, p := range n.byWindow[w] {
			if start := i - p.at; start < 0 || !p.types.has(ind.Type) || !strings.HasPrefix(s[start:], p.text) {
				continue
			}
			entry := p.text
			if p.expression != nil {
				word, bit := p.number/64, uint64(1)<<(p.number%64)
				if tried[word]&bit != 0 {
					continue
				}
				tried[word] |= bit
				if !p.expression.MatchString(ind.Value) {
					continue
				}
				entry = ind.Value
			}
			f.add(finding{ly: ly, list: p.list, bits: -1, entry: entry})
		}
	}
}
