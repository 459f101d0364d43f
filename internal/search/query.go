package search

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// Mode says which stages a search has.
type Mode string

// The modes of contract section 3.
const (
	// Auto looks exactly, and for a part where that finds nothing.
	Auto Mode = "auto"
	// Exact looks for the whole value only.
	Exact Mode = "exact"
	// Contains looks for the text as it is, anywhere in a key.
	Contains Mode = "contains"
)

// Modes returns all modes, the default first.
func Modes() []Mode { return []Mode{Auto, Exact, Contains} }

// The length of a query's text after trimming, in characters.
const (
	MinText = 2
	MaxText = 2048
)

// MaxExplained is the largest limit of a query that wants its matches
// explained: the feeds of each are counted.
const MaxExplained = 1_000

// Query is one search.
type Query struct {
	// Text is what was asked for, as it was written.
	Text string
	// Type narrows readings and results alike; 0 is any.
	Type ioc.Type
	// Match is the mode; "" is Auto.
	Match Mode
	// Related asks for related records too.
	Related bool
	// Explain asks what each match is worth, and why.
	Explain bool
	// AsOf asks for what was known then, by our own clock; zero is now.
	AsOf time.Time
	// Window is the part of the matches to return: Limit+Offset <= store.Cap.
	store.Window
	// Visibility is what the caller may see.
	store.Visibility
}

// ErrQuery is what every refusal of a query is: errors.Is(err, ErrQuery).
var ErrQuery = errors.New("bad query")

// QueryError says what is wrong with a query. It never repeats the text that
// was searched for, so that it can be logged.
type QueryError struct {
	// Field is the word of the wire for what is wrong: q, type, match, limit,
	// offset or as_of.
	Field string
	// Reason is a message for the user: what is wrong, what to do.
	Reason string
}

// Error returns field and reason.
func (e *QueryError) Error() string { return e.Field + ": " + e.Reason }

// Is makes errors.Is(err, ErrQuery) true.
func (e *QueryError) Is(target error) bool { return target == ErrQuery }

// check returns the trimmed text, or a *QueryError.
func (q Query) check() (string, error) {
	switch {
	case !utf8.ValidString(q.Text):
		return "", &QueryError{"q", "is not valid UTF-8; send the text in UTF-8"}
	case strings.IndexByte(q.Text, 0) >= 0:
		return "", &QueryError{"q", "holds a NUL byte; remove it"}
	case q.Type != 0 && !q.Type.Valid():
		return "", &QueryError{"type", "is no indicator type; leave it out to search all"}
	case q.Match != "" && q.Match != Auto && q.Match != Exact && q.Match != Contains:
		return "", &QueryError{"match", "is unknown; use auto, exact or contains"}
	case q.Limit < 0:
		return "", &QueryError{"limit", "is negative; use 0 or more"}
	case q.Offset < 0:
		return "", &QueryError{"offset", "is negative; use 0 or more"}
	case q.Explain && q.Limit > MaxExplained:
		return "", &QueryError{"limit", fmt.Sprintf("is too high; with explain use at most %d", MaxExplained)}
	case q.Limit > store.Cap:
		return "", &QueryError{"limit", fmt.Sprintf("is too high; use at most %d and narrow the query", store.Cap)}
	case q.Offset > store.Cap-q.Limit:
		return "", &QueryError{"offset", fmt.Sprintf(
			"and limit reach past result %d; narrow the query instead of paging deeper", store.Cap)}
	}
	text := strings.TrimSpace(q.Text)
	if n := utf8.RuneCountInString(text); n < MinText || n > MaxText {
		return "", &QueryError{"q", fmt.Sprintf(
			"has %d characters after trimming; use %d to %d", n, MinText, MaxText)}
	}
	return text, nil
}
