package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spoor/internal/config"
	"spoor/internal/ingest"
	"spoor/internal/store"
)

// withFeeds runs one command line that may fetch from this machine.
func withFeeds(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now,
		environ: append([]string{noCatalogue, "SPOOR_FEEDS_ALLOW_HOSTS=127.0.0.1"}, environ...),
	}
	status := a.execute(ctx, append([]string{"spoor"}, args...))
	return result{status: status, stdout: stdout.String(), stderr: stderr.String()}
}

// publisher serves what it is given by path, to those with the key.
func publisher(t *testing.T, pages map[string]string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		switch {
		case r.Header.Get("Auth-Key") != "heron":
			w.WriteHeader(http.StatusUnauthorized)
		case !ok:
			http.NotFound(w, r)
		default:
			_, _ = w.Write([]byte(strings.ReplaceAll(body, "HOST", "http://"+r.Host)))
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestFeedsKey holds that the key reaches the publisher and is in no output,
// and that without it the command says what to do.
func TestFeedsKey(t *testing.T) {
	t.Parallel()
	at := publisher(t, map[string]string{"/list.txt": "evil.example\n192.0.2.44\nc2.example\n"})
	dir := t.TempDir()
	add := []string{"feeds", "add", "mine", at + "/list.txt", "--data", dir, "--format", "list"}
	bare := withFeeds(t, nil, add...)
	if bare.status != statusFailed || !strings.Contains(bare.stderr, "--key-header") {
		t.Errorf("without a key: %+v", bare)
	}
	keyed := slices.Concat(add, []string{"--key-header", "Auth-Key", "--key-env", "HERON_KEY"})
	if unset := withFeeds(t, nil, keyed...); unset.status != statusFailed || !strings.Contains(unset.stderr, "no key was sent: HERON_KEY holds none") {
		t.Errorf("with a variable that is not set: %+v", unset)
	}
	wrong := withFeeds(t, []string{"HERON_KEY=egret"}, keyed...)
	if wrong.status != statusFailed || !strings.Contains(wrong.stderr, "does not take the key in HERON_KEY as header Auth-Key") || strings.Contains(wrong.stderr, "egret") {
		t.Errorf("with another key: %+v", wrong)
	}
	env := []string{"HERON_KEY=heron"}
	with := withFeeds(t, env, keyed...)
	if with.status != statusDone {
		t.Fatalf("with a key: %+v", with)
	}
	ran := withFeeds(t, env, "feeds", "run", "mine", "--data", dir, "--json")
	var runs []runEntry
	if err := json.Unmarshal([]byte(ran.stdout), &runs); err != nil || len(runs) != 1 || runs[0].New != 3 || runs[0].Status != "ok" {
		t.Errorf("run: %+v, %v", ran, err)
	}
	list := withFeeds(t, env, "feeds", "list", "--data", dir, "--json")
	for _, r := range []result{with, ran, list} {
		if strings.Contains(r.stdout+r.stderr, "heron") {
			t.Errorf("the key is shown: %+v", r)
		}
	}
	if gone := withFeeds(t, nil, "feeds", "run", "mine", "--data", dir); gone.status != statusFailed || !strings.Contains(gone.stdout, "401") {
		t.Errorf("run without the key: %+v", gone)
	}
}

// TestFeedsRunLeavesToOthers holds that a feed that another process runs is
// left to it.
func TestFeedsRunLeavesToOthers(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		at, root := e.fresh(t), t.TempDir()
		file := filepath.Join(root, "list.txt")
		if err := os.WriteFile(file, []byte("evil.example\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		feeds := filepath.Join(root, "feeds.yaml")
		env := []string{"SPOOR_FEEDS_FILE=" + feeds, "SPOOR_FEEDS_ROOT=" + root}
		if err := config.AddFeed(feeds, config.Feed{Name: "mine", URL: "file://" + file, Format: "list"}); err != nil {
			t.Fatal(err)
		}
		run := at.after("feeds", "run", "mine")
		if r := withFeeds(t, env, run...); r.status != statusDone {
			t.Fatalf("first run: %+v", r)
		}
		st := openAt(t, at)
		if has, err := st.Lease(t.Context(), "feed mine", "another", time.Minute); err != nil || !has {
			t.Fatal(has, err)
		}
		if r := withFeeds(t, env, run...); r.status != statusFailed || !strings.Contains(r.stderr, "another spoor is running it just now, or was killed within two minutes") {
			t.Errorf("while another one has it: %+v", r)
		}
		if r := withFeeds(t, env, at.after("feeds", "forget", "mine")...); r.status != statusFailed || !strings.Contains(r.stderr, "another spoor is running it") {
			t.Errorf("forgotten while another one has it: %+v", r)
		}
		if err := st.Release(t.Context(), "feed mine", "another"); err != nil {
			t.Fatal(err)
		}
		if r := withFeeds(t, env, run...); r.status != statusDone {
			t.Errorf("afterwards: %+v", r)
		}
	})
}

// TestFeedsAddRecognises holds that what no single document shows is found: a
// MISP feed by its folder, the collections of a TAXII server by its address.
func TestFeedsAddRecognises(t *testing.T) {
	t.Parallel()
	const event = "5f0c0000-0000-4000-8000-000000000001"
	at := publisher(t, map[string]string{
		"/misp/":              "<!doctype html><html><body><p>Index of misp</p></body></html>",
		"/misp/manifest.json": `{"` + event + `":{"info":"Heron","date":"2026-10-01","timestamp":"1790000000","Orgc":{"name":"Example"},"Tag":[]}}`,
		"/misp/" + event + ".json": `{"Event":{"uuid":"` + event + `","info":"Heron","date":"2026-10-01","timestamp":"1790000000",` +
			`"Attribute":[{"type":"domain","category":"Network activity","to_ids":true,"value":"evil.example","timestamp":"1790000000"}]}}`,
		"/taxii2/":               `{"title":"Example","api_roots":["HOST/api/"]}`,
		"/api/collections/":      `{"collections":[{"id":"c-1","title":"Heron","can_read":true}]}`,
		"/api/collections/c-1/x": "",
	})
	dir, env := t.TempDir(), []string{"HERON_KEY=heron"}
	key := []string{"--data", dir, "--key-header", "Auth-Key", "--key-env", "HERON_KEY"}
	misp := withFeeds(t, env, append([]string{"feeds", "add", "misp", at + "/misp/"}, key...)...)
	if misp.status != statusDone || !strings.Contains(misp.stdout, "read as misp-feed") || !strings.Contains(misp.stdout, "evil[.]example") {
		t.Errorf("misp: %+v", misp)
	}
	taxii := withFeeds(t, env, append([]string{"feeds", "test", at + "/taxii2/"}, key...)...)
	if taxii.status != statusDone || !strings.Contains(taxii.stdout, at+"/api/collections/c-1/") {
		t.Errorf("taxii: %+v", taxii)
	}
	server := withFeeds(t, env, append([]string{"feeds", "add", "taxii", at + "/taxii2/"}, key...)...)
	if server.status != statusFailed || !strings.Contains(server.stderr, "give the address of one of its collections") {
		t.Errorf("taxii: %+v", server)
	}
	feeds, err := config.LoadFeeds(filepath.Join(dir, "feeds.yaml"), false)
	if err != nil || len(feeds) != 1 || feeds[0].Format != "misp-feed" {
		t.Errorf("feeds %+v, %v", feeds, err)
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		at   time.Time
		want string
	}{
		{time.Time{}, "-"},
		{now, "now"},
		{now.Add(-12 * time.Minute), "12m ago"},
		{now.Add(48*time.Minute + 10*time.Second), "in 48m"},
		{now.Add(-30 * time.Hour), "30h ago"},
		{now.Add(-72 * time.Hour), "3d ago"},
	}
	for _, tt := range tests {
		if got := ago(tt.at, now); got != tt.want {
			t.Errorf("ago(%v) = %q, want %q", tt.at, got, tt.want)
		}
	}
}

// openAt opens the store at a place as another program would.
func openAt(t *testing.T, at place) store.Store {
	t.Helper()
	a := &app{now: time.Now, stderr: io.Discard}
	c := config.Defaults()
	if at[0] == "--data" {
		c.Data = at[1]
	} else {
		c.Store = at[1]
	}
	st, err := a.openStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// TestCatalogueIsUsable holds that every feed of the catalogue can be run as it
// is: it says what it is and how it is read, and names the place of its key.
func TestCatalogueIsUsable(t *testing.T) {
	t.Parallel()
	all := config.Catalogue()
	if len(all) < 30 {
		t.Errorf("%d feeds", len(all))
	}
	a := &app{}
	for _, f := range all {
		one, err := a.setUpFeed(f)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		if f.About == "" || f.Category == "" || f.Interval < time.Hour || f.Confidence == "" || !strings.HasPrefix(f.URL, "https://") {
			t.Errorf("%s: something is not said: %+v", f.Name, f)
		}
		if !slices.Contains(ingest.SourceFormats(), f.Format) {
			t.Errorf("%s: format %q", f.Name, f.Format)
		}
		if one.on == f.NeedsKey || f.NeedsKey && !strings.Contains(one.why, f.KeyEnv) {
			t.Errorf("%s: on %t, why %q", f.Name, one.on, one.why)
		}
	}
}

// TestFeedFormatsAreExplained wants every format in docs/feeds.md.
func TestFeedFormatsAreExplained(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/feeds.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "\n## Formats\n")
	table, _, _ := strings.Cut(rest, "\n## ")
	for _, name := range ingest.SourceFormats() {
		if !strings.Contains(table, "`"+name+"`") {
			t.Errorf("docs/feeds.md does not explain the format %q", name)
		}
	}
}

// TestUnreadableKeyFile wants one feed without its key not to keep the others
// from running.
func TestUnreadableKeyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := "feeds:\n  - name: locked\n    url: https://feeds.example/a\n    key_header: X-Key\n    key_file: " + filepath.Join(dir, "none") + "\n" +
		"  - name: open\n    url: https://feeds.example/b\n"
	if err := os.WriteFile(filepath.Join(dir, "feeds.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &app{now: time.Now}
	all, err := a.setUpFeeds(config.Config{Data: dir})
	if err != nil || len(all) != 2 {
		t.Fatalf("%d feeds, %v", len(all), err)
	}
	if all[0].on || !strings.Contains(all[0].why, "read key") || !all[1].on {
		t.Errorf("locked %t (%s), open %t", all[0].on, all[0].why, all[1].on)
	}
}
