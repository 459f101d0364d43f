package store

import (
	"context"
	"time"
)

// AllowKeeper keeps the operator's own list of known-good values.
type AllowKeeper interface {
	// Allowed returns the list by value.
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
// now.
type Judge interface {
	// Rejudge asks verdict for the warnings of every record whose key holds
	// part, of every record when part is empty, and stores what it says in
	// place of the record's warnings where the two differ. It returns how many
	// records that changed: they are updated, and get sequence numbers of their
	// own. It works in pieces, so that others may write in between, and ends
	// with the first error or with ctx; done again it goes on where it is
	// needed. verdict is called from one goroutine, keeps nothing of the
	// record, and must not call the store.
	Rejudge(ctx context.Context, part string, verdict func(*Record) []Warning) (int64, error)
}
