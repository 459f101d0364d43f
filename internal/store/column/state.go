package column

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"spoor/internal/store"
)

// state is a feed's state but for the feed's name, which has a column of its
// own. Times are Unix seconds, 0 when there is none.
type state struct {
	Setup        string `json:"setup,omitempty"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	Digest       string `json:"digest,omitempty"`
	Cursor       string `json:"cursor,omitempty"`
	Format       string `json:"format,omitempty"`
	// Seen are the fingerprints in eight bytes each, the highest first: as
	// numbers they would be twice as long, and wrong for who reads JSON's
	// numbers as floating ones.
	Seen     []byte `json:"seen,omitempty"`
	Items    int64  `json:"items,omitempty"`
	NextRun  int64  `json:"next_run,omitempty"`
	LastRun  int64  `json:"last_run,omitempty"`
	LastGood int64  `json:"last_good,omitempty"`
	Failures int    `json:"failures,omitempty"`
	Status   string `json:"status,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Held     *held  `json:"held,omitempty"`
}

// held is a copy that was not applied.
type held struct {
	Digest string `json:"digest,omitempty"`
	Items  int64  `json:"items,omitempty"`
	Since  int64  `json:"since,omitempty"`
}

// FeedState returns the column of a feed's state: all of it but the name.
func FeedState(s *store.FeedState) (string, error) {
	c := state{
		Setup: s.Setup, ETag: s.ETag, LastModified: s.LastModified, Digest: s.Digest, Cursor: s.Cursor, Format: s.Format, Items: s.Items,
		NextRun: seconds(s.NextRun), LastRun: seconds(s.LastRun), LastGood: seconds(s.LastGood),
		Failures: s.Failures, Status: string(s.Status), Reason: s.Reason,
	}
	for _, print := range s.Seen {
		c.Seen = binary.BigEndian.AppendUint64(c.Seen, print)
	}
	if s.Held != nil {
		c.Held = &held{Digest: s.Held.Digest, Items: s.Held.Items, Since: seconds(s.Held.Since)}
	}
	b, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode feed state: %w", err)
	}
	return string(b), nil
}

// ParseFeedState reads the column of the named feed; what it cannot read is
// store.ErrCorrupt.
func ParseFeedState(feed, text string) (store.FeedState, error) {
	s := store.FeedState{Feed: feed}
	var c state
	err := json.Unmarshal([]byte(text), &c)
	if err == nil && len(c.Seen)%8 != 0 {
		err = fmt.Errorf("%d bytes are no fingerprints", len(c.Seen))
	}
	if err != nil {
		return s, fmt.Errorf("%w: state of feed %q: %w", store.ErrCorrupt, feed, err)
	}
	s.Setup = c.Setup
	s.ETag, s.LastModified, s.Digest, s.Cursor, s.Format, s.Items = c.ETag, c.LastModified, c.Digest, c.Cursor, c.Format, c.Items
	for at := 0; at < len(c.Seen); at += 8 {
		s.Seen = append(s.Seen, binary.BigEndian.Uint64(c.Seen[at:]))
	}
	s.NextRun, s.LastRun, s.LastGood = unix(c.NextRun), unix(c.LastRun), unix(c.LastGood)
	s.Failures, s.Status, s.Reason = c.Failures, store.RunStatus(c.Status), c.Reason
	if c.Held != nil {
		s.Held = &store.HeldCopy{Digest: c.Held.Digest, Items: c.Held.Items, Since: unix(c.Held.Since)}
	}
	return s, nil
}

// stats are a run's. JSON takes names in any case: runs of before have "Read"
// and so on, and only the first six.
type stats struct {
	Read      int64            `json:"read"`
	New       int64            `json:"new"`
	Updated   int64            `json:"updated"`
	Unchanged int64            `json:"unchanged"`
	Merged    int64            `json:"merged"`
	Skipped   int64            `json:"skipped"`
	Dropped   map[string]int64 `json:"dropped,omitempty"`
	Bytes     int64            `json:"bytes,omitempty"`
	Items     int64            `json:"items,omitempty"`
	Took      time.Duration    `json:"took,omitempty"` // nanoseconds
	Status    string           `json:"status,omitempty"`
	Error     string           `json:"error,omitempty"`
}

// RunStats returns the column of a run's stats.
func RunStats(s *store.RunStats) (string, error) {
	b, err := json.Marshal(stats{
		Read: s.Read, New: s.New, Updated: s.Updated, Unchanged: s.Unchanged, Merged: s.Merged, Skipped: s.Skipped,
		Dropped: s.Dropped, Bytes: s.Bytes, Items: s.Items, Took: s.Took, Status: string(s.Status), Error: s.Error,
	})
	if err != nil {
		return "", fmt.Errorf("encode counts: %w", err)
	}
	return string(b), nil
}

// ParseRunStats reads the column; what it cannot read is store.ErrCorrupt.
func ParseRunStats(text string) (store.RunStats, error) {
	var c stats
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return store.RunStats{}, fmt.Errorf("%w: counts: %w", store.ErrCorrupt, err)
	}
	if len(c.Dropped) == 0 {
		c.Dropped = nil
	}
	return store.RunStats{
		Read: c.Read, New: c.New, Updated: c.Updated, Unchanged: c.Unchanged, Merged: c.Merged, Skipped: c.Skipped,
		Dropped: c.Dropped, Bytes: c.Bytes, Items: c.Items, Took: c.Took, Status: store.RunStatus(c.Status), Error: c.Error,
	}, nil
}
