package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"spoor/internal/fetch"
	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/sqlite"
)

// press is a publisher on loopback. What is at a path may be changed between
// runs, and every request is counted.
type press struct {
	*httptest.Server
	mu    sync.Mutex
	at    map[string]http.HandlerFunc
	asked map[string]int
}

func newPress(t *testing.T) *press {
	t.Helper()
	p := &press{at: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked[r.URL.Path]++
		h := p.at[r.URL.Path]
		p.mu.Unlock()
		if h == nil {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// put publishes a text.
func (p *press) put(path, mediaType, text string) {
	p.serve(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		_, _ = w.Write([]byte(text))
	})
}

func (p *press) serve(path string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[path] = h
}

func (p *press) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// clock is the time of a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.now) {
		c.now = t
	}
}

func (c *clock) add(d time.Duration) { c.set(c.Now().Add(d)) }

// desk is where feeds are read: a real store, a fetcher that may ask loopback.
type desk struct {
	t      *testing.T
	st     *sqlite.Store
	clock  *clock
	poller *Poller
	root   string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, clock: newClock(), root: t.TempDir()}
	d.open(filepath.Join(t.TempDir(), "spoor.db"))
	return d
}

func (d *desk) open(path string) {
	d.t.Helper()
	st, err := sqlite.Open(d.t.Context(), sqlite.Options{Path: path, Now: d.clock.Now})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if err := st.Close(); err != nil {
			d.t.Error(err)
		}
	})
	d.st = st
	d.poller = newPoller(d.t, st, d.clock, d.root)
}

func newPoller(t *testing.T, st FeedStore, c *clock, root string) *Poller {
	t.Helper()
	get, err := fetch.New(fetch.Options{
		AllowHosts: []string{"127.0.0.1"}, Root: root, Pause: -1, Retries: -1, Timeout: 10 * time.Second,
		Stall: 2 * time.Second, MaxBytes: 8 << 20, Now: c.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(get.Close)
	return NewPoller(New(st, Options{Now: c.Now}), st, get)
}

// poll runs a feed once and wants that end.
func (d *desk) poll(src Source, want store.RunStatus) Report {
	d.t.Helper()
	rep, err := d.poller.Poll(d.t.Context(), src, false)
	if err != nil {
		d.t.Fatalf("poll %s: %v", src.Name, err)
	}
	if rep.Stats.Status != want {
		d.t.Errorf("poll %s: %s (%s), want %s", src.Name, rep.Stats.Status, rep.Stats.Error, want)
	}
	s := rep.Stats
	if s.Read != s.New+s.Updated+s.Unchanged+s.Merged+s.Skipped {
		d.t.Errorf("poll %s: counts do not add up: %+v", src.Name, s)
	}
	return rep
}

// find returns the records of a value, as the store has them.
func (d *desk) find(typ ioc.Type, key string) []store.Record {
	d.t.Helper()
	var found []store.Record
	err := d.st.View(d.t.Context(), func(s store.Snapshot) error {
		m, err := s.Exact(d.t.Context(), store.ExactQuery{
			Keys: []store.TypedKey{{Type: typ, Key: key}}, Visibility: store.Visibility{MaxTLP: ioc.Red}, Window: store.Window{Limit: 100},
		})
		found = m.Records
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return found
}

// one returns the only record of a value.
func (d *desk) one(typ ioc.Type, key string) store.Record {
	d.t.Helper()
	found := d.find(typ, key)
	if len(found) != 1 {
		d.t.Fatalf("%d records of %s, want one", len(found), key)
	}
	return found[0]
}

// article returns the article of a record.
func (d *desk) article(r store.Record) store.Article {
	d.t.Helper()
	var a store.Article
	err := d.st.View(d.t.Context(), func(s store.Snapshot) (err error) {
		a, err = s.Article(d.t.Context(), r.Article.ID)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

// state returns what is remembered of a feed.
func (d *desk) state(feed string) store.FeedState {
	d.t.Helper()
	s, err := d.st.FeedState(d.t.Context(), feed)
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func source(name, url, format string) Source {
	return Source{Name: name, URL: url, Format: format, Category: store.Vendor, Interval: time.Hour}
}

// item is one entry of an RSS feed.
func item(guid, link, title, html string) string {
	return fmt.Sprintf("<item><guid isPermaLink=\"false\">%s</guid><link>%s</link><title>%s</title><description><![CDATA[%s]]></description></item>\n",
		guid, link, title, html)
}

func rss(items ...string) string {
	return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\"><channel><title>Heron Labs</title><link>https://heron.example/</link>\n" +
		strings.Join(items, "") + "</channel></rss>\n"
}

// story is a report of some length with one defanged address in it.
func story(value string) string {
	return "<p>" + strings.Repeat("The group behind the campaign has been active for years and changes its tools often. ", 30) +
		"</p><p>The implant beacons to " + value + " every ten minutes.</p><p>" +
		strings.Repeat("Defenders should look at their proxy logs for the period in question. ", 20) + "</p>"
}
