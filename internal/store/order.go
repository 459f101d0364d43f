package store

import (
	"cmp"
	"slices"
)

// ByLastSeen orders records by LastSeen descending, then ID.
func ByLastSeen(a, b *Record) int {
	return cmp.Or(b.LastSeen.Compare(a.LastSeen), slices.Compare(a.ID[:], b.ID[:]))
}

// PositionAfter returns where a walk that began at a sequence number goes on
// after the records of a page; after an empty page that is where it was.
func PositionAfter(page []Record, was *Position, began int64) *Position {
	if len(page) == 0 {
		return was
	}
	last := &page[len(page)-1]
	return &Position{UpdatedAt: last.UpdatedAt, Seq: last.Seq, ID: last.ID, Began: began}
}
