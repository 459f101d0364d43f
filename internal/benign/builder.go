package benign

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"
)

// builder compiles lists to a layer. Entries belong to the list begun last.
type builder struct {
	ly   layer
	grow map[growth]setID
}

// growth is a set and what is added to it. There are few different sets, so
// each is kept once.
type growth struct {
	set setID
	m   member
}

func newBuilder() *builder {
	return &builder{
		ly: layer{
			sets:   make([][]member, 1),
			values: newTable(), names: newTable(), urls: newTable(),
			ranges: &bart.Table[setID]{},
		},
		grow: map[growth]setID{},
	}
}

// begin starts a list.
func (b *builder) begin(l list) { b.ly.lists = append(b.ly.lists, l) }

func (b *builder) member(c covers) member {
	return member{uint32(len(b.ly.lists) - 1), c}
}

// joined returns the set that is set and m together.
func (b *builder) joined(set setID, m member) setID {
	key := growth{set, m}
	if to, ok := b.grow[key]; ok {
		return to
	}
	members := b.ly.sets[set]
	var next []member
	if n := len(members); n > 0 && members[n-1].list == m.list {
		if members[n-1].covers|m.covers == members[n-1].covers {
			b.grow[key] = set
			return set
		}
		next = append(next, members...)
		next[n-1].covers |= m.covers
	} else {
		next = append(append(next, members...), m)
	}
	to := setID(len(b.ly.sets))
	b.ly.sets = append(b.ly.sets, next)
	b.grow[key] = to
	return to
}

func (b *builder) join(set *setID, m member) { *set = b.joined(*set, m) }

func (b *builder) addValue(key string) { b.join(b.ly.values.set(key), b.member(onValue)) }

func (b *builder) addName(name string, c covers) {
	b.join(b.ly.names.set(name), b.member(c))
	b.ly.labels = min(max(b.ly.labels, 1+strings.Count(name, ".")), maxLabels)
}

func (b *builder) addURL(value string, c covers) { b.join(b.ly.urls.set(urlKey(value)), b.member(c)) }

func (b *builder) addRange(p netip.Prefix, c covers) {
	b.modify(p, b.member(c))
}

func (b *builder) modify(p netip.Prefix, m member) {
	b.ly.ranges.Modify(p, func(set setID, _ bool) (setID, bool) { return b.joined(set, m), false })
}

// addNeedle reports whether there was room for the pattern.
func (b *builder) addNeedle(p pattern) bool {
	p.list = uint32(len(b.ly.lists) - 1)
	return b.ly.needle.add(p)
}

// addLayer adds the lists of a compiled layer. Expressions beyond what one
// layer holds are not added: that takes more folders than anyone loads.
func (b *builder) addLayer(ly *layer) {
	first := uint32(len(b.ly.lists))
	b.ly.lists = append(b.ly.lists, ly.lists...)
	tables := []struct{ to, from *table }{
		{b.ly.values, ly.values}, {b.ly.names, ly.names}, {b.ly.urls, ly.urls},
	}
	for _, t := range tables {
		for _, e := range t.from.entries {
			set := t.to.set(string(t.from.key(e)))
			for _, m := range ly.sets[e.set] {
				b.join(set, member{first + m.list, m.covers})
			}
		}
	}
	for p, set := range ly.ranges.All() {
		for _, m := range ly.sets[set] {
			b.modify(p, member{first + m.list, m.covers})
		}
	}
	b.ly.labels = max(b.ly.labels, ly.labels)
	for _, p := range ly.needle.all() {
		p.list += first
		b.ly.needle.add(p)
	}
}

// layer returns what was compiled. The builder must not be used afterwards.
func (b *builder) layer() *layer {
	order := make([]*list, len(b.ly.lists))
	for i := range b.ly.lists {
		order[i] = &b.ly.lists[i]
	}
	slices.SortFunc(order, (*list).compare)
	for i, l := range order {
		l.rank = i
		if i > 0 && l.compare(order[i-1]) == 0 {
			l.rank = order[i-1].rank
		}
	}
	for _, t := range []*table{b.ly.values, b.ly.names, b.ly.urls} {
		t.trim()
	}
	return &b.ly
}
