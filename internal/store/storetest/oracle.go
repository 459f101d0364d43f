package storetest

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// The oracle answers each query by looking at every record. It takes the
// records in the order in which they were first made.

func oracleExact(all []store.Record, q store.ExactQuery) store.Matches {
	hits := among(all, func(r *store.Record) bool {
		return q.Sees(r.TLP) && slices.Contains(q.Keys, store.TypedKey{Type: r.Type, Key: r.Key})
	})
	m := capped(&hits)
	slices.SortFunc(hits, byLastSeen)
	m.Records = records(window(hits, q.Window))
	return m
}

func oracleContains(all []store.Record, q store.ContainsQuery) store.Matches {
	type hit struct {
		record *store.Record
		place  store.Place
	}
	var hits []hit
	for i := range all {
		r := &all[i]
		if !q.Sees(r.TLP) || len(q.Types) > 0 && !slices.Contains(q.Types, r.Type) {
			continue
		}
		if place, ok := q.Needle.Match(r.Type, r.Key); ok {
			hits = append(hits, hit{r, place})
		}
	}
	m := capped(&hits)
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(
			cmp.Compare(a.place, b.place),
			cmp.Compare(len(a.record.Key), len(b.record.Key)),
			byLastSeen(a.record, b.record))
	})
	for _, h := range window(hits, q.Window) {
		m.Records = append(m.Records, *h.record)
	}
	return m
}

// capped keeps the Cap records most recently made and counts.
func capped[T any](hits *[]T) store.Matches {
	n := len(*hits)
	if n > store.Cap {
		*hits = (*hits)[n-store.Cap:]
		return store.Matches{Total: store.Cap, LowerBound: true}
	}
	return store.Matches{Total: n}
}

func window[T any](hits []T, w store.Window) []T {
	from := min(w.Offset, len(hits))
	return hits[from:min(from+w.Limit, len(hits))]
}

func byLastSeen(a, b *store.Record) int {
	return cmp.Or(b.LastSeen.Compare(a.LastSeen), byID(a.ID, b.ID))
}

func byID(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

func oracleRelated(all []store.Record, q store.RelatedQuery) []store.Related {
	seen := map[store.TypedKey]bool{}
	var out []store.Related
	take := func(rows []*store.Record, why store.Relation) {
		for _, r := range rows {
			k := store.TypedKey{Type: r.Type, Key: r.Key}
			if len(out) == q.Limit || seen[k] || !q.Sees(r.TLP) || oracleIsMatch(q, *r) {
				continue
			}
			seen[k] = true
			out = append(out, store.Related{Record: *r, Relation: why})
		}
	}
	for _, id := range q.ArticleIDs() {
		rows := among(all, func(r *store.Record) bool { return r.Article != nil && r.Article.ID == id })
		slices.SortFunc(rows, func(a, b *store.Record) int {
			return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), byLastSeen(a, b))
		})
		take(rows, store.RelationArticle)
	}
	families := map[string]bool{}
	for _, m := range q.Matches {
		for _, f := range m.Families {
			families[f] = true
		}
	}
	rows := among(all, func(r *store.Record) bool {
		return slices.ContainsFunc(r.Families, func(f string) bool { return families[f] })
	})
	slices.SortFunc(rows, byChange)
	take(rows, store.RelationCampaign)
	return out
}

func oracleIsMatch(q store.RelatedQuery, r store.Record) bool {
	if q.IsMatch != nil {
		return q.IsMatch(r.Type, r.Key)
	}
	return slices.ContainsFunc(q.Matches, func(m store.Record) bool { return m.Type == r.Type && m.Key == r.Key })
}

// byChange is the order of a List.
func byChange(a, b *store.Record) int {
	return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), cmp.Compare(b.Seq, a.Seq), byID(a.ID, b.ID))
}

func oracleList(all []store.Record, f store.Filter, p store.Page, seq int64) store.List {
	hits := among(all, func(r *store.Record) bool { return passes(f, *r) })
	slices.SortFunc(hits, byChange)
	var l store.List
	if !p.NoTotal {
		l.Total, l.LowerBound = min(len(hits), store.Cap), len(hits) > store.Cap
	}
	began := seq
	if p.After != nil {
		began = p.After.Began
		after := store.Record{ID: p.After.ID, Seq: p.After.Seq, UpdatedAt: p.After.UpdatedAt}
		hits = slices.DeleteFunc(hits, func(r *store.Record) bool { return byChange(r, &after) <= 0 || r.Seq > began })
	}
	l.Records = records(window(hits, store.Window{Limit: p.Limit, Offset: p.Offset}))
	if n := len(l.Records); n > 0 && p.Offset+n < len(hits) {
		last := l.Records[n-1]
		l.Next = &store.Position{UpdatedAt: last.UpdatedAt, Seq: last.Seq, ID: last.ID, Began: began}
	}
	return l
}

func passes(f store.Filter, r store.Record) bool {
	article := uuid.Nil
	if r.Article != nil {
		article = r.Article.ID
	}
	return f.Sees(r.TLP) &&
		(f.Article == uuid.Nil || f.Article == article) &&
		anyOf(f.Types, []ioc.Type{r.Type}) &&
		anyOf(f.Categories, []store.Category{r.Feed.Category}) &&
		anyOf(f.Confidences, []ioc.Confidence{r.Confidence}) &&
		anyOf(f.Industries, r.Industries) &&
		anyOf(f.Tags, r.Tags) &&
		anyOf(f.Feeds, []string{r.Feed.Name}) &&
		anyOf(f.Origins, []store.Origin{r.Origin}) &&
		anyOf(f.Techniques, r.Techniques) &&
		(f.Since.IsZero() || !r.UpdatedAt.Before(f.Since)) &&
		(f.Until.IsZero() || r.UpdatedAt.Before(f.Until)) &&
		(!f.WithoutWarned || len(r.Warnings) == 0)
}

// anyOf reports whether one of the wanted is there; none wanted is no filter.
func anyOf[T comparable](wanted, have []T) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w T) bool { return slices.Contains(have, w) })
}

// among returns those that are kept, in order, without copying them: records are
// large, and the oracle sorts many.
func among(all []store.Record, keep func(*store.Record) bool) []*store.Record {
	var out []*store.Record
	for i := range all {
		if keep(&all[i]) {
			out = append(out, &all[i])
		}
	}
	return out
}

func records(rs []*store.Record) []store.Record {
	var out []store.Record
	for _, r := range rs {
		out = append(out, *r)
	}
	return out
}

func filter(all []store.Record, keep func(store.Record) bool) []store.Record {
	var out []store.Record
	for _, r := range all {
		if keep(r) {
			out = append(out, r)
		}
	}
	return out
}
