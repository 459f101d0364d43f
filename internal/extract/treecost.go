package extract

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	// maxTree is about how much memory the tree of a page may take, in bytes.
	maxTree = 256 << 20
	// nodeCost is what an element or a text takes in a tree, and byteCost what
	// each byte of a tag does: an attribute of two bytes is a struct of 56.
	nodeCost, byteCost = 200, 16
	// maxAlike is how many formatting elements that are the same are open at
	// once (HTML standard, section 13.2.4.3).
	maxAlike = 3
)

// isDearTree reports whether the tree of a page could take more than maxTree.
// The parser that the standard describes opens formatting elements that were
// never closed again in every block: 400 of them and as many kilobytes of
// paragraphs make a tree of gigabytes.
func isDearTree(source string) bool {
	z := html.NewTokenizer(strings.NewReader(source))
	f := formatting{alike: map[string]int{}}
	total := 0
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return false
		}
		raw := z.Raw()
		switch kind { //nolint:exhaustive // the others open nothing
		case html.TextToken, html.CommentToken:
			total += nodeCost + len(raw) + f.cost
		case html.StartTagToken, html.SelfClosingTagToken:
			cost, text := nodeCost+byteCost*len(raw), string(raw)
			name, _ := z.TagName()
			total += cost + f.cost
			f.open(atom.Lookup(name), text, cost)
		case html.EndTagToken:
			name, _ := z.TagName()
			// An end that fits nothing makes an element, too (</p>, </br>).
			total += nodeCost
			f.close(atom.Lookup(name))
		}
		if total > maxTree {
			return true
		}
	}
}

// formatting are the formatting elements that are open, by name.
type formatting struct {
	byName [formats][]format
	alike  map[string]int
	// cost is what it takes to open all of them again.
	cost int
}

// format is one of them, as its tag was written.
type format struct {
	raw  string
	cost int
}

// formats is how many names formatting elements have.
const formats = 14

// formatIndex numbers the formatting elements (HTML standard, section
// 13.2.4.2), -1 for all others.
func formatIndex(a atom.Atom) int {
	for i, f := range [formats]atom.Atom{
		atom.A, atom.B, atom.Big, atom.Code, atom.Em, atom.Font, atom.I, atom.Nobr, atom.S, atom.Small,
		atom.Strike, atom.Strong, atom.Tt, atom.U,
	} {
		if a == f {
			return i
		}
	}
	return -1
}

func (f *formatting) open(a atom.Atom, raw string, cost int) {
	i := formatIndex(a)
	if i < 0 {
		return
	}
	if a == atom.A || a == atom.Nobr {
		f.close(a) // a second one ends the first
	}
	if f.alike[raw] == maxAlike {
		return
	}
	f.alike[raw]++
	f.byName[i] = append(f.byName[i], format{raw, cost})
	f.cost += cost
}

func (f *formatting) close(a atom.Atom) {
	i := formatIndex(a)
	if i < 0 || len(f.byName[i]) == 0 {
		return
	}
	last := f.byName[i][len(f.byName[i])-1]
	f.byName[i] = f.byName[i][:len(f.byName[i])-1]
	f.cost -= last.cost
	if f.alike[last.raw]--; f.alike[last.raw] == 0 {
		delete(f.alike, last.raw)
	}
}
