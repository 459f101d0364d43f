package column_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/store"
	"spoor/internal/store/column"
)

func TestFeedState(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 17, 10, 30, 0, 0, time.UTC)
	for name, want := range map[string]store.FeedState{
		"none": {Feed: "f"},
		"all": {
			Feed: "f", Setup: "0a", ETag: `"a"`, LastModified: "b", Digest: "c", Cursor: "d", Format: "list", Seen: []uint64{math.MaxUint64, 0, 1}, Items: 7,
			NextRun: at, LastRun: at.Add(-time.Hour), LastGood: at.Add(-2 * time.Hour), Failures: 2, Status: store.RunFailed,
			Reason: "e", Held: &store.HeldCopy{Digest: "f", Items: 8, Since: at},
		},
		"held without more": {Feed: "f", Held: &store.HeldCopy{}},
	} {
		text, err := column.FeedState(&want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := column.ParseFeedState("f", text)
		if diff := cmp.Diff(got, want); err != nil || diff != "" {
			t.Errorf("%s: %v, of %s (-got +want):\n%s", name, err, text, diff)
		}
		if strings.Contains(text, `"feed"`) || name == "none" && text != "{}" {
			t.Errorf("%s: the column is %s", name, text)
		}
	}
	for _, text := range []string{"", "{", "[]", `{"seen":"AAAA"}`, `{"seen":"?"}`, `{"items":"a"}`} {
		if _, err := column.ParseFeedState("f", text); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("ParseFeedState of %q = %v, want ErrCorrupt", text, err)
		}
	}
}

func TestRunStats(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]store.RunStats{
		"none": {},
		"all": {
			Read: 1, New: 2, Updated: 3, Unchanged: 4, Merged: 5, Skipped: 6, Dropped: map[string]int64{"range": 5, "": 1},
			Bytes: math.MaxInt64, Items: 8, Took: time.Hour + 1, Status: store.RunPartial, Error: "one of two",
		},
	} {
		text, err := column.RunStats(&want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := column.ParseRunStats(text)
		if diff := cmp.Diff(got, want); err != nil || diff != "" {
			t.Errorf("%s: %v, of %s (-got +want):\n%s", name, err, text, diff)
		}
	}
	// As runs were kept before they had more to count.
	const before = `{"Read":21,"New":1,"Updated":2,"Unchanged":3,"Merged":4,"Skipped":11}`
	want := store.RunStats{Read: 21, New: 1, Updated: 2, Unchanged: 3, Merged: 4, Skipped: 11}
	if got, err := column.ParseRunStats(before); err != nil || !cmp.Equal(got, want) {
		t.Errorf("ParseRunStats(%s) = %+v, %v, want %+v", before, got, err, want)
	}
	if _, err := column.ParseRunStats(""); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("ParseRunStats of nothing = %v, want ErrCorrupt", err)
	}
}

// FuzzState: whatever a column holds, reading it does not panic, and what was
// read is written so that it reads the same.
func FuzzState(f *testing.F) {
	for _, seed := range []string{"{}", `{"seen":"AAAAAAAAAAE=","held":{"items":1},"next_run":1}`, `{"Read":1,"dropped":{"a":1},"took":5}`, `{"seen":null,"held":null}`, "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := column.ParseFeedState("f", text); err == nil {
			again, err := column.FeedState(&s)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := column.ParseFeedState("f", again); err != nil || !cmp.Equal(back, s) {
				t.Errorf("%q reads as %+v, and written as %+v, %v", text, s, back, err)
			}
		}
		if s, err := column.ParseRunStats(text); err == nil {
			again, err := column.RunStats(&s)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := column.ParseRunStats(again); err != nil || !cmp.Equal(back, s) {
				t.Errorf("%q reads as %+v, and written as %+v, %v", text, s, back, err)
			}
		}
	})
}
