package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Store is everything an engine does. Consumers ask for the role they need.
// All methods may be called at the same time from any number of goroutines,
// and by any number of processes on one store.
type Store interface {
	Viewer
	RunStarter
	FeedKeeper
	AllowKeeper
	Judge
	Editor
	Pruner
	KeyKeeper
	Rationer
	Leaser
	Reporter
	Maintainer
}

// Viewer reads.
type Viewer interface {
	// View calls fn with one consistent view of the store and releases it when
	// fn returns. An engine may call fn again from its beginning, with another
	// view, when the first could not be had whole: fn sets its results, it does
	// not add to what an earlier call left. fn must not keep the Snapshot, must not write to a client
	// while it holds it, and must not call the store otherwise. The error is
	// fn's, or the engine's own. A context that ends stops a running query
	// with the context's error.
	View(ctx context.Context, fn func(Snapshot) error) error
}

// Snapshot is the store as it was at one moment. It serves one goroutine.
type Snapshot interface {
	// Seq is the highest sequence number handed out so far; 0 for an empty
	// store. Two snapshots of equal Seq hold the same data.
	Seq() int64
	// Settled is the time from which on there may be changes that this
	// snapshot does not show: whatever it misses has, or will have, an
	// UpdatedAt that is not before it. Zero says: none before the moment of
	// the view. A batch is dated when its transaction begins and seen when
	// that ends, so this is the last change seen while records are being
	// written: from a run's first batch until its end, and during Rejudge. A
	// run that has written nothing holds nothing back.
	Settled(ctx context.Context) (time.Time, error)
	// Exact finds the records whose (type, key) is one of the query's,
	// ordered by LastSeen descending, then ID.
	Exact(ctx context.Context, q ExactQuery) (Matches, error)
	// Contains finds the records whose key the needle matches, ordered by
	// Place, then by shorter key, then by LastSeen descending, then by ID.
	Contains(ctx context.Context, q ContainsQuery) (Matches, error)
	// Related finds what else belongs to the given matches.
	Related(ctx context.Context, q RelatedQuery) ([]Related, error)
	// List walks the records in the order of their last change, latest first.
	List(ctx context.Context, f Filter, p Page) (List, error)
	// Record returns one record, or ErrNotFound.
	Record(ctx context.Context, id uuid.UUID) (Record, error)
	// Article returns one article, or ErrNotFound.
	Article(ctx context.Context, id uuid.UUID) (Article, error)
	// Sightings returns what was said of a record, oldest first; ErrNotFound
	// when there is no such record.
	Sightings(ctx context.Context, record uuid.UUID) ([]Sighting, error)
	// Feeds returns all feeds by name.
	Feeds(ctx context.Context) ([]Feed, error)
	// Counts returns how much the store holds.
	Counts(ctx context.Context) (Counts, error)
}

// Counts is the size of a store.
type Counts struct{ Records, Articles, Feeds, Sightings int64 }

// Editor changes single records by hand.
type Editor interface {
	// DeleteRecord removes a record with its sightings, or returns
	// ErrNotFound. It is gone from the past (AsOf) as well. Its sequence number is not handed out again, and Seq moves.
	DeleteRecord(ctx context.Context, id uuid.UUID) error
}

// Maintainer looks after the store itself.
type Maintainer interface {
	// Check reads everything and compares the parts: the engine's own
	// integrity, every index, the trigram index against the keys. It returns
	// ErrCorrupt with the first disagreement.
	Check(ctx context.Context) error
	// Reindex builds the trigram index anew from the records.
	Reindex(ctx context.Context) error
	// Close ends all use. Further calls fail.
	Close() error
}
