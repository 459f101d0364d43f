package feed

import (
	"encoding/json"
	"fmt"
	"html"
	"strings"

	"github.com/mmcdole/gofeed"
)

// jsonFeed is a JSON Feed (jsonfeed.org, version 1.1). The library's own type
// refuses the whole document for an id that is a number, which the standard
// asks readers to take as text; and it does not tell plain text from HTML.
type jsonFeed struct {
	Version text           `json:"version"`
	Title   text           `json:"title"`
	Home    text           `json:"home_page_url"`
	Self    text           `json:"feed_url"`
	Items   []jsonFeedItem `json:"items"`
}

type jsonFeedItem struct {
	ID        text  `json:"id"`
	URL       text  `json:"url"`
	External  text  `json:"external_url"`
	Title     text  `json:"title"`
	HTML      text  `json:"content_html"`
	Text      text  `json:"content_text"`
	Summary   text  `json:"summary"`
	Published text  `json:"date_published"`
	Modified  text  `json:"date_modified"`
	Tags      texts `json:"tags"`
}

// parseJSONFeed reads a JSON Feed into the library's form of a feed.
func parseJSONFeed(doc string) (*gofeed.Feed, error) {
	var from jsonFeed
	if err := json.Unmarshal([]byte(doc), &from); err != nil {
		return nil, fmt.Errorf("document is malformed or ends early: %w", err)
	}
	if !strings.Contains(string(from.Version), "jsonfeed.org/version/") {
		return nil, fmt.Errorf("%w: it is JSON, but no JSON Feed", ErrNotNews)
	}
	to := &gofeed.Feed{Title: string(from.Title), Link: string(from.Home), FeedLink: string(from.Self)}
	for i := range from.Items {
		to.Items = append(to.Items, from.Items[i].item())
	}
	return to, nil
}

func (it *jsonFeedItem) item() *gofeed.Item {
	to := &gofeed.Item{
		GUID: string(it.ID), Link: string(it.URL), Title: string(it.Title), Content: string(it.HTML),
		Description: html.EscapeString(string(it.Summary)), Published: string(it.Published), Updated: string(it.Modified),
		Categories: it.Tags,
	}
	if to.Link == "" {
		to.Link = string(it.External)
	}
	if to.Content == "" {
		to.Content = strings.ReplaceAll(html.EscapeString(string(it.Text)), "\n", "<br>\n")
	}
	return to
}
