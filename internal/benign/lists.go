package benign

import (
	"fmt"

	"spoor/internal/ioc"
)

// Lists are compiled known-good lists. They never change and are safe for
// concurrent use; the zero value and a nil pointer know nothing.
type Lists struct {
	base *layer // nil is none
	// top holds the operator's entries, which change while the rest stays.
	top *layer
}

// Judge returns what every list says of a value in canonical form: the
// strongest first, then by the name of the list, each list once with its most
// specific entry, at most eight. It is nil when no list names the value.
func (l *Lists) Judge(ind ioc.Indicator) []Verdict {
	var f findings
	l.find(&f, &ind)
	return f.verdicts()
}

// Known reports whether a Strong list names the value, without saying which.
func (l *Lists) Known(ind ioc.Indicator) bool {
	var f findings
	l.find(&f, &ind)
	return f.known()
}

// Host reports whether a host, a name or an address, is known-good by itself
// or by a name above it, so that a live link to it in prose is a reference and
// no indicator. It is false for hosts that serve what strangers put there
// (file shares, code hosts' raw files, messengers), although their bare names
// are known-good: a link there may be the very thing a report is about.
//
// The verdict is the strongest about the host, also when it is not known-good,
// and the zero Verdict when no list names it. Text that is no host is not
// known-good.
func (l *Lists) Host(name string) (Verdict, bool) {
	ind, err := ioc.Normalise(ioc.Domain, name)
	if err != nil {
		ind, err = ioc.Normalise(ioc.IPv6, name)
	}
	if err != nil {
		ind, err = ioc.Normalise(ioc.IPv4, name)
	}
	if err != nil {
		return Verdict{}, false
	}
	var f findings
	l.find(&f, &ind)
	if f.n == 0 {
		return Verdict{}, false
	}
	return f.verdict(0), f.known() && !f.uploads
}

func (l *Lists) find(f *findings, ind *ioc.Indicator) {
	if l == nil {
		return
	}
	if l.top != nil {
		l.top.judge(f, ind)
	}
	if l.base != nil {
		l.base.judge(f, ind)
	}
}

// With returns the same lists with the operator's entries on top, in place of
// those of an earlier With. The cost is that of the entries, not of the lists.
// An entry that ParseEntry refuses is an error, which is an *EntryError.
func (l *Lists) With(allowed []Entry) (*Lists, error) {
	next := &Lists{}
	if l != nil {
		next.base = l.base
	}
	if len(allowed) == 0 {
		return next, nil
	}
	b := newBuilder()
	for _, e := range allowed {
		p, err := parseEntry(e.Value, e.Reason)
		if err != nil {
			return nil, fmt.Errorf("put entry on the allow list: %w", err)
		}
		p.addTo(b)
	}
	next.top = b.layer()
	return next, nil
}

// Merge returns lists that know what all of the given ones do. The operator's
// entries of each stay on top. Asking the result costs no more than asking one.
func Merge(lists ...*Lists) *Lists {
	var base, top []*layer
	for _, l := range lists {
		if l != nil && l.base != nil {
			base = append(base, l.base)
		}
		if l != nil && l.top != nil {
			top = append(top, l.top)
		}
	}
	return &Lists{base: mergeLayers(base), top: mergeLayers(top)}
}

func mergeLayers(layers []*layer) *layer {
	if len(layers) < 2 {
		if len(layers) == 0 {
			return nil
		}
		return layers[0]
	}
	b := newBuilder()
	for _, ly := range layers {
		b.addLayer(ly)
	}
	return b.layer()
}
