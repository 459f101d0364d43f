package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"spoor/internal/ioc"
)

// paper is a source of a gazette: what it publishes when, and how it behaves.
type paper struct {
	src   Source
	front string
	list  []printing
	// write makes the front of what is to be seen, the latest first.
	write func(now time.Time, list []printing) document
	// page makes what else there is; nil for a source of one document.
	page func(now time.Time, r *http.Request) (document, bool)
	// claims is what is true of one printing.
	claims func(p printing) []claim

	wrongs, wrongsLater, odd []fault
	// tagged is set for a source with ETags, lies for one whose tag stays the
	// same all day.
	tagged, lies bool
	// down is when its host gives errors only.
	down [2]time.Time
}

// printing is one thing that a paper publishes.
type printing struct {
	n int
	// at is when it appears, until when it leaves, changed when it says more:
	// zero for never.
	at, until, changed time.Time
	// dated is the date that it bears, zero for none.
	dated time.Time
	// old is set when it is shown before it changed.
	old bool
}

// claim is what a paper says of one value.
type claim struct {
	feed, value string
	typ         ioc.Type
	// article is the path of the report's address, or its title, or nothing.
	article, title string
	// first and last are zero where it is not dated; at is when it was said.
	at, first, last time.Time
	// said is in how many ways; zero is one.
	said int
}

// visible are the printings that are to be seen, the latest first.
func (p *paper) visible(now time.Time, drop func(int) bool) []printing {
	var seen []printing
	for i := len(p.list) - 1; i >= 0; i-- {
		x := p.list[i]
		if x.at.After(now) || !x.until.IsZero() && !x.until.After(now) {
			continue
		}
		x.old = !x.changed.IsZero() && x.changed.After(now)
		if !drop(len(seen)) || len(seen) == 0 {
			seen = append(seen, x)
		} else {
			seen = append(seen, printing{n: -1})
		}
	}
	shown := seen[:0]
	for _, x := range seen {
		if x.n >= 0 {
			shown = append(shown, x)
		}
	}
	return shown
}

func (p *paper) document(now time.Time, r *http.Request, drop func(int) bool) (document, bool) {
	if r.URL.Path != p.front || p.write == nil {
		if p.page == nil {
			return document{}, false
		}
		return p.page(now, r)
	}
	return p.write(now, p.visible(now, drop)), true
}

// twice is the front with every fourth printing in it a second time.
func (p *paper) twice(now time.Time, r *http.Request) (document, bool) {
	if r.URL.Path != p.front || p.write == nil {
		return p.document(now, r, func(int) bool { return false })
	}
	var list []printing
	for i, x := range p.visible(now, func(int) bool { return false }) {
		if list = append(list, x); i%4 == 0 {
			list = append(list, x)
		}
	}
	return p.write(now, list), true
}

// truth is everything that has been said until then.
func (p *paper) truth(until time.Time) []claim {
	var all []claim
	for _, x := range p.list {
		if x.at.After(until) {
			continue
		}
		for _, c := range p.claims(x) {
			c.feed, c.at = p.src.Name, x.at
			all = append(all, c)
		}
	}
	return all
}

// rhythm says how a paper publishes: so many at the start, one more every so
// often, each to be seen for so long.
type rhythm struct {
	first       int
	every, keep time.Duration
	changes     time.Duration // after which every third one says more
	undated     bool
}

func (r rhythm) printings(begin, end time.Time) []printing {
	var list []printing
	add := func(at time.Time) {
		p := printing{n: len(list), at: at, dated: at.Add(-10 * time.Minute).Truncate(time.Minute)}
		if r.keep > 0 {
			p.until = at.Add(r.keep)
		}
		if changed := at.Add(r.changes); r.changes > 0 && p.n%3 == 0 && changed.Before(end) {
			p.changed = changed
		}
		if r.undated {
			p.dated = time.Time{}
		}
		list = append(list, p)
	}
	for i := range r.first {
		add(begin.Add(-time.Duration(r.first-i) * time.Minute))
	}
	for at := begin.Add(r.every); at.Before(end); at = at.Add(r.every) {
		add(at)
	}
	return list
}

// rows is a paper of one document with rows.
func rows(name, host, format string, every time.Duration, r rhythm, begin, end time.Time) *paper {
	p := &paper{
		src: source(name, host+"/"+name+"/rows", format), front: "/" + name + "/rows", tagged: true,
		list: r.printings(begin, end), wrongs: wrongs("rows"), odd: []fault{faultTag, faultTwice},
	}
	p.src.Interval = every
	return p
}

// newNames is a list of names that grows.
func newNames(host string, begin, end time.Time) *paper {
	p := rows("names", host, "list", time.Hour, rhythm{first: 120, every: 2 * time.Hour, undated: true}, begin, end)
	p.wrongs = append(p.wrongs, faultShrunk, faultShrunk, faultShrunk)
	p.write = func(_ time.Time, list []printing) document {
		var b strings.Builder
		for _, x := range list {
			fmt.Fprintf(&b, "n%d.names.example\n", x.n)
		}
		return document{mediaType: "text/plain", text: b.String()}
	}
	p.claims = func(x printing) []claim {
		return []claim{{typ: ioc.Domain, value: fmt.Sprintf("n%d.names.example", x.n)}}
	}
	return p
}

// newHaus is a table of the last two days, whose rows are seen again later.
func newHaus(host string, begin, end time.Time) *paper {
	p := rows("haus", host, "urlhaus", 2*time.Hour, rhythm{first: 60, every: time.Hour, keep: 48 * time.Hour, changes: 20 * time.Hour}, begin, end)
	p.wrongs = append(p.wrongs, faultShrunk, faultShrunk, faultShrunk)
	const layout = time.DateTime
	last := func(x printing) time.Time {
		if x.changed.IsZero() || x.old {
			return x.dated
		}
		return x.changed
	}
	p.write = func(now time.Time, list []printing) document {
		var b strings.Builder
		fmt.Fprintf(&b, "# Last updated: %s\n#\n# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n", now.Format(layout))
		for _, x := range list {
			fmt.Fprintf(&b, "%q,%q,\"http://h%d.haus.example/a\",\"online\",%q,\"malware_download\",\"elf\",\"https://haus.example/%d\",\"x\"\r\n",
				fmt.Sprint(x.n), x.dated.Format(layout), x.n, last(x).Format(layout), x.n)
		}
		return document{mediaType: "text/csv", text: b.String()}
	}
	p.claims = func(x printing) []claim {
		return []claim{{typ: ioc.URL, value: fmt.Sprintf("http://h%d.haus.example/a", x.n), first: x.dated, last: last(x), said: 2}}
	}
	return p
}

// newFox is an answer of an interface in JSON, of the last two days.
func newFox(host string, begin, end time.Time) *paper {
	p := rows("fox", host, "threatfox", 3*time.Hour, rhythm{first: 30, every: 90 * time.Minute, keep: 48 * time.Hour}, begin, end)
	p.wrongs = wrongs("")
	p.write = func(_ time.Time, list []printing) document {
		var rows []map[string]any
		for _, x := range list {
			rows = append(rows, map[string]any{
				"id": fmt.Sprint(x.n), "ioc": fmt.Sprintf("f%d.fox.example", x.n), "ioc_type": "domain", "threat_type": "botnet_cc",
				"malware": "win.fox", "malware_printable": "Fox", "confidence_level": 75, "first_seen": x.dated.Format(time.DateTime) + " UTC", "last_seen": nil,
			})
		}
		return document{mediaType: "application/json", text: jsonText(map[string]any{"query_status": "ok", "data": rows})}
	}
	p.claims = func(x printing) []claim {
		return []claim{{typ: ioc.Domain, value: fmt.Sprintf("f%d.fox.example", x.n), first: x.dated, last: x.dated}}
	}
	return p
}

// newCatalogue is a catalogue of vulnerabilities, which only grows.
func newCatalogue(host string, begin, end time.Time) *paper {
	p := rows("catalogue", host, "kev", 6*time.Hour, rhythm{first: 80, every: 8 * time.Hour}, begin, end)
	p.wrongs = append(wrongs(""), faultShrunk, faultShrunk, faultShrunk)
	day := func(x printing) time.Time { return x.dated.Truncate(24 * time.Hour) }
	p.write = func(_ time.Time, list []printing) document {
		var rows []map[string]any
		for _, x := range list {
			cve := fmt.Sprintf("CVE-2026-%d", 10000+x.n)
			rows = append(rows, map[string]any{
				"cveID": cve, "vendorProject": "Example", "product": "Lamp", "vulnerabilityName": "Flaw " + cve,
				"dateAdded": day(x).Format(time.DateOnly), "shortDescription": "A flaw.", "notes": "https://nvd.example/" + cve,
			})
		}
		return document{mediaType: "application/json", text: jsonText(map[string]any{"title": "Catalogue", "count": len(rows), "vulnerabilities": rows})}
	}
	p.claims = func(x printing) []claim {
		cve := fmt.Sprintf("CVE-2026-%d", 10000+x.n)
		return []claim{{typ: ioc.CVE, value: cve, article: "/" + cve, title: "Flaw " + cve, first: day(x), last: day(x)}}
	}
	return p
}

// newTrail is a list in blocks, each under its reference.
func newTrail(host string, begin, end time.Time) *paper {
	p := rows("trail", host, "maltrail", 4*time.Hour, rhythm{first: 10, every: 5 * time.Hour, undated: true}, begin, end)
	p.write = func(_ time.Time, list []printing) document {
		var b strings.Builder
		b.WriteString("# Copyright (c) the authors\n\n")
		for _, x := range list {
			fmt.Fprintf(&b, "# Reference: https://reports.example/trail-%d\n\nt%d.trail.example\n198.51.100.%d\n\n", x.n, x.n, x.n)
		}
		return document{mediaType: "text/plain", text: b.String()}
	}
	p.claims = func(x printing) []claim {
		at := fmt.Sprintf("/trail-%d", x.n)
		return []claim{
			{typ: ioc.Domain, value: fmt.Sprintf("t%d.trail.example", x.n), article: at},
			{typ: ioc.IPv4, value: fmt.Sprintf("198.51.100.%d", x.n), article: at},
		}
	}
	return p
}

// newTable is a table whose clock is wrong now and then, and whose tag lies.
func newTable(host string, begin, end time.Time) *paper {
	p := rows("table", host, "csv", 2*time.Hour, rhythm{first: 20, every: 3 * time.Hour}, begin, end)
	p.lies = true
	date := func(x printing) time.Time {
		switch x.n % 5 {
		case 1:
			return time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
		case 2:
			return x.at.Add(3 * time.Hour) // local time that is called UTC
		case 3:
			return time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		return x.dated
	}
	p.write = func(_ time.Time, list []printing) document {
		var b strings.Builder
		b.WriteString("value,type,first_seen,tags\n")
		for _, x := range list {
			fmt.Fprintf(&b, "%064x,sha256,%s,loader\n", 1000+x.n, date(x).Format(time.RFC3339))
		}
		return document{mediaType: "text/csv", text: b.String()}
	}
	p.claims = func(x printing) []claim {
		c := claim{typ: ioc.SHA256, value: fmt.Sprintf("%064x", 1000+x.n)}
		if d := date(x); d.Year() == x.at.Year() {
			c.first, c.last = d, d
		}
		return []claim{c}
	}
	return p
}

// newFeodo is a source whose host is down for more than a day.
func newFeodo(host string, begin, end time.Time) *paper {
	p := rows("feodo", host, "feodo", 3*time.Hour, rhythm{first: 8, every: 7 * time.Hour}, begin, end)
	p.wrongs = wrongs("")
	p.down = [2]time.Time{begin.Add(30 * time.Hour), begin.Add(60 * time.Hour)}
	p.write = func(_ time.Time, list []printing) document {
		var rows []map[string]any
		for _, x := range list {
			rows = append(rows, map[string]any{
				"ip_address": fmt.Sprintf("203.0.113.%d", x.n), "port": 443, "status": "online", "malware": "Fox",
				"first_seen": x.dated.Format(time.DateTime), "last_online": x.dated.Format(time.DateOnly),
			})
		}
		return document{mediaType: "application/json", text: jsonText(rows)}
	}
	p.claims = func(x printing) []claim {
		first, last := x.dated.Truncate(24*time.Hour), x.dated // "last_online" is a day
		return []claim{{typ: ioc.IPv4, value: fmt.Sprintf("203.0.113.%d", x.n), first: first, last: last}}
	}
	return p
}

// stixObject is an indicator of STIX 2.1.
func stixObject(name string, x printing) map[string]any {
	at := x.dated.UTC().Format("2006-01-02T15:04:05.000Z")
	return map[string]any{
		"type": "indicator", "spec_version": "2.1", "id": fmt.Sprintf("indicator--00000000-0000-4000-8000-%012d", x.n),
		"created": at, "modified": at, "valid_from": at, "pattern_type": "stix",
		"pattern": fmt.Sprintf("[domain-name:value = 'x%d.%s.example']", x.n, name),
	}
}

func stixClaims(name string) func(printing) []claim {
	return func(x printing) []claim {
		return []claim{{typ: ioc.Domain, value: fmt.Sprintf("x%d.%s.example", x.n, name), first: x.dated, last: x.dated}}
	}
}

func newBundle(host string, begin, end time.Time) *paper {
	p := rows("bundle", host, "stix", 6*time.Hour, rhythm{first: 15, every: 6 * time.Hour}, begin, end)
	p.wrongs = wrongs("")
	p.write = func(_ time.Time, list []printing) document {
		var objects []map[string]any
		for _, x := range list {
			objects = append(objects, stixObject("bundle", x))
		}
		return document{mediaType: "application/stix+json", text: jsonText(map[string]any{
			"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects,
		})}
	}
	p.claims = stixClaims("bundle")
	return p
}

// newCollection is a TAXII collection that gives out five objects at a time,
// and knows one of the two spellings of its type.
func newCollection(host string, begin, end time.Time) *paper {
	p := rows("collection", host, FormatTAXII, 2*time.Hour, rhythm{first: 23, every: 4 * time.Hour}, begin, end)
	p.src.URL = host + "/collection/collections/c1/"
	p.front, p.tagged = "/collection/collections/c1/objects/", false
	p.wrongs, p.wrongsLater, p.odd = wrongs(""), wrongs(""), nil
	const layout, size = "2006-01-02T15:04:05.000000Z", 5
	p.page = func(now time.Time, r *http.Request) (document, bool) {
		if r.Header.Get("Accept") != taxiiTypes[1] {
			return document{header: http.Header{"Code": {"406"}}}, false
		}
		q, from := r.URL.Query(), 0
		var list []printing
		for _, x := range p.list { // in the order of their adding
			if !x.at.After(now) && x.at.UTC().Format(layout) > q.Get("added_after") {
				list = append(list, x)
			}
		}
		_, _ = fmt.Sscan(q.Get("next"), &from)
		list = list[min(from, len(list)):]
		env := map[string]any{}
		if len(list) > size {
			list, env["more"], env["next"] = list[:size], true, fmt.Sprint(from+size)
		}
		d := document{mediaType: taxiiTypes[1], header: http.Header{}}
		var objects []map[string]any
		for _, x := range list {
			objects = append(objects, stixObject("collection", x))
			d.header.Set("X-Taxii-Date-Added-Last", x.at.UTC().Format(layout))
		}
		if len(objects) > 0 {
			env["objects"] = objects
		}
		d.text = jsonText(env)
		return d, true
	}
	p.claims = stixClaims("collection")
	return p
}

// newEvents is a MISP feed: every third of its events is changed later.
func newEvents(host string, begin, end time.Time) *paper {
	p := rows("events", host, FormatMISPFeed, 3*time.Hour, rhythm{first: 12, every: 5 * time.Hour, changes: 26 * time.Hour}, begin, end)
	p.src.URL, p.front = host+"/events/", "/events/manifest.json"
	p.wrongs, p.wrongsLater = wrongs(""), wrongs("")
	p.odd = []fault{faultTag}
	uuid := func(x printing) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", x.n) }
	stamp := func(x printing) string {
		if x.changed.IsZero() || x.old {
			return fmt.Sprint(x.at.Unix())
		}
		return fmt.Sprint(x.changed.Unix())
	}
	p.write = func(_ time.Time, list []printing) document {
		m := map[string]any{}
		for _, x := range list {
			m[uuid(x)] = map[string]any{"info": "Event", "timestamp": stamp(x), "date": x.at.Format(time.DateOnly)}
		}
		return document{mediaType: "application/json", text: jsonText(m)}
	}
	values := func(x printing) []string {
		list := []string{fmt.Sprintf("e%d.events.example", x.n)}
		if !x.changed.IsZero() && !x.old {
			list = append(list, fmt.Sprintf("more%d.events.example", x.n))
		}
		return list
	}
	p.page = func(now time.Time, r *http.Request) (document, bool) {
		for _, x := range p.visible(now, func(int) bool { return false }) {
			if r.URL.Path != "/events/"+uuid(x)+".json" {
				continue
			}
			var attributes []map[string]any
			for _, v := range values(x) {
				at := x.dated.UTC().Format(time.RFC3339)
				attributes = append(attributes, map[string]any{"type": "domain", "value": v, "to_ids": true, "timestamp": fmt.Sprint(x.at.Unix()), "first_seen": at, "last_seen": at})
			}
			return document{mediaType: "application/json", text: jsonText(map[string]any{"Event": map[string]any{
				"uuid": uuid(x), "info": fmt.Sprintf("Event %d", x.n), "date": x.at.Format(time.DateOnly), "timestamp": stamp(x), "Attribute": attributes,
			}})}, true
		}
		return document{}, false
	}
	p.claims = func(x printing) []claim {
		var list []claim
		for _, v := range values(x) {
			title := fmt.Sprintf("Event %d", x.n)
			list = append(list, claim{typ: ioc.Domain, value: v, article: title, title: title, first: x.dated, last: x.dated})
		}
		return list
	}
	return p
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a value of this test
	}
	return string(b)
}
