package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"spoor/internal/store"
)

func TestByLastSeen(t *testing.T) {
	t.Parallel()
	at := func(d int, id byte) store.Record { return store.Record{ID: uuid.UUID{id}, LastSeen: day(d)} }
	got := []store.Record{at(1, 1), at(2, 0xff), at(2, 7), at(1, 0), at(3, 9)}
	slices.SortFunc(got, func(a, b store.Record) int { return store.ByLastSeen(&a, &b) })
	want := []store.Record{at(3, 9), at(2, 7), at(2, 0xff), at(1, 0), at(1, 1)}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("order (-got +want):\n%s", diff)
	}
}

func TestPositionAfter(t *testing.T) {
	t.Parallel()
	was := &store.Position{Seq: 5, Began: 9}
	if got := store.PositionAfter(nil, was, 9); got != was {
		t.Errorf("after an empty page: %+v, want where it was", got)
	}
	page := []store.Record{{Seq: 8}, {ID: uuid.Max, Seq: 7, UpdatedAt: time.Unix(3, 0)}}
	want := &store.Position{UpdatedAt: time.Unix(3, 0), Seq: 7, ID: uuid.Max, Began: 9}
	if diff := cmp.Diff(store.PositionAfter(page, nil, 9), want); diff != "" {
		t.Errorf("position (-got +want):\n%s", diff)
	}
}
