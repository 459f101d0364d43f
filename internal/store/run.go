package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
)

// RunStarter writes what feeds say.
type RunStarter interface {
	// StartRun records that a pass over a feed's input begins, and makes the
	// feed if it is new. An existing feed keeps its category. Seq does not
	// move, nor with Finish: a run that finds nothing changes no answer.
	StartRun(ctx context.Context, spec RunSpec) (Run, error)
}

// RunSpec describes a run.
type RunSpec struct {
	Feed Feed
	// Source says what is read: a path or an address, for people.
	Source string
	// Now is the run's one time: what undated input is dated with.
	Now time.Time
}

// Run is one pass over one feed's input. It serves one goroutine; several runs
// of several processes may be under way at once.
type Run interface {
	// Write stores a batch in one transaction: all of it or none. When it
	// returns nil the batch is durable and searchable. Writing the same batch
	// again changes nothing: it is safe to repeat after an error.
	Write(ctx context.Context, batch []Observation) (Outcome, error)
	// Finish ends the run, records its counts and tidies the index. A run
	// that is never finished loses nothing that was written.
	Finish(ctx context.Context, stats RunStats) error
}

// RunStats is what a run counted, kept with it.
type RunStats struct {
	Read, New, Updated, Unchanged, Merged, Skipped int64
	// Dropped says of Skipped, and of what was left out before it was read, how
	// many for which reason; nil for none. The keys are the words of ioc, feed
	// and ingest.
	Dropped map[string]int64
	// Bytes is how much was fetched, as it came; Items how many entries or rows
	// the source held.
	Bytes, Items int64
	// Took is how long the run lasted.
	Took time.Duration
	// Status and Error say how a scheduled run ended, Error in words for people
	// that hold no indicator which is live.
	Status RunStatus
	Error  string
}

// Outcome counts what became of a batch's observations.
type Outcome struct {
	// New were not there before. Updated were, and learnt something. Unchanged
	// were, and did not. Merged were said already in this run, whether or not
	// they taught something more.
	New, Updated, Unchanged, Merged int
}

// Add adds the counts of o.
func (o *Outcome) Add(p Outcome) {
	o.New += p.New
	o.Updated += p.Updated
	o.Unchanged += p.Unchanged
	o.Merged += p.Merged
}

// Observation is what a source says of one indicator. It is merged into the
// record with Merge's rules, so that reading again changes nothing. The order
// of reading matters in two things only: the first context stays, and a record
// that began undated keeps the run's time among its dates, and with it the
// confidence that it had then.
type Observation struct {
	Indicator ioc.Indicator
	// Article is nil for a row that names none. Observations of one article
	// share the pointer. Its ID is set by the caller, with ArticleID.
	Article *Article
	// Confidence, TLP: zero when the source does not say; the caller has put
	// the feed's default there.
	Confidence ioc.Confidence
	TLP        ioc.TLP
	Origin     Origin
	// FirstSeen and LastSeen are zero when the source gives no date.
	FirstSeen, LastSeen time.Time
	Context             string
	// The lists need be neither sorted nor distinct. Families are taken into
	// the tags as well.
	Tags, Families, Techniques, Industries []string
	Ports                                  []uint16
	Warnings                               []Warning
	Evidence                               Evidence
	// ValidUntil is when the source says that the value stops being one; zero
	// when it does not say.
	ValidUntil time.Time
}

// NewRecord returns the record that an observation makes when there is none
// yet: undated input takes now.
func NewRecord(feed Feed, o Observation, now time.Time) Record {
	r := Record{
		Type: o.Indicator.Type, Value: o.Indicator.Value, Key: o.Indicator.Key,
		Confidence: o.Confidence, Origin: o.Origin, Feed: feed, TLP: max(o.TLP, ioc.Clear),
		Context: o.Context, Evidence: o.Evidence,
	}
	r.ValidUntil, r.ValidSaid = mergedValidity(r, o)
	if r.Confidence == 0 {
		r.Confidence = ioc.Medium
	}
	r.FirstSeen, r.LastSeen = span(second(o.FirstSeen), second(o.LastSeen), second(now))
	article := uuid.Nil
	if o.Article != nil {
		ref := o.Article.Ref()
		r.Article, article = &ref, ref.ID
	}
	r.ID = RecordID(feed.Name, article, r.Type, r.Value)
	r.Tags = union(o.Tags, o.Families)
	r.Families = union(o.Families, nil)
	r.Techniques = union(o.Techniques, nil)
	r.Industries = union(o.Industries, nil)
	r.Ports = union(o.Ports, portOf(o.Indicator))
	r.Warnings, _ = growWarnings(nil, false, o.Warnings)
	return r
}

// span returns a source's two dates in order: what it left out is taken from
// the other, and both from now when it gave none.
func span(first, last, now time.Time) (from, to time.Time) {
	switch {
	case first.IsZero() && last.IsZero():
		return now, now
	case first.IsZero():
		return last, last
	case last.IsZero():
		return first, first
	case last.Before(first):
		return last, first
	default:
		return first, last
	}
}

// Merge returns the record after the same source has said o as well, and
// whether that changed anything. Saying the same things again, in whatever
// order, changes nothing: dates widen, lists grow, the stricter marking wins,
// the first context stays; warnings grow too, see Judge. Confidence follows the latest dated statement, and
// the higher one of statements that are equally late; an undated statement
// moves neither date nor confidence. The end of validity is that of the latest
// dated statement of one, else of an undated one; the later of two that are
// equally late. WarningExpired goes with the statement that holds.
func Merge(r Record, o Observation) (Record, bool) {
	was := r
	r.Confidence = mergedConfidence(r, o)
	r.ValidUntil, r.ValidSaid = mergedValidity(r, o)
	r.Evidence |= o.Evidence
	for _, t := range [...]time.Time{second(o.FirstSeen), second(o.LastSeen)} {
		if t.IsZero() {
			continue
		}
		if t.Before(r.FirstSeen) {
			r.FirstSeen = t
		}
		if t.After(r.LastSeen) {
			r.LastSeen = t
		}
	}
	if r.Context == "" {
		r.Context = o.Context
	}
	r.TLP = max(r.TLP, o.TLP)
	grown := false
	r.Tags, grown = grow(r.Tags, grown, o.Tags, o.Families)
	r.Families, grown = grow(r.Families, grown, o.Families)
	r.Techniques, grown = grow(r.Techniques, grown, o.Techniques)
	r.Industries, grown = grow(r.Industries, grown, o.Industries)
	r.Ports, grown = grow(r.Ports, grown, o.Ports, portOf(o.Indicator))
	r.Warnings, grown = mergedWarnings(r, o, &was, grown)
	changed := grown || r.Confidence != was.Confidence || r.Context != was.Context || r.TLP != was.TLP ||
		r.Evidence != was.Evidence || !r.ValidUntil.Equal(was.ValidUntil) || !r.ValidSaid.Equal(was.ValidSaid) ||
		!r.FirstSeen.Equal(was.FirstSeen) || !r.LastSeen.Equal(was.LastSeen)
	return r, changed
}

func mergedConfidence(r Record, o Observation) ioc.Confidence {
	said := second(later(o.FirstSeen, o.LastSeen))
	switch {
	case o.Confidence == 0 || said.IsZero() || said.Before(r.LastSeen):
		return r.Confidence
	case said.After(r.LastSeen):
		return o.Confidence
	default:
		return max(r.Confidence, o.Confidence)
	}
}

// mergedWarnings grows the record's warnings, after its validity was merged. That
// it has ended is not a judgement of the value but of one statement: when
// another one holds, it goes.
func mergedWarnings(r Record, o Observation, was *Record, grown bool) ([]Warning, bool) {
	have, more := r.Warnings, o.Warnings
	if !r.ValidUntil.Equal(was.ValidUntil) {
		have = withoutExpired(have)
	}
	if !r.ValidUntil.Equal(second(o.ValidUntil)) {
		more = withoutExpired(more)
	}
	return growWarnings(have, grown || len(have) != len(r.Warnings), more)
}

// withoutExpired leaves out WarningExpired; it returns the list itself when
// there is none.
func withoutExpired(list []Warning) []Warning {
	if !slices.ContainsFunc(list, isExpired) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), isExpired)
}

func isExpired(w Warning) bool { return w.List == WarningExpired }

// mergedValidity returns the end of validity and the date of its statement.
func mergedValidity(r Record, o Observation) (until, said time.Time) {
	until, said = second(o.ValidUntil), second(later(o.FirstSeen, o.LastSeen))
	switch {
	case until.IsZero() || !r.ValidUntil.IsZero() && said.Before(r.ValidSaid):
		return r.ValidUntil, r.ValidSaid
	case said.Equal(r.ValidSaid):
		return later(r.ValidUntil, until), said
	default:
		return until, said
	}
}
