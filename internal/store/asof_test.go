package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// TestAsOf says random things of a record, keeps what an engine keeps of them,
// and asks for every moment: the record is what it was.
func TestAsOf(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		var history []store.Record
		var sightings []store.Sighting
		at, seq := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), int64(0)
		for range 1 + rng.IntN(8) {
			o := loose(rng)
			seq++
			at = at.Add(time.Duration(rng.IntN(3)) * time.Second) // several in a second
			var r store.Record
			if len(history) == 0 {
				r = store.NewRecord(store.Feed{Name: "f", Category: store.News}, o, day(20))
				r.AddedAt = at
			} else {
				var changed bool
				if r, changed = store.Merge(history[len(history)-1], o); !changed {
					continue
				}
			}
			r.UpdatedAt, r.Seq = at, seq
			history = append(history, r)
			sightings = append(sightings, kept(o, len(history) == 1, at, seq))
		}
		now := history[len(history)-1]
		now.Warnings = []store.Warning{{List: "of today"}}
		now.Article = &store.ArticleRef{ID: uuid.Max, Title: "of today"}
		if _, ok := store.AsOf(now, sightings, now.AddedAt.Add(-1)); ok {
			t.Fatal("the record was there before it was made")
		}
		for i, want := range history {
			if i+1 < len(history) && history[i+1].UpdatedAt.Equal(want.UpdatedAt) {
				continue // nobody knew it before the second was over
			}
			want.Warnings, want.Article = now.Warnings, now.Article
			got, ok := store.AsOf(now, sightings, want.UpdatedAt.Add(time.Second-1))
			if diff := cmp.Diff(got, want); diff != "" || !ok {
				t.Fatalf("after statement %d of %d: %v (-got +want):\n%s", i+1, len(history), ok, diff)
			}
		}
	}
}

// loose may leave out anything.
func loose(rng *rand.Rand) store.Observation {
	o := statement(rng)
	o.Confidence = ioc.Confidence(rng.IntN(4))
	if rng.IntN(2) == 0 {
		o.FirstSeen = time.Time{}
	}
	if rng.IntN(2) == 0 {
		o.LastSeen = time.Time{}
	}
	o.Context, o.Warnings = []string{"", "one", "two"}[rng.IntN(3)], nil
	return o
}

// kept is the sighting of an observation.
func kept(o store.Observation, first bool, at time.Time, seq int64) store.Sighting {
	r := store.NewRecord(store.Feed{Name: "f"}, o, day(20))
	s := store.Sighting{
		SeenAt: at, Seq: seq, Confidence: o.Confidence, FirstSeen: o.FirstSeen, LastSeen: o.LastSeen, ValidUntil: o.ValidUntil,
		Context: o.Context, Tags: r.Tags, Families: r.Families, Techniques: r.Techniques, Industries: r.Industries,
		Ports: r.Ports, TLP: r.TLP, Evidence: r.Evidence,
	}
	if first {
		s.Confidence = r.Confidence
		if o.FirstSeen.IsZero() && o.LastSeen.IsZero() {
			s.Assumed = day(20)
		}
	}
	return s
}

// TestAsOfAssumed: where it was not kept what an undated record was dated with,
// it is when the record was made, as far as its dates of now allow that.
func TestAsOfAssumed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                    string
		added, first, last, was int // days
	}{
		{"within", 5, 2, 9, 5}, {"before", 1, 2, 9, 2}, {"after", 20, 2, 9, 9},
	} {
		r := store.Record{
			Type: ioc.Domain, Value: "a.example", Key: "a.example", AddedAt: day(c.added), UpdatedAt: day(25),
			FirstSeen: day(c.first), LastSeen: day(c.last),
		}
		got, ok := store.AsOf(r, []store.Sighting{{SeenAt: r.AddedAt}, {SeenAt: day(25)}}, day(24))
		if want := day(c.was); !ok || !got.FirstSeen.Equal(want) || !got.LastSeen.Equal(want) {
			t.Errorf("%s: %v, from %v to %v, want %v", c.name, ok, got.FirstSeen, got.LastSeen, want)
		}
	}
}
