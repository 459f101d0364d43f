package store_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func TestProseConfidence(t *testing.T) {
	t.Parallel()
	const both = store.EvidenceDefanged | store.EvidenceListed
	tests := []struct {
		name     string
		typ      ioc.Type
		evidence store.Evidence
		want     ioc.Confidence
	}{
		{"a digest in a sentence", ioc.SHA256, 0, ioc.Medium},
		{"a digest that is listed", ioc.SHA256, store.EvidenceListed, ioc.High},
		{"a digest that is listed by a poor source", ioc.SHA256, store.EvidenceListed | store.EvidenceLowStanding, ioc.Medium},
		{"a vulnerability", ioc.CVE, 0, ioc.Medium},
		{"only mentioned", ioc.Domain, 0, ioc.Low},
		{"defanged", ioc.Domain, store.EvidenceDefanged, ioc.Medium},
		{"listed", ioc.Domain, store.EvidenceListed, ioc.Medium},
		{"defanged and listed", ioc.Domain, both, ioc.High},
		{"mentioned by a good source", ioc.Domain, store.EvidenceHighStanding, ioc.Medium},
		{"defanged by a good source", ioc.Domain, store.EvidenceHighStanding | store.EvidenceDefanged, ioc.High},
		{"defanged by a poor source", ioc.Domain, store.EvidenceLowStanding | store.EvidenceDefanged, ioc.Low},
		{"both, by a poor source", ioc.Domain, store.EvidenceLowStanding | both, ioc.Medium},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := store.ProseConfidence(tt.typ, tt.evidence); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAssess(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	days := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	tests := []struct {
		name   string
		record store.Record
		feeds  int
		want   int
	}{
		{"declared high, today", store.Record{Type: ioc.IPv4, Confidence: ioc.High, Evidence: store.EvidenceDeclared, LastSeen: now}, 1, 85},
		{"a feed of medium standing", store.Record{Type: ioc.IPv4, Confidence: ioc.Medium, LastSeen: now}, 1, 60},
		{"prose, defanged and listed", store.Record{Type: ioc.Domain, Confidence: ioc.High, LastSeen: now,
			Evidence: store.EvidenceProse | store.EvidenceDefanged | store.EvidenceListed}, 1, 80},
		{"two feeds", store.Record{Type: ioc.IPv4, Confidence: ioc.Medium, LastSeen: now}, 2, 65},
		{"twenty feeds", store.Record{Type: ioc.IPv4, Confidence: ioc.Medium, LastSeen: now}, 20, 75},
		{"an address after a half-life", store.Record{Type: ioc.IPv4, Confidence: ioc.Medium, LastSeen: days(30)}, 1, 30},
		{"a hash of the same age", store.Record{Type: ioc.SHA256, Confidence: ioc.Medium, LastSeen: days(30)}, 1, 58},
		{"a vulnerability does not age", store.Record{Type: ioc.CVE, Confidence: ioc.High, LastSeen: days(3000)}, 1, 80},
		{"yet to come", store.Record{Type: ioc.IPv4, Confidence: ioc.High, LastSeen: days(-1)}, 1, 80},
		{"no longer valid", store.Record{Type: ioc.CVE, Confidence: ioc.Medium, LastSeen: now, ValidUntil: days(1)}, 1, 30},
		{"nothing left", store.Record{Type: ioc.IPv4, Confidence: ioc.Low, LastSeen: days(900), ValidUntil: days(1)}, 1, 0},
		{"bounded above", store.Record{Type: ioc.CVE, Confidence: ioc.High, Evidence: store.EvidenceDeclared, LastSeen: now}, 20, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := store.Assess(&tt.record, tt.feeds, now)
			sum := 0
			for _, term := range got.Terms {
				sum += term.Points
				if term.Reason == "" || term.Name == "" {
					t.Errorf("term %+v", term)
				}
			}
			if got.Score != tt.want || sum != got.Score || got.Confidence != ioc.ConfidenceFromScore(got.Score) {
				t.Errorf("got %d (%s), terms add up to %d, want %d: %+v", got.Score, got.Confidence, sum, tt.want, got.Terms)
			}
		})
	}
}

// TestConfidencePage compares docs/confidence.md with the code.
func TestConfidencePage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/confidence.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, typ := range ioc.Types() {
		days := "never"
		if half := store.HalfLife(typ); half > 0 {
			days = fmt.Sprint(int(half / (24 * time.Hour)))
		}
		if row := fmt.Sprintf("| %s | %s |\n", typ, days); !strings.Contains(page, row) {
			t.Errorf("no row %q", row)
		}
	}
	now := time.Now()
	points := func(e store.Evidence, c ioc.Confidence, term string) int {
		for _, t := range store.Assess(&store.Record{Type: ioc.Domain, Evidence: e, Confidence: c, LastSeen: now}, 1, now).Terms {
			if t.Name == term {
				return t.Points
			}
		}
		return 0
	}
	const prose = store.EvidenceProse
	for _, row := range []string{
		fmt.Sprintf("| source | %d, %d, %d |", points(prose|store.EvidenceHighStanding, 0, "source"), points(prose, 0, "source"), points(prose|store.EvidenceLowStanding, 0, "source")),
		fmt.Sprintf("| defanged | %d |", points(prose|store.EvidenceDefanged, 0, "defanged")),
		fmt.Sprintf("| section | %d |", points(prose|store.EvidenceListed, 0, "section")),
		fmt.Sprintf("| mention | %d |", points(prose, 0, "mention")),
		fmt.Sprintf("| declared | %d, %d, %d |", points(store.EvidenceDeclared, ioc.High, "declared"), points(store.EvidenceDeclared, ioc.Medium, "declared"), points(store.EvidenceDeclared, ioc.Low, "declared")),
	} {
		if !strings.Contains(page, row) {
			t.Errorf("no row %q", row)
		}
	}
}
