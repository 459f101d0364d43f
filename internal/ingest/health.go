package ingest

import (
	"fmt"
	"time"

	"spoor/internal/store"
)

// Health is how a feed does, as one of three words.
type Health string

// The words of Health.
const (
	Healthy  Health = "healthy"  // it does what it should
	Degraded Health = "degraded" // it works, but not all of it, or not just now
	Broken   Health = "error"    // nothing new has come for a while, and nothing will by itself
)

const (
	// brokenAfter is how many runs in a row have to fail.
	brokenAfter = 3
	// staleAfter is how many intervals a good run may lie back.
	staleAfter = 3
)

// Judge says how a feed does that is to run every so often, and why in words;
// the words are empty when there is nothing to say.
func Judge(s store.FeedState, interval time.Duration, now time.Time) (Health, string) {
	switch {
	case s.LastRun.IsZero():
		return Healthy, "has not run yet"
	case s.Failures >= brokenAfter && s.LastGood.IsZero():
		return Broken, fmt.Sprintf("%d runs, and none succeeded: %s", s.Failures, s.Reason)
	case s.Failures >= brokenAfter:
		return Broken, fmt.Sprintf("%d runs in a row failed, the last good one was %s: %s", s.Failures, stamp(s.LastGood), s.Reason)
	case s.Failures > 0:
		return Degraded, "the last run failed: " + s.Reason
	case s.Held != nil:
		return Degraded, fmt.Sprintf("a copy is held since %s: it %s", stamp(s.Held.Since), s.Reason)
	case s.Status == store.RunPartial:
		return Degraded, s.Reason
	case !s.LastGood.IsZero() && now.Sub(s.LastGood) > staleAfter*interval+time.Hour:
		return Degraded, "has not run since " + stamp(s.LastGood)
	}
	return Healthy, ""
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
