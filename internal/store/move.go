package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"spoor/internal/ioc"
)

var (
	// ErrOccupied says that a store to move into holds something that the move
	// did not put there.
	ErrOccupied = errors.New("store is not empty")
	// ErrMoving says that a store is the target of a move that has not ended:
	// it holds a part of another store and nobody may use it yet.
	ErrMoving = errors.New("store is being moved into")
	// ErrChanged says that a store that is being moved was written meanwhile.
	ErrChanged = errors.New("store has changed since the move began")
)

// Source is a store that can be moved to another engine.
type Source interface {
	// Dump calls fn with one consistent view of everything that is kept, which
	// is released when fn returns. Others may read and write meanwhile; what
	// they write is not in the view.
	Dump(ctx context.Context, fn func(Dump) error) error
}

// Dump is a whole store at one moment. It serves one goroutine. The large
// parts come in pieces: at most limit of them after a position, which is that
// of the last one that came before, and 0 to begin with.
type Dump interface {
	Ledger(ctx context.Context) (Ledger, error)
	Feeds(ctx context.Context) ([]Feed, error)
	Accounts(ctx context.Context) ([]Account, error)
	// Keys come in the order in which they were made, revoked ones too.
	Keys(ctx context.Context) ([]Key, error)
	FeedStates(ctx context.Context) ([]FeedState, error)
	Allowed(ctx context.Context) ([]Allowed, error)
	Runs(ctx context.Context, after int64, limit int) ([]MovedRun, error)
	Articles(ctx context.Context, after int64, limit int) ([]MovedArticle, error)
	// Records come in the order in which they were first made.
	Records(ctx context.Context, after int64, limit int) ([]MovedRecord, error)
	// Sample returns about n records picked at random, each once.
	Sample(ctx context.Context, n int, random *rand.Rand) ([]uuid.UUID, error)
}

// Target is an empty store that can take in another one whole. Every step may
// be repeated after an error, or by another process: it is done once.
type Target interface {
	// BeginMove makes the store the target of a move from a source in that
	// state, and returns how far an unfinished one of the same has got.
	// ErrOccupied when there is anything else in it, ErrChanged when it has an
	// unfinished move from another source, or from another state of this one.
	BeginMove(ctx context.Context, source Ledger) (Moved, error)
	// LoadMove takes a part in, in one transaction, and remembers how far the
	// move is. It does nothing when the move has got to p.End already.
	LoadMove(ctx context.Context, p Part) error
	// CompleteMove makes the store ready to answer, after the last part.
	CompleteMove(ctx context.Context, source Ledger) error
	// ConfirmMove ends the move: from now on the store may be used.
	ConfirmMove(ctx context.Context) error
	// AbandonMove empties the store of an unfinished move; without one it does
	// nothing.
	AbandonMove(ctx context.Context) error
	// Ledger describes what the store holds.
	Ledger(ctx context.Context) (Ledger, error)
}

// Ledger describes a whole store: two of equal Ledger hold the same. Limits
// that keys have used up and leases are no part of it, nor moved: they are of
// the moment.
type Ledger struct {
	// First is the lowest id of a run, uuid.Nil when there is none: it tells
	// stores apart.
	First uuid.UUID
	// Seq, UpdatedAt, Deletions, MaxTLP and KeysMade are what the store hands
	// out next, or never again.
	Seq       int64
	UpdatedAt time.Time
	Deletions int64
	MaxTLP    ioc.TLP
	KeysMade  int64
	Counts
	// Runs that have not ended are also in OpenRuns, keys that were revoked in
	// RevokedKeys.
	Runs, OpenRuns, Accounts, Keys, RevokedKeys int64
	// FeedStates are what the schedule remembers, Allowed the entries of the
	// operator's list.
	FeedStates, Allowed int64
}

// String returns all of it, for people and to compare.
func (l Ledger) String() string {
	return fmt.Sprintf("store %s at seq %d of %s: %d records, %d articles, %d feeds, %d sightings, %d runs (%d open), %d accounts, %d keys (%d revoked) of %d, %d states of feeds, %d allowed values, %d deletions, marking %s",
		l.First, l.Seq, l.UpdatedAt.UTC().Format(time.RFC3339), l.Records, l.Articles, l.Feeds, l.Sightings,
		l.Runs, l.OpenRuns, l.Accounts, l.Keys, l.RevokedKeys, l.KeysMade, l.FeedStates, l.Allowed, l.Deletions, l.MaxTLP)
}

// Empty reports whether nothing was ever kept.
func (l Ledger) Empty() bool {
	return l.Seq == 0 && l.Counts == Counts{} && l.Runs == 0 && l.Accounts == 0 && l.KeysMade == 0 && l.Deletions == 0 &&
		l.FeedStates == 0 && l.Allowed == 0
}

// Account owns keys.
type Account struct {
	Name      string
	CreatedAt time.Time
}

// MovedRun is a run as it is kept.
type MovedRun struct {
	Position  int64
	ID        uuid.UUID
	Feed      Feed
	Source    string
	StartedAt time.Time
	// FinishedAt is zero and Stats nil while it has not ended.
	FinishedAt time.Time
	Stats      *RunStats
	// WritingSince is when it began to write, zero when it does not: Settled
	// goes by it.
	WritingSince time.Time
	// Sightings is how many sightings it has, -1 when that was not counted.
	Sightings int64
}

// MovedArticle is an article with its place in the dump.
type MovedArticle struct {
	Position int64
	Article
}

// MovedRecord is a record with all that an engine knows of it.
type MovedRecord struct {
	Position int64
	Record
	// AddedSeq is the sequence number that the record had when it was made.
	AddedSeq int64
	// Run made it.
	Run uuid.UUID
	// FirstDated and LastDated tell which dates the source gave then.
	FirstDated, LastDated bool
	// Said is what was said of it, oldest first; nil when that is only what
	// made it.
	Said []Said
}

// Said is a sighting with all that an engine knows of it: a record as it would
// be had nothing else been said. Its ID, Article, AddedAt and UpdatedAt are
// not set, its dates are zero where the source gave none, and its confidence
// where the source gave none later than first.
type Said struct {
	Record
	Run    uuid.UUID
	SeenAt time.Time
	// Assumed is as in Sighting.
	Assumed time.Time
}

// Moved says how far a move is: the positions of what was taken in last.
type Moved struct {
	Runs, Articles, Records int64
	// Count is the number of records so far.
	Count int64
}

// Part is a piece of a store on its way. What it refers to is in it or was in
// an earlier one: the first of each attempt has all that comes whole.
type Part struct {
	// Begin is how far the move was before it, End after it.
	Begin, End Moved
	Feeds      []Feed
	Accounts   []Account
	Keys       []Key
	FeedStates []FeedState
	Allowed    []Allowed
	Runs       []MovedRun
	Articles   []MovedArticle
	Records    []MovedRecord
}

// partSize is the number of records in a part: some megabytes.
const partSize = 10_000

// Move brings all of the dump into the target, except what an earlier attempt
// has brought there already, and completes it. It does not confirm: that is
// for whoever has compared the two. progress is told how many records are
// there, to begin with and after each part; it may be nil.
func Move(ctx context.Context, d Dump, to Target, progress func(done, total int64)) (Ledger, error) {
	ledger, err := d.Ledger(ctx)
	if err != nil {
		return ledger, fmt.Errorf("describe source: %w", err)
	}
	at, err := to.BeginMove(ctx, ledger)
	if err != nil {
		return ledger, fmt.Errorf("begin move: %w", err)
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	progress(at.Count, ledger.Records)
	// One part is read while the one before it is written.
	group, ctx2 := errgroup.WithContext(ctx)
	parts, from := make(chan Part), at
	group.Go(func() error {
		defer close(parts)
		return read(ctx2, d, from, parts)
	})
	group.Go(func() error {
		for p := range parts {
			if err := to.LoadMove(ctx2, p); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			at = p.End
			progress(at.Count, ledger.Records)
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return ledger, err
	}
	if at.Count != ledger.Records {
		return ledger, fmt.Errorf("%w: the source counts %d records and gave %d", ErrCorrupt, ledger.Records, at.Count)
	}
	if err := to.CompleteMove(ctx, ledger); err != nil {
		return ledger, fmt.Errorf("complete move: %w", err)
	}
	return ledger, nil
}

// read sends the parts that are still to come.
func read(ctx context.Context, d Dump, at Moved, parts chan<- Part) error {
	first := true
	for {
		p := Part{Begin: at, End: at}
		if first { // always: they are few, and taken in once
			if err := readHeads(ctx, d, &p); err != nil {
				return fmt.Errorf("read: %w", err)
			}
		}
		more, err := p.fill(ctx, d)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if !more && !first {
			return nil
		}
		first, at = false, p.End
		select {
		case parts <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func readHeads(ctx context.Context, d Dump, p *Part) (err error) {
	if p.Feeds, err = d.Feeds(ctx); err != nil {
		return err
	}
	if p.Accounts, err = d.Accounts(ctx); err != nil {
		return err
	}
	if p.Keys, err = d.Keys(ctx); err != nil {
		return err
	}
	if p.FeedStates, err = d.FeedStates(ctx); err != nil {
		return err
	}
	p.Allowed, err = d.Allowed(ctx)
	return err
}

// fill takes the next piece of what is not through: runs, then articles, then
// records. It reports false when there is no more.
func (p *Part) fill(ctx context.Context, d Dump) (bool, error) {
	var err error
	if p.Runs, err = d.Runs(ctx, p.End.Runs, partSize); err != nil {
		return false, err
	}
	if n := len(p.Runs); n > 0 {
		p.End.Runs = p.Runs[n-1].Position
		return true, nil
	}
	if p.Articles, err = d.Articles(ctx, p.End.Articles, partSize); err != nil {
		return false, err
	}
	if n := len(p.Articles); n > 0 {
		p.End.Articles = p.Articles[n-1].Position
		return true, nil
	}
	if p.Records, err = d.Records(ctx, p.End.Records, partSize); err != nil {
		return false, err
	}
	if n := len(p.Records); n > 0 {
		p.End.Records = p.Records[n-1].Position
		p.End.Count += int64(n)
		return true, nil
	}
	return false, nil
}
