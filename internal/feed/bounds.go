package feed

import "errors"

// The bounds that keep memory constant. They are far above what real feeds
// hold and far below what would hurt.
const (
	// maxLine is the longest line, and the largest CSV record, in bytes.
	maxLine = 64 << 10
	// maxRecordLines bounds how many lines a quoted CSV cell may span: one
	// stray quote must not swallow the rest of the file.
	maxRecordLines = 32
	// maxColumns is the largest number of columns of a CSV row.
	maxColumns = 1000
	// maxElement is the largest JSON element (one row), in bytes.
	maxElement = 1 << 20
	// maxDepth is the deepest nesting inside a JSON element.
	maxDepth = 64
	// maxTags bounds tags, families, techniques and other references of a row.
	maxTags = 256
	// maxTagLen is the longest tag, in bytes; longer ones are dropped.
	maxTagLen = 100
	// maxText is the longest context, title or summary, in bytes; more is cut.
	maxText = 4 << 10
	// maxLink is the longest link to an article, in bytes; a longer one is none.
	maxLink = 2 << 10
	// maxDetail is how much of the input a Skip or an error quotes, in bytes.
	maxDetail = 80
	// maxHeldRows and maxHeld bound what is held of a document whose rows mean
	// something only together (a MISP event, a STIX bundle), in rows and in
	// bytes: of input, and of what is made of it beside. Over either the
	// document is refused with errTooMuch. Collected garbage comes on top, up to
	// as much again.
	maxHeldRows = 200_000
	maxHeld     = 128 << 20
)

// errTooMuch marks a document that is over the bounds as a whole.
var errTooMuch = errors.New("over the bound")
