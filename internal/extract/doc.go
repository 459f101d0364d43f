// Package extract finds indicators of compromise in prose.
//
// Text takes a report and returns the candidates in it, in order of
// appearance, with position and context. Render turns HTML, PDF, and text in any
// encoding, into what Text reads; MainText is that for the page of an article,
// without what stands around it. DetectKind says which of them a file is.
//
// Finding shapes is the small part; the package exists for the judgement
// which of them the author meant. A value that is written defanged is meant.
// A live one is meant in a place where indicators are listed (a section about
// them, a table cell, a list item, a literal block) and is a reference or an
// example elsewhere. A name is a domain only when its public suffix exists
// and it is not a file, a version, a class or a detection name.
//
// The package is pure: no network, no clock, no files. It does not decide
// whether a value is known-good (package benign) and does not store anything.
// Time is linear in the input, and memory is bounded by Options.Limit.
//
//	found, err := extract.Text(ctx, "C2: hxxp://a.example[.]net/x", extract.Options{})
package extract
