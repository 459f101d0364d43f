package feed

import (
	"context"
	"io"
	"time"

	"spoor/internal/ioc"
)

// Item is one row as the source wrote it, not yet normalised. Its slices and
// its article may be shared with other items and must not be changed.
type Item struct {
	// Where is the place in the input, for messages: "line 12", "data[4]".
	Where string
	// Type is zero when the source does not say.
	Type ioc.Type
	// Raw is the value as written, defanged or not, possibly with a port.
	Raw string
	// Article is nil when the source names none. Items of one block share it.
	Article *Article
	// Confidence and TLP are zero when the source declares none.
	Confidence ioc.Confidence
	TLP        ioc.TLP
	// FirstSeen and LastSeen are UTC, whole seconds, zero when undated.
	FirstSeen, LastSeen time.Time
	// ValidUntil is when the source takes its claim back, in UTC; zero when it
	// names no end.
	ValidUntil time.Time
	// Context is the source's own words about this row, possibly empty: valid
	// UTF-8 without NUL, cut at 4 KiB. So are an article's texts.
	Context string
	// Tags are lower case.
	Tags []string
	// Families are malware families (and the actors that a source files like
	// families) as slugs: lower case, '-' for a space. They are not repeated
	// in Tags.
	Families []string
	// Techniques are words shaped like ATT&CK ids, as written.
	Techniques []string
	// Ports are those that the source gives beside the value; a port that is
	// part of Raw stays there.
	Ports []uint16
}

// tagRevoked is the tag of an item that its source has taken back.
const tagRevoked = "revoked"

// revoke makes an item one that its source took back at that time: zero for one
// that stands. What was stored of it can only be told that it is over by an item.
func (it *Item) revoke(at time.Time) {
	if at.IsZero() {
		return
	}
	if it.ValidUntil.IsZero() || at.Before(it.ValidUntil) {
		it.ValidUntil = at
	}
	it.Tags = union(it.Tags, []string{tagRevoked})
}

// Article is the publication that a source names for its rows.
type Article struct {
	// URL is as written, possibly without a scheme; empty when only the title
	// or the GUID is known.
	URL string
	// OtherURLs are further references of the same block, in order.
	OtherURLs []string
	Title     string
	// GUID is the source's own identity of the article, possibly empty.
	GUID      string
	Publisher string
	Summary   string
	// Published and Modified are UTC, zero when unknown.
	Published, Modified time.Time
	Tags                []string
}

// Skip is an indicator row that could not become an Item.
type Skip struct {
	// Where is the place in the input, as in Item.
	Where string
	// Reason is one of the Reason constants.
	Reason string
	// Detail says what was wrong with this row; it may quote a short piece of it.
	Detail string
}

// The reasons of a Skip.
const (
	// ReasonBrokenRow is a row that does not parse, or lacks its value.
	ReasonBrokenRow = "broken_row"
	// ReasonLineTooLong is a line over the bound; it was not kept.
	ReasonLineTooLong = "line_too_long"
	// ReasonTooLarge is a JSON element over the bound; it was not kept.
	ReasonTooLarge = "row_too_large"
	// ReasonTooDeep is a JSON element nested deeper than the bound.
	ReasonTooDeep = "row_too_deep"
	// ReasonTooManyColumns is a CSV row with more columns than the bound.
	ReasonTooManyColumns = "too_many_columns"
	// ReasonUnknownType is a row whose declared type is none of ours.
	ReasonUnknownType = "unknown_type"
	// ReasonPattern is an expression over many values, not one value.
	ReasonPattern = "pattern"
	// ReasonWithdrawn is a row that its source has deleted or revoked, where it
	// is not known since when, or where another row still names the value.
	ReasonWithdrawn = "withdrawn"
)

// Source says where the input came from, as far as a parser may know.
type Source struct {
	// Name is the file's name without compression suffix; it may keep its
	// parent folders ("malware/emotet.txt"), from which maltrail tells what a
	// trail is.
	Name string
	// URL is where it was fetched from, empty for a file: what relative links
	// of a news feed are resolved against when it names no site itself.
	URL string
}

// Sink takes what a parser finds, in input order. Item and Skip are needed. An
// error returned by either stops the parse, which returns it.
type Sink struct {
	Item func(Item) error
	Skip func(Skip) error
	// Changed, unless nil, is told of each MISP event when it was last changed,
	// before its rows: a time in UTC, zero when the event does not say.
	Changed func(time.Time)
}

// Parser reads one source format.
type Parser interface {
	// Parse reads r to its end and hands every row to the sink. It returns an
	// error when the input is not of the format, is truncated or cannot be
	// read, when ctx ends, and when the sink does; the rows before were
	// delivered, except those of a document that has to be whole. It never
	// closes r and is safe for concurrent use.
	Parse(ctx context.Context, r io.Reader, src Source, sink Sink) error
}
