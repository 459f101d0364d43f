package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Envelope is what a page of a TAXII 2.1 collection says beside its objects.
type Envelope struct {
	// More is true when the collection has objects behind this page.
	More bool
	// Next is the server's own mark of where they begin, to be sent back as it
	// is (in a query: escaped); possibly empty although there are more.
	Next string
}

// maxNext is the longest mark of a next page, in bytes.
const maxNext = 4 << 10

// ParseEnvelope reads one page of the objects of a collection (TAXII 2.1,
// section 3.7) and hands its rows to the sink as the parser of STIX does, all
// of them at its end. A bundle, which servers of TAXII 2.0 send, is read too.
//
// Relations are followed within a page. What stands on another page (a report,
// a malware, an identity, a marking of the collection's own) is not known to
// the rows of this one; the TLP markings with fixed ids are. Reading the
// collection anew does not bring it back: ask for large pages.
func ParseEnvelope(ctx context.Context, r io.Reader, sink Sink) (Envelope, error) {
	d := newSTIXDocument()
	if err := d.read(ctx, r); err != nil {
		return Envelope{}, fmt.Errorf("read taxii envelope: %w", err)
	}
	if !d.objects && len(d.scalars) > 0 && !isEnvelope(d.scalars) && d.scalars["type"] != "bundle" {
		return Envelope{}, errors.New("read taxii envelope: the document has no objects")
	}
	env := Envelope{More: isTrue(d.scalars["more"]), Next: string(d.scalars["next"])}
	if len(env.Next) > maxNext {
		return Envelope{}, fmt.Errorf("read taxii envelope: next is longer than %d bytes", maxNext)
	}
	return env, d.deliver(ctx, sink)
}

// taxiiParser reads pages that somebody kept.
type taxiiParser struct{}

// Parse implements Parser.
func (taxiiParser) Parse(ctx context.Context, r io.Reader, _ Source, sink Sink) error {
	_, err := ParseEnvelope(ctx, r, sink)
	return err
}

// detectTAXII wants a page: a list of objects with a word about the next.
func detectTAXII(_ string, head []byte) bool {
	scalars, first := stixHead(head)
	return first && isEnvelope(scalars)
}

// Discovery says which API roots a server has (TAXII 2.1, section 4.1).
type Discovery struct {
	Title, Description, Contact string
	// Default is one of APIRoots, possibly empty. They are as the server wrote
	// them: absolute, or relative to its own address.
	Default  string
	APIRoots []string
}

// APIRoot describes one API root (TAXII 2.1, section 4.2).
type APIRoot struct {
	Title, Description string
	// Versions are media types as written.
	Versions []string
}

// Collection is one collection of an API root (TAXII 2.1, section 5.2.1).
type Collection struct {
	// ID and Alias are fit to be a segment of a path; Alias may be empty.
	ID, Alias          string
	Title, Description string
	CanRead, CanWrite  bool
	MediaTypes         []string
}

// The bounds of what a server says about itself.
const (
	maxTAXII       = 4 << 20 // bytes
	maxCollections = 10_000
)

// ParseDiscovery reads a server's answer about itself. API roots that are no
// link are left out; none at all is an error.
func ParseDiscovery(ctx context.Context, r io.Reader) (Discovery, error) {
	var answer struct {
		Title       text   `json:"title"`
		Description text   `json:"description"`
		Contact     text   `json:"contact"`
		Default     text   `json:"default"`
		APIRoots    []text `json:"api_roots"`
	}
	if err := readAnswer(ctx, r, &answer); err != nil {
		return Discovery{}, fmt.Errorf("read taxii discovery: %w", err)
	}
	d := Discovery{Title: prose(string(answer.Title)), Description: prose(string(answer.Description)), Contact: prose(string(answer.Contact))}
	for _, root := range answer.APIRoots {
		if isRootLink(string(root)) && len(d.APIRoots) < maxTags {
			d.APIRoots = append(d.APIRoots, string(root))
		}
	}
	if contains(d.APIRoots, string(answer.Default)) {
		d.Default = string(answer.Default)
	}
	if len(d.APIRoots) == 0 {
		return Discovery{}, errors.New("read taxii discovery: the server names no API root")
	}
	return d, nil
}

// isRootLink reports whether an API root may be followed: a web address, or a
// path on the same server.
func isRootLink(s string) bool {
	return isURL(s) || strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") && isLinkText(s) && !strings.ContainsRune(s, '\\')
}

// ParseAPIRoot reads the answer about an API root.
func ParseAPIRoot(ctx context.Context, r io.Reader) (APIRoot, error) {
	var answer struct {
		Title       text   `json:"title"`
		Description text   `json:"description"`
		Versions    []text `json:"versions"`
	}
	if err := readAnswer(ctx, r, &answer); err != nil {
		return APIRoot{}, fmt.Errorf("read taxii API root: %w", err)
	}
	return APIRoot{prose(string(answer.Title)), prose(string(answer.Description)), shortList(answer.Versions)}, nil
}

// ParseCollections reads the list of an API root's collections, in its order.
// A collection whose id could not stand in a path is an error: it is asked for
// by that id.
func ParseCollections(ctx context.Context, r io.Reader) ([]Collection, error) {
	var answer struct {
		Collections []struct {
			ID          text   `json:"id"`
			Alias       text   `json:"alias"`
			Title       text   `json:"title"`
			Description text   `json:"description"`
			CanRead     text   `json:"can_read"`
			CanWrite    text   `json:"can_write"`
			MediaTypes  []text `json:"media_types"`
		} `json:"collections"`
	}
	if err := readAnswer(ctx, r, &answer); err != nil {
		return nil, fmt.Errorf("read taxii collections: %w", err)
	}
	if len(answer.Collections) > maxCollections {
		return nil, fmt.Errorf("read taxii collections: more than %d: %w", maxCollections, errTooMuch)
	}
	var list []Collection
	for _, c := range answer.Collections {
		if !isSegment(string(c.ID)) {
			return nil, fmt.Errorf("read taxii collections: %s is no id of a collection", quote(string(c.ID)))
		}
		to := Collection{
			ID: string(c.ID), Title: prose(string(c.Title)), Description: prose(string(c.Description)),
			CanRead: isTrue(c.CanRead), CanWrite: isTrue(c.CanWrite), MediaTypes: shortList(c.MediaTypes),
		}
		if isSegment(string(c.Alias)) {
			to.Alias = string(c.Alias)
		}
		list = append(list, to)
	}
	return list, nil
}

// isSegment reports whether a text is one segment of a path as it stands, and
// leads nowhere else.
func isSegment(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > maxTagLen {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return r > 0x7E || !isNameByte(byte(r)) && r != '.' && r != '~'
	}) < 0
}

// shortList makes a list of words fit to keep.
func shortList(words []text) (list []string) {
	for _, word := range words[:min(len(words), maxTags)] {
		list = append(list, prose(string(word)))
	}
	return list
}

// readAnswer reads a small JSON object.
func readAnswer(ctx context.Context, r io.Reader, to any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(decode(r), maxTAXII+1))
	if err != nil {
		return err
	}
	if len(raw) > maxTAXII {
		return fmt.Errorf("larger than %d bytes: %w", maxTAXII, errTooMuch)
	}
	return json.Unmarshal(raw, to)
}
