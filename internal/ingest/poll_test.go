package ingest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// lines returns n names, one a line.
func lines(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "host-%d.example\n", from+i)
	}
	return b.String()
}

func TestPollRows(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.put("/list.txt", "text/plain", lines(0, 80))
	src := source("names", p.URL+"/list.txt", "list")
	src.Title = "Names of Heron"
	src.Confidence, src.TLP, src.Tags = ioc.High, ioc.Green, []string{"c2"}

	rep := d.poll(src, store.RunOK)
	if s := rep.Stats; s.New != 80 || s.Items != 80 || s.Bytes == 0 || s.Took <= 0 {
		t.Errorf("stats %+v", s)
	}
	r := d.one(ioc.Domain, "host-3.example")
	if r.Confidence != ioc.High || r.TLP != ioc.Green || !cmp.Equal(r.Tags, []string{"c2"}) || r.Feed.Category != store.Vendor || r.Feed.Name != src.Title || r.Origin != store.OriginFeed {
		t.Errorf("record %+v", r)
	}
	if !r.FirstSeen.Equal(d.clock.Now()) {
		t.Errorf("first seen %v, want the run's time", r.FirstSeen)
	}
	d.clock.add(time.Hour)
	seq := r.Seq
	d.poll(src, store.RunUnchanged)
	if got := d.one(ioc.Domain, "host-3.example"); got.Seq != seq {
		t.Errorf("seq %d, was %d", got.Seq, seq)
	}
	state := d.state("names")
	if wait := state.NextRun.Sub(d.clock.Now()); wait < 50*time.Minute || wait > 70*time.Minute {
		t.Errorf("next run in %v", wait)
	}
	runs, err := d.st.Runs(t.Context(), src.Title, 10)
	if err != nil || len(runs) != 2 || runs[0].Stats.Status != store.RunUnchanged || runs[1].Stats.New != 80 {
		t.Errorf("runs %+v, %v", runs, err)
	}
}

func TestPollKeepsLastGoodCopy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"a web page", text("text/html", "<!DOCTYPE html><html><body><p>Please log in at login.example</p>"), "a web page came instead"},
		{"an empty body", text("text/plain", ""), "empty"},
		{"not found", http.NotFound, "404"},
		{"a server error", status(http.StatusInternalServerError), "500"},
		{"cut short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write([]byte(lines(0, 90)))
		}, "cut short"},
		{"a redirect to a forbidden place", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		}, "allow_hosts"},
		{"another format", text("application/json", `{"vulnerabilities": []}`), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, d := newPress(t), newDesk(t)
			src := source("names", p.URL+"/list.txt", "list")
			p.put("/list.txt", "text/plain", lines(0, 80))
			d.poll(src, store.RunOK)
			good := d.state("names")
			p.serve("/list.txt", tt.answer)
			d.clock.add(time.Hour)
			rep, err := d.poller.Poll(t.Context(), src, false)
			if err != nil {
				t.Fatal(err)
			}
			if s := rep.Stats; s.Status != store.RunFailed && s.Status != store.RunHeld || !strings.Contains(s.Error, tt.want) {
				t.Errorf("%s: %q, want an error with %q", s.Status, s.Error, tt.want)
			}
			state := d.state("names")
			if state.Digest != good.Digest || state.Items != good.Items || !state.LastGood.Equal(good.LastGood) && state.Status == store.RunFailed {
				t.Errorf("state %+v, was %+v", state, good)
			}
			if n := len(d.find(ioc.Domain, "login.example")); n != 0 {
				t.Errorf("%d records of the page", n)
			}
			d.one(ioc.Domain, "host-79.example")
			// And it goes on when the source is well again.
			p.put("/list.txt", "text/plain", lines(0, 81))
			d.clock.add(time.Hour)
			if rep := d.poll(src, store.RunOK); rep.Stats.New != 1 {
				t.Errorf("%d new, want 1", rep.Stats.New)
			}
		})
	}
}

func text(mediaType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		_, _ = w.Write([]byte(body))
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestPollHoldsWhatDiffersTooMuch(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("names", p.URL+"/list.txt", "list")
	p.put("/list.txt", "text/plain", lines(0, 100))
	d.poll(src, store.RunOK)

	p.put("/list.txt", "text/plain", lines(1000, 19))
	d.clock.add(time.Hour)
	rep := d.poll(src, store.RunHeld)
	if !strings.Contains(rep.Stats.Error, "shrank from 100 items to 19") || len(d.find(ioc.Domain, "host-1000.example")) != 0 {
		t.Errorf("reason %q", rep.Stats.Error)
	}
	since := rep.State.Held.Since
	d.clock.add(time.Hour)
	if again := d.poll(src, store.RunHeld); !again.State.Held.Since.Equal(since) {
		t.Errorf("held since %v, was %v", again.State.Held.Since, since)
	}
	if word, why := Judge(d.state("names"), src.Interval, d.clock.Now()); word != Degraded || !strings.Contains(why, "held") {
		t.Errorf("health %s: %s", word, why)
	}
	// The operator has looked at it.
	if rep, err := d.poller.Poll(t.Context(), src, true); err != nil || rep.Stats.Status != store.RunOK || rep.Stats.New != 19 || rep.State.Held != nil {
		t.Errorf("accepted: %+v, %v", rep.Stats, err)
	}
	p.put("/list.txt", "text/plain", lines(0, 101))
	d.clock.add(time.Hour)
	d.poll(src, store.RunHeld) // grew from 19
	src.MaxChange = -1
	d.clock.add(time.Hour)
	d.poll(src, store.RunOK)
}

func TestPollNews(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("heron", p.URL+"/feed", "news")
	p.put("/feed", "application/rss+xml", rss(
		item("1", p.URL+"/one", "Heron returns", story("one[.]bad-relay[.]example")),
		item("2", p.URL+"/two", "Teaser", "A short beginning [&hellip;]"),
		item("2", p.URL+"/two", "Teaser again", "A short beginning [&hellip;]"),
	))
	p.put("/two", "text/html", "<html><head><title>Two</title></head><body><nav><a href=https://nav.example/>x</a></nav><article><h1>Two</h1>"+
		story("two[.]bad-relay[.]example")+"<p>It abuses CVE-2026-11111 and T1566.</p></article></body></html>")

	rep := d.poll(src, store.RunOK)
	if rep.Stats.Items != 2 || p.count("/one") != 0 || p.count("/two") != 1 {
		t.Errorf("%+v, asked %v", rep.Stats, p.asked)
	}
	one, two := d.one(ioc.Domain, "one.bad-relay.example"), d.one(ioc.Domain, "two.bad-relay.example")
	if one.Article == nil || one.Article.Title != "Heron returns" || one.Article.URL != p.URL+"/one" || one.Origin != store.OriginArticle {
		t.Errorf("record %+v, article %+v", one, one.Article)
	}
	if !cmp.Equal(two.Techniques, []string{"T1566"}) || !cmp.Equal(two.Tags, []string{"cve-2026-11111"}) {
		t.Errorf("techniques %v, tags %v", two.Techniques, two.Tags)
	}
	if !strings.Contains(two.Context, "beacons to") {
		t.Errorf("context %q", two.Context)
	}
	if a := d.article(two); a.Severity != 21 || len(a.Actors) != 0 {
		t.Errorf("severity %d, actors %v", a.Severity, a.Actors)
	}
	// A third entry: only that one is read.
	p.put("/feed", "application/rss+xml", rss(
		item("3", p.URL+"/three", "Third", story("three[.]bad-relay[.]example")),
		item("1", p.URL+"/one", "Heron returns", story("one[.]bad-relay[.]example")),
		item("2", p.URL+"/two", "Teaser", "A short beginning [&hellip;]"),
	))
	d.clock.add(time.Hour)
	if rep := d.poll(src, store.RunOK); rep.Stats.Read != 1 || rep.Stats.New != 1 || p.count("/two") != 1 {
		t.Errorf("%+v, asked %v", rep.Stats, p.asked)
	}
}

// TestArticleSeverity reads a report about a vulnerability that the store
// knows to be exploited, by an actor.
func TestArticleSeverity(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.put("/kev", "application/json", `{"vulnerabilities":[{"cveID":"CVE-2026-11111","vulnerabilityName":"Heron","dateAdded":"2026-10-01"}]}`)
	kev := source("kev", p.URL+"/kev", "kev")
	kev.Category = store.Government
	d.poll(kev, store.RunOK)
	// Anybody can write the tag.
	p.put("/own", "application/json", `{"vulnerabilities":[{"cveID":"CVE-2026-22222","vulnerabilityName":"Egret","dateAdded":"2026-10-01"}]}`)
	d.poll(source("own", p.URL+"/own", "kev"), store.RunOK)
	p.put("/feed", "application/rss+xml", rss(item("1", p.URL+"/one", "Gamaredon again", story("one[.]bad-relay[.]example")+
		"<p>It exploits CVE-2026-11111 and CVE-2026-22222 and encrypts files (T1486).</p>")))
	d.poll(source("heron", p.URL+"/feed", "news"), store.RunOK)
	a := d.article(d.one(ioc.Domain, "one.bad-relay.example"))
	// The report 10, exploited 35, another vulnerability 10, impact 25, one
	// technique 1, an actor 10.
	if a.Severity != 91 || !cmp.Equal(a.Actors, []string{"Gamaredon"}) {
		t.Errorf("severity %d, actors %v", a.Severity, a.Actors)
	}
}

func TestPollNewsComesBackForPages(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("heron", p.URL+"/feed", "news")
	p.put("/feed", "application/rss+xml", rss(
		item("1", p.URL+"/gone", "Gone", "Beacons to gone[.]bad-relay[.]example [&hellip;]"),
		item("2", p.URL+"/down", "Down", "Beacons to down[.]bad-relay[.]example [&hellip;]")))
	p.serve("/down", status(http.StatusBadGateway))
	rep := d.poll(src, store.RunPartial)
	if rep.Stats.Dropped[ReasonPageGone] != 1 || rep.Stats.Dropped[ReasonLater] != 1 || !strings.Contains(rep.Stats.Error, "/down") {
		t.Errorf("%+v", rep.Stats)
	}
	d.one(ioc.Domain, "gone.bad-relay.example") // from what the feed carries
	p.put("/down", "text/html", "<article>"+story("page[.]bad-relay[.]example")+"</article>")
	d.clock.add(time.Hour)
	d.poll(src, store.RunOK)
	d.one(ioc.Domain, "page.bad-relay.example")
	if p.count("/gone") != 1 || p.count("/down") != 2 {
		t.Errorf("asked %v", p.asked)
	}
}

func TestPollMISPFeed(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	const a, b = "5f6c1d2e-0000-4000-8000-000000000001", "5f6c1d2e-0000-4000-8000-000000000002"
	event := func(uuid, value string, timestamp int) string {
		return fmt.Sprintf(`{"Event":{"uuid":%q,"info":"Heron","date":"2026-10-01","timestamp":"%d","Orgc":{"name":"Heron"},
			"Tag":[{"name":"tlp:green"}],"Attribute":[{"type":"domain","value":%q,"to_ids":true,"timestamp":"1790000000"}]}}`, uuid, timestamp, value)
	}
	manifest := func(second int) string {
		return fmt.Sprintf(`{%q:{"timestamp":"1790000000","date":"2026-10-01","info":"Heron"},%q:{"timestamp":"%d","date":"2026-10-02","info":"Egret"}}`, a, b, second)
	}
	p.put("/misp/manifest.json", "application/json", manifest(1790000001))
	p.put("/misp/"+a+".json", "application/json", event(a, "a.bad-relay.example", 1790000000))
	p.serve("/misp/"+b+".json", status(http.StatusServiceUnavailable))
	src := source("misp", p.URL+"/misp/", FormatMISPFeed)
	d.poll(src, store.RunPartial)
	if r := d.one(ioc.Domain, "a.bad-relay.example"); r.TLP != ioc.Green || r.Article == nil || r.Article.Title != "Heron" {
		t.Errorf("record %+v", r)
	}
	p.put("/misp/"+b+".json", "application/json", event(b, "b.bad-relay.example", 1790000001))
	d.clock.add(time.Hour)
	d.poll(src, store.RunOK)
	d.one(ioc.Domain, "b.bad-relay.example")
	d.clock.add(time.Hour)
	d.poll(src, store.RunUnchanged)
	// An event that was changed is read again, the others are not.
	p.put("/misp/manifest.json", "application/json", manifest(1793600000))
	// A cache that still gives the copy before is not the end of it.
	d.clock.add(time.Hour)
	if rep := d.poll(src, store.RunPartial); !strings.Contains(rep.Stats.Error, "older than the manifest") {
		t.Errorf("error %q", rep.Stats.Error)
	}
	p.put("/misp/"+b+".json", "application/json", event(b, "c.bad-relay.example", 1793600000))
	d.clock.add(time.Hour)
	d.poll(src, store.RunOK)
	d.one(ioc.Domain, "c.bad-relay.example")
	if p.count("/misp/"+a+".json") != 1 {
		t.Errorf("asked %v", p.asked)
	}
}

func TestPollTAXII(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	var asked []string
	p.serve("/root/collections/c1/objects/", func(w http.ResponseWriter, r *http.Request) {
		const want = "application/taxii+json; version=2.1"
		if r.Header.Get("Accept") != want {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		asked = append(asked, r.URL.Query().Get("added_after")+"|"+r.URL.Query().Get("next"))
		w.Header().Set("Content-Type", want)
		indicator := func(n int) string {
			return fmt.Sprintf(`{"type":"indicator","id":"indicator--00000000-0000-4000-8000-%012d","spec_version":"2.1","pattern_type":"stix",
				"pattern":"[domain-name:value = 'n%d.bad-relay.example']","valid_from":"2026-10-01T00:00:00Z","valid_until":"2026-12-01T00:00:00Z","confidence":90}`, n, n)
		}
		switch {
		case r.URL.Query().Get("added_after") == "2026-11-01T00:00:02.000000Z":
			_, _ = w.Write([]byte(`{}`))
		case r.URL.Query().Get("next") == "":
			w.Header().Set("X-TAXII-Date-Added-Last", "2026-11-01T00:00:01.000000Z")
			_, _ = w.Write([]byte(`{"more":true,"next":"p2","objects":[` + indicator(1) + `]}`))
		default:
			w.Header().Set("X-TAXII-Date-Added-Last", "2026-11-01T00:00:02.000000Z")
			_, _ = w.Write([]byte(`{"more":false,"objects":[` + indicator(2) + `]}`))
		}
	})
	src := source("taxii", p.URL+"/root/collections/c1/", FormatTAXII)
	d.poll(src, store.RunOK)
	r := d.one(ioc.Domain, "n2.bad-relay.example")
	if r.Confidence != ioc.High || r.ValidUntil.IsZero() {
		t.Errorf("record %+v", r)
	}
	d.one(ioc.Domain, "n1.bad-relay.example")
	d.clock.add(time.Hour)
	d.poll(src, store.RunUnchanged)
	want := []string{"|", "|p2", "2026-11-01T00:00:02.000000Z|"}
	if diff := cmp.Diff(asked, want); diff != "" {
		t.Errorf("asked (-got +want):\n%s", diff)
	}
}

func TestPollFolder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	dir := filepath.Join(d.root, "drop")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.txt", lines(0, 10))
	src := source("drop", "file://"+filepath.ToSlash(dir), "")
	d.poll(src, store.RunOK)
	d.clock.add(time.Hour)
	d.poll(src, store.RunUnchanged)
	write("b.txt", lines(10, 10))
	d.clock.add(time.Hour)
	if rep := d.poll(src, store.RunOK); rep.Stats.New != 10 || rep.Stats.Unchanged != 10 {
		t.Errorf("%+v", rep.Stats)
	}
	outside := source("outside", "file:///etc/hostname", "")
	if rep := d.poll(outside, store.RunFailed); !strings.Contains(rep.Stats.Error, "feeds.root") {
		t.Errorf("error %q", rep.Stats.Error)
	}
}

func TestPollBackoff(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("names", p.URL+"/list.txt", "list")
	var waits []time.Duration
	for range 12 {
		rep := d.poll(src, store.RunFailed)
		wait := rep.State.NextRun.Sub(d.clock.Now())
		waits = append(waits, wait)
		d.clock.add(wait)
	}
	if waits[0] > 3*time.Minute || waits[4] < 25*time.Minute || waits[11] < 21*time.Hour || waits[11] > 27*time.Hour {
		t.Errorf("waits %v", waits)
	}
	if word, why := Judge(d.state("names"), src.Interval, d.clock.Now()); word != Broken || !strings.Contains(why, "404") {
		t.Errorf("health %s: %s", word, why)
	}
	p.serve("/list.txt", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7200")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	fresh := source("fresh", p.URL+"/list.txt", "list")
	if rep := d.poll(fresh, store.RunFailed); rep.State.NextRun.Sub(d.clock.Now()) < 2*time.Hour {
		t.Errorf("next run %v after now, though the server said two hours", rep.State.NextRun.Sub(d.clock.Now()))
	}
}

func TestSourceCheck(t *testing.T) {
	t.Parallel()
	good := source("names", "https://feed.example/list.txt", "list")
	tests := []struct {
		name   string
		change func(*Source)
		want   string
	}{
		{"good", func(*Source) {}, ""},
		{"no name", func(s *Source) { s.Name = "" }, "name"},
		{"name with a line break", func(s *Source) { s.Name = "a\nb" }, "name"},
		{"no scheme", func(s *Source) { s.URL = "feed.example/list" }, "https://"},
		{"another scheme", func(s *Source) { s.URL = "ftp://feed.example/list" }, "https://"},
		{"too often", func(s *Source) { s.Interval = time.Second }, "interval"},
		{"unknown format", func(s *Source) { s.Format = "xls" }, "format"},
		{"factor below one", func(s *Source) { s.MaxChange = 0.5 }, "max_change"},
		{"MISP feed", func(s *Source) { s.Format = FormatMISPFeed }, ""},
		{"TAXII", func(s *Source) { s.Format = FormatTAXII }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := good
			tt.change(&s)
			err := s.Check()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
