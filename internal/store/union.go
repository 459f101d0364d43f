package store

import (
	"cmp"
	"slices"
	"time"

	"spoor/internal/ioc"
)

// union returns the sorted distinct elements of both, nil when there are none.
func union[T cmp.Ordered](a, b []T) []T {
	if len(a)+len(b) == 0 {
		return nil
	}
	all := make([]T, 0, len(a)+len(b))
	all = append(append(all, a...), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// grow returns have with more taken in, and whether anything was new or grown
// was already set. have is sorted and distinct; it is returned as it is, not
// copied, when it holds everything: the usual case, which must not allocate.
func grow[T cmp.Ordered](have []T, grown bool, more ...[]T) ([]T, bool) {
	for _, m := range more {
		for _, v := range m {
			if _, ok := slices.BinarySearch(have, v); !ok {
				have, grown = union(have, []T{v}), true
			}
		}
	}
	return have, grown
}

func growWarnings(have []Warning, grown bool, more []Warning) ([]Warning, bool) {
	all := have
	for _, w := range more {
		if !slices.Contains(all, w) {
			all = append(all[:len(all):len(all)], w)
		}
	}
	if len(all) == len(have) {
		return have, grown
	}
	slices.SortFunc(all, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.List, b.List), cmp.Compare(a.Reason, b.Reason))
	})
	return all, true
}

func portOf(i ioc.Indicator) []uint16 {
	if i.Port == 0 {
		return nil
	}
	return []uint16{i.Port}
}

func second(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Second)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
