package benign

import (
	"net/netip"
	"strings"
)

// finding is an entry that covers the value in question.
type finding struct {
	ly    *layer
	list  uint32
	entry string // or prefix
	// prefix is the range of an address list.
	prefix netip.Prefix
}

func (f *finding) from() *list { return &f.ly.lists[f.list] }

// findings are the best lists that named a value, one finding each, in the
// order of Judge. They live on the stack of who asks.
type findings struct {
	found   [maxVerdicts]finding
	n       int
	uploads bool // one of the lists, perhaps not among the best, has uploads
}

// addSet adds the members of a set that cover what is wanted.
func (f *findings) addSet(ly *layer, set setID, want covers, entry string) {
	for _, m := range ly.sets[set] {
		if m.covers&want != 0 {
			f.add(finding{ly: ly, list: m.list, entry: entry})
		}
	}
}

// add puts a finding in its place. The first of a list stays: callers come
// with the most specific entry first.
func (f *findings) add(next finding) {
	from := next.from()
	f.uploads = f.uploads || from.uploads
	at := f.n
	for i := range f.n {
		have := f.found[i].from()
		if have.name == from.name {
			return
		}
		if at == f.n && before(from, have) {
			at = i
		}
	}
	if at == maxVerdicts {
		return
	}
	f.n = min(f.n+1, maxVerdicts)
	copy(f.found[at+1:f.n], f.found[at:f.n-1])
	f.found[at] = next
}

func before(a, b *list) bool {
	if a.strength != b.strength {
		return a.strength > b.strength
	}
	return a.name < b.name
}

// known reports whether a strong list is among the findings.
func (f *findings) known() bool { return f.n > 0 && f.found[0].from().strength == Strong }

// verdicts puts the findings in words, or returns nil.
func (f *findings) verdicts() []Verdict {
	if f.n == 0 {
		return nil
	}
	all := make([]Verdict, f.n)
	for i := range all {
		all[i] = f.found[i].verdict()
	}
	return all
}

// maxEntryShown is how much of an entry a reason quotes.
const maxEntryShown = 100

func (f *finding) verdict() Verdict {
	from, entry := f.from(), f.entry
	if f.prefix.IsValid() {
		entry = f.prefix.String()
		if f.prefix.IsSingleIP() {
			entry = f.prefix.Addr().String()
		}
	}
	if len(entry) > maxEntryShown {
		entry = strings.ToValidUTF8(entry[:maxEntryShown], "") + "…"
	}
	return Verdict{List: from.name, Reason: entry + " " + from.says, Strength: from.strength}
}
