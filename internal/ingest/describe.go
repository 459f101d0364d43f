package ingest

import (
	"spoor/internal/feed"
	"spoor/internal/ioc"
)

// reasonText says in words why a parser gave up a row, or a file was left out.
//
//nolint:gochecknoglobals // read-only table
var reasonText = map[string]string{
	feed.ReasonBrokenRow:      "does not parse, or lacks its value",
	feed.ReasonLineTooLong:    "line is longer than any indicator",
	feed.ReasonTooLarge:       "row is too large",
	feed.ReasonTooDeep:        "row is nested too deep",
	feed.ReasonTooManyColumns: "row has too many columns",
	feed.ReasonUnknownType:    "declares a type that is none of the eleven",
	feed.ReasonPattern:        "is a pattern over many values, not one value",
	feed.ReasonWithdrawn:      "was deleted or revoked by its source",

	ReasonKnownGood:           "on a list of what is known to be good, and not defanged",
	ReasonExample:             "reserved for examples, in running text",
	ReasonPageGone:            "the page was not given out; what the feed carries of it was read",
	ReasonLater:               "left for the next run",
	feed.ReasonDuplicate:      "the same entry stands in the document before",
	feed.ReasonTooManyEntries: "beyond the entries of one document",

	FileHidden:  "hidden; name the file itself to import it",
	FileLink:    "symbolic link; name its target to import it",
	FileSpecial: "not a regular file; name it itself to read from it",
	FileLicence: "licence text",
	FileEmpty:   "empty",
	FileUnknown: "no parser knows it; name the file with --format to force one",
}

// Describe says in words what a reason of Summary.Skipped or of Files.Skipped
// means.
func Describe(reason string) string {
	if text, ok := reasonText[reason]; ok {
		return text
	}
	return ioc.Reason(reason).Describe()
}
