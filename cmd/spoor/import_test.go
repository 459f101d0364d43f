package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ingest"
)

// importInput writes a folder with a list, a feed, a report and what nothing
// can read, and returns where.
func importInput(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"list.txt":         "evil.example\n192.0.2.10:443\n198.51.100.0/24\nevil.example\n",
		"heron/README.md":  "# Heron\n\nThe report is at https://news.example/heron\n\n- gate[.]example\n",
		"heron/names.txt":  "panel.example\n",
		"other/event.json": `{"Event": {"id": "1"}}`,
	} {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestImportPrintsTable(t *testing.T) {
	t.Parallel()
	onEngines(t, importPrintsTable)
}

func importPrintsTable(t *testing.T, e engine) {
	t.Helper()
	r := spoor(t, "", e.fresh(t).after("import", importInput(t))...)
	if r.status != statusDone {
		t.Fatalf("status %d\n%s", r.status, r.stderr)
	}
	var got []string
	for line := range strings.Lines(r.stdout) {
		words := strings.Fields(line)
		got = append(got, strings.Join(words[:min(len(words), 2)], " "))
	}
	want := []string{"read 6", "new 4", "updated 0", "unchanged 0", "merged 1", "skipped 1", "range 1", "files left"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s\n%s", diff, r.stdout)
	}
	for _, note := range []string{"event.json: no parser knows it", "list.txt:3: range: "} {
		if !strings.Contains(r.stderr, note) {
			t.Errorf("standard error lacks %q:\n%s", note, r.stderr)
		}
	}
}

func TestImportPrintsJSON(t *testing.T) {
	t.Parallel()
	onEngines(t, importPrintsJSON)
}

func importPrintsJSON(t *testing.T, e engine) {
	t.Helper()
	at, input := e.fresh(t), importInput(t)
	want := importResult{
		Read: 6, New: 4, Merged: 1, Skipped: map[string]int64{"range": 1},
		Files: importFiles{Read: 3, Skipped: map[string]int64{ingest.FileUnknown: 1}},
	}
	for _, again := range []bool{false, true} {
		if again {
			want.New, want.Unchanged = 0, want.New
		}
		var got importResult
		if err := json.Unmarshal([]byte(must(t, at.after("import", "--json", input)...)), &got); err != nil {
			t.Fatal(err)
		}
		if got.Bytes == 0 || got.Seconds <= 0 {
			t.Errorf("bytes %d, seconds %v", got.Bytes, got.Seconds)
		}
		got.Bytes, got.Seconds = 0, 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("again %v (-want +got):\n%s", again, diff)
		}
	}
}

func TestImportStatus(t *testing.T) {
	t.Parallel()
	good := filepath.Join(importInput(t), "list.txt")
	prose := filepath.Join(t.TempDir(), "note.txt")
	if err := os.WriteFile(prose, []byte("Nothing to see here today.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"no path", nil, statusUsage, "name at least one file"},
		{"unknown format", []string{"--format", "stix9", good}, statusUsage, "use one of csv, "},
		{"empty feed name", []string{"--feed", " ", good}, statusUsage, "--feed is empty"},
		{"missing file beside a good one", []string{good + ".gone", good}, statusFailed, "list.txt.gone: does not exist"},
		{"nothing in it", []string{prose}, statusDone, "no indicators were found"},
		{"standard input", []string{"--format", "list", "-"}, statusDone, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := spoor(t, "stdin.example\n", append([]string{"import", "--data", t.TempDir()}, tt.args...)...)
			if r.status != tt.status || !strings.Contains(r.stderr, tt.want) {
				t.Errorf("status %d, want %d with %q:\n%s", r.status, tt.status, tt.want, r.stderr)
			}
			if tt.status == statusFailed && !strings.Contains(r.stdout, "new") {
				t.Errorf("the good file's counts are missing:\n%s", r.stdout)
			}
		})
	}
}

// TestImportThatWasNotWhole: what was not read may hold indicators, so that
// nothing is said of there being none.
func TestImportThatWasNotWhole(t *testing.T) {
	t.Parallel()
	prose := filepath.Join(t.TempDir(), "note.txt")
	if err := os.WriteFile(prose, []byte("Nothing to see here today.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := spoor(t, "", "import", "--data", t.TempDir(), prose, prose+".gone")
	if r.status != statusFailed || strings.Contains(r.stderr, "no indicators were found") {
		t.Errorf("status %d:\n%s", r.status, r.stderr)
	}
}

func TestImportProgressLine(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 5, 15, 8, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		status ingest.Status
		want   string
	}{
		{
			"half way", ingest.Status{TotalBytes: 10_000_000, ReadBytes: 5_000_000, Read: 210_000, Written: 200_000},
			"read 5.0 MB, 210,000 values, stored 200,000 (20,000 a second), 50%, about 10s left",
		},
		{
			"of unknown size", ingest.Status{TotalBytes: -1, ReadBytes: 999, Read: 7, Written: 0},
			"read 999 bytes, 7 values, stored 0 (0 a second)",
		},
		{
			"finishing", ingest.Status{TotalBytes: 10, ReadBytes: 10, Read: 1000, Written: 1000, Finishing: true},
			"read 10 bytes, 1,000 values, stored 1,000 (100 a second), tidying the index",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &importProgress{began: began, now: func() time.Time { return began.Add(10 * time.Second) }}
			if got := p.line(tt.status); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestImportProgressLinesAreRare(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	now := time.Date(2026, 5, 15, 8, 0, 0, 0, time.UTC)
	p := &importProgress{out: &out, began: now, told: now, now: func() time.Time { return now }}
	for range 100 { // 20 seconds
		now = now.Add(200 * time.Millisecond)
		p.update(ingest.Status{TotalBytes: 100, ReadBytes: 1})
	}
	if got := strings.Count(out.String(), "\n"); got != 4 {
		t.Errorf("%d lines in 20 seconds, want 4:\n%s", got, out.String())
	}
}

func TestImportBar(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &importProgress{out: &out, fancy: true, began: time.Now(), now: time.Now}
	p.update(ingest.Status{TotalBytes: 1000, ReadBytes: 400, Written: 12_345})
	p.update(ingest.Status{TotalBytes: 1000, ReadBytes: 1000, Written: 20_000, Finishing: true})
	p.end()
	for _, want := range []string{"12,345 stored", "40%", "tidying the index"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the bar lacks %q: %q", want, out.String())
		}
	}
	if strings.Contains(out.String(), "100%") {
		t.Errorf("the bar is full before the import has ended: %q", out.String())
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
}
