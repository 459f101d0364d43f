package server

import (
	"net/url"
	"strings"
	"testing"

	"spoor/api"
	"spoor/internal/auth"
)

func TestParameters(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	const search, list = "/api/v1/iocs/search", "/api/v1/iocs"
	long := strings.Repeat("é", 2048)
	tests := []struct {
		name, path string
		code       api.Code // empty: 200
		parameter  string
		message    string // a piece of it
	}{
		{"no q", search, api.MissingParameter, "q", "required"},
		{"empty q", search + "?q=", api.MissingParameter, "q", "required"},
		{"one character", search + "?q=a", api.InvalidParameter, "q", "use 2 to 2048"},
		{"spaces", search + "?q=+++a++", api.InvalidParameter, "q", "use 2 to 2048"},
		{"two characters", search + "?q=%C3%A9%C3%A9", "", "", ""},
		{"longest", search + "?q=" + url.QueryEscape(long), "", "", ""},
		{"longest between spaces", search + "?q=++" + url.QueryEscape(long) + "++", "", "", ""},
		{"too long", search + "?q=" + url.QueryEscape(long+"x"), api.InvalidParameter, "q", "use 2 to 2048"},
		{"NUL", search + "?q=ab%00c", api.InvalidParameter, "q", "NUL"},
		{"not UTF-8", search + "?q=ab%FFc", api.InvalidParameter, "q", "UTF-8"},
		{"half an escape", search + "?q=ab%4", api.InvalidParameter, "q", "%25"},
		{"semicolon is literal", search + "?q=ab;c", "", "", ""},
		{"repeated", search + "?q=ab&q=ab", api.InvalidParameter, "q", "more than once"},
		{"repeated, encoded", search + "?q=ab&%71=ab", api.InvalidParameter, "q", "more than once"},
		{"mistyped", search + "?q=ab&typ=ipv4", api.InvalidParameter, "typ", `did you mean "type"`},
		{"mistyped filter", list + "?confidense=high", api.InvalidParameter, "confidense", `did you mean "confidence"`},
		{"other case", list + "?Type=ipv4", api.InvalidParameter, "Type", `did you mean "type"`},
		{"not of this route", list + "?q=ab", api.InvalidParameter, "q", "not known"},
		{"name that is not UTF-8", list + "?%FF=ab", api.InvalidParameter, "%FF", "name"},
		{"empty name", list + "?=ab", api.InvalidParameter, "", "not known"},
		{"none here", "/item/" + articleID.String() + "?a=b", api.InvalidParameter, "a", "takes no parameters"},
		{"none in what needs no key", "/api/openapi.json?version=2", api.InvalidParameter, "version", "takes no parameters"},
		{"underscore", search + "?q=ab&_=17&_t=a&_t=b", "", "", ""},
		{"stray ampersands", search + "?&&q=ab&&", "", "", ""},
		{"type", search + "?q=ab&type=mitre_attack", "", "", ""},
		{"unknown type", search + "?q=ab&type=ip", api.InvalidParameter, "type", "ipv4, ipv6"},
		{"list of types in search", search + "?q=ab&type=ipv4,ipv6", api.InvalidParameter, "type", "ipv4, ipv6"},
		{"empty type", search + "?q=ab&type=", api.InvalidParameter, "type", "ipv4, ipv6"},
		{"boolean", search + "?q=ab&include_related=yes", api.InvalidParameter, "include_related", "true or false"},
		{"explain", search + "?q=ab&explain=1", api.InvalidParameter, "explain", "true or false"},
		{"too many to explain", search + "?q=ab&explain=true&limit=1001", api.InvalidParameter, "limit", "at most 1000"},
		{"as of a date", search + "?q=ab&as_of=2026-05-01", "", "", ""},
		{"as of a time", search + "?q=ab&as_of=2026-05-01T00:00:00.5%2B02:00", "", "", ""},
		{"as of the future", search + "?q=ab&as_of=2999-01-01T00:00:00Z", api.InvalidParameter, "as_of", "future"},
		{"as of no time", search + "?q=ab&as_of=yesterday", api.InvalidParameter, "as_of", "2026-05-17T10:30:00Z"},
		{"as of nothing", search + "?q=ab&as_of=", api.InvalidParameter, "as_of", "2026-05-17T10:30:00Z"},
		{"match", search + "?q=ab&match=fuzzy", api.InvalidParameter, "match", "auto, exact, contains"},
		{"view", search + "?q=ab&view=table", api.InvalidParameter, "view", "detail, list"},
		{"limit 0", search + "?q=ab&limit=0", api.InvalidParameter, "limit", "from 1"},
		{"limit -1", search + "?q=ab&limit=-1", api.InvalidParameter, "limit", "from 1"},
		{"limit +5", search + "?q=ab&limit=%2B5", api.InvalidParameter, "limit", "from 1"},
		{"limit of words", search + "?q=ab&limit=ten", api.InvalidParameter, "limit", "whole number"},
		{"limit beyond numbers", search + "?q=ab&limit=99999999999999999999", api.InvalidParameter, "limit", "at most 10000"},
		{"to the end", search + "?q=ab&limit=1&offset=9999", "", "", ""},
		{"beyond the end", search + "?q=ab&limit=2&offset=9999", api.InvalidParameter, "offset", "10000"},
		{"offset", list + "?offset=10001", api.InvalidParameter, "offset", "10000"},
		{"empty filter", list + "?type=", api.InvalidParameter, "type", "empty"},
		{"hole in a list", list + "?type=ipv4,,ipv6", api.InvalidParameter, "type", "empty"},
		{"empty tag", list + "?tag=", api.InvalidParameter, "tag", "empty"},
		{"unknown in a list", list + "?category=news,gossip", api.InvalidParameter, "category", "government"},
		{"industry", list + "?industry=energy,nuclear", "", "", ""},
		{"unknown industry", list + "?industry=gaming", api.InvalidParameter, "industry", "chemical"},
		{"technique", list + "?technique=t1071,T1071.001", "", "", ""},
		{"not a technique", list + "?technique=phishing", api.InvalidParameter, "technique", "does not read"},
		{"article", list + "?article_id=" + articleID.String(), "", "", ""},
		{"not an article", list + "?article_id=17", api.InvalidParameter, "article_id", "UUID"},
		{"date", list + "?since=2026-05-01&until=2026-05-02T00:00:00%2B02:00", "", "", ""},
		{"offset with a bare plus", list + "?since=2026-05-01T00:00:00+02:00", "", "", ""},
		{"not a date", list + "?since=yesterday", api.InvalidParameter, "since", "2026-05-17T10:30:00Z"},
		{"until before since", list + "?since=2026-05-02&until=2026-05-01", api.InvalidParameter, "until", "later"},
		{"until at since", list + "?since=2026-05-02&until=2026-05-02", api.InvalidParameter, "until", "later"},
		{"format", list + "?format=xml", api.InvalidParameter, "format", "json, csv, txt, ndjson"},
		{"cursor", list + "?cursor=abc", api.InvalidParameter, "cursor", "start again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := g.get(tt.path)
			if tt.code == "" {
				if w.Code != 200 {
					t.Errorf("answer %d: %s", w.Code, w.Body)
				}
				return
			}
			e := wantError(t, w, 400, tt.code)
			if got := e.Details; tt.parameter != "" && (got == nil || got.Parameter != tt.parameter) {
				t.Errorf("details %+v, want parameter %s", got, tt.parameter)
			}
			if !strings.Contains(e.Message, tt.message) {
				t.Errorf("message %q lacks %q", e.Message, tt.message)
			}
		})
	}
}

func TestRowsAreClamped(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for tier, want := range map[string]int{auth.Free: 100, auth.Pro: 10_000, auth.Local: 5_000_000} {
		got := decode[api.ListResponse](t, g.get("/api/v1/iocs?limit=5000000&since=2026-05-17", "X-API-Key", g.keys[tier])).Meta.Limit
		if got != want {
			t.Errorf("list: limit echoed to %s = %d, want %d", tier, got, want)
		}
	}
	got := decode[api.SearchResponse](t, g.get(known+"&limit=500", "X-API-Key", g.keys[auth.Free])).Meta.Limit
	if got != 100 || g.finder.last.Load().Limit != 100 {
		t.Errorf("search: limit echoed %d, used %d, want 100", got, g.finder.last.Load().Limit)
	}
	wantError(t, g.get(known+"&limit=20000"), 400, api.InvalidParameter)
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"type", "typ", 1}, {"type", "tpye", 2}, {"kitten", "sitting", 3}, {"same", "same", 0}} {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// FuzzQuery: whatever is accepted, net/url reads the same, and it survives
// being written and read again.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"q=ab&type=ipv4", "q=%FF", "q=a+b&_x=1", "a&b=c", "&&=", "q=%00", "limit=1&limit=2", "q=" + strings.Repeat("%25", 50)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var q query
		if q.parse(searchParams(), raw, false) != nil {
			return
		}
		if !strings.Contains(raw, ";") { // net/url refuses what WHATWG takes literally
			std, err := url.ParseQuery(raw)
			if err != nil && !strings.Contains(raw, "_") {
				t.Fatalf("net/url refuses %q: %v", raw, err)
			}
			for i, p := range q.params {
				if err == nil && (q.has[i] != std.Has(p.name) || q.values[i] != std.Get(p.name)) {
					t.Errorf("%q: %s = %q, net/url says %q", raw, p.name, q.values[i], std.Get(p.name))
				}
			}
		}
		var again query
		if err := again.parse(searchParams(), string(q.encode(nil, nil)), false); err != nil || again.values != q.values || again.has != q.has {
			t.Errorf("%q: read again %v, %v", raw, again, err)
		}
	})
}
