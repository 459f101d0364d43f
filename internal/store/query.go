package store

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
)

// Cap is the largest exact total and the deepest result that can be ranked or
// paged (contract section 3). Where more records match, Total is Cap,
// LowerBound is true, and the Cap records most recently added (in the order
// in which records were first made) are what is ranked.
const Cap = 10_000

// RelatedLimit is the largest number of related indicators.
const RelatedLimit = 10

// Window is the part of an ordered result to return. Offset+Limit <= Cap.
type Window struct{ Limit, Offset int }

// Visibility is what the caller may see: nothing marked above MaxTLP. The
// zero value sees nothing but clear.
type Visibility struct{ MaxTLP ioc.TLP }

// Sees reports whether a record with that marking may be shown. An unset
// marking counts as clear.
func (v Visibility) Sees(t ioc.TLP) bool { return t <= max(v.MaxTLP, ioc.Clear) }

// TypedKey is one thing to look for exactly.
type TypedKey struct {
	Type ioc.Type
	Key  string
}

// ExactQuery asks for the records of the given keys.
type ExactQuery struct {
	Keys []TypedKey
	// AsOf asks for what was known then, by our own clock: the records that
	// were there, each as AsOf has it, ordered and counted as they were. Zero
	// means now.
	AsOf time.Time
	Visibility
	Window
}

// ContainsQuery asks for the records whose key the needle matches.
type ContainsQuery struct {
	Needle Needle
	// Types narrows to these; empty means all.
	Types []ioc.Type
	// AsOf is as in ExactQuery.
	AsOf time.Time
	Visibility
	Window
}

// Matches is the answer to an ExactQuery or a ContainsQuery.
type Matches struct {
	// Records is the asked window, in order.
	Records []Record
	// Total counts all matches, up to Cap.
	Total int
	// LowerBound is true when there are more than Total.
	LowerBound bool
	Work       Work
}

// Work counts what an answer cost, for tests, logs and benchmarks.
type Work struct {
	// Postings is the number of trigram lists read.
	Postings int
	// Candidates is the number of keys whose bytes were compared.
	Candidates int
	// Rows is the number of records read.
	Rows int
}

// RelatedQuery asks what belongs to the matches of a search.
type RelatedQuery struct {
	// Matches are the matches shown, in their order.
	Matches []Record
	// IsMatch reports whether a record is itself a match, shown or not: such
	// records are never related. Nil means that only Matches are.
	IsMatch func(t ioc.Type, key string) bool
	// Limit is at most RelatedLimit. An engine may give fewer than there are
	// when it met 20,000 matches and hidden records on the way; with AsOf, also
	// records that are younger or were changed since.
	Limit int
	// AsOf is as in ExactQuery: the matches are as they were then, and so is
	// what belonged to them.
	AsOf time.Time
	Visibility
}

// Relation says why a record is related.
type Relation string

// The relations of contract section 3.
const (
	RelationArticle  Relation = "article"  // reported by the same article
	RelationCampaign Relation = "campaign" // shares a malware family
)

// Related is one related record. They come distinct by type and key: first
// those of the matches' articles, articles in match order, then Confidence,
// then LastSeen descending, then ID; filled up from records that share a
// family with a match, last changed first.
type Related struct {
	Record
	Relation Relation
}

// HasMatch reports whether the key is that of a match.
func (q RelatedQuery) HasMatch(k TypedKey) bool {
	if q.IsMatch != nil {
		return q.IsMatch(k.Type, k.Key)
	}
	return slices.ContainsFunc(q.Matches, func(m Record) bool { return m.Type == k.Type && m.Key == k.Key })
}

// Families returns the families of the matches, sorted, each once.
func (q RelatedQuery) Families() []string {
	var families []string
	for i := range q.Matches {
		families = append(families, q.Matches[i].Families...)
	}
	slices.Sort(families)
	return slices.Compact(families)
}

// ArticleIDs returns the articles of the matches, in match order, each once.
func (q RelatedQuery) ArticleIDs() []uuid.UUID {
	ids := make([]uuid.UUID, 0, 4)
	seen := make(map[uuid.UUID]bool, 4)
	for i := range q.Matches {
		if a := q.Matches[i].Article; a != nil && !seen[a.ID] {
			seen[a.ID] = true
			ids = append(ids, a.ID)
		}
	}
	return ids
}
