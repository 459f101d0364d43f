package main

import (
	"fmt"
	"strings"

	"spoor/api"
	"spoor/internal/ioc"
)

// explanation are the lines below a match that say what it is worth, and why:
// nil where that was not asked for.
func explanation(r *api.Record) []string {
	if r.ConfidenceScore == nil {
		return nil
	}
	widest := 0
	for _, t := range r.ConfidenceTerms {
		widest = max(widest, textWidth(printable(t.Name)))
	}
	lines := make([]string, 0, len(r.ConfidenceTerms)+1)
	for i, t := range r.ConfidenceTerms {
		points := fmt.Sprintf("%+d", t.Points)
		if i == 0 {
			points = fmt.Sprintf("%d", t.Points)
		}
		name := printable(t.Name)
		lines = append(lines, fmt.Sprintf("    %4s  %s%s  %s", points, name,
			strings.Repeat(" ", widest-textWidth(name)), ioc.DefangText(printable(t.Reason))))
	}
	return append(lines, fmt.Sprintf("    %4s  %s", fmt.Sprintf("= %d", *r.ConfidenceScore), ioc.ConfidenceFromScore(*r.ConfidenceScore)))
}
