package benign

// Strength is how much a list proves. More is stronger.
type Strength uint8

const (
	// Weak lists say that a value is used by many or rented to anyone: clouds,
	// scanners, dynamic DNS. It may well be an indicator.
	Weak Strength = 1 + iota
	// Popular lists count visits. It is rarely an indicator, and a big list has
	// some that are.
	Popular
	// Strong lists say that the value is no indicator, or that acting on it would
	// hit the innocent: reserved ranges, names of vendors, empty files.
	Strong
)

// String returns the word for s, or "none".
func (s Strength) String() string {
	switch s {
	case Weak:
		return "weak"
	case Popular:
		return "popular"
	case Strong:
		return "strong"
	}
	return "none"
}

// Verdict is what one list says about a value.
type Verdict struct {
	// List is the list's short name, which is stable: for a warning list its
	// folder or file name.
	List string
	// Reason says in words which entry covered the value and what that means.
	Reason string
	// Strength is how much that proves.
	Strength Strength
}

// Marks reports whether the verdict makes the value known-good: such a value
// is left out of block lists. The others are for people to read.
func (v Verdict) Marks() bool { return v.Strength == Strong }

// maxVerdicts is how many lists Judge names: more tell nobody more.
const maxVerdicts = 8
