package ingest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// TestPollRevoked has sources take back what they have said, and wants the
// stored record to be expired from then on.
func TestPollRevoked(t *testing.T) {
	t.Parallel()
	stix := func(modified, more string) string {
		return fmt.Sprintf(`{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","id":"indicator--1","pattern_type":"stix","pattern":"[domain-name:value = 'bad-relay.example']",
			"valid_from":"2026-01-01T00:00:00Z","valid_until":"2099-01-01T00:00:00Z","created":"2026-01-01T00:00:00Z","modified":%q%s}]}`, modified, more)
	}
	misp := func(timestamp, more string) string {
		return fmt.Sprintf(`{"Event":{"info":"Heron","uuid":"u","date":"2026-01-01","Attribute":[{"type":"domain","value":"bad-relay.example","timestamp":%q%s}]}}`, timestamp, more)
	}
	tests := []struct{ format, said, taken string }{
		{"stix", stix("2026-01-01T00:00:00Z", ""), stix("2026-01-05T00:00:00Z", `,"revoked":true`)},
		{"misp", misp("1767225600", ""), misp("1767571200", `,"deleted":true`)},
	}
	for _, tt := range tests {
		t.Run(tt.format, func(t *testing.T) {
			t.Parallel()
			p, d := newPress(t), newDesk(t)
			src := source("a", p.URL+"/a.json", tt.format)
			p.put("/a.json", "application/json", tt.said)
			d.poll(src, store.RunOK)
			if r := d.one(ioc.Domain, "bad-relay.example"); isExpired(r) {
				t.Fatalf("expired from the first: %+v", r)
			}
			p.put("/a.json", "application/json", tt.taken)
			d.clock.add(time.Hour)
			d.poll(src, store.RunOK)
			r := d.one(ioc.Domain, "bad-relay.example")
			if want := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC); !isExpired(r) || !r.ValidUntil.Equal(want) || !slices.Contains(r.Tags, "revoked") {
				t.Errorf("record %+v, want it expired at %v", r, want)
			}
		})
	}
}

func isExpired(r store.Record) bool {
	return slices.ContainsFunc(r.Warnings, func(w store.Warning) bool { return w.List == ListExpired })
}
