package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Usage is what a store keeps of one key's use. An engine loads it, calls
// Spend, and stores what that changed, while nobody else does the same for the
// key. The arithmetic is here, once, for all engines.
type Usage struct {
	// Buckets are those of the windows with a limit from Span.Oldest on, in
	// any order.
	Buckets []Bucket
	// Holders are the servers that took a grant lately.
	Holders []Holder
}

// Bucket is what was spent of a window in one piece of time.
type Bucket struct {
	Span  Span
	Start int64 // Unix seconds
	// Last is when the last of it was spent, in Unix nanoseconds: then plus
	// the span the bucket leaves the window.
	Last   int64
	Amount int64 // never negative
}

// Holder is a server with the grant that it took last.
type Holder struct {
	Server string `json:"server"`
	Turn   int64  `json:"turn"`
	// At is when, in Unix nanoseconds.
	At int64 `json:"at"`
	// Granted is the grant, Extra the part of it that was not for the request
	// at hand: what the server may hold unused.
	Granted int64 `json:"granted"`
	Extra   int64 `json:"extra"`
}

// EncodeHolders writes holders as engines keep them: JSON text.
func EncodeHolders(hs []Holder) (string, error) {
	if len(hs) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(hs)
	if err != nil {
		return "", fmt.Errorf("encode holders: %w", err)
	}
	return string(b), nil
}

// DecodeHolders reads what EncodeHolders wrote.
func DecodeHolders(text string) ([]Holder, error) {
	var hs []Holder
	if err := json.Unmarshal([]byte(text), &hs); err != nil {
		return nil, fmt.Errorf("%w: holders of a key: %w", ErrCorrupt, err)
	}
	return hs, nil
}

const (
	// heldShare is the part of a limit that all servers may hold unused: a
	// twentieth, 5 %.
	heldShare = 20
	// maxHolders bounds what is kept of servers that ended without giving
	// back; the oldest goes first.
	maxHolders = 100
)

// Spend applies s to the usage. It returns the answer and the buckets that
// changed, as they are to be stored; when there are none, nothing changed.
func (u *Usage) Spend(s Spending) (Balance, []Bucket) {
	var changed []Bucket
	now := s.Now.UnixNano()
	mine := slices.IndexFunc(u.Holders, func(h Holder) bool { return h.Server == s.Server })
	repeated := mine >= 0 && u.Holders[mine].Turn == s.Turn
	if repeated && u.Holders[mine].Granted > 0 {
		h := u.Holders[mine]
		return Balance{Granted: h.Granted, At: time.Unix(0, h.At).UTC(), Windows: u.windows(s, h.Granted)}, nil
	}
	if s.Unused > 0 && !repeated {
		changed = u.giveBack(s)
	}
	granted, extra := u.grant(s, mine)
	if granted > 0 {
		changed = u.count(s, granted, changed)
	}
	if len(changed) > 0 {
		u.hold(Holder{Server: s.Server, Turn: s.Turn, At: now, Granted: granted, Extra: extra}, now)
	}
	return Balance{Granted: granted, At: s.Now, Windows: u.windows(s, granted)}, changed
}

// giveBack takes what was not used out of the buckets that it was counted in,
// where those still count.
func (u *Usage) giveBack(s Spending) (changed []Bucket) {
	for _, span := range s.Limits.Spans() {
		if b := u.bucket(span, span.Bucket(s.UnusedAt)); b != nil {
			b.Amount = max(0, b.Amount-s.Unused)
			changed = append(changed, *b)
		}
	}
	return changed
}

// bucket finds a bucket.
func (u *Usage) bucket(span Span, start int64) *Bucket {
	i := slices.IndexFunc(u.Buckets, func(b Bucket) bool { return b.Span == span && b.Start == start })
	if i < 0 {
		return nil
	}
	return &u.Buckets[i]
}

// grant decides what a server gets and how much of it is extra. Beside the
// cost, which has to fit every window, it is an equal share of what may be held
// unused, with one share left for a server that comes new.
func (u *Usage) grant(s Spending, mine int) (granted, extra int64) {
	if s.Cost <= 0 {
		return 0, 0
	}
	now, servers := s.Now.UnixNano(), int64(1)
	for i, h := range u.Holders {
		if i != mine && h.At > now-int64(time.Minute) {
			servers++
		}
	}
	extra = -1
	for _, span := range s.Limits.Spans() {
		limit := s.Limits.of(span)
		free := limit - u.used(span, now) - s.Cost
		if free < 0 {
			return 0, 0
		}
		may := limit / heldShare
		more := max(0, min(may/(servers+1), may-u.held(span, now, mine), free))
		if extra < 0 || more < extra {
			extra = more
		}
	}
	extra = max(0, extra)
	extra -= extra % s.Cost
	return s.Cost + extra, extra
}

// used is what counts in a window.
func (u *Usage) used(span Span, now int64) (sum int64) {
	for _, b := range u.Buckets {
		if b.Span == span && b.counts(now) {
			sum += b.Amount
		}
	}
	return sum
}

// counts reports whether the bucket is still in its window.
func (b Bucket) counts(now int64) bool { return b.leaves() > now }

// leaves is when the bucket is not in its window any more.
func (b Bucket) leaves() int64 { return b.Last + int64(b.Span.Length()) }

// held is what other servers may have of a window without having used it.
func (u *Usage) held(span Span, now int64, mine int) (sum int64) {
	for i, h := range u.Holders {
		if i != mine && h.outstanding(span, now) {
			sum += h.Extra
		}
	}
	return sum
}

// outstanding reports whether the grant may be in a bucket that counts. The
// bucket leaves with the last that is spent in it, at most its width later
// than the grant.
func (h Holder) outstanding(span Span, now int64) bool {
	return h.Extra > 0 && h.At+int64(span.Length()+span.width()) > now
}

// count adds an amount to the buckets of now.
func (u *Usage) count(s Spending, amount int64, changed []Bucket) []Bucket {
	for _, span := range s.Limits.Spans() {
		start := span.Bucket(s.Now)
		b := u.bucket(span, start)
		if b == nil {
			u.Buckets = append(u.Buckets, Bucket{Span: span, Start: start})
			b = &u.Buckets[len(u.Buckets)-1]
		}
		b.Amount += amount
		b.Last = max(b.Last, s.Now.UnixNano())
		// Giving back may have changed the same one.
		changed = slices.DeleteFunc(changed, func(c Bucket) bool { return c.Span == span && c.Start == start })
		changed = append(changed, *b)
	}
	return changed
}

// hold puts the holder in the place of what was known of its server and
// forgets the others that neither hold anything nor were there in the last
// minute.
func (u *Usage) hold(h Holder, now int64) {
	u.Holders = slices.DeleteFunc(u.Holders, func(old Holder) bool {
		return old.Server == h.Server || old.At <= now-int64(time.Minute) && !old.outstanding(Day, now)
	})
	u.Holders = append(u.Holders, h)
	u.Holders = u.Holders[max(0, len(u.Holders)-maxHolders):]
}

// windows describes every window with a limit.
func (u *Usage) windows(s Spending, granted int64) []WindowBalance {
	now := s.Now.UnixNano()
	var out []WindowBalance
	for _, span := range s.Limits.Spans() {
		var in []Bucket
		for _, b := range u.Buckets {
			if b.Span == span && b.counts(now) && b.Amount > 0 {
				in = append(in, b)
			}
		}
		slices.SortFunc(in, func(a, b Bucket) int { return cmp.Compare(a.Last, b.Last) })
		w := WindowBalance{Span: span, Limit: s.Limits.of(span), Used: u.used(span, now)}
		if len(in) > 0 {
			w.Frees = time.Unix(0, in[0].leaves()).UTC()
		}
		w.Fits = fits(w, in, s, granted)
		out = append(out, w)
	}
	return out
}

// fits walks the buckets in the order in which they leave, until there is
// room.
func fits(w WindowBalance, in []Bucket, s Spending, granted int64) time.Time {
	room := w.Limit - w.Used
	if granted > 0 || room >= s.Cost {
		return s.Now
	}
	for _, b := range in {
		room += b.Amount
		if room >= s.Cost {
			return time.Unix(0, b.leaves()).UTC()
		}
	}
	return time.Time{}
}
