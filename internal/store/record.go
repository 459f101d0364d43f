package store

import (
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
)

// Record is one value as reported by one source: the same value in three
// articles is three records (contract section 2). Slices are sorted, without
// repetitions, and never to be modified by the receiver: engines share them.
type Record struct {
	// ID is RecordID of the four things that make a record unique.
	ID uuid.UUID
	// Type, Value and Key are those of ioc: Key is what is searched.
	Type  ioc.Type
	Value string
	Key   string

	Confidence ioc.Confidence
	Origin     Origin
	Feed       Feed
	// Article is nil for a row of a feed that names none.
	Article *ArticleRef

	// FirstSeen and LastSeen are the source's own dates, in UTC, whole
	// seconds; never zero in a stored record.
	FirstSeen, LastSeen time.Time
	// Context is the text around the value, or empty.
	Context string
	Tags    []string
	// Families are the tags among Tags that name a malware family: what the
	// campaign relation goes by.
	Families   []string
	Techniques []string
	// Industries are CISA sector slugs.
	Industries []string
	Ports      []uint16
	TLP        ioc.TLP
	Warnings   []Warning
	// Evidence is what speaks for the value besides that it was named.
	Evidence Evidence
	// ValidUntil is when the source says that the value stops being one; zero
	// when it does not say. ValidSaid is the date of the statement that says
	// so, zero when that was undated: what decides between two of them.
	ValidUntil, ValidSaid time.Time

	// AddedAt and UpdatedAt are ours; UpdatedAt never runs against Seq.
	AddedAt, UpdatedAt time.Time
	// Seq is the commit-ordered number of the last change: unique in a store,
	// never handed out twice, never going back.
	Seq int64
}

// Evidence is a set of what tells how sure a value is. It only grows.
type Evidence uint8

// What can be in the set, as it is stored.
const (
	EvidenceDefanged Evidence = 1 << iota // the author defanged it
	EvidenceListed                        // it stands in a section or table of indicators
	EvidenceDeclared                      // the source itself stated a confidence
)

// Has reports whether all of some is in the set.
func (e Evidence) Has(some Evidence) bool { return e&some == some }

// Warning says that the value is on a known-good or special-purpose list.
type Warning struct{ List, Reason string }

// WarningExpired is the List of a warning that the source vouched for the value
// until a time that has passed.
const WarningExpired = "expired"

// ArticleRef is the part of an Article that every record shows of it.
type ArticleRef struct {
	ID    uuid.UUID
	Title string
	// URL is the article's own address, empty when it has none.
	URL string
}

// Article is a report that names indicators (contract section 2.2).
type Article struct {
	ID    uuid.UUID
	Feed  Feed
	Title string
	URL   string
	// OtherURLs are the further references of a block listed under several.
	OtherURLs []string
	// GUID identifies the article where it has no URL; empty otherwise.
	GUID string
	// Digest is the hex SHA-256 of the article's text, empty when there is no
	// text (a block of a trail file has none).
	Digest    string
	Publisher string
	Summary   string
	Category  string
	Tags      []string
	// Actors are the threat actors that it names, in order of appearance.
	Actors []string
	// Severity is the score of function Severity, 0 when nobody reckoned it: of
	// an article that a structured source only refers to.
	Severity int
	TLP      ioc.TLP
	// Published and Modified are zero when unknown. Fetched is ours: when the
	// run that first read the article began.
	Published, Modified, Fetched time.Time
	// ArchivedAt is when all but what Archived keeps was let go of; zero when
	// the article is whole.
	ArchivedAt time.Time
}

// LastHeard is the last time that anything is known of the article from: the
// latest of its dates, zero when it has none.
func (a *Article) LastHeard() time.Time { return later(later(a.Published, a.Modified), a.Fetched) }

// Archived returns what is kept of the article when it is archived: what tells
// which it is, its marking, and its dates.
func (a *Article) Archived(at time.Time) Article {
	return Article{
		ID: a.ID, Feed: a.Feed, Title: a.Title, URL: a.URL, GUID: a.GUID, TLP: a.TLP,
		Published: a.Published, Modified: a.Modified, Fetched: a.Fetched, ArchivedAt: second(at),
	}
}

// Ref returns what records show of the article.
func (a Article) Ref() ArticleRef { return ArticleRef{ID: a.ID, Title: a.Title, URL: a.URL} }

// Feed is a source. Its name identifies it.
type Feed struct {
	Name     string
	Category Category
}

// Origin tells prose from structured rows.
type Origin uint8

// The origins of contract section 2.
const (
	OriginArticle Origin = 1 + iota // from prose, or listed under an article
	OriginFeed                      // a structured row that names no article
)

// String returns the word of the wire contract.
func (o Origin) String() string {
	switch o {
	case OriginArticle:
		return "article"
	case OriginFeed:
		return "feed"
	}
	return ""
}

// Origins returns all origins, in contract order.
func Origins() []Origin { return []Origin{OriginArticle, OriginFeed} }

// Category is the kind of source, a word of contract section 2.
type Category string

// The categories of contract section 2.
const (
	Government  Category = "government"
	Commercial  Category = "commercial"
	Community   Category = "community"
	News        Category = "news"
	Research    Category = "research"
	ThreatIntel Category = "threat-intel"
	Vendor      Category = "vendor"
	ThreatFeed  Category = "threat-feed"
)

// Categories returns all categories, in contract order.
func Categories() []Category {
	return []Category{Government, Commercial, Community, News, Research, ThreatIntel, Vendor, ThreatFeed}
}

// Industries returns the slugs of CISA's sixteen critical infrastructure
// sectors, sorted.
func Industries() []string {
	return []string{
		"chemical", "commercial-facilities", "communications", "critical-manufacturing", "dams",
		"defense-industrial-base", "emergency-services", "energy", "financial-services",
		"food-and-agriculture", "government-facilities", "healthcare-and-public-health",
		"information-technology", "nuclear", "transportation-systems", "water-and-wastewater",
	}
}

// Sighting is one observation of a record in one run: append-only. Only what
// made the record and what taught something more has one, so that merged in
// their order they make the record: see AsOf.
type Sighting struct {
	Run uuid.UUID
	// SeenAt and Seq are the time and the number that the record had from then
	// on as UpdatedAt and Seq.
	SeenAt time.Time
	Seq    int64
	// Confidence is zero when the source did not say, except in the sighting
	// that made the record: there it is what the record began with.
	Confidence          ioc.Confidence
	FirstSeen, LastSeen time.Time // as the source gave them; zero when undated
	// Assumed is what the sighting that made a record was dated with when the
	// source gave no date at all; zero otherwise, and where it was not kept.
	Assumed    time.Time
	ValidUntil time.Time // zero: not stated
	Context    string
	// The lists are sorted and distinct. Families are among the tags.
	Tags, Families, Techniques, Industries []string
	Ports                                  []uint16
	TLP                                    ioc.TLP
	Evidence                               Evidence
}
