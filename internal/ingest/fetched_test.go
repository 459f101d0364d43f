package ingest

import (
	"strings"
	"testing"

	"spoor/internal/store"
)

// TestPollUnpacked serves an archive whose entries are within the bound each,
// and together over it.
func TestPollUnpacked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		total int64
		want  store.RunStatus
	}{{"within", 1 << 20, store.RunOK}, {"over", 3 << 10, store.RunFailed}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, d := newPress(t), newDesk(t)
			d.poller.in.limits.TotalBytes = tt.total
			p.put("/a.zip", "application/zip", string(zipped(t, entry{"a.txt", domains(0, 100)}, entry{"b.txt", domains(100, 100)})))
			rep := d.poll(source("a", p.URL+"/a.zip", "list"), tt.want)
			if over := strings.Contains(rep.Stats.Error, "bytes in all"); over != (tt.want == store.RunFailed) {
				t.Errorf("error %q", rep.Stats.Error)
			}
		})
	}
	if l := (Limits{}).orDefaults().ofFetched(); l.TotalBytes != 1<<30 || l.EntryBytes != 1<<30 {
		t.Errorf("limits of what is fetched: %+v", l)
	}
}
