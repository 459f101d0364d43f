package ingest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/benign"
	"spoor/internal/extract"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

func found(t *testing.T, raw string, defanged, listed bool) extract.Candidate {
	t.Helper()
	ind, err := ioc.Identify(raw)
	if err != nil {
		t.Fatal(err)
	}
	return extract.Candidate{Indicator: ind, Raw: raw, Defanged: defanged, Listed: listed}
}

func TestJudged(t *testing.T) {
	t.Parallel()
	const defanged, listed = true, true
	c := func(raw string, defanged, listed bool) []extract.Candidate {
		return []extract.Candidate{found(t, raw, defanged, listed)}
	}
	tests := []struct {
		name  string
		found []extract.Candidate
		kept  int
		why   string
	}{
		{"nothing known of it", c("c2.bad-relay.top", false, false), 1, ""},
		{"known-good", c("www.microsoft.com", false, false), 0, ReasonKnownGood},
		{"known-good, in a table", c("www.microsoft.com", false, listed), 0, ReasonKnownGood},
		{"known-good, defanged", c("www.microsoft.com", defanged, false), 1, ""},
		{"a link to a known-good host", c("https://www.microsoft.com/en-us/blog/x", false, false), 0, ReasonKnownGood},
		{"a listed link there", c("https://www.microsoft.com/en-us/blog/x", false, listed), 1, ""},
		{"a file share", c("https://drive.google.com/uc?id=1", false, false), 1, ""},
		{"a private address", c("10.1.2.3", false, listed), 0, ReasonKnownGood},
		{"an empty file", c("d41d8cd98f00b204e9800998ecf8427e", false, listed), 0, ReasonKnownGood},
		{"an example", c("www.example.com", false, false), 0, ReasonExample},
		{"a listed example", c("www.example.com", false, listed), 1, ""},
		{"an example in a report in examples", append(c("192.0.2.10", false, false), c("gate.example", defanged, false)...), 2, ""},
		{"one mention counts for all", append(c("www.microsoft.com", false, false), c("www.microsoft.com", defanged, false)...), 2, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			kept, dropped := Judged(benign.Builtin(), tt.found)
			if len(kept) != tt.kept || tt.why == "" && dropped != nil || tt.why != "" && dropped[tt.why] != int64(len(tt.found)-tt.kept) {
				t.Errorf("kept %d, dropped %v, want %d kept, %s", len(kept), dropped, tt.kept, tt.why)
			}
		})
	}
}

// TestPollMarks wants structured rows to be marked and never dropped, by lists
// and by time.
func TestPollMarks(t *testing.T) {
	t.Parallel()
	p, d := newPress(t), newDesk(t)
	p.put("/bundle.json", "application/json", `{"type":"bundle","id":"bundle--1","objects":[
		{"type":"indicator","id":"indicator--00000000-0000-4000-8000-000000000001","pattern_type":"stix","pattern":"[domain-name:value = 'www.microsoft.com']","valid_from":"2026-01-01T00:00:00Z"},
		{"type":"indicator","id":"indicator--00000000-0000-4000-8000-000000000002","pattern_type":"stix","pattern":"[domain-name:value = 'old.bad-relay.top']","valid_from":"2026-01-01T00:00:00Z","valid_until":"2026-02-01T00:00:00Z"},
		{"type":"indicator","id":"indicator--00000000-0000-4000-8000-000000000003","pattern_type":"stix","pattern":"[domain-name:value = 'soon.bad-relay.top']","valid_from":"2026-01-01T00:00:00Z","valid_until":"2026-11-05T00:00:00Z"}]}`)
	rep := d.poll(source("stix", p.URL+"/bundle.json", "stix"), store.RunOK)
	if rep.Stats.New != 3 {
		t.Errorf("%+v", rep.Stats)
	}
	if w := d.one(ioc.Domain, "www.microsoft.com").Warnings; len(w) != 1 || w[0].List == ListExpired {
		t.Errorf("known-good: %+v", w)
	}
	old := []store.Warning{{List: ListExpired, Reason: "the source vouched for it until 2026-02-01"}}
	if diff := cmp.Diff(old, d.one(ioc.Domain, "old.bad-relay.top").Warnings); diff != "" {
		t.Errorf("expired (-want +got):\n%s", diff)
	}
	if w := d.one(ioc.Domain, "soon.bad-relay.top").Warnings; w != nil {
		t.Errorf("still valid: %+v", w)
	}
	// A week later it no longer is.
	n, err := d.st.Rejudge(t.Context(), "", Anew(benign.Builtin(), d.clock.Now().Add(7*24*time.Hour)))
	if err != nil || n != 1 {
		t.Errorf("%d records changed, %v", n, err)
	}
	if w := d.one(ioc.Domain, "soon.bad-relay.top").Warnings; len(w) != 1 || w[0].List != ListExpired {
		t.Errorf("a week later: %+v", w)
	}
}
