package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestWireReadsAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 8<<10)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /length", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "short") })
	mux.HandleFunc("GET /empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	mux.HandleFunc("GET /chunked", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 4 {
			_, _ = io.WriteString(w, long[i*len(long)/4:(i+1)*len(long)/4])
			_ = http.NewResponseController(w).Flush()
		}
	})
	mux.HandleFunc("GET /key", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-API-Key")+" "+r.Host+" "+r.URL.Query().Get("q"))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	address := server.Listener.Addr().String()
	w, err := dialWire(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}()
	cases := []struct {
		name, target string
		status       int
		body         string
	}{
		{"length", "/length", 200, "short"},
		{"chunked", "/chunked", 200, long},
		{"empty", "/empty", 404, ""},
		{"length again, on the same connection", "/length", 200, "short"},
		{"key, host and query", class{}.target("a b"), 404, "404 page not found\n"},
		{"key and host arrive", "/key?q=x", 200, "sk_test " + address + " x"},
	}
	for _, c := range cases { // one connection: in order
		got, err := w.do(request(address, c.target, "sk_test"))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got.status != c.status || string(got.body) != c.body {
			t.Errorf("%s: got %d %.40q, want %d %.40q", c.name, got.status, got.body, c.status, c.body)
		}
	}
}

// TestStaticHandler drives the yardstick as bench-load does, in this process.
func TestStaticHandler(t *testing.T) {
	t.Parallel()
	input, closeInput := io.Pipe()
	output, lines := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- serveStatic(input, lines) }()
	line := make([]byte, 128)
	n, err := output.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(strings.TrimSpace(string(line[:n])), "listening on http://")
	s := &script{address: address, requests: [][]byte{request(address, "/1234", "")}}
	l, err := s.drive(context.Background(), 4, time.Minute, 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.latencies) != 100 || l.bytes != 100*1234 {
		t.Errorf("got %d answers of %d bytes, want 100 of 123400", len(l.latencies), l.bytes)
	}
	if err := closeInput.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDriveReportsRefusals(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	address := server.Listener.Addr().String()
	s := &script{address: address, requests: [][]byte{request(address, "/x", "")}}
	if _, err := s.drive(context.Background(), 2, time.Minute, 10); err == nil || !strings.Contains(err.Error(), "status 404") {
		t.Errorf("got %v, want the status", err)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	yes, no := []byte(`{"data":{"found":true}}`), []byte(`{"data":{"found":false}}`)
	for _, c := range []struct {
		name string
		v    verdict
		body []byte
		want bool
	}{
		{"found as expected", found, yes, false}, {"not found against expectation", found, no, true},
		{"nothing as expected", notFound, no, false}, {"found against expectation", notFound, yes, true},
		{"either", anything, no, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.v.surprising(c.body); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestPercentileAndMedian(t *testing.T) {
	t.Parallel()
	var l leg
	for i := range 100 {
		l.latencies = append(l.latencies, time.Duration(99-i))
	}
	l.sort()
	if got := []time.Duration{l.percentile(50), l.percentile(99), l.percentile(100)}; got[0] != 50 || got[1] != 99 || got[2] != 99 {
		t.Errorf("got %v, want 50, 99, 99", got)
	}
	if got := median([]float64{9, 1, 5}); got != 5 {
		t.Errorf("odd: got %v, want 5", got)
	}
	if got := median([]int64{4, 1, 2, 9}); got != 3 {
		t.Errorf("even: got %v, want 3", got)
	}
}
