package store

import (
	"fmt"
	"slices"
)

// ReportFacts is what the severity of an article is reckoned from.
type ReportFacts struct {
	// Exploited and CVEs are how many vulnerabilities the report names that are
	// known to be exploited, and how many others.
	Exploited, CVEs int
	// Techniques are the ATT&CK techniques that it names.
	Techniques []string
	// Actors are the threat actors that it names.
	Actors []string
}

// The points of a severity. A report that names nothing of all this is low.
const (
	forReport        = 10
	forExploited     = 35
	forMoreExploited = 5
	maxExploited     = 50
	forCVE           = 10
	forMoreCVEs      = 2
	maxCVEs          = 20
	forImpact        = 25
	forTheft         = 10
	maxTechniques    = 10 // one for each
	forActor         = 10
)

// impact and theft are the techniques whose presence says what the damage is:
// data destroyed, encrypted or made unrecoverable (ATT&CK tactic TA0040), and
// data taken away (TA0010).
//
//nolint:gochecknoglobals // read-only tables
var (
	impact = []string{"T1485", "T1486", "T1489", "T1490", "T1495", "T1529", "T1561"}
	theft  = []string{"T1020", "T1041", "T1048", "T1052", "T1537", "T1567"}
)

// Severity says how serious a report is, from 1 to 100, and what that is made
// of: the points of the terms add up to it.
func Severity(f ReportFacts) (score int, terms []Term) {
	terms = append(terms, Term{"report", forReport, "it names indicators"})
	add := func(name string, points int, reason string) {
		if points > 0 {
			terms = append(terms, Term{name, points, reason})
		}
	}
	add("exploited", steps(f.Exploited, forExploited, forMoreExploited, maxExploited), fmt.Sprintf("%d vulnerabilities that are known to be exploited", f.Exploited))
	add("cve", steps(f.CVEs, forCVE, forMoreCVEs, maxCVEs), fmt.Sprintf("%d further vulnerabilities", f.CVEs))
	if has(f.Techniques, impact) {
		add("impact", forImpact, "techniques that destroy or lock data")
	}
	if has(f.Techniques, theft) {
		add("theft", forTheft, "techniques that take data away")
	}
	add("techniques", min(len(f.Techniques), maxTechniques), fmt.Sprintf("%d techniques", len(f.Techniques)))
	if len(f.Actors) > 0 {
		add("actor", forActor, "it names a threat actor")
	}
	score = sum(terms)
	if score > best {
		terms = append(terms, Term{"bounds", best - score, fmt.Sprintf("at most %d", best)})
		score = best
	}
	return score, terms
}

// steps gives points for the first, fewer for each further one, up to a limit.
func steps(n, first, further, limit int) int {
	if n == 0 {
		return 0
	}
	return min(first+(n-1)*further, limit)
}

// has reports whether one of the techniques, or a part of one, is in the list.
func has(techniques, list []string) bool {
	return slices.ContainsFunc(techniques, func(t string) bool {
		return slices.ContainsFunc(list, func(l string) bool { return t == l || len(t) > len(l) && t[:len(l)+1] == l+"." })
	})
}

// SeverityLevel is the word for a severity; empty for 0, which is unknown.
func SeverityLevel(score int) string {
	switch {
	case score <= 0:
		return ""
	case score >= 75:
		return "critical"
	case score >= 50:
		return "high"
	case score >= 25:
		return "medium"
	}
	return "low"
}
