package ioc

import (
	"fmt"
	"strings"
)

// Confidence is how sure a source is of an indicator; greater is surer. The
// zero value is "not said".
type Confidence uint8

// The three levels of contract section 2.
const (
	Low Confidence = 1 + iota
	Medium
	High
)

// String returns the word on the wire, or "unknown".
func (c Confidence) String() string {
	switch c {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	default:
		return "unknown"
	}
}

// Valid reports whether c is one of the three levels.
func (c Confidence) Valid() bool { return c >= Low && c <= High }

// ParseConfidence reads "low", "medium" or "high" in any ASCII case.
func ParseConfidence(s string) (Confidence, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "low":
		return Low, nil
	case "medium":
		return Medium, nil
	case "high":
		return High, nil
	default:
		return 0, fmt.Errorf("unknown confidence %q: use one of low, medium, high", truncate(s, 40))
	}
}

// ConfidenceFromScore maps a source's 0 to 100 score: 75 and more is high, 50
// and more medium, the rest low (contract section 2).
func ConfidenceFromScore(n int) Confidence {
	switch {
	case n >= 75:
		return High
	case n >= 50:
		return Medium
	default:
		return Low
	}
}
