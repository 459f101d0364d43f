package ingest

import (
	"strings"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// TestPollUnnamedFormat serves what is no feed in the place of one whose format
// is not set.
func TestPollUnnamedFormat(t *testing.T) {
	t.Parallel()
	const page = "<!DOCTYPE html><html><head><title>Log in</title></head><body><p>Write to help[@]login[.]bad-relay[.]example, or visit www[.]bad-relay[.]example.</p></body></html>"
	const excuse = "# We will be back soon\n\nThe service is down for maintenance. Please write to us at help[@]login[.]bad-relay[.]example until then, with the name of the feed.\n"
	tests := []struct {
		name, format, path string
		before             string
		now, mediaType     string
		want               store.RunStatus
		err                string
	}{
		{"a web page at first", "", "/a", "", page, "text/html", store.RunFailed, "set the format html"},
		{"a web page after a list", "", "/a", lines(0, 3), page, "text/html", store.RunFailed, "a web page came instead"},
		{"a text after a list", "", "/a.txt", lines(0, 3), excuse, "text/plain", store.RunFailed, "set its format"},
		{"a text at first", "", "/a.txt", "", excuse, "text/plain", store.RunOK, ""},
		{"a web page that is meant", "html", "/a", "", page, "text/html", store.RunOK, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, d := newPress(t), newDesk(t)
			src := source("a", p.URL+tt.path, tt.format)
			if tt.before != "" {
				p.put(tt.path, "text/plain", tt.before)
				d.poll(src, store.RunOK)
				d.clock.add(time.Hour)
			}
			p.put(tt.path, tt.mediaType, tt.now)
			if rep := d.poll(src, tt.want); !strings.Contains(rep.Stats.Error, tt.err) {
				t.Errorf("error %q, want %q", rep.Stats.Error, tt.err)
			}
			if n := len(d.find(ioc.Email, "help@login.bad-relay.example")); (n != 0) != (tt.want == store.RunOK) {
				t.Errorf("%d records of the page", n)
			}
		})
	}
}
