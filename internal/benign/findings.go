package benign

import (
	"net/netip"
	"strings"
)

// finding is an entry that covers the value in question.
type finding struct {
	ly    *layer
	list  uint32
	bits  int16  // of the range that holds the address; -1 is no range
	entry string // if no range
}

func (f *finding) from() *list { return &f.ly.lists[f.list] }

// findings are the best lists that named a value, one finding each, in the
// order of Judge. They live on the stack of who asks.
type findings struct {
	found   [maxVerdicts]finding
	n       int
	addr    netip.Addr // what ranges were asked about
	uploads bool       // one of the lists, perhaps not among the best, has uploads
}

// addSet adds the members of a set that cover what is wanted.
func (f *findings) addSet(ly *layer, set setID, want covers, entry string) {
	for _, m := range ly.sets[set] {
		if m.covers&want != 0 {
			f.add(finding{ly: ly, list: m.list, bits: -1, entry: entry})
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
		all[i] = f.verdict(i)
	}
	return all
}

// maxEntryShown is how much of an entry a reason quotes.
const maxEntryShown = 100

func (f *findings) verdict(i int) Verdict {
	from, entry := f.found[i].from(), f.found[i].entry
	if bits := int(f.found[i].bits); bits >= 0 {
		p := netip.PrefixFrom(f.addr, bits).Masked()
		entry = p.String()
		if p.IsSingleIP() {
			entry = p.Addr().String()
		}
	}
	if len(entry) > maxEntryShown {
		entry = strings.ToValidUTF8(entry[:maxEntryShown], "") + "…"
	}
	return Verdict{List: from.name, Reason: entry + " " + from.says, Strength: from.strength}
}
