package fetch

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const secret = "hush-hush"

func TestGet(t *testing.T) {
	t.Parallel()
	srv, seen := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "Text/CSV; charset=UTF-8")
		w.Header().Set("ETag", `"one"`)
		w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
		w.Header().Set("X-Page", "7")
		fmt.Fprint(w, "a,b\n")
	})
	f := newFetcher(t, func(o *Options) { o.UserAgent = "spoor/test (+https://spoor.example/)" })
	res, body, err := ask(t, f, Request{
		URL: srv.URL + "/lists/today.csv?key=" + secret + "#top", Accept: "text/csv", Header: map[string]string{"Auth-Key": secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := *res
	got.header, got.Body = nil, nil
	sum := sha256.Sum256([]byte("a,b\n"))
	want := Result{
		URL: srv.URL + "/lists/today.csv?key=" + secret, Name: "today.csv", MediaType: "text/csv", Charset: "UTF-8", Received: 4, Size: 4,
		Fingerprint: Fingerprint{
			ETag: `"one"`, LastModified: "Mon, 02 Nov 2026 10:00:00 GMT",
			Digest: hex.EncodeToString(sum[:]),
		},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Result{})); d != "" {
		t.Error(d)
	}
	if body != "a,b\n" || res.Header("x-page") != "7" {
		t.Errorf("got body %q, header %q", body, res.Header("x-page"))
	}
	sent := map[string]string{}
	for _, name := range []string{"User-Agent", "Accept", "Accept-Encoding", "Auth-Key", "If-None-Match", "If-Modified-Since", "Cookie"} {
		sent[name] = seen.last().Header.Get(name)
	}
	wantSent := map[string]string{
		"User-Agent": "spoor/test (+https://spoor.example/)", "Accept": "text/csv", "Accept-Encoding": "zstd, gzip",
		"Auth-Key": secret, "If-None-Match": "", "If-Modified-Since": "", "Cookie": "",
	}
	if d := cmp.Diff(wantSent, sent); d != "" {
		t.Error(d)
	}
}

func TestUnchanged(t *testing.T) {
	t.Parallel()
	srv, seen := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"two"`)
		if r.Header.Get("If-None-Match") == `"two"` || r.Header.Get("If-Modified-Since") == "Mon, 02 Nov 2026 10:00:00 GMT" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, "same\n")
	})
	f := newFetcher(t)
	first, _, err := ask(t, f, Request{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	date := "Mon, 02 Nov 2026 10:00:00 GMT"
	cases := []struct {
		name  string
		known Fingerprint
		want  Fingerprint
	}{
		{"by tag", first.Fingerprint, first.Fingerprint},
		{"by date", Fingerprint{LastModified: date, Digest: "d"}, Fingerprint{ETag: `"two"`, LastModified: date, Digest: "d"}},
		{"by digest", Fingerprint{ETag: `"old"`, Digest: first.Digest}, first.Fingerprint},
	}
	for _, c := range cases {
		res, _, err := ask(t, f, Request{URL: srv.URL, Known: c.known})
		wantError(t, err, ErrUnchanged)
		if d := cmp.Diff(c.want, res.Fingerprint); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if _, err := res.Text(); err == nil || res.Body != nil {
			t.Errorf("%s: an unchanged document has a body", c.name)
		}
		if Temporary(err) {
			t.Errorf("%s: is temporary", c.name)
		}
	}
	if got := seen.count(); got != 4 {
		t.Errorf("got %d requests, want 4: nothing to try again", got)
	}
}

func TestUnaskedNotModified(t *testing.T) {
	t.Parallel()
	srv, _ := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	_, _, err := ask(t, newFetcher(t), Request{URL: srv.URL})
	var status *StatusError
	if !errors.As(err, &status) || status.Code != http.StatusNotModified {
		t.Errorf("got %v, want a status error", err)
	}
}

func TestRest(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	cases := []struct {
		name   string
		code   int
		header string
		want   time.Duration
	}{
		{"seconds", 429, "120", 2 * time.Minute},
		{"date", 503, "Mon, 02 Nov 2026 10:03:00 GMT", 3 * time.Minute},
		{"over a day", 429, "99999999999999999999", 24 * time.Hour},
		{"date over a day", 429, "Wed, 02 Dec 2026 10:00:00 GMT", 24 * time.Hour},
		{"without time", 429, "", time.Minute},
		{"nonsense", 429, "soon", time.Minute},
		{"no rest", 503, "", 0},
		{"date past", 503, "Mon, 02 Nov 2026 09:00:00 GMT", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv, seen := newServer(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n > 1 {
					fmt.Fprint(w, "ok")
					return
				}
				w.Header().Set("Retry-After", c.header)
				w.WriteHeader(c.code)
			})
			clock := now
			f := newFetcher(t, func(o *Options) { o.Now = func() time.Time { return clock } })
			_, _, err := ask(t, f, Request{URL: srv.URL})
			if d := cmp.Diff(&StatusError{Code: c.code, RetryAfter: c.want}, statusOf(t, err)); d != "" || !Temporary(err) {
				t.Fatalf("temporary %v, %s", Temporary(err), d)
			}
			if c.want == 0 {
				return
			}
			clock = now.Add(c.want - time.Second)
			_, _, err = ask(t, f, Request{URL: srv.URL + "/other"})
			if d := cmp.Diff(&StatusError{Code: c.code, RetryAfter: time.Second, Held: true}, statusOf(t, err)); d != "" || seen.count() != 1 {
				t.Errorf("%d requests, %s", seen.count(), d)
			}
			clock = now.Add(c.want)
			if _, body, err := ask(t, f, Request{URL: srv.URL}); err != nil || body != "ok" {
				t.Errorf("after the rest: %q, %v", body, err)
			}
		})
	}
}

func statusOf(t *testing.T, err error) *StatusError {
	t.Helper()
	var status *StatusError
	if !errors.As(err, &status) {
		t.Fatalf("got %v, want a status error", err)
	}
	return status
}

func TestRetry(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		codes   []int
		retries int
		asked   int
		want    int
	}{
		{"500 then ok", []int{500, 200}, 2, 2, 200},
		{"twice", []int{503, 502, 200}, 2, 3, 200},
		{"too often", []int{500, 500, 500, 200}, 2, 3, 500},
		{"not at all", []int{500, 200}, -1, 1, 500},
		{"404 stays", []int{404, 200}, 2, 1, 404},
		{"429 is left alone", []int{429, 200}, 2, 1, 429},
		{"cut short then ok", []int{0, 200}, 2, 2, 200},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv, seen := newServer(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if code := c.codes[n-1]; code > 0 {
					w.WriteHeader(code)
					return
				}
				panic(http.ErrAbortHandler)
			})
			_, _, err := ask(t, newFetcher(t, func(o *Options) { o.Retries = c.retries }), Request{URL: srv.URL})
			if c.want != 200 {
				if got := statusOf(t, err).Code; got != c.want {
					t.Errorf("got %d, want %d", got, c.want)
				}
			} else if err != nil {
				t.Error(err)
			}
			if got := seen.count(); got != c.asked {
				t.Errorf("asked %d times, want %d", got, c.asked)
			}
		})
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	plain, plainSeen := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "plain "+r.URL.Path)
	})
	port := plain.URL[strings.LastIndexByte(plain.URL, ':'):]
	targets := map[string]string{
		"/ok": "/final?x=1#frag", "/loop": "/pool", "/pool": "/loop", "/self": "/self",
		"/none": "", "/bad": "http://[", "/file": "file:///etc/passwd", "/script": "javascript:alert(1)",
		"/metadata": "http://169.254.169.254/latest/meta-data/", "/private": "http://10.0.0.1/",
		"/mapped": "http://[::ffff:10.0.0.1]/", "/number": "http://2130706433/",
		"/user": "http://u:" + secret + "@127.0.0.1" + port + "/", "/port": "http://198.51.100.7:22/",
		"/elsewhere": plain.URL + "/there", "/gopher": "gopher://127.0.0.1/",
	}
	srv, _ := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if to, ok := targets[r.URL.Path]; ok {
			w.Header()["Location"] = []string{to}
			w.WriteHeader(http.StatusFound)
			return
		}
		if n, ok := strings.CutPrefix(r.URL.Path, "/count/"); ok && n != "" {
			w.Header().Set("Location", "/count/"+n[1:])
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		fmt.Fprint(w, "final")
	})
	cases := []struct {
		path  string
		want  error
		words []string
	}{
		{"/ok", nil, nil},
		{"/count/xxxxx", nil, nil},
		{"/elsewhere", nil, nil},
		{"/count/xxxxxx", ErrRedirect, []string{"more than 5"}},
		{"/loop", ErrRedirect, []string{"circle"}},
		{"/self", ErrRedirect, []string{"circle"}},
		{"/none", ErrRedirect, nil},
		{"/bad", ErrRedirect, nil},
		{"/file", ErrForbidden, []string{`"file"`}},
		{"/script", ErrForbidden, nil},
		{"/gopher", ErrForbidden, nil},
		{"/metadata", ErrForbidden, []string{"169.254.169.254", "feeds.allow_hosts"}},
		{"/private", ErrForbidden, []string{"10.0.0.1", "feeds.allow_hosts"}},
		{"/mapped", ErrForbidden, []string{"10.0.0.1"}},
		{"/number", ErrForbidden, nil},
		{"/user", ErrForbidden, []string{"password"}},
		{"/port", ErrForbidden, []string{"port 22"}},
	}
	f := newFetcher(t)
	for _, c := range cases {
		res, body, err := ask(t, f, Request{URL: srv.URL + c.path})
		if c.want != nil {
			wantError(t, err, c.want, c.words...)
			if Temporary(err) || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: temporary or tells a secret: %v", c.path, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		if c.path == "/ok" && (body != "final" || res.URL != srv.URL+"/final?x=1" || res.Name != "final") {
			t.Errorf("got %q from %s, %s", body, res.URL, res.Name)
		}
	}
	if got := plainSeen.count(); got != 1 {
		t.Errorf("the other server was asked %d times, want 1", got)
	}
}

// TestRedirectIsGuarded comes by a listed name and is sent to the same server
// by its address, which is not listed.
func TestRedirectIsGuarded(t *testing.T) {
	t.Parallel()
	srv, seen := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Context().Value(http.LocalAddrContextKey).(net.Addr).String()+"/inside", http.StatusFound)
	})
	f := newFetcher(t, func(o *Options) { o.AllowHosts = []string{"LocalHost."} })
	_, _, err := ask(t, f, Request{URL: strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)})
	wantError(t, err, ErrForbidden, "127.0.0.1", "feeds.allow_hosts")
	if got := seen.count(); got != 1 {
		t.Errorf("got %d requests, want only the first", got)
	}
}

func TestNameOfLoopback(t *testing.T) {
	t.Parallel()
	srv, seen := newServer(t, func(int, http.ResponseWriter, *http.Request) {})
	f := newFetcher(t, func(o *Options) { o.AllowHosts = nil })
	_, _, err := ask(t, f, Request{URL: strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)})
	wantError(t, err, ErrForbidden, "list localhost in feeds.allow_hosts")
	if seen.count() > 0 {
		t.Error("the server was asked")
	}
}

// TestHeaderStaysHome also comes back to the first origin, by a path that the
// other one chose.
func TestHeaderStaysHome(t *testing.T) {
	t.Parallel()
	var home *httptest.Server
	away, awaySeen := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, home.URL+"/back", http.StatusFound)
	})
	home, homeSeen := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			http.Redirect(w, r, "/within", http.StatusFound)
		case "/within":
			http.Redirect(w, r, away.URL, http.StatusFound)
		}
	})
	_, _, err := ask(t, newFetcher(t), Request{URL: home.URL, Header: map[string]string{"Auth-Key": secret}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range append(homeSeen.requests, awaySeen.requests...) {
		got = append(got, r.URL.Path+" "+r.Header.Get("Auth-Key"))
	}
	want := []string{"/ " + secret, "/within " + secret, "/back ", "/ "}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	plain, plainSeen := newServer(t, func(int, http.ResponseWriter, *http.Request) {})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, plain.URL, http.StatusFound)
			return
		}
		fmt.Fprint(w, r.Proto)
		if r.URL.Path == "/abort" {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = discardLog()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	f := newFetcher(t, func(o *Options) { o.Roots = pool })
	if _, body, err := ask(t, f, Request{URL: srv.URL}); err != nil || body != "HTTP/2.0" {
		t.Errorf("got %q, %v", body, err)
	}
	_, _, err := ask(t, f, Request{URL: srv.URL + "/down"})
	wantError(t, err, ErrForbidden, "https to http")
	_, _, cut := ask(t, f, Request{URL: srv.URL + "/abort"})
	wantError(t, cut, ErrTruncated, "after 8 bytes")
	if plainSeen.count() > 0 {
		t.Error("the downgrade was followed")
	}
	_, _, err = ask(t, newFetcher(t), Request{URL: srv.URL})
	if err == nil || Temporary(err) {
		t.Errorf("unknown authority: got %v, want an error that stays", err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		code int
	}{{"while it answers", 0}, {"between two tries", 500}}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			srv, _ := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				time.AfterFunc(20*time.Millisecond, cancel)
				if c.code > 0 {
					w.WriteHeader(c.code)
					return
				}
				fmt.Fprint(w, "begin")
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			})
			f := newFetcher(t, func(o *Options) { o.Retries, o.Backoff = 2, time.Hour })
			res, err := f.Get(ctx, Request{URL: srv.URL, Configured: true})
			wantError(t, err, context.Canceled)
			if res != nil || Temporary(err) {
				t.Errorf("got %v, temporary %v", res, Temporary(err))
			}
		})
	}
}

// TestNothingSecret goes through errors of every layer.
func TestNothingSecret(t *testing.T) {
	t.Parallel()
	srv, _ := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wire" {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_, _ = io.WriteString(conn, strings.Repeat("no http at all ", 200)+"\r\n\r\n")
			_ = conn.Close()
			return
		}
		w.WriteHeader(http.StatusForbidden)
	})
	key := map[string]string{"Auth-Key": secret}
	for name, req := range map[string]Request{
		"user":          {URL: "http://user:" + secret + "@host.example/"},
		"unreadable":    {URL: "http://user:" + secret + "/x@host.example:x/"},
		"status":        {URL: srv.URL + "/?token=" + secret, Header: key},
		"wire":          {URL: srv.URL + "/wire?token=" + secret, Header: key},
		"broken header": {URL: srv.URL, Header: map[string]string{"Auth-Key": secret + "\n"}},
		"broken name":   {URL: srv.URL, Header: map[string]string{"Auth Key": secret}},
		"scheme":        {URL: "ftp://host.example/" + secret},
	} {
		_, _, err := ask(t, newFetcher(t), req)
		if err == nil || strings.Contains(err.Error(), secret) || len(err.Error()) > 600 {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestLinkedPort(t *testing.T) {
	t.Parallel()
	f := newFetcher(t, func(o *Options) { o.AllowHosts = []string{"127.0.0.9"} })
	for url, want := range map[string]string{
		"http://198.51.100.7:25/":       "port 25",
		"https://reports.example:8443/": "port 8443",
		"file:///etc/passwd":            "configuration",
	} {
		_, err := f.Get(t.Context(), Request{URL: url})
		wantError(t, err, ErrForbidden, want)
	}
	srv, _ := newServer(t, func(int, http.ResponseWriter, *http.Request) {})
	res, err := newFetcher(t).Get(t.Context(), Request{URL: srv.URL, LinkedFrom: srv.URL + "/feed"})
	if err != nil {
		t.Errorf("a listed host has any port: %v", err)
	}
	_ = res.Close()
}
