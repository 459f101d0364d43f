// Package extract finds indicators of compromise in prose.
//
// Read takes a report and returns what it says: the candidates in order of
// appearance, each with position, sentence, heading and whether it was listed
// or defanged, and what the report says as a whole (techniques, CVEs, its
// marking). Text returns the candidates alone. Render turns HTML, PDF, and
// text in any encoding, into what they read; MainText finds the article of a
// page first. DetectKind says of which kind a file is.
//
// Finding shapes is the small part; the package exists for the judgement
// which of them the author meant. A value that is written defanged is meant.
// A live one is meant in a place where indicators are listed (a section about
// them, a table cell, a list item, a literal block) and is a reference or an
// example elsewhere: the form of a link, an announcing line, the document's
// own links and domain tell. A name is a domain only when its public suffix
// exists and it is not a file, a version, a class or a detection name. A URL
// says nothing about its host; a page about a sample or an address names it in
// its path, and is no indicator itself.
//
// No publisher is known by name: the tables in words.go are vocabulary, the
// services that have a page for every sample, and platforms that carry both
// reports and abuse.
//
// The package is pure: no network, no clock, no files. It does not decide
// whether a value is known-good (package benign) and does not store anything.
// Time is linear in the input, counted in steps by a test, and memory is
// bounded by Options.Limit.
//
//	said, err := extract.Read(ctx, "C2: hxxp://a.example[.]net/x", extract.Options{})
package extract
