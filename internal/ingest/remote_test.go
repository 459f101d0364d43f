package ingest

import (
	"testing"
	"time"

	"spoor/internal/feed"
)

// TestArrange wants events of which an old copy came behind all others: there
// may be more of them than one run reads.
func TestArrange(t *testing.T) {
	t.Parallel()
	at := func(n int64) time.Time { return time.Unix(n, 0) }
	events := []feed.ManifestEvent{{UUID: "a", Timestamp: at(1)}, {UUID: "b", Timestamp: at(2)}, {UUID: "c", Timestamp: at(3)}}
	r := &poll{readBefore: map[uint64]bool{staleID(eventID(events[2])): true}}
	r.arrange(events)
	if got := events[0].UUID + events[1].UUID + events[2].UUID; got != "bac" {
		t.Errorf("order %q", got)
	}
}
