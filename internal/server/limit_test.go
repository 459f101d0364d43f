package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/store"
)

// timed is a rig with a clock that the test turns.
func timed(t *testing.T) (*rig, *time.Time) {
	t.Helper()
	now := testNow
	return newRig(t, func(o *Options) { o.Now = func() time.Time { return now } }), &now
}

// ration reads the three headers: limit, remaining, and seconds from testNow
// to the reset.
func ration(t *testing.T, w *httptest.ResponseRecorder) [3]int64 {
	t.Helper()
	var got [3]int64
	for i, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
		n, err := strconv.ParseInt(w.Header().Get(name), 10, 64)
		if err != nil {
			t.Fatalf("%s of answer %d: %q", name, w.Code, w.Header().Get(name))
		}
		got[i] = n
	}
	got[2] -= testNow.Unix()
	return got
}

func TestRationedTiers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		tier string
		pass int // requests within ten seconds
	}{
		{auth.Free, 10},
		{auth.Pro, 1000},
		{auth.Local, 3000}, // and no end
	}
	for _, tt := range tests {
		t.Run(tt.tier, func(t *testing.T) {
			t.Parallel()
			g, now := timed(t)
			key := g.keys[tt.tier]
			for i := range tt.pass {
				w := g.do("GET", "/api/v1/iocs/"+g.mem.records[0].ID.String(), "X-API-Key", key)
				if w.Code != 200 {
					t.Fatalf("request %d: %d %s", i+1, w.Code, w.Body)
				}
				if tt.tier == auth.Local {
					if w.Header().Get("X-RateLimit-Limit") != "" {
						t.Fatalf("headers of a key that is not rationed: %v", w.Header())
					}
				} else if diff := cmp.Diff([3]int64{int64(tt.pass), int64(tt.pass - i - 1), 60}, ration(t, w)); diff != "" && i < 3 {
					t.Fatalf("headers of request %d (-want +got):\n%s", i+1, diff)
				}
				*now = now.Add(10 * time.Second / time.Duration(tt.pass))
			}
			if tt.tier == auth.Local {
				return
			}
			w := g.do("GET", known, "X-API-Key", key)
			e := wantError(t, w, 429, api.RateLimitExceeded)
			if want := "The API key's limit of " + strconv.Itoa(tt.pass) + " requests a minute is reached. Try again after the seconds in Retry-After."; e.Message != want {
				t.Errorf("message %q", e.Message)
			}
			after := retryAfterOf(t, w)
			// The requests of the first second leave together, when the last of
			// them is a minute old.
			if got := ration(t, w); got[0] != int64(tt.pass) || got[1] != 0 || got[2] < 60 || got[2] > 61 || after < 50 || after > 51 {
				t.Errorf("Retry-After %d, headers %v", after, got)
			}
			if g.finder.asked.Load() != 0 {
				t.Error("a search was made for a refused request")
			}
			*now = now.Add(time.Duration(after) * time.Second)
			if w := g.do("GET", known, "X-API-Key", key); w.Code != 200 {
				t.Errorf("after waiting for %d s: %d %s", after, w.Code, w.Body)
			}
		})
	}
}

func retryAfterOf(t *testing.T, w *httptest.ResponseRecorder) int {
	t.Helper()
	n, err := strconv.Atoi(w.Header().Get("Retry-After"))
	if err != nil || n < 1 {
		t.Fatalf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	return n
}

// TestRationedDay: a free key that keeps to its minute meets the end of its
// day, and the answer says so.
func TestRationedDay(t *testing.T) {
	t.Parallel()
	g, now := timed(t)
	for i := range 1000 {
		w := g.do("GET", "/api/v1/iocs/"+g.mem.records[0].ID.String(), "X-API-Key", g.keys[auth.Free])
		if w.Code != 200 {
			t.Fatalf("request %d: %d %s", i+1, w.Code, w.Body)
		}
		if got := ration(t, w); i >= 998 && (got[0] != 1000 || got[1] != int64(999-i)) {
			t.Errorf("headers of request %d: %v", i+1, got)
		}
		*now = now.Add(7 * time.Second)
	}
	w := g.do("GET", known, "X-API-Key", g.keys[auth.Free])
	e := wantError(t, w, 429, api.RateLimitExceeded)
	if !strings.Contains(e.Message, "1000 requests a day") {
		t.Errorf("message %q", e.Message)
	}
	after := retryAfterOf(t, w)
	if after > 24*60*60 || after < 22*60*60 {
		t.Errorf("Retry-After %d", after)
	}
	*now = now.Add(time.Duration(after-1) * time.Second)
	wantError(t, g.do("GET", known, "X-API-Key", g.keys[auth.Free]), 429, api.RateLimitExceeded)
	*now = now.Add(time.Second)
	if w := g.do("GET", known, "X-API-Key", g.keys[auth.Free]); w.Code != 200 {
		t.Errorf("after waiting: %d", w.Code)
	}
}

// TestWhatIsCharged: a request pays once its key and address are good, and
// whatever becomes of it then.
func TestWhatIsCharged(t *testing.T) {
	t.Parallel()
	g, _ := timed(t)
	elsewhere := netip.MustParsePrefix("198.51.100.0/24")
	free := func(spec auth.Spec) string {
		spec.Tier = auth.Free
		return g.mint(spec)
	}
	etag := g.get("/api/v1/iocs", "X-API-Key", g.keys[auth.Free]).Header().Get("ETag")
	left := func(key string) int64 { return ration(t, g.do("GET", known, "X-API-Key", key))[1] }
	tests := []struct {
		name, method, path string
		header             []string
		spec               auth.Spec
		status             int
		cost               int64
	}{
		{"found", "GET", known, nil, auth.Spec{}, 200, 1},
		{"head", "HEAD", known, nil, auth.Spec{}, 200, 1},
		{"not modified", "GET", "/api/v1/iocs", []string{"If-None-Match", etag}, auth.Spec{}, 304, 1},
		{"no such record", "GET", "/api/v1/iocs/" + articleID.String(), nil, auth.Spec{}, 404, 1},
		{"bad parameter", "GET", "/api/v1/iocs?typ=x", nil, auth.Spec{}, 400, 1},
		{"scope", "GET", "/item/" + articleID.String(), nil, auth.Spec{Scopes: []auth.Scope{auth.ReadIOCs}}, 403, 1},
		{"page for a browser", "GET", "/item/" + articleID.String(), []string{"Accept", "text/html"}, auth.Spec{}, 200, 1},
		{"address", "GET", known, nil, auth.Spec{AllowedIPs: []netip.Prefix{elsewhere}}, 403, 0},
		{"no route", "GET", "/api/v1/nothing", nil, auth.Spec{}, 404, 0},
		{"no such method", "POST", known, nil, auth.Spec{}, 405, 0},
		{"wrong host", "GET", known, []string{"Host", "evil.example"}, auth.Spec{}, 421, 0},
		{"open to all", "GET", "/api/openapi.json", nil, auth.Spec{}, 200, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key := free(tt.spec)
			w := g.do(tt.method, tt.path, append([]string{"X-API-Key", key}, tt.header...)...)
			if w.Code != tt.status {
				t.Fatalf("answer %d: %s", w.Code, w.Body)
			}
			if told := w.Header().Get("X-RateLimit-Remaining") != ""; told != (tt.cost > 0) {
				t.Errorf("X-RateLimit headers are there: %t", told)
			}
			if tt.name == "address" {
				return // it can never be asked what is left
			}
			if got := 9 - left(key); got != tt.cost {
				t.Errorf("cost %d, want %d", got, tt.cost)
			}
		})
	}
	t.Run("revoked", func(t *testing.T) {
		text := free(auth.Spec{})
		key := g.mem.keys[auth.Hash(text)]
		key.RevokedAt = testNow
		g.mem.keys[key.Hash] = key
		w := g.do("GET", known, "X-API-Key", text)
		wantError(t, w, 401, api.InvalidAPIKey)
		if w.Header().Get("X-RateLimit-Limit") != "" {
			t.Errorf("headers %v", w.Header())
		}
	})
}

// TestLimitComesBeforeScope: and after the address.
func TestLimitComesBeforeScope(t *testing.T) {
	t.Parallel()
	g, _ := timed(t)
	key := g.mint(auth.Spec{Tier: auth.Free, Scopes: []auth.Scope{auth.ReadIOCs}})
	path := "/item/" + articleID.String() + "?typ=x"
	for range 10 {
		wantError(t, g.do("GET", path, "X-API-Key", key), 403, api.InsufficientScope)
	}
	for range 3 {
		wantError(t, g.do("GET", path, "X-API-Key", key), 429, api.RateLimitExceeded)
	}
	wantError(t, g.do("POST", path, "X-API-Key", key), 405, api.MethodNotAllowed)
	page := g.do("GET", path, "X-API-Key", key, "Accept", "text/html")
	if page.Code != 429 || page.Header().Get("Retry-After") == "" || !strings.Contains(page.Body.String(), "rate_limit_exceeded") {
		t.Errorf("for a browser: %d %v\n%s", page.Code, page.Header(), page.Body)
	}
}

// stuckLimiter is a limiter whose store is busy.
type stuckLimiter struct{}

func (stuckLimiter) Spend(context.Context, *auth.Caller, int64) (auth.Quota, error) {
	return auth.Quota{}, store.ErrBusy
}

func TestLimitsOutOfReach(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.srv.deps.Limiter = stuckLimiter{}
	w := g.do("GET", known, "X-API-Key", g.keys[auth.Free])
	wantError(t, w, http.StatusServiceUnavailable, api.Unavailable)
	if w.Header().Get("Retry-After") != "1" || w.Header().Get("X-RateLimit-Limit") != "" {
		t.Errorf("headers %v", w.Header())
	}
	if w := g.get(known); w.Code != 200 {
		t.Errorf("a key that is not rationed: %d", w.Code)
	}
}
