package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/store"
)

const known = "/api/v1/iocs/search?q=192.0.2.10"

func TestKeyHeaders(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	good, other := g.keys[auth.Local], g.keys[auth.Pro]
	expired := g.mint(auth.Spec{ExpiresAt: testNow})
	fenced := g.mint(auth.Spec{AllowedIPs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	tests := []struct {
		name   string
		header []string
		status int
		code   api.Code
	}{
		{"none", nil, 401, api.MissingAPIKey},
		{"bearer", []string{"Authorization", "Bearer " + good}, 200, ""},
		{"bearer in lower case", []string{"Authorization", "bearer  " + good}, 200, ""},
		{"header", []string{"X-API-Key", good}, 200, ""},
		{"both the same", []string{"X-API-Key", good, "Authorization", "Bearer " + good}, 200, ""},
		{"both, different", []string{"X-API-Key", good, "Authorization", "Bearer " + other}, 401, api.InvalidAPIKey},
		{"basic beside the header", []string{"X-API-Key", good, "Authorization", "Basic dTpw"}, 200, ""},
		{"basic alone", []string{"Authorization", "Basic dTpw"}, 401, api.MissingAPIKey},
		{"bearer of nothing", []string{"Authorization", "Bearer "}, 401, api.MissingAPIKey},
		{"placeholder", []string{"X-API-Key", "sk_live_..."}, 401, api.InvalidAPIKey},
		{"expired", []string{"X-API-Key", expired}, 401, api.ExpiredAPIKey},
		{"from elsewhere", []string{"X-API-Key", fenced}, 403, api.AddressNotAllowed},
		{"through a trusted proxy", []string{"X-API-Key", fenced, "X-Forwarded-For", "203.0.113.1, 198.51.100.7"}, 200, ""},
		{"through two", []string{"X-API-Key", fenced, "X-Forwarded-For", "198.51.100.7:4711, 192.0.2.9"}, 200, ""},
		{"claimed in front of the proxy", []string{"X-API-Key", fenced, "X-Forwarded-For", "198.51.100.7, 203.0.113.1"}, 403, api.AddressNotAllowed},
		{"nonsense from the proxy", []string{"X-API-Key", fenced, "X-Forwarded-For", "198.51.100.7, unknown"}, 403, api.AddressNotAllowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := g.do("GET", known, tt.header...) // httptest's peer is 192.0.2.1
			if tt.code == "" {
				if w.Code != tt.status {
					t.Errorf("answer %d: %s", w.Code, w.Body)
				}
				return
			}
			e := wantError(t, w, tt.status, tt.code)
			if got := w.Header().Get("WWW-Authenticate"); (got == "Bearer") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate = %q with status %d", got, tt.status)
			}
			if tt.code == api.MissingAPIKey && e.Message != `API key is required. Include it in the Authorization header as "Bearer sk_live_..." or in the X-API-Key header.` {
				t.Errorf("message %q is not the contract's", e.Message)
			}
		})
	}
}

func TestUntrustedForwardIsIgnored(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	fenced := g.mint(auth.Spec{AllowedIPs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	w := g.do("GET", known, "X-API-Key", fenced, "X-Forwarded-For", "198.51.100.7")
	wantError(t, w, 403, api.AddressNotAllowed)
}

func TestQueryKey(t *testing.T) {
	t.Parallel()
	off, on := newRig(t), newRig(t, func(o *Options) { o.AllowQueryKey = true })
	wantError(t, off.do("GET", known+"&api_key="+off.keys[auth.Local]), 401, api.MissingAPIKey)
	wantError(t, off.get(known+"&api_key="+off.keys[auth.Local]), 400, api.InvalidParameter)
	w := on.do("GET", known+"&view=list&api_key="+on.keys[auth.Local])
	if w.Code != 200 {
		t.Fatalf("answer %d: %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), on.keys[auth.Local]) {
		t.Errorf("the key is in the answer: %s", w.Body)
	}
	wantError(t, on.do("GET", known+"&api_key="+on.keys[auth.Local], "X-API-Key", on.keys[auth.Pro]), 401, api.InvalidAPIKey)
}

// TestOrderOfChecks: route, method, key, address, scope and tier, parameters.
// Each row spoils one check more, from the last to the first.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	noScope := g.mint(auth.Spec{Scopes: []auth.Scope{auth.ReadSTIX}})
	fenced := g.mint(auth.Spec{Scopes: []auth.Scope{auth.ReadSTIX}, AllowedIPs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	const bad = "/api/v1/iocs/search?typ=x"
	wantError(t, g.get(bad), 400, api.InvalidParameter)
	e := wantError(t, g.do("GET", bad, "X-API-Key", noScope), 403, api.InsufficientScope)
	if e.Details == nil || e.Details.Scope != "read:iocs" {
		t.Errorf("details %+v", e.Details)
	}
	wantError(t, g.do("GET", bad, "X-API-Key", fenced), 403, api.AddressNotAllowed)
	wantError(t, g.do("GET", bad, "X-API-Key", "sk_live_x"), 401, api.InvalidAPIKey)
	w := g.do("POST", bad)
	wantError(t, w, 405, api.MethodNotAllowed)
	if got := w.Header().Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow = %q", got)
	}
	wantError(t, g.do("POST", "/api/v1/nothing?typ=x"), 404, api.NotFound)
	wantError(t, g.do("POST", "/api/v1/nothing?typ=x", "Host", "evil.example"), 421, api.MisdirectedRequest)
}

func TestTierRequired(t *testing.T) {
	t.Parallel()
	c := &auth.Caller{Tier: auth.Tier{Name: auth.Free}}
	p := wrongScope(c, auth.ReadSTIX)
	if p.code != api.TierRequired || !slices.Equal(p.details.Tiers, []string{auth.Pro, auth.Local}) {
		t.Errorf("wrongScope = %s %+v", p.code, p.details)
	}
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for _, path := range []string{
		"/", "/api", "/api/v1/iocs/", "/api/v1//iocs", "/api/v1/../v1/iocs", "/api/v1/iocs/a/b", "/item", "/item/", "/API/v1/iocs", "/api/v1/iocs/%2e%2e", "/index.html",
	} {
		wantError(t, g.get(path), 404, api.NotFound)
	}
}

// TestServerOptions: net/http answers OPTIONS * itself unless it is told not
// to, without a request id.
func TestServerOptions(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	url, stop := serving(t, g)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: feed.example\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 404 || res.Header.Get("X-Request-Id") == "" {
		t.Errorf("answer %d with %v", res.StatusCode, res.Header)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *Options) { o.Listen = "192.0.2.5:8080"; o.AllowedHosts = []string{"Feed.Internal.Example"} })
	for host, want := range map[string]bool{
		"feed.example": true, "feed.example:443": true, "FEED.example.": true, "feed.internal.example:8080": true,
		"localhost:8080": true, "127.0.0.1": true, "[::1]:8080": true, "192.0.2.5:8080": true,
		"evil.example": false, "feed.example.evil.example": false, "": false, "198.51.100.1": false, "localhost.evil.example": false, "[::2]": false,
	} {
		w := g.do("GET", known, "Host", host, "X-API-Key", g.keys[auth.Local])
		if got := w.Code == 200; got != want || !want && w.Code != 421 {
			t.Errorf("host %q: %d, want known %t", host, w.Code, want)
		}
	}
	if w := g.do("GET", pathHealth, "Host", "10.0.0.7:8080"); w.Code != 200 {
		t.Errorf("a probe by address is answered %d", w.Code)
	}
}

// TestHostIsWhereTheConnectionArrived: on a wildcard listener an IP literal is
// known when it is this machine's own address on that connection.
func TestHostIsWhereTheConnectionArrived(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *Options) { o.Listen = "0.0.0.0:8080" })
	ts := httptest.NewServer(g.srv.Handler())
	defer ts.Close()
	for host, want := range map[string]int{ts.Listener.Addr().String(): 200, "127.0.0.1": 200, "198.51.100.1": 421} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", ts.URL+known, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		req.Header.Set("X-API-Key", g.keys[auth.Local])
		res, err := ts.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("host %s: %d, want %d", host, res.StatusCode, want)
		}
	}
}

// TestEverythingHasItsHeaders: also what is refused.
func TestEverythingHasItsHeaders(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	seen := map[string]bool{}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"found": g.get(known), "bad": g.get("/api/v1/iocs/search"), "nowhere": g.get("/nowhere"), "post": g.do("POST", known),
		"host": g.do("GET", known, "Host", "evil.example"), "health": g.do("GET", pathHealth), "page": g.get("/item/" + articleID.String()),
		"ours": g.get(known, "X-Request-Id", "req_theirs"), "head": g.do("HEAD", known, "X-API-Key", g.keys[auth.Local]),
	} {
		id := w.Header().Get("X-Request-Id")
		if !strings.HasPrefix(id, "req_") || len(id) != 20 || seen[id] || id == "req_theirs" {
			t.Errorf("%s: request id %q", name, id)
		}
		seen[id] = true
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") ||
			!strings.Contains(w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s: headers %v", name, w.Header())
		}
	}
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	secret := g.mem.records[4]
	free := g.keys[auth.Free]
	if w := g.get("/api/v1/iocs/" + secret.ID.String()); w.Code != 200 {
		t.Errorf("red record for a local key: %d", w.Code)
	}
	wantError(t, g.get("/api/v1/iocs/"+secret.ID.String(), "X-API-Key", free), 404, api.NotFound)
	if w := g.get("/item/" + secretID.String()); w.Code != 200 {
		t.Errorf("red article for a local key: %d", w.Code)
	}
	wantError(t, g.get("/item/"+secretID.String(), "X-API-Key", free), 404, api.ArticleNotFound)
	for _, path := range []string{"/api/v1/iocs?since=2026-05-17", "/api/v1/iocs/search?q=secret.example", "/api/v1/iocs?format=txt"} {
		if body := g.get(path, "X-API-Key", free).Body.String(); strings.Contains(body, `"red"`) || strings.Contains(body, `"value":"secret`) {
			t.Errorf("%s shows a free key: %s", path, body)
		}
	}
	if g.finder.last.Load().Visibility != (store.Visibility{}) {
		t.Errorf("search ran with %+v", g.finder.last.Load().Visibility)
	}
}

// TestBrowserErrors: a page for whoever asked for a page, JSON for all else.
func TestBrowserErrors(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	path := "/item/" + articleID.String()
	w := g.do("GET", path, "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if w.Code != 401 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || w.Header().Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("answer %d %v", w.Code, w.Header())
	}
	for _, want := range []string{"missing_api_key", "X-API-Key", w.Header().Get("X-Request-Id"), "curl"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, w.Body)
		}
	}
	wantError(t, g.do("GET", path, "Accept", "*/*"), 401, api.MissingAPIKey)
	wantError(t, g.do("GET", known, "Accept", "text/html"), 401, api.MissingAPIKey)
}
