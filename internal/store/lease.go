package store

import (
	"context"
	"time"
)

// Leaser lets any number of servers on one store agree on who does a piece of
// scheduled work.
type Leaser interface {
	// Lease claims the work of that name for the holder, from now for ttl, and
	// reports whether the holder has it: when it is free, when the claim on it
	// ran out, or when the holder has it already (which renews it). Of any
	// number that ask at once exactly one is told true. The servers' clocks
	// must agree to much less than ttl, and all ask for one name with the same
	// ttl: a claim that lasts more than twice as long from now was made by a
	// clock that was wrong, and counts as run out.
	Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error)
	// Release gives the work back. It is no error when the holder does not
	// have it.
	Release(ctx context.Context, name, holder string) error
}
