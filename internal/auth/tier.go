package auth

import (
	"time"

	"spoor/internal/store"
)

// The names of the tiers (contract section 1.2).
const (
	Free  = "free"
	Pro   = "pro"
	Local = "local"
)

// Tier is what a kind of key may do. Zero in any field means no limit.
type Tier struct {
	Name string
	// RequestsPerMinute and RequestsPerDay ration: see Limiter.
	RequestsPerMinute, RequestsPerDay int
	// MaxRows bounds the rows of one answer.
	MaxRows int
	// MaxLookupValues bounds the values of one bulk look-up.
	MaxLookupValues int
	// LookbackIOCs and LookbackArticles say how far back lists and exports
	// reach; search and lookup always see everything.
	LookbackIOCs, LookbackArticles time.Duration
	// MaxKeys bounds the keys of one account.
	MaxKeys int
}

// Rationed reports whether requests are counted.
func (t Tier) Rationed() bool { return t.RequestsPerMinute > 0 || t.RequestsPerDay > 0 }

// limits are the limits of requests as the store counts them.
func (t Tier) limits() store.Limits {
	return store.Limits{
		PerMinute: int64(max(0, t.RequestsPerMinute)) * store.Request, PerDay: int64(max(0, t.RequestsPerDay)) * store.Request,
	}
}

const day = 24 * time.Hour

// Tiers returns the tiers with the numbers of contract section 1.2. The caller
// owns the slice.
func Tiers() []Tier {
	return []Tier{
		{
			Name: Free, RequestsPerMinute: 10, RequestsPerDay: 1_000, MaxRows: 100, MaxLookupValues: 100,
			LookbackIOCs: day, LookbackArticles: 7 * day, MaxKeys: 3,
		},
		{
			Name: Pro, RequestsPerMinute: 1_000, RequestsPerDay: 1_000_000, MaxRows: 10_000, MaxLookupValues: 10_000,
			LookbackIOCs: 365 * day, LookbackArticles: 365 * day, MaxKeys: 50,
		},
		{Name: Local, MaxLookupValues: 100_000},
	}
}

// ClampRows returns the rows that the tier allows of those asked for.
func (t Tier) ClampRows(n int) int {
	if t.MaxRows > 0 && n > t.MaxRows {
		return t.MaxRows
	}
	return n
}

// Earliest returns the earliest time that lists of the tier reach back to, the
// zero time when there is no bound. It is a whole minute, so that answers stay
// the same for a minute (contract section 1, "caching").
func (t Tier) Earliest(now time.Time) time.Time {
	if t.LookbackIOCs <= 0 {
		return time.Time{}
	}
	return now.UTC().Truncate(time.Minute).Add(-t.LookbackIOCs)
}
