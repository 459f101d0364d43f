package client

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"spoor/api"
)

const (
	searchPath = "/api/v1/iocs/search"
	listPath   = "/api/v1/iocs"
)

// SearchParams is what a search asks for. Empty fields are left to the server.
type SearchParams struct {
	Q     string
	Type  string
	Match string
	// WithoutRelated leaves the related indicators out.
	WithoutRelated bool
	// Explain asks what each match is worth, and why.
	Explain bool
	// AsOf asks for what was known then; zero is now.
	AsOf          time.Time
	Limit, Offset int
}

func (p SearchParams) values(view string) url.Values {
	v := url.Values{"q": {p.Q}, "view": {view}}
	setText(v, "type", p.Type)
	setText(v, "match", p.Match)
	setNumber(v, "limit", p.Limit)
	setNumber(v, "offset", p.Offset)
	if p.WithoutRelated {
		v.Set("include_related", "false")
	}
	if p.Explain {
		v.Set("explain", "true")
	}
	setTime(v, "as_of", p.AsOf)
	return v
}

// Search looks for a value, in the shape view=detail.
func (c *Client) Search(ctx context.Context, p SearchParams) (api.SearchResponse, error) {
	return get[api.SearchResponse](ctx, c, searchPath, p.values(api.ViewDetail))
}

// SearchRaw is Search with the body as the server wrote it.
func (c *Client) SearchRaw(ctx context.Context, p SearchParams) ([]byte, error) {
	return c.fetch(ctx, searchPath, p.values(api.ViewDetail))
}

// SearchList looks for a value, in the shape view=list.
func (c *Client) SearchList(ctx context.Context, p SearchParams) (api.ListResponse, error) {
	return get[api.ListResponse](ctx, c, searchPath, p.values(api.ViewList))
}

// ListParams is what a list asks for. Empty fields do not narrow.
type ListParams struct {
	Types, Categories, Confidences, Industries []string
	Tags, Feeds, Origins, Techniques           []string
	ArticleID                                  string
	Since, Until                               time.Time
	// IncludeBenign: nil leaves it to the format.
	IncludeBenign *bool
	Limit, Offset int
	// Cursor goes on where a page ended; see NextCursor.
	Cursor string
}

func (p ListParams) values(format string) url.Values {
	v := url.Values{"format": {format}}
	for name, list := range map[string][]string{
		"type": p.Types, "category": p.Categories, "confidence": p.Confidences, "industry": p.Industries,
		"tag": p.Tags, "feed": p.Feeds, "origin": p.Origins, "technique": p.Techniques,
	} {
		setText(v, name, strings.Join(list, ","))
	}
	setText(v, "article_id", p.ArticleID)
	setTime(v, "since", p.Since)
	setTime(v, "until", p.Until)
	if p.IncludeBenign != nil {
		v.Set("include_benign", strconv.FormatBool(*p.IncludeBenign))
	}
	setNumber(v, "limit", p.Limit)
	setNumber(v, "offset", p.Offset)
	setText(v, "cursor", p.Cursor)
	return v
}

// List returns one page of records, latest change first.
func (c *Client) List(ctx context.Context, p ListParams) (api.ListResponse, error) {
	return get[api.ListResponse](ctx, c, listPath, p.values(api.FormatJSON))
}

// NextCursor returns the ListParams.Cursor of the page after l, empty when l
// is the last. The other parameters stay as they were.
func NextCursor(l api.ListResponse) string {
	if l.Links.Next == nil {
		return ""
	}
	u, err := url.Parse(*l.Links.Next)
	if err != nil {
		return ""
	}
	return u.Query().Get("cursor")
}

// ListTo copies a list of any format and length to w, as it comes. An error
// means that w holds a part only.
func (c *Client) ListTo(ctx context.Context, w io.Writer, format string, p ListParams) error {
	body, err := c.open(ctx, listPath, p.values(format))
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // only read from
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("copy list from %s: %w", c.base.Host, err)
	}
	return nil
}

// Record returns one record.
func (c *Client) Record(ctx context.Context, id string) (api.RecordResponse, error) {
	return get[api.RecordResponse](ctx, c, listPath+"/"+url.PathEscape(id), nil)
}

func setText(v url.Values, name, text string) {
	if text != "" {
		v.Set(name, text)
	}
}

func setNumber(v url.Values, name string, n int) {
	if n != 0 {
		v.Set(name, strconv.Itoa(n))
	}
}

func setTime(v url.Values, name string, t time.Time) {
	if !t.IsZero() {
		v.Set(name, t.UTC().Format(time.RFC3339))
	}
}
