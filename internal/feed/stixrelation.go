package feed

import (
	"bytes"
	"time"

	"spoor/internal/ioc"
)

// stixNode is an object whose name says something about rows.
type stixNode struct {
	name       string
	techniques []string
	kind       stixKind
	markings   []text
	tlp        ioc.TLP // of the markings, from resolve on
}

type stixKind uint8

const (
	stixOther  stixKind = iota
	stixFamily          // malware, tool
	stixActor           // threat actor, intrusion set, campaign
	stixTechnique
	stixIdentity
)

// stixEdge is one end of a relationship.
type stixEdge struct {
	other    string // the id at the other end
	kind     string
	markings []text
	tlp      ioc.TLP // of the markings, from resolve on
}

// stixSeen is what observed data say about an observable.
type stixSeen struct {
	first, last time.Time
	by          string // the id of the first of them
	markings    []text
	tlp         ioc.TLP // of the markings, from resolve on
}

// stixArticle is a report with its marking.
type stixArticle struct {
	article *Article
	tlp     ioc.TLP
}

// stixWords is what a node and those behind it add to a row.
type stixWords struct{ tags, families, techniques []string }

// stixLevel is an object as a row of that marking may know it.
type stixLevel struct {
	id  string
	tlp ioc.TLP
}

// about takes an object that is no row.
func (d *stixDocument) about(o *stixObject, raw []byte) error {
	if err := d.hold(o.cost()); err != nil {
		return err
	}
	node := stixNode{name: string(o.Name), markings: o.markings()}
	switch o.Type {
	case "malware", "tool":
		node.kind = stixFamily
		for _, ref := range o.SampleRefs.value {
			d.in[string(ref)] = append(d.in[string(ref)], stixEdge{other: string(o.ID), kind: "uses"})
		}
	case "threat-actor", "intrusion-set", "campaign":
		node.kind = stixActor
	case "attack-pattern":
		node.kind, node.techniques = stixTechnique, o.techniques()
	case "identity":
		node.kind = stixIdentity
	case "marking-definition":
		d.markings[string(o.ID)] = max(d.markings[string(o.ID)], o.defines())
		return nil
	case "report":
		d.reports = append(d.reports, stixRow{raw: bytes.Clone(raw)})
		return nil
	case "grouping":
		d.groupings = append(d.groupings, stixRow{raw: bytes.Clone(raw)})
		return nil
	case "relationship":
		from, to, kind := string(o.SourceRef), string(o.TargetRef), string(o.RelationshipType)
		d.out[from] = append(d.out[from], stixEdge{other: to, kind: kind, markings: o.markings()})
		d.in[to] = append(d.in[to], stixEdge{other: from, kind: kind, markings: o.markings()})
		return nil
	default:
		return nil
	}
	d.nodes[string(o.ID)] = node
	return nil
}

// and joins two observations of one observable, of which s may be none yet.
func (s stixSeen) and(more stixSeen) stixSeen {
	if s.by == "" {
		s.by = more.by
	}
	if s.first.IsZero() || !more.first.IsZero() && more.first.Before(s.first) {
		s.first = more.first
	}
	if more.last.After(s.last) {
		s.last = more.last
	}
	s.tlp = max(s.tlp, more.tlp)
	return s
}

// tlp is the strictest of markings, zero when none is a TLP. A marking that is
// neither fixed nor in the document cannot be told.
func (d *stixDocument) tlp(refs []text) (strictest ioc.TLP) {
	for _, ref := range refs {
		t, fixed := stixTLP[string(ref)]
		if !fixed {
			t = d.markings[string(ref)]
		}
		strictest = max(strictest, t)
	}
	return strictest
}

// resolve follows what can be followed once, now that every object is known:
// markings, reports, and which values indicators name.
func (d *stixDocument) resolve() {
	for _, edges := range []map[string][]stixEdge{d.out, d.in} {
		for _, list := range edges {
			for i := range list {
				list[i].tlp, list[i].markings = d.tlp(list[i].markings), nil
			}
		}
	}
	for id, node := range d.nodes {
		node.tlp, node.markings = d.tlp(node.markings), nil
		d.nodes[id] = node
	}
	for i := range d.seen {
		d.seen[i].tlp, d.seen[i].markings = d.tlp(d.seen[i].markings), nil
	}
	for id, by := range d.observed {
		for _, n := range by {
			d.sighted[id] = d.sighted[id].and(d.seen[n])
		}
	}
	// Reports before groupings, which only gather what belongs together.
	for _, list := range [...][]stixRow{d.reports, d.groupings} {
		for i := range list {
			o := list[i].object()
			list[i].raw = nil
			if d.isWithdrawn(o) {
				continue
			}
			a := stixArticle{d.article(o), d.tlp(o.markings())}
			for _, ref := range o.ObjectRefs.value {
				if _, taken := d.articles[string(ref)]; !taken {
					d.articles[string(ref)] = a
				}
			}
		}
	}
	if d.observables || len(d.withdrawn) > 0 {
		d.cover()
	}
}

// cover notes which values indicators name that stand.
func (d *stixDocument) cover() {
	for i := range d.rows {
		o := d.rows[i].object()
		if o.Type != "indicator" || d.isWithdrawn(o) {
			continue
		}
		for _, found := range patternItems(o) {
			d.covered[coverKey(found.item)] = true
		}
	}
}

// article makes the article of a report.
func (d *stixDocument) article(o *stixObject) *Article {
	a := &Article{
		GUID: prose(string(o.ID)), Title: prose(string(o.Name)), Summary: prose(string(o.Description)),
		Published: parseTime(either(o.Published, o.Created)), Modified: parseTime(string(o.Modified)),
		Tags: o.tags(),
	}
	if by := d.nodes[string(o.CreatedBy)]; by.kind == stixIdentity {
		a.Publisher = prose(by.name)
	}
	if links := o.links(); len(links) > 0 {
		a.URL, a.OtherURLs = links[0], links[1:]
	}
	return a
}

// describe adds to an item what the document says about the object that it
// comes from: markings, report, families, actors, techniques.
func (d *stixDocument) describe(o *stixObject, it *Item) {
	id := string(o.ID)
	seen := d.sighted[id]
	it.TLP = max(d.tlp(o.markings()), seen.tlp)
	report, found := d.articles[id]
	if !found {
		report, found = d.articles[seen.by]
	}
	if found {
		it.Article, it.TLP = report.article, max(it.TLP, report.tlp)
	} else if links := o.links(); len(links) > 0 {
		it.Article = &Article{URL: links[0], OtherURLs: links[1:]}
	}
	// A row without a marking is as open as one that is clear.
	level := stixLevel{id, max(it.TLP, ioc.Clear)}
	edges, known := d.in, d.blamed
	if o.Type == "indicator" {
		edges, known = d.out, d.named
	}
	words, done := known[level]
	if !done && id != "" {
		words = d.related(edges[id], level.tlp)
		d.keep(known, level, words)
	}
	it.Tags = union(o.tags(), words.tags)
	it.Families = words.families
	it.Techniques = union(o.techniques(), words.techniques)
}

// related returns what the objects at the other end of the edges say, as far
// as a row of that marking may know it.
func (d *stixDocument) related(edges []stixEdge, level ioc.TLP) (words stixWords) {
	for _, edge := range edges[:min(len(edges), maxTags)] {
		if !stixRelations[edge.kind] || edge.tlp > level {
			continue
		}
		behind := d.words(stixLevel{edge.other, level})
		words.tags = union(words.tags, behind.tags)
		words.families = union(words.families, behind.families)
		words.techniques = union(words.techniques, behind.techniques)
	}
	return words
}

// stixRelations are the relationships by which a name belongs to a row.
//
//nolint:gochecknoglobals // read-only
var stixRelations = map[string]bool{
	"indicates": true, "uses": true, "related-to": true, "attributed-to": true, "communicates-with": true, "controls": true,
	"beacons-to": true, "exfiltrates-to": true, "drops": true, "downloads": true, "exploits": true, "targets": true, "delivers": true,
}

// words returns what a node says, and what it uses or is attributed to says,
// as far as the level may know. It is kept: one malware may stand behind many
// rows.
func (d *stixDocument) words(at stixLevel) stixWords {
	if words, known := d.expanded[at]; known {
		return words
	}
	var words stixWords
	if node, known := d.nodes[at.id]; known && node.tlp <= at.tlp {
		words.add(node)
		for _, edge := range d.out[at.id] {
			behind := d.nodes[edge.other]
			if (edge.kind == "uses" || edge.kind == "attributed-to") && max(edge.tlp, behind.tlp) <= at.tlp {
				words.add(behind)
			}
		}
	}
	d.keep(d.expanded, at, words)
	return words
}

// keep notes words in one of the three tables. They are only kept so that what
// is asked for often is not made again: over the bound they are all dropped.
func (d *stixDocument) keep(table map[stixLevel]stixWords, at stixLevel, words stixWords) {
	if d.kept += 1 + len(words.tags) + len(words.families) + len(words.techniques); d.kept > maxKeptWords {
		d.kept = 0
		clear(d.expanded)
		clear(d.named)
		clear(d.blamed)
	}
	table[at] = words
}

func (w *stixWords) add(node stixNode) {
	switch node.kind {
	case stixFamily:
		w.families = addTags(w.families, family(node.name))
	case stixActor:
		w.tags = addTags(w.tags, node.name)
	case stixTechnique:
		w.techniques = union(w.techniques, node.techniques)
	}
}
