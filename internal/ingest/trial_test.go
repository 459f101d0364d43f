package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// TestTryStoresNothing holds that a trial counts what a run would do, and
// leaves no trace of it.
func TestTryStoresNothing(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.put("/list.txt", "text/plain", lines(0, 80)+"host-3.example\nnot a value\n")
	src := source("names", p.URL+"/list.txt", "")
	got, err := d.poller.Try(t.Context(), src, d.st)
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Stats; got.Format != "list" || s.Status != store.RunOK || s.New != 80 || s.Merged != 1 || s.Skipped != 1 || s.Bytes == 0 || s.Items != 82 {
		t.Errorf("trial %+v", got)
	}
	if len(got.Rows) != trialRows || got.Rows[0].Indicator.Key != "host-0.example" || got.Part() || got.Held != "" {
		t.Errorf("rows %d, first %+v", len(got.Rows), got.Rows[0])
	}
	if n := len(d.find(ioc.Domain, "host-0.example")); n != 0 {
		t.Errorf("%d records were stored", n)
	}
	runs, err := d.st.Runs(t.Context(), "", 10)
	if err != nil || len(runs) != 0 || !d.state("names").LastRun.IsZero() {
		t.Errorf("%d runs are kept: %v", len(runs), err)
	}

	d.poll(src, store.RunOK)
	p.put("/list.txt", "text/plain", lines(70, 500))
	if got, err = d.poller.Try(t.Context(), src, d.st); err != nil {
		t.Fatal(err)
	}
	if s := got.Stats; s.New != 490 || s.Unchanged != 10 || !strings.Contains(got.Held, "grew from 82 items") {
		t.Errorf("second trial: %+v, held %q", s, got.Held)
	}
}

func TestTryReadsAPart(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	var items []string
	for i := range 6 {
		page := fmt.Sprintf("/page-%d", i)
		p.put(page, "text/html", "<html><body><article>"+story(fmt.Sprintf("c2-%d[.]example", i))+"</article></body></html>")
		items = append(items, item(page, p.URL+page, "Report", "Only a teaser."))
	}
	p.put("/feed", "application/rss+xml", rss(items...))
	got, err := d.poller.Try(t.Context(), source("news", p.URL+"/feed", ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Part() || got.Format != "news" || len(got.Rows) != trialBounds().pages || got.Stats.Items != 6 {
		t.Errorf("trial %+v", got)
	}
}

func TestTryTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.serve("/gone", http.NotFound)
	got, err := d.poller.Try(t.Context(), source("names", p.URL+"/gone", ""), d.st)
	if err != nil || got.Stats.Status != store.RunFailed || !strings.Contains(got.Stats.Error, "404") {
		t.Errorf("trial %+v, %v", got, err)
	}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	const list = `{"collections":[{"id":"c-1","title":"Heron","can_read":true},{"id":"c-2","title":"Write only","can_read":false}]}`
	taxii := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("Accept") != taxiiTypes[1]:
				w.WriteHeader(http.StatusNotAcceptable)
			case r.Header.Get("X-Key") != "k":
				w.WriteHeader(http.StatusUnauthorized)
			default:
				w.Header().Set("Content-Type", taxiiTypes[1])
				_, _ = w.Write([]byte(body))
			}
		}
	}
	p.serve("/taxii2/", taxii(`{"title":"Example","api_roots":["/root/","`+p.URL+`/gone/"]}`))
	p.serve("/root/", taxii(`{"title":"Root","versions":["application/taxii+json;version=2.1"],"max_content_length":1}`))
	p.serve("/root/collections/", taxii(list))
	want := []Collection{{URL: p.URL + "/root/collections/c-1/", Title: "Heron"}}
	for _, at := range []string{"/taxii2/", "/root/", "/root", "/root/collections/", "/root/collections"} {
		src := source("taxii", p.URL+at, FormatTAXII)
		src.Header = map[string]string{"X-Key": "k"}
		if !IsDiscovery(src) {
			t.Errorf("%s is taken for a collection", at)
		}
		if at == "/root" || at == "/root/collections" {
			p.serve(at, taxii(`{}`))
		}
		got, err := d.poller.Discover(t.Context(), src)
		if at == "/root/collections" {
			p.serve(at, taxii(list))
			got, err = d.poller.Discover(t.Context(), src)
		}
		if err != nil {
			t.Errorf("%s: %v", at, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", at, diff)
		}
	}
	for _, other := range []Source{source("a", p.URL+"/root/collections/c-1/", FormatTAXII), source("b", p.URL+"/list.txt", ""), source("c", "file:///taxii/a.json", FormatTAXII)} {
		if IsDiscovery(other) {
			t.Errorf("%s is taken for a server", other.URL)
		}
	}
}
