package store_test

import (
	"testing"

	"spoor/internal/store"
)

func TestSeverity(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		facts store.ReportFacts
		score int
		level string
	}{
		{"indicators alone", store.ReportFacts{}, 10, "low"},
		{"a vulnerability", store.ReportFacts{CVEs: 1}, 20, "low"},
		{"many vulnerabilities", store.ReportFacts{CVEs: 50}, 30, "medium"},
		{"an exploited one", store.ReportFacts{Exploited: 1}, 45, "medium"},
		{"exploited, by an actor", store.ReportFacts{Exploited: 1, Actors: []string{"Turla"}}, 55, "high"},
		{"ransomware", store.ReportFacts{Techniques: []string{"T1486"}}, 36, "medium"},
		{"a part of a technique", store.ReportFacts{Techniques: []string{"T1561.001"}}, 36, "medium"},
		{"a technique with a longer number", store.ReportFacts{Techniques: []string{"T14860"}}, 11, "low"},
		{"all of it", store.ReportFacts{Exploited: 9, CVEs: 9, Techniques: []string{"T1486", "T1041"}, Actors: []string{"a"}}, 100, "critical"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			score, terms := store.Severity(tt.facts)
			sum := 0
			for _, term := range terms {
				sum += term.Points
				if term.Reason == "" || term.Name == "" {
					t.Errorf("term %+v", term)
				}
			}
			if score != tt.score || sum != score || store.SeverityLevel(score) != tt.level {
				t.Errorf("got %d (%s), terms add up to %d, want %d (%s)", score, store.SeverityLevel(score), sum, tt.score, tt.level)
			}
		})
	}
}
