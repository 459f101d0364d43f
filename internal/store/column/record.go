package column

import "spoor/internal/store"

// Dated tells which dates the source gave of a record: 1 the first, 2 the
// last, 3 both.
func Dated(o *store.Observation) (bits int16) {
	if !o.FirstSeen.IsZero() {
		bits |= 1
	}
	if !o.LastSeen.IsZero() {
		bits |= 2
	}
	return bits
}

// Text returns a nullable text column: nil when empty.
func Text(s string) any {
	if s == "" {
		return nil
	}
	return s
}
