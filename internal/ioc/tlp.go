package ioc

import (
	"fmt"
	"strings"
)

// TLP is a Traffic Light Protocol 2.0 marking; greater is stricter. The zero
// value is "not said".
type TLP uint8

// The five markings of TLP 2.0 (FIRST, 2022).
const (
	Clear TLP = 1 + iota
	Green
	Amber
	AmberStrict
	Red
)

// String returns the word on the wire, or "unknown".
func (t TLP) String() string {
	switch t {
	case Clear:
		return "clear"
	case Green:
		return "green"
	case Amber:
		return "amber"
	case AmberStrict:
		return "amber+strict"
	case Red:
		return "red"
	default:
		return "unknown"
	}
}

// Valid reports whether t is one of the five markings.
func (t TLP) Valid() bool { return t >= Clear && t <= Red }

// ParseTLP reads a marking in any ASCII case, with or without the "TLP:" label.
// TLP 1's "white" is TLP 2's "clear".
func ParseTLP(s string) (TLP, error) {
	word := strings.ToLower(strings.TrimSpace(s))
	if rest, ok := strings.CutPrefix(word, "tlp"); ok {
		word = strings.TrimLeft(rest, ":-_ ")
	}
	switch strings.NewReplacer(" ", "", "_", "+", "-", "+").Replace(word) {
	case "clear", "white":
		return Clear, nil
	case "green":
		return Green, nil
	case "amber":
		return Amber, nil
	case "amber+strict", "amberstrict":
		return AmberStrict, nil
	case "red":
		return Red, nil
	default:
		return 0, fmt.Errorf("unknown TLP marking %q: use one of clear, green, amber, amber+strict, red", truncate(s, 40))
	}
}
