package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
)

// TestMergeExpired wants the warning that a value has expired to be that of the
// statement which holds, in whatever order they are read.
func TestMergeExpired(t *testing.T) {
	t.Parallel()
	ind, err := ioc.Identify("a.bad-relay.top")
	if err != nil {
		t.Fatal(err)
	}
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	over, other := Warning{List: WarningExpired, Reason: "long ago"}, Warning{List: "l", Reason: "r"}
	past := Observation{Indicator: ind, FirstSeen: day(1), LastSeen: day(1), ValidUntil: day(2), Warnings: []Warning{over, other}}
	again := Observation{Indicator: ind, FirstSeen: day(1), LastSeen: day(5), ValidUntil: day(30)}
	for name, order := range map[string][]Observation{
		"extended":        {past, again},
		"read backwards":  {again, past},
		"read over again": {past, again, past},
	} {
		r := NewRecord(Feed{Name: "f"}, order[0], day(6))
		for _, o := range order[1:] {
			r, _ = Merge(r, o)
		}
		if diff := cmp.Diff([]Warning{other}, r.Warnings); diff != "" || !r.ValidUntil.Equal(day(30)) {
			t.Errorf("%s: valid until %v (-want +got):\n%s", name, r.ValidUntil, diff)
		}
	}
	r := NewRecord(Feed{Name: "f"}, past, day(6))
	if same, changed := Merge(r, past); changed || len(same.Warnings) != 2 {
		t.Errorf("said again: %+v, changed %t", same.Warnings, changed)
	}
}
