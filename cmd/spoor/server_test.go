package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long the tests wait for what should come at once: the
// machine may be busy.
const patience = 30 * time.Second

// output is a writer that can be waited on.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func newOutput() *output { return &output{more: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	select {
	case o.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// after returns the rest of the first whole line that begins with prefix.
func (o *output) after(prefix string) (string, bool) {
	for line := range strings.Lines(o.String()) {
		if rest, ok := strings.CutPrefix(line, prefix); ok && strings.HasSuffix(rest, "\n") {
			return strings.TrimSuffix(rest, "\n"), true
		}
	}
	return "", false
}

// await is after, as soon as the line is there. It gives up when done yields,
// which it puts back.
func (o *output) await(t *testing.T, prefix string, done chan int) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		if rest, ok := o.after(prefix); ok {
			return rest
		}
		select {
		case <-o.more:
		case status := <-done:
			done <- status
			t.Fatalf("ended with status %d and no line %q in %q", status, prefix, o.String())
		case <-timeout:
			t.Fatalf("no line %q in %q", prefix, o.String())
		}
	}
}

// running is a server in this process.
type running struct {
	base           string
	stdout, stderr *output
	cancel         context.CancelFunc
	done           chan int
}

// launch starts "spoor serve" with these arguments on a free port.
func launch(args ...string) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{stdout: newOutput(), stderr: newOutput(), cancel: cancel, done: make(chan int, 1)}
	a := &app{stdin: strings.NewReader(""), stdout: r.stdout, stderr: r.stderr, now: time.Now, environ: []string{noCatalogue}}
	go func() {
		r.done <- a.execute(ctx, append([]string{"spoor", "serve", "--listen", "127.0.0.1:0"}, args...))
	}()
	return r
}

// serve is launch and waiting until it listens; the server stops when the test
// ends.
func serve(t *testing.T, args ...string) *running {
	t.Helper()
	r := launch(args...)
	t.Cleanup(func() { r.stop(t) })
	r.base = r.stdout.await(t, "listening on ", r.done)
	return r
}

// stop ends the server gracefully. It may be called again.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	select {
	case status := <-r.done:
		if status != statusDone {
			t.Errorf("spoor serve ended with status %d:\n%s", status, r.stderr)
		}
		r.done <- status
	case <-time.After(patience):
		t.Errorf("spoor serve did not stop:\n%s", r.stderr)
	}
}

// key returns the first key, which the server has written once.
func (r *running) key(t *testing.T) string {
	t.Helper()
	return r.stdout.await(t, "api key: ", r.done)
}

// get asks the server and returns the status and the whole body.
func (r *running) get(t *testing.T, client *http.Client, key, path string, query url.Values) (int, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path+"?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return resp.StatusCode, body
}

// plainJSON reads a body.
func plainJSON(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("read answer: %v\n%s", err, body)
	}
	return v
}

// figures are the members of an answer that differ from one to the next.
//
//nolint:gochecknoglobals // compiled pattern
var figures = regexp.MustCompile(`"(generated_at|search_time_ms|search_time_us)":("[^"]*"|[0-9]+)`)

// steady returns a body without those, every other byte as it was.
func steady(t *testing.T, body []byte) string {
	t.Helper()
	if !json.Valid(body) {
		t.Fatalf("not JSON: %s", body)
	}
	return figures.ReplaceAllString(string(body), `"$1":0`)
}
