package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// TestPollMarksArticles wants the marking of a feed on its articles, too: their
// pages are shown by it.
func TestPollMarksArticles(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.put("/news", "application/rss+xml", rss(
		item("1", "https://news.example/1", "Heron", "<p>It calls 198[.]51[.]100[.]7 again.</p>"),
		item("2", "https://news.example/2", "Stork", "<p>TLP:GREEN</p><p>It calls 198[.]51[.]100[.]8 again.</p>")))
	p.put("/misp.json", "application/json", `{"Event":{"uuid":"5f6c1d2e-0000-4000-8000-000000000001","info":"Egret","date":"2026-10-01",
		"Attribute":[{"type":"domain","value":"egret.bad-relay.example","to_ids":true}]}}`)
	for name, format := range map[string]string{"news": "news", "misp.json": "misp"} {
		src := source(name, p.URL+"/"+name, format)
		src.TLP, src.Pages = ioc.Amber, PagesNever
		d.poll(src, store.RunOK)
	}
	for key, want := range map[string]ioc.TLP{"198.51.100.7": ioc.Amber, "198.51.100.8": ioc.Green} {
		r := d.one(ioc.IPv4, key)
		if a := d.article(r); a.TLP != want || r.TLP != want {
			t.Errorf("%s is %s, its article %s, want %s", key, r.TLP, a.TLP, want)
		}
	}
	r := d.one(ioc.Domain, "egret.bad-relay.example")
	if a := d.article(r); a.TLP != ioc.Amber || r.TLP != ioc.Amber {
		t.Errorf("record is %s, its article %s", r.TLP, a.TLP)
	}
}

// TestPollShowsNoKey reads a page whose address holds a key.
func TestPollShowsNoKey(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	const key = "s3cret-of-the-operator"
	p.put("/page", "text/plain", "A report about a relay.\n\nIt calls 198[.]51[.]100[.]7 again.\n")
	p.put("/rss", "application/rss+xml", strings.ReplaceAll(rss(item("1", "#one", "Heron", "<p>It calls 198[.]51[.]100[.]8 again.</p>")),
		"<link>https://news.example/</link>", ""))
	d.poll(source("page", p.URL+"/page?token="+key, "text"), store.RunOK)
	src := source("rss", p.URL+"/rss?token="+key, "news")
	src.Pages = PagesNever
	d.poll(src, store.RunOK)
	for _, ip := range []string{"198.51.100.7", "198.51.100.8"} {
		if a := d.article(d.one(ioc.IPv4, ip)); strings.Contains(fmt.Sprint(a), key) {
			t.Errorf("article %+v", a)
		}
	}
	runs, err := d.st.Runs(t.Context(), "", 10)
	if err != nil || strings.Contains(fmt.Sprint(runs), key) {
		t.Errorf("runs %+v, %v", runs, err)
	}
}

// TestPollPiecesTakeNoDays wants a run over pages that all take their time to
// end, to keep what it has, and to go on with the rest in the next.
func TestPollPiecesTakeNoDays(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	var items []string
	for i := range 5 {
		path := fmt.Sprintf("/page/%d", i)
		p.put(path, "text/html", fmt.Sprintf("<html><body><article><h1>Heron</h1><p>It calls 198[.]51[.]100[.]%d again.</p></article></body></html>", i+1))
		items = append(items, item(path, p.URL+path, "Heron", "short"))
	}
	p.put("/news", "application/rss+xml", rss(items...))
	_, value, _ := mispFeed(p, 5)
	d.poller.in.bounds.time = time.Nanosecond
	for name, src := range map[string]Source{"news": source("news", p.URL+"/news", "news"), "misp": source("misp", p.URL+"/misp/", FormatMISPFeed)} {
		if rep := d.poll(src, store.RunOK); rep.Stats.Dropped[ReasonLater] != 4 || rep.State.NextRun.Sub(rep.Started) > 2*soonAfter {
			t.Errorf("%s: %+v, next %v", name, rep.Stats, rep.State.NextRun)
		}
		for range 4 {
			d.poll(src, store.RunOK)
		}
	}
	for i := range 5 {
		d.one(ioc.IPv4, fmt.Sprintf("198.51.100.%d", i+1))
		d.one(ioc.Domain, value(i))
	}
}

// TestPollTAXIICursor wants what a server says of time to be used only when it
// can be asked for again.
func TestPollTAXIICursor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ header, want string }{
		"none":     {"", "2026-11-01T09:00:00Z"},
		"no time":  {"yesterday", "2026-11-01T09:00:00Z"},
		"far away": {"2099-01-01T00:00:00Z", "2026-11-01T09:00:00Z"},
		"good":     {"2026-10-05T00:00:00.5Z", "2026-10-05T00:00:00.5Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, d := newPress(t), newDesk(t)
			p.serve("/root/collections/c1/objects/", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/taxii+json;version=2.1")
				w.Header().Set("X-TAXII-Date-Added-Last", test.header)
				_, _ = w.Write([]byte(`{"more":false,"objects":[{"type":"indicator","id":"indicator--00000000-0000-4000-8000-000000000001",
					"spec_version":"2.1","pattern_type":"stix","pattern":"[domain-name:value = 'n1.bad-relay.example']","valid_from":"2026-10-01T00:00:00Z"}]}`))
			})
			src := source("taxii", p.URL+"/root/collections/c1/", FormatTAXII)
			if rep := d.poll(src, store.RunOK); rep.State.Cursor != test.want {
				t.Errorf("cursor %q, want %q", rep.State.Cursor, test.want)
			}
			if test.header == "" { // it moves on, and does not begin at the first run for ever
				d.clock.add(48 * time.Hour)
				if rep := d.poll(src, store.RunOK); rep.State.Cursor != "2026-11-03T09:00:00Z" {
					t.Errorf("cursor %q two days later", rep.State.Cursor)
				}
			}
		})
	}
}
