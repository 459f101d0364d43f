package ingest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// TestPollHeldCopyIsTakenBack: a source that goes back to the copy that is
// known has nothing held any more.
func TestPollHeldCopyIsTakenBack(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("names", p.URL+"/list.txt", "list")
	p.put("/list.txt", "text/plain", lines(0, 100))
	d.poll(src, store.RunOK)
	p.put("/list.txt", "text/plain", lines(0, 10))
	d.clock.add(time.Hour)
	d.poll(src, store.RunHeld)
	p.put("/list.txt", "text/plain", lines(0, 100))
	d.clock.add(time.Hour)
	rep := d.poll(src, store.RunUnchanged)
	if word, why := Judge(rep.State, src.Interval, d.clock.Now()); word != Healthy || rep.State.Held != nil {
		t.Errorf("%s: %s; held %+v", word, why, rep.State.Held)
	}
}

// mispFeed publishes a feed of MISP events of one value each.
func mispFeed(p *press, n int) (uuid, value func(int) string, good func(int)) {
	uuid = func(i int) string { return fmt.Sprintf("5f6c1d2e-0000-4000-8000-%012d", i) }
	value = func(i int) string { return fmt.Sprintf("e%d.bad-relay.example", i) }
	good = func(i int) {
		p.put("/misp/"+uuid(i)+".json", "application/json", fmt.Sprintf(
			`{"Event":{"uuid":%q,"info":"Heron %d","date":"2026-10-01","Attribute":[{"type":"domain","value":%q,"to_ids":true}]}}`, uuid(i), i, value(i)))
	}
	var entries []string
	for i := range n {
		entries = append(entries, fmt.Sprintf(`%q:{"timestamp":"%d","date":"2026-10-01","info":"Heron"}`, uuid(i), 1790000000+i))
		good(i)
	}
	p.put("/misp/manifest.json", "application/json", "{"+strings.Join(entries, ",")+"}")
	return uuid, value, good
}

// TestPollMISPFeedComesBackForEvents: what came in the place of an event, once
// or twice, does not lose it.
func TestPollMISPFeedComesBackForEvents(t *testing.T) {
	t.Parallel()
	for name, answer := range wrongAnswers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, d := newPress(t), newDesk(t)
			uuid, value, good := mispFeed(p, 3)
			p.serve("/misp/"+uuid(1)+".json", answer)
			src := source("misp", p.URL+"/misp/", FormatMISPFeed)
			for range 2 {
				d.poll(src, store.RunPartial)
				d.clock.add(time.Hour)
			}
			d.one(ioc.Domain, value(0))
			good(1)
			d.poll(src, store.RunOK)
			d.one(ioc.Domain, value(1))
			if n := p.count("/misp/" + uuid(0) + ".json"); n != 1 {
				t.Errorf("the good event was asked for %d times", n)
			}
		})
	}
}

// wrongAnswers come in the place of a document, and say nothing of it.
func wrongAnswers() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"redirect in a circle": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"redirect to elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
		"endless": text("text/plain", strings.Repeat("\n", 17<<20)),
		"an encoding that is not": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("this is no gzip at all"))
		},
		"binary data": text("application/octet-stream", "\x00\x01\x02\x03\x00\x00\x00\x00"),
	}
}

// TestPollMISPFeedGivesUp: an event that never comes does not keep the feed
// busy for ever.
func TestPollMISPFeedGivesUp(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	uuid, value, _ := mispFeed(p, 2)
	p.serve("/misp/"+uuid(1)+".json", http.NotFound)
	src := source("misp", p.URL+"/misp/", FormatMISPFeed)
	for range maxTries {
		d.poll(src, store.RunPartial)
		d.clock.add(time.Hour)
	}
	rep := d.poll(src, store.RunUnchanged)
	if n := p.count("/misp/" + uuid(1) + ".json"); n != maxTries || len(rep.State.Seen) != 2 {
		t.Errorf("asked %d times, %d remembered", n, len(rep.State.Seen))
	}
	d.one(ioc.Domain, value(0))
}

// TestPollNewsComesBackForWrongPages: the same for the page of an entry, and
// what the feed itself carries of the entry is there at once.
func TestPollNewsComesBackForWrongPages(t *testing.T) {
	t.Parallel()
	for name, answer := range wrongAnswers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, d := newPress(t), newDesk(t)
			src := source("heron", p.URL+"/feed", "news")
			p.put("/feed", "application/rss+xml", rss(item("1", p.URL+"/one", "One", "It beacons to part[.]bad-relay[.]example [&hellip;]")))
			p.serve("/one", answer)
			rep := d.poll(src, store.RunOK)
			if rep.Stats.Dropped[ReasonLater] != 1 {
				t.Errorf("dropped %v", rep.Stats.Dropped)
			}
			was := d.one(ioc.Domain, "part.bad-relay.example")
			p.put("/one", "text/html", "<article>"+story("page[.]bad-relay[.]example")+"</article>")
			d.clock.add(time.Hour)
			d.poll(src, store.RunOK)
			page := d.one(ioc.Domain, "page.bad-relay.example")
			if page.Article.ID != was.Article.ID {
				t.Errorf("articles %+v and %+v", page.Article, was.Article)
			}
			d.clock.add(time.Hour)
			d.poll(src, store.RunUnchanged)
		})
	}
}

// TestPollNewsGivesUpPages: a page that is never one is asked for a few times.
func TestPollNewsGivesUpPages(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("heron", p.URL+"/feed", "news")
	p.put("/feed", "application/rss+xml", rss(item("1", p.URL+"/one", "One", "It beacons to part[.]bad-relay[.]example [&hellip;]")))
	p.serve("/one", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
	})
	for range maxTries {
		d.poll(src, store.RunOK)
		d.clock.add(time.Hour)
	}
	rep := d.poll(src, store.RunUnchanged)
	if n := p.count("/one"); n != maxTries || len(rep.State.Seen) != 1 {
		t.Errorf("asked %d times, %d remembered", n, len(rep.State.Seen))
	}
	d.one(ioc.Domain, "part.bad-relay.example")
}

// TestPollNewsReadsTeaserOfLatePage: an entry whose page stays away until the
// entry has left the feed is not lost with it.
func TestPollNewsReadsTeaserOfLatePage(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("heron", p.URL+"/feed", "news")
	p.put("/feed", "application/rss+xml", rss(item("1", p.URL+"/one", "One", "It beacons to part[.]bad-relay[.]example [&hellip;]")))
	p.serve("/one", status(http.StatusBadGateway))
	d.poll(src, store.RunPartial)
	if r := d.one(ioc.Domain, "part.bad-relay.example"); r.Article == nil || r.Article.Title != "One" {
		t.Errorf("record %+v", r)
	}
}

// TestPollRestIsCountedFromTheAnswer: a run takes time, and what the server
// asks for begins when it asks.
func TestPollRestIsCountedFromTheAnswer(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("names", p.URL+"/list.txt", "list")
	p.serve("/list.txt", func(w http.ResponseWriter, _ *http.Request) {
		d.clock.add(40*time.Second + 500*time.Millisecond)
		w.Header().Set("Retry-After", "7200")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	rep := d.poll(src, store.RunFailed)
	if left := rep.State.NextRun.Sub(d.clock.Now()); left < 2*time.Hour {
		t.Errorf("next run %s after the answer that asked for two hours", left)
	}
	d.clock.set(rep.State.NextRun)
	p.put("/list.txt", "text/plain", lines(0, 3))
	d.poll(src, store.RunOK)
}

// TestPollRemembersTheLatestTag: a server that gives an unchanged copy another
// tag is asked with that one.
func TestPollRemembersTheLatestTag(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	var got []string
	p.serve("/list.txt", func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, len(got)))
		_, _ = w.Write([]byte(lines(0, 60)))
	})
	src := source("names", p.URL+"/list.txt", "list")
	d.poll(src, store.RunOK)
	for range 2 {
		d.clock.add(time.Hour)
		if rep := d.poll(src, store.RunUnchanged); rep.Stats.Bytes == 0 {
			t.Error("the bytes of a copy that turned out unchanged are not counted")
		}
	}
	if want := []string{"", `"1"`, `"2"`}; !slices.Equal(got, want) {
		t.Errorf("asked with %q, want %q", got, want)
	}
}

// onWrite is a store where something happens at the first write.
type onWrite struct {
	FeedStore
	do func()
}

type onWriteRun struct {
	store.Run
	s *onWrite
}

func (s *onWrite) StartRun(ctx context.Context, spec store.RunSpec) (store.Run, error) {
	r, err := s.FeedStore.StartRun(ctx, spec)
	return &onWriteRun{r, s}, err
}

func (r *onWriteRun) Write(ctx context.Context, batch []store.Observation) (store.Outcome, error) {
	if do := r.s.do; do != nil {
		r.s.do = nil
		do()
	}
	return r.Run.Write(ctx, batch)
}

// TestPollFolderThatBreaksWhileRead: a file that was there when the folder was
// looked at and cannot be read any more is a problem, and the folder is read
// again.
func TestPollFolderThatBreaksWhileRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	dir := filepath.Join(d.root, "drop")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	last := filepath.Join(dir, "z.txt")
	for name, text := range map[string]string{"a.txt": lines(0, 4000), "z.txt": lines(9000, 1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	move := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Error(err)
		}
	}
	st := &onWrite{FeedStore: d.st, do: func() { move(last, last+".away") }}
	po := NewPoller(New(st, Options{Now: d.clock.Now, BatchSize: 10}), st, d.poller.fetch)
	src := source("drop", "file://"+filepath.ToSlash(dir), "")
	rep, err := po.Poll(t.Context(), src, false)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Stats.Status != store.RunPartial || !strings.Contains(rep.Stats.Error, "z[.]txt") {
		t.Errorf("%s: %q", rep.Stats.Status, rep.Stats.Error)
	}
	move(last+".away", last)
	d.clock.add(time.Hour)
	d.poll(src, store.RunOK)
	d.one(ioc.Domain, "host-9000.example")
}

// TestPollFolderWithABrokenFile: one file that cannot be read does not keep the
// others out, and is named until it can.
func TestPollFolderWithABrokenFile(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	dir := filepath.Join(d.root, "drop")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src := source("drop", "file://"+filepath.ToSlash(dir), "")
	write("broken.json", `{"type":"bundle","objects":[{"type":"indicator","id":"indicator--1","pattern":"[domain-name:value = 'x.example']","pattern_type":"stix"},`)
	if rep := d.poll(src, store.RunFailed); !strings.Contains(rep.Stats.Error, "broken[.]json") {
		t.Errorf("error %q", rep.Stats.Error)
	}
	write("good.txt", lines(0, 3))
	for range 2 { // it does not become well by being looked at again
		d.clock.add(time.Hour)
		rep := d.poll(src, store.RunPartial)
		if !strings.Contains(rep.Stats.Error, "broken[.]json") || strings.Contains(rep.Stats.Error, d.root) {
			t.Errorf("error %q", rep.Stats.Error)
		}
		d.one(ioc.Domain, "host-2.example")
	}
	write("broken.json", `{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","id":"indicator--1","pattern":"[domain-name:value = 'x.example']","pattern_type":"stix"}]}`)
	d.clock.add(time.Hour)
	d.poll(src, store.RunOK)
	d.clock.add(time.Hour)
	d.poll(src, store.RunUnchanged)
}

// TestPollNewsReadsAllUnderOneGUID: entries that a feed does not tell apart are
// one article, with all that they say.
func TestPollNewsReadsAllUnderOneGUID(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	src := source("heron", p.URL+"/feed", "news")
	src.Pages = PagesNever
	p.put("/feed", "application/rss+xml", rss(
		item("1", "", "One", story("one[.]bad-relay[.]example")),
		item("1", "", "Two", story("two[.]bad-relay[.]example")),
		item("2", "https://heron.example/news", "Three", story("three[.]bad-relay[.]example")),
		item("3", "https://heron.example/news", "Four", story("four[.]bad-relay[.]example")),
	))
	d.poll(src, store.RunOK)
	for _, n := range []string{"one", "two", "three", "four"} {
		if len(d.find(ioc.Domain, n+".bad-relay.example")) != 1 {
			t.Errorf("%s is lost", n)
		}
	}
}
