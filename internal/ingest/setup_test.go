package ingest

import (
	"slices"
	"testing"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// TestPollReadsAnewWhatIsSetUpAnew changes how a feed is set up while its source
// stays as it is.
func TestPollReadsAnewWhatIsSetUpAnew(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.put("/a", "text/plain", "bad-relay.example\n")
	src := source("a", p.URL+"/a", "list")
	d.poll(src, store.RunOK)
	d.poll(src, store.RunUnchanged)
	src.Tags, src.TLP = []string{"relay"}, ioc.Amber
	d.poll(src, store.RunOK)
	if r := d.one(ioc.Domain, "bad-relay.example"); r.TLP != ioc.Amber || !slices.Contains(r.Tags, "relay") {
		t.Errorf("record %+v", r)
	}
	src.Interval *= 2
	d.poll(src, store.RunUnchanged)
}

// TestRemembered wants nothing of another set-up to be left, but how the feed
// does.
func TestRemembered(t *testing.T) {
	t.Parallel()
	src := source("a", "https://partner.example/collections/1/", FormatTAXII)
	was := src.remembered(store.FeedState{Feed: "a", Cursor: "2026-01-01T00:00:00Z", Failures: 2, Items: 9})
	if was.Cursor == "" || was.Setup == "" {
		t.Errorf("a state without set-up came to %+v", was)
	}
	if same := src.remembered(was); same.Cursor != was.Cursor || same.Items != 9 {
		t.Errorf("same set-up: %+v", same)
	}
	src.URL = "https://partner.example/collections/2/"
	if other := src.remembered(was); other.Cursor != "" || other.Items != 0 || other.Failures != 2 || other.Setup == was.Setup {
		t.Errorf("another collection: %+v", other)
	}
}
