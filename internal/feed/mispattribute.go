package feed

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"spoor/internal/ioc"
)

// mispAttribute is one attribute of an event or of an object.
type mispAttribute struct {
	Type      text         `json:"type"`
	Category  text         `json:"category"`
	Value     text         `json:"value"`
	Comment   text         `json:"comment"`
	ToIDs     text         `json:"to_ids"`
	Deleted   text         `json:"deleted"`
	FirstSeen text         `json:"first_seen"`
	LastSeen  text         `json:"last_seen"`
	Timestamp text         `json:"timestamp"`
	Tag       []mispTag    `json:"Tag"`
	Galaxy    mispGalaxies `json:"Galaxy"`
}

// mispOrg is who made an event.
type mispOrg struct {
	Name text `json:"name"`
}

// mispTag is a tag of an event or an attribute.
type mispTag struct {
	Name text `json:"name"`
}

// attribute reads one attribute of the event or of an object.
func (ev *mispEvent) attribute(s *scanner, where string) error {
	e := elements{
		skip: func(k Skip) error { return ev.add(mispRow{skip: k}) },
		row: func(where string, raw []byte) error {
			var a mispAttribute
			// A tag of a wrong type is an error too: it may be the marking.
			if err := json.Unmarshal(raw, &a); err != nil {
				return ev.add(mispRow{skip: Skip{where, ReasonBrokenRow, err.Error()}})
			}
			if ev.held += len(raw); ev.held > maxHeld {
				return fmt.Errorf("%s is larger than %d bytes: %w", ev.name(), maxHeld, errTooMuch)
			}
			return ev.rowsOf(where, &a)
		},
	}
	return e.element(s, where)
}

// rowsOf adds the rows of one attribute: one, two for a pair of values, none
// for a link.
func (ev *mispEvent) rowsOf(where string, a *mispAttribute) error {
	kind := strings.ToLower(strings.TrimSpace(string(a.Type)))
	value := strings.TrimSpace(string(a.Value))
	skip := func(reason, detail string) error { return ev.add(mispRow{skip: Skip{where, reason, detail}}) }
	switch {
	case kind == "":
		return skip(ReasonBrokenRow, "no type")
	case kind == "link" && isTrue(a.Deleted):
		return skip(ReasonWithdrawn, "the link is deleted")
	case kind == "link":
		ev.link(a, value)
		return nil
	}
	values, known := mispValues(kind, value)
	switch {
	case !known:
		return skip(ReasonUnknownType, quote(kind))
	case len(values) == 0 || values[0].Raw == "":
		return skip(ReasonBrokenRow, "no value in "+quote(kind))
	}
	var marks mispMarks
	for _, tag := range a.Tag {
		marks.add(string(tag.Name))
	}
	for _, g := range a.Galaxy {
		marks.clusters(g)
	}
	for _, it := range values {
		it.Where = where
		it.Context = joinContext(it.Context, string(a.Comment))
		it.FirstSeen, it.LastSeen = parseTime(string(a.FirstSeen)), parseTime(string(a.LastSeen))
		it.TLP, it.Confidence = marks.tlp, marks.confidence
		it.Tags, it.Families, it.Techniques = marks.tags, marks.families, marks.techniques
		row := mispRow{item: it, detectable: isTrue(a.ToIDs) || a.ToIDs == "", changed: parseTime(string(a.Timestamp)), deleted: isTrue(a.Deleted)}
		if err := ev.add(row); err != nil {
			return err
		}
	}
	return nil
}

// link keeps a reference of the event.
func (ev *mispEvent) link(a *mispAttribute, url string) {
	if isURL(url) && len(ev.links) < maxTags*2 {
		ev.links = append(ev.links, mispLink{url, strings.EqualFold(string(a.Category), "External analysis")})
	}
}

// joinContext is the file's name and the source's comment.
func joinContext(file, comment string) string {
	file, comment = strings.TrimSpace(file), strings.TrimSpace(comment)
	if file == "" || comment == "" {
		return prose(file + comment)
	}
	return prose(file + ": " + comment)
}

// mispTypes are the attribute types that hold one value of ours, those of
// addresses apart. Fingerprints of certificates and of TLS are digests too,
// but not of a file: they would be found by whoever looks for one.
//
//nolint:gochecknoglobals // read-only
var mispTypes = map[string]ioc.Type{
	"domain": ioc.Domain, "hostname": ioc.Domain, "url": ioc.URL, "uri": ioc.URL,
	"md5": ioc.MD5, "sha1": ioc.SHA1, "sha256": ioc.SHA256, "sha512": ioc.SHA512,
	"email": ioc.Email, "email-src": ioc.Email, "email-dst": ioc.Email, "email-reply-to": ioc.Email,
	"dns-soa-email": ioc.Email, "whois-registrant-email": ioc.Email, "vulnerability": ioc.CVE,
}

// mispValues reads an attribute's value by its type, as items with the value,
// its type, ports and (in Context) the file's name. known is false for a type
// that holds none of ours.
func mispValues(kind, value string) (items []Item, known bool) {
	if t, ok := mispTypes[kind]; ok {
		return []Item{{Type: t, Raw: value}}, true
	}
	first, second, pair := strings.Cut(value, "|")
	switch kind {
	case "ip-src", "ip-dst":
		return []Item{{Type: addressType(value), Raw: value}}, true
	case "ip-src|port", "ip-dst|port":
		return []Item{{Type: addressType(first), Raw: first, Ports: parsePorts(second)}}, true
	case "hostname|port":
		return []Item{{Type: ioc.Domain, Raw: first, Ports: parsePorts(second)}}, true
	case "domain|ip":
		items = []Item{{Type: ioc.Domain, Raw: first}}
		if pair && second != "" {
			items = append(items, Item{Type: addressType(second), Raw: second})
		}
		return items, true
	case "malware-sample":
		kind = "filename|md5"
	}
	digest, found := strings.CutPrefix(kind, "filename|")
	t := mispTypes[digest]
	if !found || !slices.Contains([]ioc.Type{ioc.MD5, ioc.SHA1, ioc.SHA256, ioc.SHA512}, t) {
		return nil, false
	}
	// A file's name may hold the separator; a digest does not.
	i := strings.LastIndexByte(value, '|')
	return []Item{{Type: t, Raw: value[i+1:], Context: value[:max(i, 0)]}}, true
}
