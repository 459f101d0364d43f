package api

import "time"

// The two documented shapes of a search answer: the view parameter.
const (
	ViewDetail = "detail" // SearchResponse
	ViewList   = "list"   // ListResponse
)

// The values of the match parameter.
const (
	MatchAuto     = "auto"     // exact, then contains
	MatchExact    = "exact"    // stage 1 only
	MatchContains = "contains" // stage 2 only, the text as it was sent
)

// SearchResponse answers GET /api/v1/iocs/search with view=detail.
type SearchResponse struct {
	Meta SearchMeta `json:"meta"`
	Data SearchData `json:"data"`
}

// SearchMeta is the common meta with the window that was answered.
type SearchMeta struct {
	GeneratedAt time.Time `json:"generated_at"` // UTC, whole seconds
	FeedVersion string    `json:"feed_version"`
	Source      string    `json:"source"`
	Total       int       `json:"total"`
	Limit       int       `json:"limit"`
	Offset      int       `json:"offset"`
}

// SearchData is what was found.
type SearchData struct {
	Found bool `json:"found"`
	// Query is q as it was sent.
	Query       string       `json:"query"`
	Matches     []Record     `json:"matches"`
	RelatedIOCs []Related    `json:"relatedIOCs"`
	Meta        SearchCounts `json:"meta"`
}

// SearchCounts says how the answer came about.
type SearchCounts struct {
	TotalMatches int `json:"total_matches"`
	RelatedCount int `json:"related_count"`
	// SearchTimeMS is rounded up; SearchTimeUS carries the precision.
	SearchTimeMS int64 `json:"search_time_ms"`
	SearchTimeUS int64 `json:"search_time_us"`
	// Stage is "exact", "contains" or "none".
	Stage string `json:"stage"`
	// TotalIsLowerBound is true when there are more than TotalMatches.
	TotalIsLowerBound bool             `json:"total_is_lower_bound"`
	Interpretations   []Interpretation `json:"interpretations"`
}

// Interpretation is one way in which the query was read.
type Interpretation struct {
	Type       string `json:"type"`
	Normalized string `json:"normalized"`
}
