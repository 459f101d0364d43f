package api

import "time"

// The values of the format parameter of the list.
const (
	FormatJSON   = "json"
	FormatCSV    = "csv"
	FormatTXT    = "txt"
	FormatNDJSON = "ndjson" // one Record a line
)

// Unset is what meta.filters says of a filter that was not set.
const Unset = "all"

// ListResponse answers GET /api/v1/iocs, and the search with view=list.
type ListResponse struct {
	Meta  ListMeta `json:"meta"`
	Data  []Record `json:"data"`
	Links Links    `json:"links"`
}

// ListMeta is the common meta with the window and the filters that applied.
type ListMeta struct {
	GeneratedAt time.Time `json:"generated_at"` // UTC, whole seconds
	FeedVersion string    `json:"feed_version"`
	Source      string    `json:"source"`
	// Total counts all that match the filters, up to 10,000.
	Total int `json:"total"`
	// TotalIsLowerBound is true when there are more than Total.
	TotalIsLowerBound bool    `json:"total_is_lower_bound"`
	Limit             int     `json:"limit"`
	Offset            int     `json:"offset"`
	Filters           Filters `json:"filters"`
}

// Filters are the filters as they applied, each Unset where there was none.
// Several values are joined by commas.
type Filters struct {
	Type       string `json:"type"`
	Category   string `json:"category"`
	Confidence string `json:"confidence"`
	Industry   string `json:"industry"`
	Tag        string `json:"tag"`
	Feed       string `json:"feed"`
	Origin     string `json:"origin"`
	Technique  string `json:"technique"`
	ArticleID  string `json:"article_id"`
	// Since is the effective bound: later than the one asked for when the
	// key's tier does not look back that far.
	Since         string `json:"since"`
	Until         string `json:"until"`
	IncludeBenign string `json:"include_benign"`
}

// Links are absolute addresses of this page and of the next; Next is nil on
// the last page.
type Links struct {
	Self string  `json:"self"`
	Next *string `json:"next"`
}

// RecordResponse answers GET /api/v1/iocs/{id}.
type RecordResponse struct {
	Meta Meta   `json:"meta"`
	Data Record `json:"data"`
}

// Meta is the meta that every answer has.
type Meta struct {
	GeneratedAt time.Time `json:"generated_at"` // UTC, whole seconds
	FeedVersion string    `json:"feed_version"`
	Source      string    `json:"source"`
}
