package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/api"
)

const key = "sk_live_test"

// fixed starts a server that answers everything alike and remembers what it
// was asked.
func fixed(t *testing.T, status int, body string) (*Client, *http.Request) {
	t.Helper()
	var last http.Request
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last = *r
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(ts.Close)
	c, err := New(ts.URL+"/", key, Options{MaxBytes: 1000, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &last
}

func TestRequests(t *testing.T) {
	t.Parallel()
	c, last := fixed(t, 200, `{}`)
	yes := true
	day := time.Date(2026, 5, 17, 12, 0, 0, 0, time.FixedZone("", 7200))
	tests := []struct {
		name string
		call func() error
		path string
		want url.Values
	}{
		{"search", func() error { _, err := c.Search(t.Context(), SearchParams{Q: "a&b=c"}); return err },
			"/api/v1/iocs/search", url.Values{"q": {"a&b=c"}, "view": {"detail"}}},
		{"search, all", func() error {
			_, err := c.SearchList(t.Context(), SearchParams{Q: "x", Type: "url", Match: "exact", WithoutRelated: true, Limit: 5, Offset: 6})
			return err
		}, "/api/v1/iocs/search", url.Values{"q": {"x"}, "view": {"list"}, "type": {"url"}, "match": {"exact"}, "include_related": {"false"}, "limit": {"5"}, "offset": {"6"}}},
		{"list", func() error { _, err := c.List(t.Context(), ListParams{}); return err }, "/api/v1/iocs", url.Values{"format": {"json"}}},
		{"list, all", func() error {
			return c.ListTo(t.Context(), &bytes.Buffer{}, "csv", ListParams{
				Types: []string{"ipv4", "url"}, Categories: []string{"news"}, Confidences: []string{"low"}, Industries: []string{"energy"}, Tags: []string{"c2"},
				Feeds: []string{"f"}, Origins: []string{"feed"}, Techniques: []string{"T1071"}, ArticleID: "a", Since: day, Until: day, IncludeBenign: &yes, Limit: 1, Offset: 2, Cursor: "c",
			})
		}, "/api/v1/iocs", url.Values{
			"type": {"ipv4,url"}, "category": {"news"}, "confidence": {"low"}, "industry": {"energy"}, "tag": {"c2"}, "feed": {"f"}, "origin": {"feed"},
			"technique": {"T1071"}, "article_id": {"a"}, "since": {"2026-05-17T10:00:00Z"}, "until": {"2026-05-17T10:00:00Z"}, "include_benign": {"true"},
			"limit": {"1"}, "offset": {"2"}, "cursor": {"c"}, "format": {"csv"},
		}},
		{"record", func() error { _, err := c.Record(t.Context(), "a/b"); return err }, "/api/v1/iocs/a%2Fb", url.Values{}},
	}
	for _, tt := range tests { // one after the other: they share the server
		if err := tt.call(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if last.URL.EscapedPath() != tt.path || last.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("%s: asked %s with %v", tt.name, last.URL, last.Header)
		}
		if diff := cmp.Diff(tt.want, last.URL.Query()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c, _ := fixed(t, 401, `{"error":{"code":"invalid_api_key","message":"No.","request_id":"req_1","details":{"parameter":"p"}}}`)
	_, err := c.Search(t.Context(), SearchParams{Q: "secret.example"})
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Code != api.InvalidAPIKey || e.RequestID != "req_1" || e.Details.Parameter != "p" {
		t.Errorf("error %v", err)
	}
	c, _ = fixed(t, 502, "<html>Bad gateway</html>")
	if _, err = c.Search(t.Context(), SearchParams{Q: "xx"}); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("error %v does not say the status", err)
	}
	c, _ = fixed(t, 200, "<html>")
	if _, err = c.Search(t.Context(), SearchParams{Q: "xx"}); err == nil {
		t.Error("a page is read as an answer")
	}
	c, _ = fixed(t, 200, `"`+strings.Repeat("x", 2000)+`"`)
	if _, err = c.SearchRaw(t.Context(), SearchParams{Q: "xx"}); err == nil || !strings.Contains(err.Error(), "1000 bytes") {
		t.Errorf("error %v for an answer over the bound", err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		body   string
		header string
		want   time.Duration
	}{
		{429, `{"error":{"code":"rate_limit_exceeded","message":"No."}}`, "57", 57 * time.Second},
		{503, `{"error":{"code":"unavailable","message":"No."}}`, "1", time.Second},
		{429, `{"error":{"code":"rate_limit_exceeded","message":"No."}}`, "", 0},
		{429, `{"error":{"code":"rate_limit_exceeded","message":"No."}}`, "Wed, 21 Oct 2015 07:28:00 GMT", 0},
		{429, `{"error":{"code":"rate_limit_exceeded","message":"No."}}`, "99999999999", 0},
		{429, `{"error":{"code":"rate_limit_exceeded","message":"No."}}`, "-1", 0},
		{502, "<html>Bad gateway</html>", "57", 0},
		{200, `{}`, "57", 0},
	}
	for _, tt := range tests {
		ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", tt.header)
			w.WriteHeader(tt.status)
			fmt.Fprint(w, tt.body)
		}))
		c, err := New(ts.URL, key, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Search(t.Context(), SearchParams{Q: "xx"})
		got, ok := RetryAfter(err)
		if got != tt.want || ok != (tt.want > 0) {
			t.Errorf("status %d, Retry-After %q: %v, %t, want %v", tt.status, tt.header, got, ok, tt.want)
		}
		if e, ok := errors.AsType[*api.Error](err); ok && (e.Code == "" || !strings.Contains(err.Error(), string(e.Code))) {
			t.Errorf("error %v", err)
		}
		c.Close()
		ts.Close()
	}
}

func TestWhatIsSearchedForStaysOutOfErrors(t *testing.T) {
	t.Parallel()
	c, err := New("http://127.0.0.1:1", key, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Search(t.Context(), SearchParams{Q: "secret.example"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = c.Search(ctx, SearchParams{Q: "xx"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

// TestKeyStaysHome: a redirect within the host is followed, one to another
// place is not, and nothing arrives there.
func TestKeyStaysHome(t *testing.T) {
	t.Parallel()
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer other.Close()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("q") == "away":
			http.Redirect(w, r, other.URL+"/api/v1/iocs/search", http.StatusTemporaryRedirect)
		case r.URL.Query().Get("q") == "loop":
			http.Redirect(w, r, "/api/v1/iocs/search?q=loop", http.StatusTemporaryRedirect)
		case r.URL.Path == "/moved":
			fmt.Fprint(w, `{"data":{"found":true}}`)
		default:
			http.Redirect(w, r, "/moved", http.StatusTemporaryRedirect)
		}
	}))
	defer home.Close()
	c, err := New(home.URL, key, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if res, err := c.Search(t.Context(), SearchParams{Q: "here"}); err != nil || !res.Data.Found {
		t.Errorf("within the host: %+v, %v", res, err)
	}
	if _, err := c.Search(t.Context(), SearchParams{Q: "away"}); err == nil || asked != 0 {
		t.Errorf("to another host: %v, asked %d times", err, asked)
	}
	if _, err := c.Search(t.Context(), SearchParams{Q: "loop"}); err == nil {
		t.Error("a loop ends without an error")
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "feed.example", "ftp://feed.example", "https://", "https://u:p@feed.example", "https://feed.example?x=y", "http://[::1"} {
		if _, err := New(bad, key, Options{}); err == nil {
			t.Errorf("New(%q): no error", bad)
		}
	}
}

func TestNextCursor(t *testing.T) {
	t.Parallel()
	next := "https://feed.example/api/v1/iocs?type=url&cursor=abc-_"
	if got := NextCursor(api.ListResponse{Links: api.Links{Next: &next}}); got != "abc-_" {
		t.Errorf("NextCursor = %q", got)
	}
	if got := NextCursor(api.ListResponse{}); got != "" {
		t.Errorf("NextCursor of the last page = %q", got)
	}
}
