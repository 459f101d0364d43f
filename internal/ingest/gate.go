package ingest

import "fmt"

// gateFloor is the number of items below which a copy is never held: small
// feeds double and halve in an ordinary week.
const gateFloor = 50

// differs says in words why a copy of is items is not to be believed after one
// of was, or returns an empty text. Nothing is known before the first copy.
func differs(was, is int64, factor float64) string {
	if factor == 0 {
		factor = DefaultMaxChange
	}
	if was == 0 || factor < 0 || max(was, is) < gateFloor {
		return ""
	}
	switch {
	case float64(is)*factor < float64(was):
		return fmt.Sprintf("shrank from %d items to %d, to less than a %s", was, is, fraction(factor))
	case float64(is) > float64(was)*factor:
		return fmt.Sprintf("grew from %d items to %d, to more than %g times as many", was, is, factor)
	}
	return ""
}

// fraction is the word for one of so many parts.
func fraction(factor float64) string {
	switch factor {
	case 2:
		return "half"
	case 3:
		return "third"
	case 4:
		return "quarter"
	case DefaultMaxChange:
		return "fifth"
	case 10:
		return "tenth"
	}
	return fmt.Sprintf("part in %g", factor)
}
