package fetch

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails when a Get leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newFetcher allows the loopback servers of tests, and neither waits nor tries
// again unless the test says so.
func newFetcher(t *testing.T, change ...func(*Options)) *Fetcher {
	t.Helper()
	o := Options{
		AllowHosts: []string{"127.0.0.1"}, TempDir: t.TempDir(), Now: time.Now,
		Pause: -1, Retries: -1, Backoff: time.Millisecond, Timeout: 5 * time.Second,
	}
	for _, c := range change {
		c(&o)
	}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// seen is what a server was asked.
type seen struct {
	mu       sync.Mutex
	requests []*http.Request
}

func (s *seen) add(r *http.Request) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	return len(s.requests)
}

func (s *seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *seen) last() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[len(s.requests)-1]
}

// newServer answers with h, which is told how many requests there were.
func newServer(t *testing.T, h func(n int, w http.ResponseWriter, r *http.Request)) (*httptest.Server, *seen) {
	t.Helper()
	s := &seen{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h(s.add(r), w, r)
	}))
	t.Cleanup(srv.Close)
	return srv, s
}

// ask gets a URL of the configuration and closes what came.
func ask(t *testing.T, f *Fetcher, req Request) (*Result, string, error) {
	t.Helper()
	req.Configured = true
	res, err := f.Get(t.Context(), req)
	if err != nil && !errors.Is(err, ErrUnchanged) {
		if res != nil {
			t.Errorf("got a result with the error %v", err)
		}
		return nil, "", err
	}
	defer res.Close()
	if err != nil {
		return res, "", err
	}
	body, readErr := io.ReadAll(res.Body)
	if readErr != nil {
		t.Errorf("read body: %v", readErr)
	}
	return res, string(body), nil
}

func wantError(t *testing.T, err, want error, words ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}
