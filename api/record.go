package api

import "time"

// Record is one indicator as reported by one source (contract section 2).
type Record struct {
	ID              string    `json:"id"`
	Type            string    `json:"type"`
	Value           string    `json:"value"`
	Confidence      string    `json:"confidence"`
	FirstSeen       time.Time `json:"first_seen"` // UTC, whole seconds
	LastSeen        time.Time `json:"last_seen"`  // UTC, whole seconds
	Source          Source    `json:"source"`
	Context         *string   `json:"context"`
	Tags            []string  `json:"tags"`
	MITRETechniques []string  `json:"mitre_techniques"`
	Ports           []uint16  `json:"ports"`
	TLP             string    `json:"tlp"`
	Warnings        []Warning `json:"warnings"`
	// ConfidenceScore, 0 to 100, is what the record is worth at the time asked
	// about, and the points of ConfidenceTerms add up to it. Both are there when
	// the question asked for them (explain=true).
	ConfidenceScore *int   `json:"confidence_score,omitempty"`
	ConfidenceTerms []Term `json:"confidence_terms,omitempty"`
}

// Term is one part of a score.
type Term struct {
	Name   string `json:"name"`
	Points int    `json:"points"`
	Reason string `json:"reason"`
}

// Related is a Record without its context, and with the reason why it belongs
// to a match.
type Related struct {
	ID              string    `json:"id"`
	Type            string    `json:"type"`
	Value           string    `json:"value"`
	Confidence      string    `json:"confidence"`
	FirstSeen       time.Time `json:"first_seen"` // UTC, whole seconds
	LastSeen        time.Time `json:"last_seen"`  // UTC, whole seconds
	Source          Source    `json:"source"`
	Tags            []string  `json:"tags"`
	MITRETechniques []string  `json:"mitre_techniques"`
	Ports           []uint16  `json:"ports"`
	TLP             string    `json:"tlp"`
	Warnings        []Warning `json:"warnings"`
	// Relation is "article" or "campaign".
	Relation string `json:"relation"`
}

// Source says who reported a record. The four article fields are null for a
// row of a feed that names no article; ReferenceURL also for an article
// without an address of its own.
type Source struct {
	ArticleID    *string `json:"article_id"`
	ArticleTitle *string `json:"article_title"`
	// ArticleURL is this server's page of the article.
	ArticleURL *string `json:"article_url"`
	// ReferenceURL is the article where it was published.
	ReferenceURL *string `json:"reference_url"`
	FeedName     string  `json:"feed_name"`
	Category     string  `json:"category"`
	// Origin is "article" or "feed".
	Origin string `json:"origin"`
}

// Warning says that a value is on a known-good or special-purpose list.
type Warning struct {
	List   string `json:"list"`
	Reason string `json:"reason"`
}
