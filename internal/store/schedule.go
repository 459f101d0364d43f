package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// FeedKeeper remembers, for all servers on a store, what the schedule of feeds
// goes by. It is asked at the primary: what a replica has not heard of yet
// would be done twice. A feed's name is valid UTF-8 without NUL; in the other
// texts, which are a server's, what is not valid comes back replaced.
type FeedKeeper interface {
	// FeedStates returns the state of every feed that has one, in the order of
	// the names' bytes.
	FeedStates(ctx context.Context) ([]FeedState, error)
	// FeedState returns the state of one feed: the zero state, with its name,
	// when it has none.
	FeedState(ctx context.Context, feed string) (FeedState, error)
	// SaveFeedState keeps the state in place of the feed's former one. Seq does
	// not move: no answer of the API depends on it. Who saves has the feed's
	// lease.
	SaveFeedState(ctx context.Context, s FeedState) error
	// ForgetFeedState drops the state, and with it all that the schedule knows
	// of the feed. It is no error when there is none. What the feed said stays.
	ForgetFeedState(ctx context.Context, feed string) error
	// Runs returns the last runs of a feed, or of all feeds when feed is empty,
	// at most limit: latest first by the second in which they began, then by
	// id, descending. A run that has not ended has no stats yet.
	Runs(ctx context.Context, feed string, limit int) ([]RunRecord, error)
}

// FeedState is what is remembered of a feed from one run to the next. Times
// are UTC in whole seconds, zero when there is none.
type FeedState struct {
	Feed string
	// Setup is a digest of how the feed was set up when the rest was noted:
	// what is remembered of another set-up says nothing of this one.
	Setup string
	// ETag, LastModified and Digest are the fingerprint of the last good copy:
	// the server's two validators, and the hex SHA-256 of the bytes.
	ETag, LastModified, Digest string
	// Cursor is where a TAXII collection was left: its next added_after.
	Cursor string
	// Format is what the last good copy of a feed without a format was
	// recognised as, empty when none was.
	Format string
	// Seen are the fingerprints of the entries of the last good copy that have
	// been read: those that need not be read again.
	Seen []uint64
	// Items is how many items the last good copy held.
	Items int64
	// NextRun is when the feed is due; LastRun when it ran last, LastGood when
	// that last ended without an error.
	NextRun, LastRun, LastGood time.Time
	// Failures counts the runs since then.
	Failures int
	// Status and Reason are those of the last run.
	Status RunStatus
	Reason string
	// Held is the copy that was not applied, nil when there is none.
	Held *HeldCopy
}

// HeldCopy is a copy of a feed that differs too much from the last good one to
// be believed without a look.
type HeldCopy struct {
	Digest string
	// Items is how many items it holds.
	Items int64
	Since time.Time
}

// RunStatus says how a run ended. Empty is a run that nobody scheduled, such
// as an import by hand.
type RunStatus string

// The ends of a scheduled run.
const (
	RunOK        RunStatus = "ok"        // read and applied
	RunUnchanged RunStatus = "unchanged" // the source had nothing new
	RunPartial   RunStatus = "partial"   // applied, but some of it could not be read
	RunHeld      RunStatus = "held"      // read, and not applied
	RunFailed    RunStatus = "failed"    // not read
)

// RunRecord is one run as it is kept.
type RunRecord struct {
	ID      uuid.UUID
	Feed    Feed
	Source  string
	Started time.Time
	// Finished is zero, and Stats empty, while the run has not ended; a run
	// that was killed never does.
	Finished time.Time
	Stats    RunStats
}
