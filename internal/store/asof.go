package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
)

// AsOf returns the record as it was known at a time, by our own clock, and
// false when there was none yet. said are its sightings, oldest first; they may
// be left out when the record has not changed since (UpdatedAt).
//
// What the source said is as it was then: dates, confidence, context, lists,
// ports, marking, evidence, validity. What is not its word of the value is as
// it is now: the article's title and address, the feed's category, and the
// warnings, which are our judgement, and better late than never. So is who may
// see the record: that goes by the marking of now. A record that was deleted
// since is gone from the past as well.
func AsOf(r Record, said []Sighting, t time.Time) (Record, bool) {
	if r.AddedAt.After(t) {
		return Record{}, false
	}
	if !r.UpdatedAt.After(t) || len(said) == 0 {
		return r, true
	}
	first := &said[0]
	was := NewRecord(r.Feed, first.observation(&r), assumed(first, &r))
	was.ID, was.Article, was.AddedAt, was.Warnings = r.ID, r.Article, r.AddedAt, r.Warnings
	was.UpdatedAt, was.Seq = r.AddedAt, first.Seq
	for i := 1; i < len(said) && !said[i].SeenAt.After(t); i++ {
		was, _ = Merge(was, said[i].observation(&r))
		was.UpdatedAt, was.Seq = said[i].SeenAt, said[i].Seq
	}
	return was, true
}

// observation is what was said, of the record.
func (s *Sighting) observation(r *Record) Observation {
	return Observation{
		Indicator: ioc.Indicator{Type: r.Type, Value: r.Value, Key: r.Key}, Origin: r.Origin,
		Confidence: s.Confidence, TLP: s.TLP, FirstSeen: s.FirstSeen, LastSeen: s.LastSeen, ValidUntil: s.ValidUntil,
		Context: s.Context, Tags: s.Tags, Families: s.Families, Techniques: s.Techniques, Industries: s.Industries,
		Ports: s.Ports, Evidence: s.Evidence,
	}
}

// assumed is what a record was dated with that was made without a date. Where
// it was not kept, it is taken to be when the record was made: the dates of a
// record only widen, so it is none outside of those it has now.
func assumed(first *Sighting, r *Record) time.Time {
	switch t := first.Assumed; {
	case !t.IsZero():
		return t
	case r.AddedAt.Before(r.FirstSeen):
		return r.FirstSeen
	case r.AddedAt.After(r.LastSeen):
		return r.LastSeen
	default:
		return r.AddedAt
	}
}

// RelatedAsOf answers q from the records as they were known at its time:
// those of each article of the matches, and those that may have been of a
// family of theirs. Engines gather them; how they are ordered and chosen is
// here.
func RelatedAsOf(q RelatedQuery, ofArticle map[uuid.UUID][]Record, ofFamily []Record) []Related {
	c := relatedChoice{q: q, seen: map[TypedKey]bool{}}
	for _, id := range q.ArticleIDs() {
		c.take(ofArticle[id], RelationArticle, func(a, b *Record) int {
			return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), b.LastSeen.Compare(a.LastSeen), slices.Compare(a.ID[:], b.ID[:]))
		})
	}
	families := q.Families()
	ofFamily = slices.DeleteFunc(slices.Clone(ofFamily), func(r Record) bool {
		return !slices.ContainsFunc(r.Families, func(f string) bool { _, ok := slices.BinarySearch(families, f); return ok })
	})
	c.take(ofFamily, RelationCampaign, func(a, b *Record) int {
		return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), cmp.Compare(b.Seq, a.Seq), slices.Compare(a.ID[:], b.ID[:]))
	})
	return c.found
}

// relatedChoice is what was chosen so far.
type relatedChoice struct {
	q     RelatedQuery
	seen  map[TypedKey]bool
	found []Related
}

// take chooses from the records in the order given. Who may see them was asked
// of the marking of now, by who gathered them.
func (c *relatedChoice) take(from []Record, why Relation, order func(a, b *Record) int) {
	from = slices.Clone(from)
	slices.SortFunc(from, func(a, b Record) int { return order(&a, &b) })
	for i := range from {
		k := TypedKey{from[i].Type, from[i].Key}
		if len(c.found) >= c.q.Limit {
			return
		}
		if c.seen[k] || c.q.HasMatch(k) {
			continue
		}
		c.seen[k] = true
		c.found = append(c.found, Related{Record: from[i], Relation: why})
	}
}
