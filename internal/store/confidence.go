package store

import (
	"fmt"
	"math"
	"time"

	"spoor/internal/ioc"
)

// The evidence that says where a value stood and what its source is worth in
// general. Without either standing, it is medium.
const (
	EvidenceProse        Evidence = 1 << (iota + 3) // found in running text, table or list of a report
	EvidenceLowStanding                             // the feed is set up as one of low confidence
	EvidenceHighStanding                            // the feed is set up as one of high confidence
)

// Standing returns the evidence for a feed's own confidence.
func Standing(c ioc.Confidence) Evidence {
	switch c {
	case ioc.Low:
		return EvidenceLowStanding
	case ioc.High:
		return EvidenceHighStanding
	}
	return 0
}

// Term is one part of a score.
type Term struct {
	// Name is one word or two: "source", "age".
	Name   string
	Points int
	// Reason says in words what the points are for.
	Reason string
}

// Assessment is a score from 0 to 100 with what it is made of: the points of
// the terms add up to it.
type Assessment struct {
	Score      int
	Confidence ioc.Confidence
	Terms      []Term
}

// The points of a score. A source of medium standing comes to medium, high and
// low alike, unless its report says more or less about the single value.
const (
	highStanding, mediumStanding, lowStanding = 80, 60, 30
	// highDeclared is a little more: somebody looked at this value.
	highDeclared = 85

	forDefanged = 10
	forListed   = 10
	forMention  = -15 // neither: it is only mentioned
	// Nobody defangs a digest, a CVE or a technique, or names one in passing
	// for want of another word: where it stands says all.
	forListedAlone = 20

	forSource  = 5 // for each further one
	maxSources = 15

	forExpired = -30
	worst      = 0
	best       = 100
)

// ProseConfidence is what a value of that type in a report is worth when the
// report is read: by its source's standing, whether it is defanged, and whether
// it stands among indicators.
func ProseConfidence(t ioc.Type, e Evidence) ioc.Confidence {
	return assessment(said(t, e|EvidenceProse, ioc.Medium)).Confidence
}

// leads reports whether a value of the type leads somewhere: what authors
// defang.
func leads(t ioc.Type) bool {
	switch t {
	case ioc.IPv4, ioc.IPv6, ioc.Domain, ioc.URL, ioc.Email:
		return true
	}
	return false
}

// Assess says what a record is worth at a time: as its source put it, and by
// how many independent feeds there are that name the value (1 is this one
// alone), how old it is for its type, and until when its source vouches for it.
func Assess(r *Record, feeds int, now time.Time) Assessment {
	terms := said(r.Type, r.Evidence, r.Confidence)
	if feeds > 1 {
		terms = append(terms, Term{"sources", min((feeds-1)*forSource, maxSources),
			fmt.Sprintf("%d independent feeds name the value", feeds)})
	}
	if t := aged(r, sum(terms), now); t.Points != 0 {
		terms = append(terms, t)
	}
	if v := r.ValidUntil; !v.IsZero() && v.Before(now) {
		terms = append(terms, Term{"validity", forExpired, "the source vouches for it until " + v.UTC().Format(time.DateOnly)})
	}
	return assessment(terms)
}

// said are the terms that are known when a value is read. The level that was
// kept is the standing of sources that say nothing for each value.
func said(t ioc.Type, e Evidence, level ioc.Confidence) []Term {
	if e.Has(EvidenceDeclared) {
		points := map[ioc.Confidence]int{ioc.High: highDeclared, ioc.Medium: mediumStanding, ioc.Low: lowStanding}[level]
		return []Term{{"declared", points, "the source says " + level.String() + " of this value"}}
	}
	if !e.Has(EvidenceProse) {
		points := map[ioc.Confidence]int{ioc.High: highStanding, ioc.Medium: mediumStanding, ioc.Low: lowStanding}[level]
		return []Term{{"source", points, "a feed of " + level.String() + " standing"}}
	}
	terms := make([]Term, 0, 6)
	switch {
	case e.Has(EvidenceHighStanding):
		terms = append(terms, Term{"source", highStanding, "a feed of high standing"})
	case e.Has(EvidenceLowStanding):
		terms = append(terms, Term{"source", lowStanding, "a feed of low standing"})
	default:
		terms = append(terms, Term{"source", mediumStanding, "a feed of medium standing"})
	}
	if !leads(t) {
		if e.Has(EvidenceListed) {
			terms = append(terms, Term{"section", forListedAlone, "it stands among indicators"})
		}
		return terms
	}
	if e.Has(EvidenceDefanged) {
		terms = append(terms, Term{"defanged", forDefanged, "the author defanged it"})
	}
	if e.Has(EvidenceListed) {
		terms = append(terms, Term{"section", forListed, "it stands among indicators"})
	}
	if e&(EvidenceDefanged|EvidenceListed) == 0 {
		terms = append(terms, Term{"mention", forMention, "it is only mentioned in prose"})
	}
	return terms
}

// HalfLife is the time after which a value of that type is worth half, zero for
// those that do not age: addresses change hands within weeks, names within
// months, a file stays what it is.
func HalfLife(t ioc.Type) time.Duration {
	const day = 24 * time.Hour
	switch t {
	case ioc.IPv4, ioc.IPv6:
		return 30 * day
	case ioc.URL:
		return 60 * day
	case ioc.Domain:
		return 90 * day
	case ioc.Email:
		return 180 * day
	case ioc.MD5, ioc.SHA1, ioc.SHA256, ioc.SHA512:
		return 730 * day
	}
	return 0
}

// aged takes off what age does, of so many points.
func aged(r *Record, points int, now time.Time) Term {
	half, age := HalfLife(r.Type), now.Sub(r.LastSeen)
	if half == 0 || age <= 0 {
		return Term{}
	}
	left := math.Exp2(-float64(age) / float64(half))
	const day = 24 * time.Hour
	return Term{"age", -int(math.Round(float64(points) * (1 - left))),
		fmt.Sprintf("last seen %d days ago; half the points go in %d days for %s", age/day, half/day, r.Type)}
}

func sum(terms []Term) int {
	n := 0
	for _, t := range terms {
		n += t.Points
	}
	return n
}

// assessment adds up, within bounds, and says so where they are met.
func assessment(terms []Term) Assessment {
	n := sum(terms)
	if in := min(max(n, worst), best); in != n {
		terms = append(terms, Term{"bounds", in - n, fmt.Sprintf("scores are from %d to %d", worst, best)})
		n = in
	}
	return Assessment{Score: n, Confidence: ioc.ConfidenceFromScore(n), Terms: terms}
}
