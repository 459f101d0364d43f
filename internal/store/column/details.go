package column

import (
	"encoding/json"
	"fmt"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// details is what records do not show of their article. Times are Unix
// seconds, 0 when unknown.
type details struct {
	OtherURLs []string `json:"other_urls,omitempty"`
	GUID      string   `json:"guid,omitempty"`
	Digest    string   `json:"digest,omitempty"`
	Publisher string   `json:"publisher,omitempty"`
	Summary   string   `json:"summary,omitempty"`
	Category  string   `json:"category,omitempty"`
	Tags      []string `json:"tags,omitempty"`
	Actors    []string `json:"actors,omitempty"`
	Severity  int      `json:"severity,omitempty"`
	TLP       ioc.TLP  `json:"tlp,omitempty"`
	Published int64    `json:"published,omitempty"`
	Modified  int64    `json:"modified,omitempty"`
	Fetched   int64    `json:"fetched,omitempty"`
	Archived  int64    `json:"archived,omitempty"`
}

// Details returns the column of an article: all of it but id, feed, title and
// URL, which have columns of their own.
func Details(a *store.Article) (string, error) {
	b, err := json.Marshal(details{
		OtherURLs: a.OtherURLs, GUID: a.GUID, Digest: a.Digest, Publisher: a.Publisher, Summary: a.Summary,
		Category: a.Category, Tags: a.Tags, Actors: a.Actors, Severity: a.Severity, TLP: a.TLP,
		Published: seconds(a.Published), Modified: seconds(a.Modified), Fetched: seconds(a.Fetched),
		Archived: seconds(a.ArchivedAt),
	})
	if err != nil {
		return "", fmt.Errorf("encode article: %w", err)
	}
	return string(b), nil
}

// ParseDetails fills an article with its column; what it cannot read is
// store.ErrCorrupt.
func ParseDetails(a *store.Article, text string) error {
	var d details
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return fmt.Errorf("%w: details of article %s: %w", store.ErrCorrupt, a.ID, err)
	}
	a.OtherURLs, a.GUID, a.Digest, a.Publisher, a.Summary = d.OtherURLs, d.GUID, d.Digest, d.Publisher, d.Summary
	a.Category, a.Tags, a.TLP = d.Category, d.Tags, d.TLP
	a.Actors, a.Severity = d.Actors, d.Severity
	a.Published, a.Modified, a.Fetched = unix(d.Published), unix(d.Modified), unix(d.Fetched)
	a.ArchivedAt = unix(d.Archived)
	return nil
}

func unix(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
