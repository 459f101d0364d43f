// Package ingest reads inputs into the store: it opens files, folders, streams
// and archives, asks feed or extract what is in them, has ioc normalise what
// they find, and writes the result in batches, one run for each feed.
//
// Reading, parsing and normalising run beside writing, joined by a bounded
// queue: memory does not grow with the input. Every value that a parser names
// is accounted for:
//
//	read = new + updated + unchanged + merged + skipped
//
// What is skipped is counted by reason, with the first places of each. A broken
// row costs that row, a broken file the rest of that file, never the others.
// Reading the same input again changes nothing, so an import that was stopped
// is completed by running it again.
//
// The package decides nothing about formats (that is feed), about what in prose
// is an indicator (extract), or about what a valid one is (ioc), and holds no
// SQL.
package ingest
