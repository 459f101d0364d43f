package store

import (
	"context"
	"slices"
	"time"
)

// AllowKeeper keeps the operator's own list of known-good values, for all
// servers on a store. It is asked at the primary. Seq does not move with the
// list, but with the records that are judged by it. Texts are valid UTF-8
// without NUL: their owner makes sure of it.
type AllowKeeper interface {
	// Allowed returns the list in the order of its values' bytes.
	Allowed(ctx context.Context) ([]Allowed, error)
	// Allow adds an entry, or puts it in place of the one of the same value.
	Allow(ctx context.Context, a Allowed) error
	// Disallow removes the entry of that value, or returns ErrNotFound.
	Disallow(ctx context.Context, value string) error
}

// Allowed is one entry of the operator's list.
type Allowed struct {
	// Value is the text that the entry is known by, in the canonical spelling
	// of whoever judges by it: an indicator, a name with all below it, a range.
	Value string
	// Reason says why, for people.
	Reason string
	// AddedAt is UTC, in whole seconds.
	AddedAt time.Time
}

// Judge keeps the warnings of stored records as the known-good lists have it
// now. Warnings are a judgement of the value and no word of its source: Merge
// only adds to them, so that the order of reading does not matter, and what is
// no longer on a list loses its warning here.
type Judge interface {
	// Rejudge asks verdict for the warnings of every record whose key holds
	// part, of every record when part is empty, and stores what it says in
	// place of the record's warnings where the two differ. It returns how many
	// records that changed, also with an error: they are updated, and get
	// sequence numbers of their own, in the order in which they were made; it
	// is no sighting of them.
	//
	// It works in pieces, so that others may write in between, and ends with
	// the first error or with ctx; done again it goes on where it is needed. A
	// record that is made meanwhile is judged by who makes it. verdict is
	// called from one goroutine, perhaps twice of a record, keeps nothing of
	// it, and must not call the store.
	Rejudge(ctx context.Context, part string, verdict func(*Record) []Warning) (int64, error)
}

// Judged returns the record with these warnings, which need be neither sorted
// nor distinct, in place of its own, and whether that changed anything.
func Judged(r Record, warnings []Warning) (Record, bool) {
	now, _ := growWarnings(nil, false, warnings)
	if slices.Equal(now, r.Warnings) {
		return r, false
	}
	r.Warnings = now
	return r, true
}
