// Package feed reads the formats in which threat feeds are published: bytes
// in, items out, one parser for each source format.
//
// A parser keeps what the source wrote. It does not normalise or refang a
// value (ioc does), decides nothing about articles beyond what the source
// states, opens no file, knows no network and no clock. Prose (Markdown,
// AsciiDoc, HTML, plain text) is not read here but by extract.
//
// Every indicator row of the input becomes exactly one Item or one Skip, one
// that names several values several, so that a caller can account for all of
// them. A broken row costs that row. Memory is bounded whatever the input: see
// the constants in bounds.go. Where rows mean something only with the rest of
// their document, its marking above all (MISP, STIX), it is held to its end,
// and one that is cut short gives nothing.
//
// News feeds (RSS, Atom, RDF, JSON Feed) announce reports and not indicators:
// ParseNews returns their entries, and what an entry's text names is again for
// extract to find.
//
//	format, ok := feed.Detect(name, head)
//	if !ok { ... }
//	err := format.Parser.Parse(ctx, r, feed.Source{Name: name}, feed.Sink{Item: add, Skip: count})
package feed
