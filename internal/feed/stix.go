package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"spoor/internal/ioc"
)

// stixParser reads STIX 2.1 bundles, and those of 2.0. The rows are
// indicators with a STIX pattern, vulnerabilities, and observables:
//
//   - An indicator gives an item for each value that its pattern compares for
//     equality; how the pattern joins them is let go. Any other comparison
//     with a path of ours is one over many values, and skipped.
//   - A vulnerability gives its CVE.
//   - An observable (STIX: SCO) is what somebody saw, not a claim that it is
//     bad: an item of low confidence, unless an indicator of the document
//     names the same value, which then stands for it.
//
// A revoked indicator or vulnerability is an item whose validity ended when it
// was revoked, unless the document does not say when, or another indicator of
// it still names the value.
//
// Everything else says something about rows: malware and tools are families,
// attack patterns techniques, actors and campaigns tags, of what they are
// related to directly or through one of each other; a report or grouping is
// the article of what it refers to; a marking makes the TLP. Names that are
// marked stricter than the row are left out of it.
//
// References go both ways, so that a document is held to its end, within
// maxHeldRows objects and maxHeld bytes; one that is cut short or over a bound
// gives nothing.
type stixParser struct{}

// Parse implements Parser.
func (stixParser) Parse(ctx context.Context, r io.Reader, _ Source, sink Sink) error {
	d := newSTIXDocument()
	if err := d.read(ctx, r); err != nil {
		return fmt.Errorf("read stix: %w", err)
	}
	if !d.objects && d.scalars["type"] != "bundle" {
		return errors.New("read stix: the document is no bundle")
	}
	return d.deliver(ctx, sink)
}

// detectSTIX wants a bundle, or a list of objects.
func detectSTIX(_ string, head []byte) bool {
	d, first := stixHead(head)
	if d == nil {
		return false
	}
	return d["type"] == "bundle" || strings.HasPrefix(string(d["id"]), "bundle--") || first && !isEnvelope(d)
}

// isEnvelope tells a page of a TAXII collection by what only it has.
func isEnvelope(scalars map[string]text) bool {
	_, more := scalars["more"]
	_, next := scalars["next"]
	return more || next
}

// stixHead returns the scalar members in the head of a document, nil when it
// is no JSON, and whether its first object is one of STIX: its id says its
// type.
func stixHead(head []byte) (scalars map[string]text, isSTIX bool) {
	text := strings.TrimLeft(string(head), " \t\r\n")
	if text == "" || text[0] != '{' && text[0] != '[' {
		return nil, false
	}
	d := newSTIXDocument()
	stop := errors.New("found")
	e := d.elements()
	e.skip = func(Skip) error { return stop }
	e.row = func(_ string, raw []byte) error {
		var o stixObject
		isSTIX = json.Unmarshal(raw, &o) == nil && o.Type != "" && strings.HasPrefix(string(o.ID), string(o.Type)+"--")
		return stop
	}
	// The end is an error on purpose, or that of a head that is cut short.
	_ = e.walk(context.Background(), strings.NewReader(text))
	return d.scalars, isSTIX
}

// stixDocument is a bundle or an envelope, held until its references can be
// followed.
type stixDocument struct {
	// scalars are the top-level members that are no list, objects whether there
	// is one.
	scalars map[string]text
	objects bool

	rows []stixRow
	// observables is whether some of them are.
	observables bool
	// number and held are the objects so far, and what they take in bytes.
	number, held int

	// What the rows are related to, by id.
	nodes     map[string]stixNode
	markings  map[string]ioc.TLP
	reports   []stixRow
	groupings []stixRow
	out, in   map[string][]stixEdge
	seen      []stixSeen       // one for each observed data
	observed  map[string][]int // which of them are of an observable
	withdrawn map[string]time.Time

	// Made from that before the first row is delivered.
	articles map[string]stixArticle
	sighted  map[string]stixSeen
	covered  map[string]bool
	// What nodes say, and what indicators and other rows are told by theirs.
	expanded, named, blamed map[stixLevel]stixWords
	// kept is how many words those three hold.
	kept int
}

// stixRow is an object that gives items, or a skip when it has a reason. It is
// held as it was written, which takes a third of the room, and read again.
type stixRow struct {
	where string
	skip  Skip
	raw   []byte
	// id stands for an object that has none of its own.
	id text
}

// object reads the row, which has been read before.
func (row *stixRow) object() *stixObject {
	o := new(stixObject)
	_ = json.Unmarshal(row.raw, o)
	if row.id != "" {
		o.ID = row.id
	}
	return o
}

func newSTIXDocument() *stixDocument {
	return &stixDocument{
		scalars: map[string]text{}, nodes: map[string]stixNode{}, markings: map[string]ioc.TLP{},
		out: map[string][]stixEdge{}, in: map[string][]stixEdge{},
		observed: map[string][]int{}, sighted: map[string]stixSeen{}, withdrawn: map[string]time.Time{},
		articles: map[string]stixArticle{}, covered: map[string]bool{},
		expanded: map[stixLevel]stixWords{}, named: map[stixLevel]stixWords{}, blamed: map[stixLevel]stixWords{},
	}
}

// read takes the whole document.
func (d *stixDocument) read(ctx context.Context, r io.Reader) error {
	return d.elements().walk(ctx, r)
}

func (d *stixDocument) elements() elements {
	return elements{
		member: func(name string) bool {
			d.objects = d.objects || name == "objects"
			return name == "objects"
		},
		scalar: func(name string, raw []byte) {
			var value text
			if json.Unmarshal(raw, &value) == nil && len(d.scalars) < maxTags {
				d.scalars[name] = value
			}
		},
		skip: func(k Skip) error { return d.add(stixRow{where: k.Where, skip: k}) },
		row:  d.object,
	}
}

// add holds one row.
func (d *stixDocument) add(row stixRow) error {
	d.rows = append(d.rows, row)
	return d.grow(0)
}

// grow counts an object, a row or not.
func (d *stixDocument) grow(size int) error {
	d.number++
	return d.hold(size + stixObjectCost)
}

// hold counts bytes, and refuses the document over a bound.
func (d *stixDocument) hold(size int) error {
	d.held += size
	switch {
	case d.number > 2*maxHeldRows || len(d.rows) > maxHeldRows:
		return fmt.Errorf("the document holds more than %d objects: %w", maxHeldRows, errTooMuch)
	case d.held > maxHeld:
		return fmt.Errorf("the document is larger than %d bytes: %w", maxHeld, errTooMuch)
	}
	return nil
}

// object takes one object: as a row, or as what it says about others.
func (d *stixDocument) object(where string, raw []byte) error {
	// An object in a list without a bundle around it is one, too.
	d.objects = true
	if err := d.grow(len(raw)); err != nil {
		return err
	}
	o := new(stixObject)
	if err := json.Unmarshal(raw, o); err != nil {
		return d.add(stixRow{where: where, skip: Skip{where, ReasonBrokenRow, err.Error()}})
	}
	switch {
	case o.Type == "":
		return d.add(stixRow{where: where, skip: Skip{where, ReasonBrokenRow, "no type"}})
	case isTrue(o.Revoked):
		d.withdraw(o)
	}
	switch kind := string(o.Type); {
	case kind == "indicator", kind == "vulnerability", stixObservables[kind]:
		d.observables = d.observables || stixObservables[kind]
		return d.add(stixRow{where: where, raw: bytes.Clone(raw)})
	case isTrue(o.Revoked):
		return nil
	case kind == "observed-data":
		return d.observation(where, o)
	}
	return d.about(o, raw)
}

// withdraw notes that all versions of an object up to this one are revoked.
func (d *stixDocument) withdraw(o *stixObject) {
	id, at := string(o.ID), o.modified()
	if was, known := d.withdrawn[id]; !known || at.After(was) {
		d.withdrawn[id] = at
	}
}

// isWithdrawn reports whether this or a later version of the object is revoked.
func (d *stixDocument) isWithdrawn(o *stixObject) bool {
	if isTrue(o.Revoked) {
		return true
	}
	at, revoked := d.withdrawn[string(o.ID)]
	return revoked && o.ID != "" && !o.modified().After(at)
}

// revokedAt is when an object was taken back, if this is the version that did:
// zero for one that stands, for those before it, and when it does not say when.
func (d *stixDocument) revokedAt(o *stixObject) time.Time {
	at := o.modified()
	if !isTrue(o.Revoked) || o.ID != "" && at.Before(d.withdrawn[string(o.ID)]) {
		return time.Time{}
	}
	return at
}

func (d *stixDocument) withdrawnSkip(where string, o *stixObject) Skip {
	return Skip{where, ReasonWithdrawn, "revoked: " + quote(string(o.ID))}
}

// observation takes observed data: references to observables (2.1), or the
// observables themselves (2.0).
func (d *stixDocument) observation(where string, o *stixObject) error {
	if err := d.hold(o.cost()); err != nil {
		return err
	}
	n := len(d.seen)
	d.seen = append(d.seen, stixSeen{
		first: parseTime(string(o.FirstObserved)), last: parseTime(string(o.LastObserved)),
		by: string(o.ID), markings: o.markings(),
	})
	for _, ref := range o.ObjectRefs.value {
		d.observed[string(ref)] = append(d.observed[string(ref)], n)
	}
	for _, key := range sortedKeys(o.Objects.value) {
		part := new(stixObject)
		at := where + ".objects." + key
		if err := json.Unmarshal(o.Objects.value[key], part); err != nil {
			if err := d.add(stixRow{where: at, skip: Skip{at, ReasonBrokenRow, err.Error()}}); err != nil {
				return err
			}
			continue
		}
		// It has no id in 2.0, and nothing refers to it but this.
		id := o.ID + "/" + text(strconv.Itoa(len(d.rows)))
		d.observed[string(id)] = []int{n}
		if stixObservables[string(part.Type)] {
			d.observables = true
			if err := d.add(stixRow{where: at, raw: o.Objects.value[key], id: id}); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver hands over the rows.
func (d *stixDocument) deliver(ctx context.Context, sink Sink) error {
	d.resolve()
	for i := range d.rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.row(&d.rows[i], sink); err != nil {
			return err
		}
	}
	return nil
}

// row hands over the items of one row.
func (d *stixDocument) row(row *stixRow, sink Sink) error {
	if row.skip.Reason != "" {
		return sink.Skip(row.skip)
	}
	o := row.object()
	switch {
	case d.isWithdrawn(o) && (d.revokedAt(o).IsZero() || stixObservables[string(o.Type)]):
		return sink.Skip(d.withdrawnSkip(row.where, o))
	case o.Type == "indicator":
		return d.indicator(row.where, o, sink)
	case o.Type == "vulnerability":
		return d.vulnerability(row.where, o, sink)
	default:
		return d.observable(row.where, o, sink)
	}
}
