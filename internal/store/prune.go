package store

import (
	"context"
	"time"

	"spoor/internal/ioc"
)

// Pruner lets go of what has grown old, as far as a policy says so.
type Pruner interface {
	// Prune deletes the records, archives the articles and forgets the runs
	// that p names, by the time now, and returns how many of each, also with an
	// error. A deleted record is gone as with DeleteRecord, with its sightings,
	// and so from the past as well; what it shared with others stays.
	//
	// It works in pieces, so that others may read and write in between; each
	// thing is looked at once more before it goes. It ends with the first error
	// or with ctx; what was done stays done, and done again it goes on where it
	// is needed.
	Prune(ctx context.Context, p Policy, now time.Time) (Pruned, error)
}

// Policy says what is let go of. The zero Policy keeps everything.
type Policy struct {
	// Records says when records are deleted. Of the entries that are for a
	// record one decides: that which names both its feed and its type, else its
	// feed, else its type, else neither; the first of several alike.
	Records []Expiry
	// Articles is how long after it was last heard of (see Article.LastHeard)
	// an article is archived: what is kept of it is what Archived returns. Its
	// records stay. Zero is never.
	Articles time.Duration
	// Runs is how long after it began a run is forgotten of which no sighting
	// is left. The store's first run stays, which tells stores apart; so does
	// a run that may be under way, for a day. Zero is never.
	Runs time.Duration
	// DryRun counts, and changes nothing. Runs that lose their last sighting
	// only with the records are not counted then.
	DryRun bool
}

// Expiry is the end of some records. The zero Expiry is for all records, and
// keeps them.
type Expiry struct {
	// Feed and Type say which records it is for; empty and 0 are all.
	Feed string
	Type ioc.Type
	// Unseen is how long after LastSeen a record is deleted, though not while
	// its source says that it is valid. Lapsed is how long after ValidUntil.
	// Zero is never.
	Unseen, Lapsed time.Duration
}

// Pruned counts what was let go of.
type Pruned struct {
	// Sightings are those of Records.
	Records, Sightings, Articles, Runs int64
}

// Expiry returns what is for the records of a feed and type.
func (p *Policy) Expiry(feed string, t ioc.Type) Expiry {
	var found Expiry
	best := 0
	for _, e := range p.Records {
		if e.Feed != "" && e.Feed != feed || e.Type != 0 && e.Type != t {
			continue
		}
		rank := 1
		if e.Type != 0 {
			rank++
		}
		if e.Feed != "" {
			rank += 2
		}
		if rank > best {
			found, best = e, rank
		}
	}
	return found
}

// Never reports whether it deletes nothing.
func (e Expiry) Never() bool { return e.Unseen <= 0 && e.Lapsed <= 0 }

// Due reports whether a record with these dates is to be deleted.
func (e Expiry) Due(lastSeen, validUntil, now time.Time) bool {
	stated := !validUntil.IsZero()
	return e.Lapsed > 0 && stated && !now.Before(validUntil.Add(e.Lapsed)) ||
		e.Unseen > 0 && !now.Before(lastSeen.Add(e.Unseen)) && !(stated && now.Before(validUntil))
}

// Oldest returns the times at and before which any record may be due: by
// LastSeen, and by ValidUntil. Zero means that none is.
func (p *Policy) Oldest(now time.Time) (lastSeen, validUntil time.Time) {
	for _, e := range p.Records {
		if e.Unseen > 0 {
			lastSeen = later(lastSeen, now.Add(-e.Unseen))
		}
		if e.Lapsed > 0 {
			validUntil = later(validUntil, now.Add(-e.Lapsed))
		}
	}
	return lastSeen, validUntil
}

// Archives reports whether an article is to be archived.
func (p *Policy) Archives(a *Article, now time.Time) bool {
	at := a.LastHeard()
	return p.Articles > 0 && a.ArchivedAt.IsZero() && !at.IsZero() && !now.Before(at.Add(p.Articles))
}

// LongestRun is how long a run that does not end is taken to be under way.
const LongestRun = 24 * time.Hour

// Forgets returns the times at and before which a run is forgotten when it
// began then: one that has ended, and one that has not. Zero means that none
// is.
func (p *Policy) Forgets(now time.Time) (ended, open time.Time) {
	if p.Runs <= 0 {
		return ended, open
	}
	return now.Add(-p.Runs), now.Add(-max(p.Runs, LongestRun))
}
