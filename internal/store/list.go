package store

import (
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
)

// Filter narrows a List. Fields narrow together; the values within one field
// are alternatives; an empty field does not narrow.
type Filter struct {
	Types       []ioc.Type
	Categories  []Category
	Confidences []ioc.Confidence
	Industries  []string
	Tags        []string
	Feeds       []string
	Origins     []Origin
	Techniques  []string
	// Article is uuid.Nil when unset.
	Article uuid.UUID
	// Since and Until bound UpdatedAt: [Since, Until). Zero means unbounded.
	Since, Until time.Time
	// WithoutWarned leaves out records that carry a warning.
	WithoutWarned bool
	Visibility
}

// Page is the part of a List to return: by offset, or from a Position.
type Page struct {
	Limit int
	// Offset is at most Cap; it must be 0 when After is set.
	Offset int
	// After continues a walk; nil begins one.
	After *Position
	// NoTotal leaves Total and LowerBound out, for pages that only go on:
	// counting again would cost more than the page.
	NoTotal bool
}

// Position is a place in a walk. It holds contract fields only, so that a
// cursor made on one engine means the same on another.
type Position struct {
	// UpdatedAt, Seq and ID are those of the last record given.
	UpdatedAt time.Time
	Seq       int64
	ID        uuid.UUID
	// Began is the store's Seq when the walk began: records changed since are
	// left to the next walk, so that every other one is seen exactly once.
	Began int64
}

// List is one page, ordered by UpdatedAt descending, Seq descending, ID.
type List struct {
	Records []Record
	// Total counts all matches of the filter (not only what is left of the
	// walk), up to Cap; LowerBound is true when there are more.
	Total      int
	LowerBound bool
	// Next is nil on the last page.
	Next *Position
}
