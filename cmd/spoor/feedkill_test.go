package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/config"
	"spoor/internal/ingest"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// TestKillDuringFeeds kills "feeds run" at random moments: the store is sound,
// what the killed process had claimed is free again in a while, and running the
// feeds then leaves what a run without a kill does. SPOOR_KILLS says how often;
// 3 when unset.
func TestKillDuringFeeds(t *testing.T) {
	t.Parallel()
	onEngines(t, killDuringFeeds)
}

func killDuringFeeds(t *testing.T, e engine) {
	t.Helper()
	f := newPublication(t)
	whole := e.fresh(t)
	began := time.Now()
	if out, err := f.spoor(t, whole.after("feeds", "run", "--all")).CombinedOutput(); err != nil {
		t.Fatalf("feeds run without a kill: %v\n%s", err, out)
	}
	full := time.Since(began)
	want := told(t, whole)
	if len(want) != f.values {
		t.Fatalf("%d records, want %d", len(want), f.values)
	}
	seed := uint64(time.Now().UnixNano())               //nolint:gosec // never negative
	random := rand.New(rand.NewPCG(seed, 0))            //nolint:gosec // moments, not secrets
	t.Logf("seed %d, a whole run takes %s", seed, full) //
	later := time.Now().Add(time.Hour)                  // when all claims have run out
	for hit, tries := 0, 0; hit < wantedKills(t); {
		if tries++; tries > 20+10*wantedKills(t) {
			t.Fatalf("only %d of %d kills hit a run", hit, tries)
		}
		at := e.fresh(t)
		if killAfter(t, f.spoor(t, at.after("feeds", "run", "--all")), time.Duration(random.Int64N(int64(full)))) {
			hit++
		}
		sound(t, at)
		if r := f.later(t, later, at.after("feeds", "run", "--all")...); r.status != statusDone {
			t.Fatalf("feeds run after a kill: %+v", r)
		}
		if diff := cmp.Diff(told(t, at), want); diff != "" {
			t.Errorf("after a kill (-got +want):\n%s", diff)
		}
	}
}

// TestKillDuringServe does the same with "serve", which runs feeds by itself,
// while the publisher goes on. It takes minutes: with SPOOR_FULL only.
func TestKillDuringServe(t *testing.T) {
	t.Parallel()
	if os.Getenv("SPOOR_FULL") == "" {
		t.Skip("takes minutes: with SPOOR_FULL only")
	}
	onEngines(t, killDuringServe)
}

func killDuringServe(t *testing.T, e engine) {
	t.Helper()
	f, at := newPublication(t), e.fresh(t)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)) //nolint:gosec // moments, not secrets
	serving := at.after("serve", "--listen", "127.0.0.1:0")
	for range 5 {
		if !killAfter(t, f.spoor(t, serving), time.Duration(random.Int64N(int64(40*time.Second)))) {
			t.Fatal("serve ended by itself")
		}
		sound(t, at)
	}
	last := f.spoor(t, serving)
	var out bytes.Buffer
	last.Stdout, last.Stderr = &out, &out
	if err := last.Start(); err != nil {
		t.Fatal(err)
	}
	st := openAt(t, at)
	for deadline := time.Now().Add(6 * time.Minute); ; time.Sleep(time.Second) {
		states, err := st.FeedStates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		good := 0
		for _, s := range states {
			if !s.LastGood.IsZero() && s.Failures == 0 && s.Status != store.RunPartial {
				good++
			}
		}
		if good == len(f.feeds) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d feeds have run\n%s", good, len(f.feeds), &out)
		}
	}
	if err := last.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := last.Wait(); err != nil {
		t.Fatalf("serve: %v\n%s", err, &out)
	}
	if got := told(t, at); len(got) != f.values {
		t.Errorf("%d records, want %d", len(got), f.values)
	}
	sound(t, at)
}

// told returns what the records of a store say, without when.
func told(t *testing.T, at place) map[string]string {
	t.Helper()
	st, all := openAt(t, at), map[string]string{}
	err := st.View(t.Context(), func(s store.Snapshot) error {
		clear(all)
		p := store.Page{Limit: 1000, NoTotal: true}
		for {
			l, err := s.List(t.Context(), store.Filter{Visibility: store.Visibility{MaxTLP: ioc.Red}}, p)
			if err != nil {
				return err
			}
			for i := range l.Records {
				r := &l.Records[i]
				sightings, err := s.Sightings(t.Context(), r.ID)
				if err != nil {
					return err
				}
				article := ""
				if r.Article != nil {
					article = r.Article.ID.String() + " " + r.Article.Title
				}
				all[r.ID.String()] = fmt.Sprint(r.Feed.Name, " ", r.Value, " ", article, " ", r.Context, r.Tags, r.TLP, r.Confidence, len(sightings))
			}
			if l.Next == nil {
				return nil
			}
			p.After = l.Next
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// publication is a few feeds on loopback, and the file that names them.
type publication struct {
	file  string
	feeds []config.Feed
	// values is how many records they come to.
	values int
}

const (
	publishedLists  = 3
	publishedRows   = 4_000
	publishedEvents = 2
	publishedPages  = 2
)

func newPublication(t *testing.T) *publication {
	t.Helper()
	f := &publication{file: filepath.Join(t.TempDir(), "feeds.yaml")}
	feed := func(name, format, path string, serve http.HandlerFunc) {
		srv := httptest.NewServer(serve) // a host for each: one is asked once a second
		t.Cleanup(srv.Close)
		one := config.Feed{Name: name, Format: format, URL: srv.URL + path, Interval: time.Minute}
		if err := config.AddFeed(f.file, one); err != nil {
			t.Fatal(err)
		}
		f.feeds = append(f.feeds, one)
	}
	for n := range publishedLists {
		feed(fmt.Sprintf("list-%d", n), "list", "/list.txt", func(w http.ResponseWriter, _ *http.Request) { listed(w, n) })
	}
	feed("events", ingest.FormatMISPFeed, "/misp/", published)
	feed("news", "news", "/feed", reported)
	f.values = publishedLists*publishedRows + publishedEvents + publishedPages
	return f
}

// listed sends rows, a few at a time.
func listed(w http.ResponseWriter, n int) {
	for i := range publishedRows {
		_, _ = fmt.Fprintf(w, "h%d.list-%d.kill.example\n", i, n)
		if i%500 == 0 {
			_ = http.NewResponseController(w).Flush() // fails when the other side was killed
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func eventUUID(n int) string { return fmt.Sprintf("5f6c1d2e-0000-4000-8000-%012d", n) }

// published is a MISP feed.
func published(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/manifest.json") {
		var entries []string
		for n := range publishedEvents {
			entries = append(entries, fmt.Sprintf(`%q:{"timestamp":"1790000000","date":"2026-10-01","info":"Heron"}`, eventUUID(n)))
		}
		_, _ = io.WriteString(w, "{"+strings.Join(entries, ",")+"}")
		return
	}
	for n := range publishedEvents {
		if strings.HasSuffix(r.URL.Path, eventUUID(n)+".json") {
			_, _ = fmt.Fprintf(w, `{"Event":{"uuid":%q,"info":"Heron %d","date":"2026-10-01","Attribute":[{"type":"domain","value":"e%d.event.kill.example","to_ids":true}]}}`, eventUUID(n), n, n)
		}
	}
}

// reported is a news feed whose reports are on pages.
func reported(w http.ResponseWriter, r *http.Request) {
	var n int
	if _, err := fmt.Sscanf(r.URL.Path, "/report-%d", &n); err == nil {
		_, _ = fmt.Fprintf(w, "<!DOCTYPE html><article><h1>Report %d</h1><p>%s</p><p>It beacons to r%d[.]news[.]kill[.]example every hour.</p></article>",
			n, strings.Repeat("The group has been active for years and changes its tools often. ", 40), n)
		return
	}
	w.Header().Set("Content-Type", "application/rss+xml")
	_, _ = io.WriteString(w, `<rss version="2.0"><channel><title>Heron</title>`)
	for n := range publishedPages {
		_, _ = fmt.Fprintf(w, `<item><guid>http://%s/report-%d</guid><title>Report %d</title><description>A beginning [&amp;hellip;]</description></item>`, r.Host, n, n)
	}
	_, _ = io.WriteString(w, "</channel></rss>")
}

func (f *publication) environ() []string {
	return []string{"SPOOR_FEEDS_FILE=" + f.file, "SPOOR_FEEDS_ALLOW_HOSTS=127.0.0.1", noCatalogue}
}

// spoor returns a command as a process of its own.
func (f *publication) spoor(t *testing.T, args []string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "spoor", args...)
	cmd.Env = append(f.environ(), "PATH="+os.Getenv("PATH"), "HOME="+filepath.Dir(f.file))
	return cmd
}

// later runs a command in this process, at another time.
func (f *publication) later(t *testing.T, at time.Time, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, environ: f.environ(), now: func() time.Time { return at }}
	status := a.execute(ctx, append([]string{"spoor"}, args...))
	return result{status: status, stdout: stdout.String(), stderr: stderr.String()}
}
