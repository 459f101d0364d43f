package ingest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// bounds are how much of a source in pieces one run reads, and for how long:
// a source whose every piece takes as long as it may is not read for days.
type bounds struct {
	pages, events, envelopes int
	time                     time.Duration
}

// runBounds are those of a run.
func runBounds() bounds {
	return bounds{pages: maxPages, events: maxEvents, envelopes: maxEnvelopes, time: readFor}
}

// trialBounds are those of a trial: enough to see that it works. One envelope
// is read before they are asked.
func trialBounds() bounds { return bounds{pages: 2, events: 2, envelopes: 0, time: readFor} }

const (
	// trialRows is how many values a trial shows.
	trialRows = 20
	// askAtOnce is how many values are looked up in one go.
	askAtOnce = 100
)

// Trial is what a run of a feed would do now.
type Trial struct {
	// Format is how the source was read: for one without a format, as what it
	// was recognised. Empty when nothing could be read.
	Format string
	// Stats are those that the run would keep. New and Unchanged are told by
	// the store: a value that this feed has said before is not new.
	Stats store.RunStats
	// Held says why the copy would be held, empty when it would not.
	Held string
	// Rows are the first values.
	Rows []store.Observation
}

// Part reports whether only a part of the source was tried.
func (t Trial) Part() bool { return t.Stats.Dropped[ReasonLater] > 0 }

// Try does what Poll would for a feed that has not run yet, and stores nothing.
// Of a source that is read in many pieces it reads the first. Its errors are
// as Poll's; known, the store that tells what is new, may be nil.
func (po *Poller) Try(ctx context.Context, src Source, known store.Viewer) (Trial, error) {
	t := &trial{known: known, said: map[uuid.UUID]bool{}}
	in := *po.in
	in.st, in.log, in.bounds = t, slog.New(slog.DiscardHandler), trialBounds()
	rep, err := (&Poller{in: &in, st: t, fetch: po.fetch}).Poll(ctx, src, true)
	if err != nil {
		return Trial{}, err
	}
	done := Trial{Format: cmp.Or(src.Format, rep.Summary.Format), Stats: rep.Stats, Rows: t.rows}
	if po.st == nil || rep.Stats.Status == store.RunFailed {
		return done, nil
	}
	state, err := po.st.FeedState(ctx, src.Name)
	if err != nil {
		return done, fmt.Errorf("read state of feed %q: %w", src.Name, err)
	}
	done.Held = differs(state.Items, rep.Stats.Items, src.MaxChange)
	return done, nil
}

// trial is the store of a trial: it keeps nothing but the first rows.
type trial struct {
	known store.Viewer
	said  map[uuid.UUID]bool
	rows  []store.Observation
}

// StartRun implements store.RunStarter.
func (t *trial) StartRun(_ context.Context, spec store.RunSpec) (store.Run, error) {
	return &trialRun{trial: t, spec: spec}, nil
}

// FeedState implements store.FeedKeeper: the feed has not run yet.
func (t *trial) FeedState(_ context.Context, feed string) (store.FeedState, error) {
	return store.FeedState{Feed: feed}, nil
}

// FeedStates implements store.FeedKeeper.
func (t *trial) FeedStates(context.Context) ([]store.FeedState, error) { return nil, nil }

// SaveFeedState implements store.FeedKeeper.
func (t *trial) SaveFeedState(context.Context, store.FeedState) error { return nil }

// ForgetFeedState implements store.FeedKeeper.
func (t *trial) ForgetFeedState(context.Context, string) error { return nil }

// Runs implements store.FeedKeeper.
func (t *trial) Runs(context.Context, string, int) ([]store.RunRecord, error) { return nil, nil }

// trialRun counts what would become of what is written.
type trialRun struct {
	*trial
	spec store.RunSpec
}

// Write implements store.Run.
func (r *trialRun) Write(ctx context.Context, batch []store.Observation) (store.Outcome, error) {
	var out store.Outcome
	for from := 0; from < len(batch); from += askAtOnce {
		part := batch[from:min(from+askAtOnce, len(batch))]
		there, err := r.there(ctx, part)
		if err != nil {
			return out, err
		}
		for i := range part {
			if len(r.rows) < trialRows {
				r.rows = append(r.rows, part[i])
			}
			id := r.id(&part[i])
			switch {
			case r.said[id]:
				out.Merged++
				continue
			case there[id]:
				out.Unchanged++
			default:
				out.New++
			}
			r.said[id] = true
		}
	}
	return out, nil
}

func (r *trialRun) id(o *store.Observation) uuid.UUID {
	article := uuid.Nil
	if o.Article != nil {
		article = o.Article.Ref().ID
	}
	return store.RecordID(r.spec.Feed.Name, article, o.Indicator.Type, o.Indicator.Value)
}

// there returns the records of these values that the store has.
func (r *trialRun) there(ctx context.Context, part []store.Observation) (map[uuid.UUID]bool, error) {
	if r.known == nil {
		return nil, nil
	}
	q := store.ExactQuery{Visibility: store.Visibility{MaxTLP: ioc.Red}, Window: store.Window{Limit: store.Cap}}
	for i := range part {
		q.Keys = append(q.Keys, store.TypedKey{Type: part[i].Indicator.Type, Key: part[i].Indicator.Key})
	}
	var found map[uuid.UUID]bool
	err := r.known.View(ctx, func(s store.Snapshot) error {
		m, err := s.Exact(ctx, q)
		found = make(map[uuid.UUID]bool, len(m.Records))
		for i := range m.Records {
			found[m.Records[i].ID] = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up what is known: %w", err)
	}
	return found, nil
}

// Finish implements store.Run.
func (r *trialRun) Finish(context.Context, store.RunStats) error { return nil }

var _ FeedStore = (*trial)(nil)
