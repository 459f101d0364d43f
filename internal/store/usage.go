package store

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Rationer lets any number of servers on one store count together what keys
// use, so that a key's limits hold for all of them.
//
// A server does not ask for each request. It takes a grant: what the request
// at hand costs and a little more, which it spends without asking for at most
// GrantLife. A grant is counted as used when it is taken; what is left of it is
// given back with the next call. So each side of the account is off by what
// servers hold and did not use, and no more:
//
//   - A window never has more than its limit counted in it (Usage.Spend). A
//     key can get more through it only by requests that were counted before it
//     began and made in it: what the servers held at that moment beside the
//     request that each was answering.
//   - It can get less only by what is counted and not made: the same.
//
// What all servers hold together is at most 5 % of the limit, whatever their
// number, also when one of them ends without giving back: a grant shrinks to
// the one request at hand before that is exceeded. Two things are outside of
// that: a request waits for the store after it is dated, which is one request
// a server; and a bucket leaves a window as a whole, when the last request in
// it does, so that the limit comes back up to a second late in the minute, up
// to a minute late in the day, and never early.
//
// The servers' clocks must agree to much less than a second: one that is ahead
// counts in buckets that leave the others' windows later. A clock that goes
// back gets nothing back: what is in the future counts.
type Rationer interface {
	// Spend takes a grant for a key, gives back what was left of the last
	// one, or both. Of calls for one key at the same time each sees what the
	// others took. A call that failed may be made again with the same Turn,
	// and is then counted once.
	Spend(ctx context.Context, s Spending) (Balance, error)
	// PruneUsage forgets what has not been in any window for one window's
	// length before now, of all keys, and returns how many buckets it was.
	PruneUsage(ctx context.Context, now time.Time) (int64, error)
}

// GrantLife is how long a server spends from a grant without asking.
const GrantLife = 10 * time.Second

// Request is what one plain request costs: amounts are in tenths, because
// there are requests that cost two and a half.
const Request int64 = 10

// Span is the length of a sliding window, in seconds.
type Span int64

// The windows.
const (
	Minute Span = 60
	Day    Span = 24 * 60 * 60
)

// Length returns the window's length.
func (s Span) Length() time.Duration { return time.Duration(s) * time.Second }

// width is the length of the window's buckets: 1-second buckets for the
// minute, 1-minute buckets for the day (contract section 1.2).
func (s Span) width() time.Duration {
	if s <= Minute {
		return time.Second
	}
	return time.Minute
}

// Bucket returns the start, in Unix seconds, of the bucket that t falls into.
func (s Span) Bucket(t time.Time) int64 {
	w := int64(s.width() / time.Second)
	return t.Unix() / w * w
}

// Oldest returns the start of the oldest bucket that may still count at t.
func (s Span) Oldest(t time.Time) int64 { return s.Bucket(t.Add(-s.Length())) }

// Stale returns the start before which an engine forgets buckets at t. It
// keeps them for a second length, for a clock that was wrong for a while.
func (s Span) Stale(t time.Time) int64 { return s.Bucket(t.Add(-2 * s.Length())) }

// Spans returns all windows, shortest first.
func Spans() []Span { return []Span{Minute, Day} }

// Limits are the most that a key may spend in each window, in tenths of a
// request; 0 is no limit, and nothing is counted for it.
type Limits struct{ PerMinute, PerDay int64 }

// of returns the limit of a window.
func (l Limits) of(s Span) int64 {
	if s == Minute {
		return l.PerMinute
	}
	return l.PerDay
}

// Spans returns the windows that have a limit, shortest first.
func (l Limits) Spans() []Span {
	spans := make([]Span, 0, 2)
	for _, s := range Spans() {
		if l.of(s) > 0 {
			spans = append(spans, s)
		}
	}
	return spans
}

// Spending is what a server asks for in the name of a key.
type Spending struct {
	Key    uuid.UUID
	Limits Limits
	// Server is the process that asks, for as long as it lives.
	Server string
	// Turn counts the calls of this server, from 1 on: no two have the same.
	Turn int64
	// Cost is what the request at hand costs; 0 only gives back.
	Cost int64
	// Unused is what is left of the grant that was taken at UnusedAt.
	Unused   int64
	UnusedAt time.Time
	Now      time.Time
}

// Balance is the answer to a Spending.
type Balance struct {
	// Granted is what the server may spend: the cost asked for and perhaps
	// more, or 0 when the cost does not fit.
	Granted int64
	// At is when it was counted: the grant's age begins there.
	At time.Time
	// Windows are those with a limit, shortest first.
	Windows []WindowBalance
}

// WindowBalance is the state of one window after a Spending.
type WindowBalance struct {
	Span        Span
	Limit, Used int64 // Used includes what was granted, and may exceed a limit that was lowered
	// Frees is when the oldest part of Used leaves the window; zero when
	// nothing is used.
	Frees time.Time
	// Fits is when the cost asked for fits if nothing else is spent: Now when
	// it does or is granted, the zero time when it is more than the limit.
	Fits time.Time
}
