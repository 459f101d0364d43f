package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"spoor/internal/ioc"
)

// mispParser reads MISP events: one, a list, or the answer of an instance
// ("response"). Every attribute, an object's too, is a row. Those whose type
// is none of ours are skipped by their type; a link is no row but a reference
// of the event, which is the article of all its rows.
//
// An event names its tags, and with them its marking, behind its attributes:
// it is held until its end, within maxHeldRows and maxHeld, and an event that
// is cut short or over a bound gives nothing. What only its owner may judge
// (proposals, related events, the Markdown of event reports) is not read.
type mispParser struct{}

// Parse implements Parser.
func (mispParser) Parse(ctx context.Context, r io.Reader, _ Source, sink Sink) error {
	m := mispReader{ctx: ctx, sink: sink}
	err := document(r, func(s *scanner, first byte) error {
		m.found = first == '['
		return m.value(s, "", 0)
	})
	if err != nil {
		return fmt.Errorf("read misp: %w", err)
	}
	if !m.found {
		return errors.New(`read misp: the document has no "Event"`)
	}
	return nil
}

// detectMISP wants an event at the beginning, and in it what every event has.
func detectMISP(_ string, head []byte) bool {
	rest := strings.TrimLeft(string(head), " \t\r\n[{")
	name, inside, _ := strings.Cut(rest, ":")
	if strings.TrimRight(name, " \t\r\n") == `"response"` {
		rest = strings.TrimLeft(inside, " \t\r\n[{")
	}
	if !strings.HasPrefix(rest, `"Event"`) {
		return false
	}
	has := 0
	for _, member := range []string{`"info"`, `"Attribute"`, `"uuid"`, `"Orgc"`, `"threat_level_id"`, `"analysis"`} {
		if strings.Contains(rest, member) {
			has++
		}
	}
	return has >= 2
}

// mispReader is one run of the parser.
type mispReader struct {
	ctx   context.Context //nolint:containedctx // lives as long as the one Parse
	sink  Sink
	found bool
}

// maxMISPDepth is how deep an event may stand below the document's top:
// {"response": [{"Event": …}]}.
const maxMISPDepth = 4

// value reads what may be an event or hold some.
func (m *mispReader) value(s *scanner, where string, depth int) error {
	c, err := s.inside()
	if err != nil {
		return err
	}
	switch {
	case c == '{' && depth < maxMISPDepth:
		return m.event(s, where, depth)
	case c == '[' && depth < maxMISPDepth:
		return s.each(m.ctx, where, func(where string) error { return m.value(s, where, depth+1) })
	}
	raw, _, err := s.value()
	if err != nil || where == "" {
		return err
	}
	return m.sink.Skip(Skip{where, ReasonBrokenRow, "not an event: " + quote(string(raw))})
}

// event reads an object that is an event or has one as a member.
func (m *mispReader) event(s *scanner, where string, depth int) error {
	ev := mispEvent{ctx: m.ctx, where: where}
	err := s.members(m.ctx, func(name string) error {
		switch name {
		case "Event", "response":
			m.found = true
			return m.value(s, strings.TrimPrefix(where+"."+name, "."), depth+1)
		default:
			return ev.member(s, name)
		}
	})
	if err != nil || !ev.known {
		return err
	}
	m.found = true
	return ev.deliver(m.sink)
}

// mispEvent is one event as far as it has been read.
type mispEvent struct {
	ctx   context.Context //nolint:containedctx // lives as long as the one Parse
	where string
	// known is set by the first member that only an event has.
	known bool

	info, uuid, date, orgc, timestamp, published text

	marks mispMarks
	// unmarked says why the event's marking cannot be told, else empty.
	unmarked string
	links    []mispLink
	rows     []*mispRow
	held     int
}

// mispRow is one row of an event: an item, or a skip when it has a reason.
type mispRow struct {
	item Item
	skip Skip
	// detectable is the attribute's to_ids; changed its timestamp.
	detectable bool
	changed    time.Time
	// deleted is set when the attribute or its object was taken back, at the
	// time of changed.
	deleted bool
}

// mispLink is a reference; report when it was filed as an analysis of the event.
type mispLink struct {
	url    string
	report bool
}

// member reads one member of the event.
func (ev *mispEvent) member(s *scanner, name string) error {
	scalars := map[string]*text{
		"info": &ev.info, "uuid": &ev.uuid, "date": &ev.date,
		"timestamp": &ev.timestamp, "publish_timestamp": &ev.published,
	}
	if to := scalars[name]; to != nil {
		ev.known = ev.known || name == "info"
		value, err := s.text()
		*to = value
		return err
	}
	at := strings.TrimPrefix(ev.where+"."+name, ".")
	switch name {
	case "Attribute":
		ev.known = true
		return s.each(ev.ctx, at, func(where string) error { return ev.attribute(s, where) })
	case "Object":
		ev.known = true
		return s.each(ev.ctx, at, func(where string) error { return ev.object(s, where) })
	case "Tag":
		return s.each(ev.ctx, at, func(where string) error { return ev.tag(s, where) })
	case "Galaxy":
		return s.each(ev.ctx, at, func(where string) error { return ev.galaxy(s, where) })
	case "Orgc":
		return s.fields(func(raw []byte) {
			var org mispOrg
			if json.Unmarshal(raw, &org) == nil {
				ev.orgc = org.Name
			}
		})
	}
	_, _, err := s.value()
	return err
}

// tag reads one tag of the event. One that cannot be read may be its marking.
func (ev *mispEvent) tag(s *scanner, where string) error {
	e := elements{
		skip: func(k Skip) error { ev.unmarked = "tag of the event: " + k.Detail; return nil },
		row: func(_ string, raw []byte) error {
			var tag mispTag
			if err := json.Unmarshal(raw, &tag); err != nil {
				ev.unmarked = "tag of the event: " + err.Error()
			}
			ev.marks.add(string(tag.Name))
			return nil
		},
	}
	return e.element(s, where)
}

// galaxy reads one galaxy of the event. Its clusters mostly are tags too, so
// one that cannot be read costs nothing but itself.
func (ev *mispEvent) galaxy(s *scanner, _ string) error {
	return s.fields(func(raw []byte) {
		var g mispGalaxy
		if json.Unmarshal(raw, &g) == nil {
			ev.marks.clusters(g)
		}
	})
}

// mispObject is what an object says about its attributes.
type mispObject struct {
	comment, firstSeen, lastSeen, deleted, timestamp text
}

// object reads one object; its own words may stand behind its attributes.
func (ev *mispEvent) object(s *scanner, where string) error {
	c, err := s.inside()
	if err != nil {
		return err
	}
	if c != '{' {
		raw, _, err := s.value()
		if err != nil {
			return err
		}
		return ev.add(mispRow{skip: Skip{where, ReasonBrokenRow, "not an object: " + quote(string(raw))}})
	}
	var o mispObject
	scalars := map[string]*text{
		"comment": &o.comment, "first_seen": &o.firstSeen, "last_seen": &o.lastSeen, "deleted": &o.deleted, "timestamp": &o.timestamp,
	}
	from, links := len(ev.rows), len(ev.links)
	err = s.members(ev.ctx, func(name string) error {
		if to := scalars[name]; to != nil {
			value, err := s.text()
			*to = value
			return err
		}
		if name == "Attribute" {
			return s.each(ev.ctx, where+"."+name, func(where string) error { return ev.attribute(s, where) })
		}
		_, _, err := s.value()
		return err
	})
	if isTrue(o.deleted) {
		ev.links = ev.links[:links]
	}
	for _, row := range ev.rows[from:] {
		row.complete(o)
	}
	return err
}

// complete adds what the object says where the attribute says nothing.
func (r *mispRow) complete(o mispObject) {
	if r.skip.Reason != "" {
		return
	}
	if isTrue(o.deleted) {
		if at := parseTime(string(o.timestamp)); at.After(r.changed) && !r.deleted {
			r.changed = at
		}
		r.deleted = true
	}
	if r.item.Context == "" {
		r.item.Context = prose(string(o.comment))
	}
	if r.item.FirstSeen.IsZero() && r.item.LastSeen.IsZero() {
		r.item.FirstSeen, r.item.LastSeen = parseTime(string(o.firstSeen)), parseTime(string(o.lastSeen))
	}
}

// add holds a row until the event's end.
func (ev *mispEvent) add(row mispRow) error {
	if len(ev.rows) >= maxHeldRows {
		return fmt.Errorf("%s holds more than %d attributes: %w", ev.name(), maxHeldRows, errTooMuch)
	}
	ev.rows = append(ev.rows, &row)
	return nil
}

func (ev *mispEvent) name() string {
	if ev.where == "" {
		return "the event"
	}
	return ev.where
}

// deliver hands over the rows, with what the event says of all of them.
func (ev *mispEvent) deliver(sink Sink) error {
	if sink.Changed != nil {
		sink.Changed(parseTime(string(ev.timestamp)))
	}
	article, standing := ev.article(), ev.standing()
	for _, row := range ev.rows {
		if err := ev.ctx.Err(); err != nil {
			return err
		}
		if row.skip.Reason == "" && ev.unmarked != "" {
			row.skip = Skip{row.item.Where, ReasonBrokenRow, ev.unmarked}
		}
		if row.skip.Reason == "" && row.deleted && (row.changed.IsZero() || standing[coverKey(row.item)]) {
			row.skip = Skip{row.item.Where, ReasonWithdrawn, "the attribute or its object is deleted"}
		}
		if row.skip.Reason != "" {
			if err := sink.Skip(row.skip); err != nil {
				return err
			}
			continue
		}
		ev.finish(row)
		row.item.Article = article
		if err := sink.Item(row.item); err != nil {
			return err
		}
	}
	return nil
}

// standing are the values that attributes name which are not deleted: nil when
// none is.
func (ev *mispEvent) standing() map[string]bool {
	if !slices.ContainsFunc(ev.rows, func(row *mispRow) bool { return row.deleted }) {
		return nil
	}
	values := make(map[string]bool, len(ev.rows))
	for _, row := range ev.rows {
		if row.skip.Reason == "" && !row.deleted {
			values[coverKey(row.item)] = true
		}
	}
	return values
}

// finish adds the event's marks and dates to a row. An attribute that is not
// for detection (to_ids) is context, not a claim: its confidence is low. One
// without dates was first known at the event's date and last stated when it
// was last changed.
func (ev *mispEvent) finish(row *mispRow) {
	it := &row.item
	it.TLP = max(it.TLP, ev.marks.tlp)
	if it.Confidence == 0 {
		it.Confidence = ev.marks.confidence
	}
	if !row.detectable {
		it.Confidence = ioc.Low
	}
	it.Tags = union(it.Tags, ev.marks.tags)
	it.Families = union(it.Families, ev.marks.families)
	it.Techniques = union(it.Techniques, ev.marks.techniques)
	if it.FirstSeen.IsZero() && it.LastSeen.IsZero() {
		it.FirstSeen, it.LastSeen = parseTime(string(ev.date)), row.changed
		if it.FirstSeen.IsZero() || it.FirstSeen.After(row.changed) && !row.changed.IsZero() {
			it.FirstSeen = row.changed
		}
		if row.deleted {
			it.LastSeen = time.Time{} // that it was deleted is no sighting
		}
	}
	if row.deleted {
		it.revoke(row.changed)
	}
}

// article is the event as the publication of its rows. Its address is the
// first link that was filed as an analysis and is no sandbox's page about one
// sample.
func (ev *mispEvent) article() *Article {
	a := &Article{
		GUID: prose(string(ev.uuid)), Title: prose(string(ev.info)), Publisher: prose(string(ev.orgc)),
		Published: parseTime(string(ev.date)), Modified: parseTime(either(ev.published, ev.timestamp)),
		Tags: ev.marks.tags,
	}
	for _, link := range ev.links {
		if a.URL == "" && link.report && !isSamplePage(link.url) {
			a.URL = link.url
		}
	}
	for _, link := range ev.links {
		if link.url != a.URL && len(a.OtherURLs) < maxTags && !contains(a.OtherURLs, link.url) {
			a.OtherURLs = append(a.OtherURLs, link.url)
		}
	}
	return a
}

// isSamplePage reports whether a link leads to a page about one sample.
func isSamplePage(link string) bool {
	_, host, _ := strings.Cut(strings.ToLower(link), "://")
	host, _, _ = strings.Cut(host, "/")
	for _, site := range []string{"virustotal.com", "hybrid-analysis.com", "any.run", "joesandbox.com", "malwr.com", "bazaar.abuse.ch"} {
		if host == site || strings.HasSuffix(host, "."+site) {
			return true
		}
	}
	return false
}

// union returns a and what of b it lacks, up to maxTags. It changes neither,
// and returns one of them where it can: rows of one event share its tags.
func union(a, b []string) []string {
	if len(a) == 0 {
		return b
	}
	sum := a[:len(a):len(a)]
	for _, word := range b {
		if len(sum) >= maxTags {
			break
		}
		if !contains(sum, word) {
			sum = append(sum, word)
		}
	}
	return sum
}

// isTrue reads a flag: true, or 1 as text or number.
func isTrue(t text) bool { return t == "1" || strings.EqualFold(string(t), "true") }
