package feed

import (
	"strings"
	"time"

	"spoor/internal/ioc"
)

// indicator hands over the rows of an indicator.
func (d *stixDocument) indicator(where string, o *stixObject, sink Sink) error {
	about := Item{
		Where: where, Confidence: parseConfidence(string(o.Confidence)),
		FirstSeen: parseTime(either(o.ValidFrom, o.Created)), ValidUntil: parseTime(string(o.ValidUntil)),
		Context: prose(either(o.Description, o.Name)),
	}
	about.LastSeen = later(o.modified(), about.FirstSeen)
	d.describe(o, &about)
	about.revoke(d.revokedAt(o))
	for _, found := range patternItems(o) {
		if found.skip.Reason != "" {
			found.skip.Where = where
			if err := sink.Skip(found.skip); err != nil {
				return err
			}
			continue
		}
		it := about
		it.Type, it.Raw, it.Ports = found.item.Type, found.item.Raw, found.item.Ports
		if isTrue(o.Revoked) && d.covered[coverKey(it)] {
			if err := sink.Skip(d.withdrawnSkip(where, o)); err != nil {
				return err
			}
			continue
		}
		if err := sink.Item(it); err != nil {
			return err
		}
	}
	return nil
}

// later is t where it is not before from, else the zero time: an object may be
// made before what it describes begins.
func later(t, from time.Time) time.Time {
	if t.Before(from) {
		return time.Time{}
	}
	return t
}

// vulnerability hands over a CVE: the external reference that says so, or the
// name.
func (d *stixDocument) vulnerability(where string, o *stixObject, sink Sink) error {
	id := strings.TrimSpace(string(o.Name))
	for _, ref := range o.References.value {
		if strings.EqualFold(string(ref.Source), "cve") && ref.ID != "" {
			id = strings.TrimSpace(string(ref.ID))
		}
	}
	if !hasPrefixFold(id, "cve-") {
		return sink.Skip(Skip{where, ReasonUnknownType, "a vulnerability without a CVE: " + quote(id)})
	}
	it := Item{
		Where: where, Type: ioc.CVE, Raw: id, Confidence: parseConfidence(string(o.Confidence)),
		FirstSeen: parseTime(string(o.Created)), Context: prose(string(o.Description)),
	}
	it.LastSeen = later(o.modified(), it.FirstSeen)
	d.describe(o, &it)
	it.revoke(d.revokedAt(o))
	return sink.Item(it)
}

// observable hands over what somebody saw, unless an indicator stands for it.
func (d *stixDocument) observable(where string, o *stixObject, sink Sink) error {
	values := o.values()
	if len(values) == 0 {
		return sink.Skip(Skip{where, ReasonUnknownType, "no value of ours in " + quote(string(o.Type))})
	}
	seen := d.sighted[string(o.ID)]
	about := Item{Where: where, Confidence: ioc.Low, FirstSeen: seen.first, LastSeen: seen.last}
	if o.Type == "file" {
		about.Context = prose(string(o.Name))
	}
	d.describe(o, &about)
	for _, value := range values {
		if d.covered[coverKey(value)] {
			continue
		}
		it := about
		it.Type, it.Raw = value.Type, value.Raw
		if it.Raw == "" {
			if err := sink.Skip(Skip{where, ReasonBrokenRow, "no value"}); err != nil {
				return err
			}
			continue
		}
		if err := sink.Item(it); err != nil {
			return err
		}
	}
	return nil
}

// coverKey tells whether an indicator and an observable name the same value.
func coverKey(it Item) string { return it.Type.String() + " " + strings.ToLower(it.Raw) }

// values are the values of ours in an observable, as items with type and value.
func (o *stixObject) values() (items []Item) {
	if o.Type != "file" && o.Type != "artifact" {
		if t, ours := stixPathType(string(o.Type), []string{"value"}, string(o.Value)); ours {
			items = append(items, Item{Type: t, Raw: strings.TrimSpace(string(o.Value))})
		}
		return items
	}
	for _, algorithm := range sortedKeys(o.Hashes.value) {
		if t := stixHash(algorithm); t != 0 {
			items = append(items, Item{Type: t, Raw: strings.TrimSpace(string(o.Hashes.value[algorithm]))})
		}
	}
	return items
}

// patternItem is what one constant of a pattern comes to: an item with value,
// type and ports, or a skip when it has a reason.
type patternItem struct {
	item        Item
	skip        Skip
	observation int
}

// patternItems reads the pattern of an indicator; it returns at least one.
func patternItems(o *stixObject) []patternItem {
	skip := func(reason, detail string) []patternItem {
		return []patternItem{{skip: Skip{Reason: reason, Detail: detail}}}
	}
	// 2.0 has no other patterns, and does not say so.
	if kind := string(o.PatternType); kind != "" && !strings.EqualFold(kind, "stix") {
		return skip(ReasonPattern, "a pattern of the type "+quote(kind))
	}
	if strings.TrimSpace(string(o.Pattern)) == "" {
		return skip(ReasonBrokenRow, "no pattern")
	}
	comparisons, err := stixComparisons(string(o.Pattern))
	if err != nil {
		return skip(ReasonBrokenRow, err.Error())
	}
	var found []patternItem
	ports := map[int][]uint16{}
	for _, c := range comparisons {
		if c.object == "network-traffic" && len(c.path) == 1 && c.path[0] == "dst_port" {
			for _, value := range c.values {
				if len(ports[c.observation]) < maxTags {
					ports[c.observation] = append(ports[c.observation], parsePorts(value)...)
				}
			}
			continue
		}
		found = append(found, c.items()...)
	}
	if len(found) == 0 {
		return skip(ReasonUnknownType, "no value of ours in "+quote(string(o.Pattern)))
	}
	for i := range found {
		switch it := &found[i].item; it.Type {
		case ioc.IPv4, ioc.IPv6, ioc.Domain:
			it.Ports = ports[found[i].observation]
		}
	}
	return found
}

// items are the values of a comparison, nothing when its path is none of ours.
func (c stixComparison) items() (found []patternItem) {
	if _, ours := stixPathType(c.object, c.path, ""); !ours {
		return nil
	}
	path := c.object + ":" + strings.Join(c.path, ".")
	if c.values == nil {
		return []patternItem{{skip: Skip{Reason: ReasonPattern, Detail: quote(path + " " + c.operator)}}}
	}
	for _, value := range c.values {
		value = strings.TrimSpace(value)
		if value == "" {
			found = append(found, patternItem{skip: Skip{Reason: ReasonBrokenRow, Detail: "no value in " + quote(path)}})
			continue
		}
		t, _ := stixPathType(c.object, c.path, value)
		found = append(found, patternItem{item: Item{Type: t, Raw: value}, observation: c.observation})
	}
	return found
}

// stixPathType is the type of what an object path leads to; zero where the
// path leaves it open and the value does not tell. ours is false when it leads
// to none of our types.
func stixPathType(object string, path []string, value string) (t ioc.Type, ours bool) {
	switch full := strings.Join(path, "."); object + ":" + full {
	case "ipv4-addr:value":
		return ioc.IPv4, true
	case "ipv6-addr:value":
		return ioc.IPv6, true
	case "domain-name:value":
		return ioc.Domain, true
	case "url:value":
		return ioc.URL, true
	case "email-addr:value", "email-message:from_ref.value", "email-message:sender_ref.value",
		"email-message:to_refs.value", "email-message:cc_refs.value", "email-message:bcc_refs.value":
		return ioc.Email, true
	case "network-traffic:dst_ref.value", "network-traffic:src_ref.value", "domain-name:resolves_to_refs.value":
		return hostType(value), true
	default:
		before, algorithm, _ := strings.Cut(full, "hashes.")
		file := object == "file" || object == "artifact" || object == "process"
		// Not the sections of an executable, whose digests are not the file's.
		if file && (before == "" || strings.HasSuffix(before, "_ref.") && strings.Count(before, ".") == 1) {
			t = stixHash(algorithm)
		}
		return t, t != 0
	}
}

// hostType tells an address from a name where a reference may lead to either.
func hostType(value string) ioc.Type {
	switch {
	case strings.Count(value, ":") > 1:
		return ioc.IPv6
	case strings.Trim(value, "0123456789./") == "":
		return ioc.IPv4
	default:
		return ioc.Domain
	}
}

// stixHash is the type of a hash algorithm, with or without its hyphen; zero
// when it is none of ours.
func stixHash(algorithm string) ioc.Type {
	switch strings.ReplaceAll(strings.ToLower(algorithm), "-", "") {
	case "md5":
		return ioc.MD5
	case "sha1":
		return ioc.SHA1
	case "sha256":
		return ioc.SHA256
	case "sha512":
		return ioc.SHA512
	}
	return 0
}
