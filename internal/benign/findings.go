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
	f.uploads = f.uploads || next.from().uploads
	at := f.n
	for at > 0 {
		order := compare(&next, &f.found[at-1])
		if order == 0 {
			return
		}
		if order > 0 {
			break
		}
		at--
	}
	if at == maxVerdicts {
		return
	}
	f.n = min(f.n+1, maxVerdicts)
	copy(f.found[at+1:f.n], f.found[at:f.n-1])
	f.found[at] = next
}

// compare orders findings; those of one list are equal. Within a layer the
// order is known beforehand: a popular name is on sixteen lists.
func compare(a, b *finding) int {
	if a.ly == b.ly {
		return a.from().rank - b.from().rank
	}
	return a.from().compare(b.from())
}

// compare is the order of verdicts: strong lists first, then by name.
func (l *list) compare(other *list) int {
	if l.strength != other.strength {
		return int(other.strength) - int(l.strength)
	}
	return strings.Compare(l.name, other.name)
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
	var room [160]byte // reasons are built on the stack and copied once
	text := room[:0]
	if bits := int(f.found[i].bits); bits >= 0 {
		if p := netip.PrefixFrom(f.addr, bits).Masked(); p.IsSingleIP() {
			text = p.Addr().AppendTo(text)
		} else {
			text = p.AppendTo(text)
		}
	} else if len(entry) > maxEntryShown {
		text = append(text, strings.ToValidUTF8(entry[:maxEntryShown], "")...)
		text = append(text, "…"...)
	} else {
		text = append(text, entry...)
	}
	text = append(append(text, ' '), from.says...)
	return Verdict{List: from.name, Reason: string(text), Strength: from.strength}
}
