package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

const trail = `# Copyright (c) 2014-2026 Maltrail developers (https://github.com/stamparm/maltrail/)
# See the file 'LICENSE' for copying permission

# Aliases: Grey Heron

# Reference: https://news.example/heron#part-2
# Reference: https://other.example/heron

192.0.2.10:443
192.0.2.10:8443
gate.heron.example
http://heron.example/Panel/Gate.php
198.51.100.0/24
/heron/gate.php
gate.heron.example
`

func TestImportTrail(t *testing.T) {
	t.Parallel()
	st := newMemory(t)
	dir := folder(t, map[string]string{"malware/heron.txt": trail})
	sum, err := importAll(t, st, Options{}, Request{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"bare_path": 1, "range": 1}
	if diff := cmp.Diff(want, sum.Skipped.Counts()); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	if sum.Read != 7 || sum.New != 3 || sum.Merged != 2 || sum.Files.Read != 1 {
		t.Errorf("got %+v", sum)
	}
	places := sum.Skipped["range"].Places
	if len(places) != 1 || places[0].Where != filepath.Join(dir, "malware", "heron.txt")+":13" {
		t.Errorf("place of the range: %+v", places)
	}
	r := st.one("192.0.2.10")
	if diff := cmp.Diff([]uint16{443, 8443}, r.Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if r.Origin != store.OriginArticle || r.Feed.Name != "maltrail" || len(r.Families) == 0 {
		t.Errorf("record: %+v", r)
	}
	if len(st.articles) != 1 {
		t.Fatalf("%d articles, want one for the block", len(st.articles))
	}
	a := st.articles[r.Article.ID]
	if a.URL != "https://news.example/heron#part-2" || len(a.OtherURLs) != 1 || a.Title != "" {
		t.Errorf("article: %+v", a)
	}
	if id := store.ArticleID("maltrail", "https://news.example/heron"); a.ID != id {
		t.Errorf("article id %v, want %v: by the canonical URL", a.ID, id)
	}
	if !r.FirstSeen.Equal(testNow()) {
		t.Errorf("undated input is first seen %v, want the run's now", r.FirstSeen)
	}
}

func TestImportAgainChangesNothing(t *testing.T) {
	t.Parallel()
	st := newMemory(t)
	dir := folder(t, map[string]string{
		"malware/heron.txt": trail,
		"list.txt":          domains(0, 50) + domains(0, 3),
		"report/README.md":  "# Title\n\nRead https://news.example/report\n\n- bad[.]example and 192[.]0[.]2[.]7\n",
	})
	first, err := importAll(t, st, Options{BatchSize: 7}, Request{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	records := len(st.records)
	second, err := importAll(t, st, Options{BatchSize: 11}, Request{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	if second.New != 0 || second.Updated != 0 || second.Unchanged != first.New || second.Merged != first.Merged {
		t.Errorf("first %+v\nsecond %+v", first, second)
	}
	if diff := cmp.Diff(first.Skipped.Counts(), second.Skipped.Counts()); diff != "" {
		t.Errorf("skipped (-first +second):\n%s", diff)
	}
	if len(st.records) != records {
		t.Errorf("%d records, then %d", records, len(st.records))
	}
}

func TestImportFeedName(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"malware/heron.txt": trail, "list.txt": domains(0, 5)})
	tests := []struct {
		name string
		feed string
		want []store.Feed
	}{
		{"the format's own", "", []store.Feed{{Name: LocalFeed, Category: store.Community}, {Name: "maltrail", Category: store.Community}}},
		{"one for all", "Team", []store.Feed{{Name: "Team", Category: store.Community}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newMemory(t)
			if _, err := importAll(t, st, Options{}, Request{Paths: []string{dir}, FeedName: tt.feed}); err != nil {
				t.Fatal(err)
			}
			want := map[string]store.Feed{}
			for _, f := range tt.want {
				want[f.Name] = f
			}
			if diff := cmp.Diff(want, st.feeds); diff != "" {
				t.Errorf("feeds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestImportStdinAndForcedFormat(t *testing.T) {
	t.Parallel()
	st := newMemory(t)
	req := Request{Paths: []string{"-"}, Format: "list", Stdin: strings.NewReader("one two\nbad.example # note\n")}
	sum, err := importAll(t, st, Options{}, req)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Read != 2 || sum.New != 1 || sum.Skipped.Counts()["not_an_indicator"] != 1 {
		t.Errorf("got %+v", sum)
	}
	if r := st.one("bad.example"); r.Context != "note" || r.Origin != store.OriginFeed {
		t.Errorf("record: %+v", r)
	}
	if p := sum.Skipped["not_an_indicator"].Places; len(p) != 1 || p[0].Where != "stdin:1" {
		t.Errorf("places: %+v", p)
	}
}

func TestImportRefusesRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		req  Request
		want string
	}{
		{"no paths", Request{}, "name at least one"},
		{"unknown format", Request{Paths: []string{"-"}, Format: "stx"}, "maltrail"},
		{"feed name too long", Request{Paths: []string{"-"}, FeedName: strings.Repeat("x", 201)}, "at most 200"},
		{"feed name with a line break", Request{Paths: []string{"-"}, FeedName: "a\nb"}, "printable"},
		{"feed name with space around", Request{Paths: []string{"-"}, FeedName: " a"}, "without space"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newMemory(t)
			_, err := importAll(t, st, Options{}, tt.req)
			if !errors.Is(err, ErrRequest) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want ErrRequest with %q", err, tt.want)
			}
			if len(st.feeds) != 0 {
				t.Error("a run was started")
			}
		})
	}
}

func TestImportInterruptedWhileStdinWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, out := io.Pipe()
	defer out.Close() // ends the read that is left behind
	st := newMemory(t)
	go func() {
		if _, err := io.WriteString(out, domains(0, 4000)); err != nil {
			t.Error(err)
		}
		cancel()
	}()
	sum, err := importContext(t, ctx, st, Options{BatchSize: 100}, Request{Paths: []string{"-"}, Format: "list", Stdin: in})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatalf("error %v, want ErrInterrupted", err)
	}
	if int(sum.New) != len(st.records) || sum.Files.Failed.Count != 0 {
		t.Errorf("got %+v with %d records", sum, len(st.records))
	}
}

// TestImportSurvivesBadInputs gives good files beside all kinds of bad ones.
func TestImportSurvivesBadInputs(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"a.txt": domains(0, 3), "z.txt": domains(3, 3), "empty.txt": "", "image.png": "\x89PNG\x00\x01",
		".hidden": domains(90, 1), "LICENSE": "Permission is hereby granted",
	})
	if err := os.Symlink(dir, filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	st := newMemory(t)
	sum, err := importAll(t, st, Options{}, Request{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{FileEmpty: 1, FileUnknown: 1, FileHidden: 1, FileLicence: 1, FileLink: 1}
	if diff := cmp.Diff(want, sum.Files.Skipped.Counts()); diff != "" {
		t.Errorf("files left out (-want +got):\n%s", diff)
	}
	if sum.New != 6 || sum.Files.Read != 2 {
		t.Errorf("got %+v", sum)
	}
}

// TestImportSkipsRowsWithNUL wants a damaged row to cost itself only.
func TestImportSkipsRowsWithNUL(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"list.txt": domains(0, 100) + "bad\x00.example\n" + domains(100, 100)})
	st := newMemory(t)
	sum, err := importAll(t, st, Options{}, Request{Paths: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	if sum.New != 200 || sum.Files.Read != 1 || sum.Skipped.Total() != 1 || sum.Skipped[string(ioc.ReasonNUL)] == nil {
		t.Errorf("got %+v, want 200 and one row skipped for its NUL", sum)
	}
}

func TestImportNamedFailures(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"good.txt": domains(0, 3), "empty.txt": "", "image.png": "\x89PNG\x00\x01", "hollow/.hidden": "x",
		"unknown.json": `{"event": 1}`, "wide.csv": "value" + strings.Repeat(",c", 10_000) + "\nfox.example\n",
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	tests := []struct{ name, path, want string }{
		{"missing", at("missing.txt"), "does not exist"},
		{"empty", at("empty.txt"), "empty"},
		{"binary", at("image.png"), "binary"},
		{"binary, what to do", at("image.png"), "--format F"},
		{"too many columns", at("wide.csv"), "line 1 has more than 1000 columns"},
		{"unknown", at("unknown.json"), "--format F, one of csv, "},
		{"nothing inside", at("hollow"), "nothing that can be imported"},
		{"no standard input", "-", "standard input"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newMemory(t)
			sum, err := importAll(t, st, Options{}, Request{Paths: []string{tt.path, at("good.txt")}})
			if !errors.Is(err, ErrIncomplete) {
				t.Fatalf("error %v, want ErrIncomplete", err)
			}
			if len(st.records) != 3 {
				t.Errorf("%d records of the good file, want 3", len(st.records))
			}
			if f := sum.Files.Failed; f.Count != 1 || !strings.Contains(f.Places[0].Detail, tt.want) {
				t.Errorf("failed: %+v, want %q", f, tt.want)
			}
		})
	}
}

func TestImportReadmeOwnsLists(t *testing.T) {
	t.Parallel()
	const sha1, md5 = "1a62031bbb2c3f55d44f59917fd32e4ed2041224", "f784bae890214dab5563610632babe4a"
	dir := folder(t, map[string]string{
		"heron/README.adoc":    "= Heron indicators\n\nThe report is at https://news.example/heron/.\n\n| `" + sha1 + "` | wiper\n",
		"heron/samples.md5":    md5 + "\n",
		"heron/samples.sha1":   strings.ToUpper(sha1) + "\n",
		"alone/samples.sha256": strings.Repeat("ab", 32) + "\n",
	})
	for name, data := range map[string]string{"folder": dir, "zip": file(t, "heron.zip", zipped(t,
		entry{"heron/samples.md5", md5 + "\n"}, entry{"heron/samples.sha1", sha1 + "\n"},
		entry{"heron/README.adoc", "= Heron indicators\n\nThe report is at https://news.example/heron/.\n\n| `" + sha1 + "` | wiper\n"},
		entry{"alone/samples.sha256", strings.Repeat("ab", 32) + "\n"}))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newMemory(t)
			sum, err := importAll(t, st, Options{}, Request{Paths: []string{data}})
			if err != nil {
				t.Fatal(err)
			}
			if sum.Read != 4 || sum.New != 3 || sum.Merged != 1 {
				t.Errorf("got %+v", sum)
			}
			for _, value := range []string{sha1, md5} {
				r := st.one(value)
				if r.Article == nil || r.Article.URL != "https://news.example/heron/" || r.Article.Title != "Heron indicators" {
					t.Errorf("article of %s: %+v", value, r.Article)
				}
			}
			if st.one(sha1).Context == "" {
				t.Error("the context of the prose is lost to the list's lack of one")
			}
			if r := st.one(strings.Repeat("ab", 32)); r.Article != nil || r.Origin != store.OriginFeed {
				t.Errorf("list without README: %+v", r)
			}
		})
	}
}

func TestImportKeepsMarkings(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"red/README.md":   "TLP:RED\n\n# Heron\n\n- gate[.]example\n",
		"red/names.txt":   "panel.example\n",
		"rows/marked.csv": "indicator,tlp,reference\none.example,green,https://news.example/1\ntwo.example,amber,https://news.example/1\n",
	})
	st := newMemory(t)
	if _, err := importAll(t, st, Options{}, Request{Paths: []string{dir}}); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]ioc.TLP{"gate.example": ioc.Red, "panel.example": ioc.Red, "one.example": ioc.Green, "two.example": ioc.Amber} {
		r := st.one(value)
		if r.TLP != want {
			t.Errorf("%s is %v, want %v", value, r.TLP, want)
		}
		if a := st.articles[r.Article.ID]; a.TLP < want {
			t.Errorf("the article of %s is %v, want at least %v", value, a.TLP, want)
		}
	}
}

func TestImportInterrupted(t *testing.T) {
	t.Parallel()
	path := file(t, "list.txt", []byte(domains(0, 20_000)))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	st := newMemory(t)
	st.onWrite = func(ctx context.Context, _ []store.Observation) error {
		cancel()
		return ctx.Err() // what was read before the interrupt is still written
	}
	sum, err := importContext(t, ctx, st, Options{BatchSize: 100}, Request{Paths: []string{path}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatalf("error %v, want ErrInterrupted", err)
	}
	if sum.New == 0 || sum.New >= 20_000 || int(sum.New) != len(st.records) {
		t.Errorf("stored %d of which %d are there", sum.New, len(st.records))
	}
	st.onWrite = nil
	again, err := importAll(t, st, Options{}, Request{Paths: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	if again.Unchanged != sum.New || again.New+again.Unchanged != 20_000 {
		t.Errorf("first %+v\nthen %+v", sum, again)
	}
}

func TestImportStoreFails(t *testing.T) {
	t.Parallel()
	path := file(t, "list.txt", []byte(domains(0, 5_000)))
	broken := errors.New("disk full")
	st := newMemory(t)
	var batches atomic.Int64
	st.onWrite = func(context.Context, []store.Observation) error {
		if batches.Add(1) > 3 {
			return broken
		}
		return nil
	}
	sum, err := importAll(t, st, Options{BatchSize: 100}, Request{Paths: []string{path}})
	if !errors.Is(err, broken) {
		t.Fatalf("error %v, want the store's", err)
	}
	if sum.Read != 300 || sum.New != 300 {
		t.Errorf("got %+v, want what was stored and no more", sum)
	}
}

func TestImportWaitsForBusyStore(t *testing.T) {
	t.Parallel()
	path := file(t, "list.txt", []byte(domains(0, 10)))
	st := newMemory(t)
	var tries atomic.Int64
	st.onWrite = func(context.Context, []store.Observation) error {
		if tries.Add(1) == 1 {
			return fmt.Errorf("begin: %w", store.ErrBusy)
		}
		return nil
	}
	sum, err := importAll(t, st, Options{}, Request{Paths: []string{path}})
	if err != nil || sum.New != 10 {
		t.Errorf("got %+v, %v", sum, err)
	}
}

func TestImportReportsProgress(t *testing.T) {
	t.Parallel()
	path := file(t, "list.txt.gz", gzipped(t, []byte(domains(0, 20_000))))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := newMemory(t)
	st.onWrite = func(context.Context, []store.Observation) error { time.Sleep(10 * time.Millisecond); return nil }
	var last Status
	calls := 0
	_, err = New(st, Options{BatchSize: 500}).Import(context.Background(), Request{Paths: []string{path}}, func(s Status) {
		if s.ReadBytes < last.ReadBytes || s.Written < last.Written || s.ReadBytes > s.TotalBytes && s.TotalBytes > 0 {
			t.Errorf("progress went from %+v to %+v", last, s)
		}
		last = s
		calls++
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Status{TotalBytes: info.Size(), ReadBytes: info.Size(), Read: 20_000, Written: 20_000, Finishing: true}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("last status (-want +got):\n%s", diff)
	}
	if calls < 2 {
		t.Errorf("%d calls, want some on the way", calls)
	}
}

func TestImportUnreadableFile(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"a.txt": domains(0, 3), "locked.txt": domains(3, 3), "z.txt": domains(6, 3)})
	locked := filepath.Join(dir, "locked.txt")
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(locked); err == nil {
		f.Close()
		t.Skip("SKIPPED: this user may read everything")
	}
	sum, err := importAll(t, newMemory(t), Options{}, Request{Paths: []string{dir}})
	if !errors.Is(err, ErrIncomplete) || sum.New != 6 {
		t.Fatalf("got %v %+v", err, sum)
	}
	if got := sum.Files.Failed.Places; len(got) != 1 || got[0].Where != locked || !strings.Contains(got[0].Detail, "allow this user") {
		t.Errorf("failed: %+v", got)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"permission", &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission}, "permission denied; allow this user to read it"},
		{"cut short", fmt.Errorf("read line 3: %w", io.ErrUnexpectedEOF), "read line 3: unexpected EOF: the file is cut short; what came before is imported"},
		{"other", &fs.PathError{Op: "read", Path: "/x", Err: errors.New("input/output error")}, "input/output error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := explain(tt.err).Error(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestImportReadError reads from what opens and cannot be read.
func TestImportReadError(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/mem"); err != nil {
		t.Skip("SKIPPED: no file here that opens and cannot be read")
	}
	good := file(t, "good.txt", []byte(domains(0, 3)))
	sum, err := importAll(t, newMemory(t), Options{}, Request{Paths: []string{"/proc/self/mem", good}})
	if !errors.Is(err, ErrIncomplete) || sum.New != 3 || sum.Files.Failed.Count != 1 {
		t.Errorf("got %v %+v", err, sum)
	}
}

// endless is a reader that fails after some lines, as a pipe does whose writer
// is killed.
type endless struct {
	text io.Reader
	err  error
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.text.Read(p)
	if errors.Is(err, io.EOF) {
		err = e.err
	}
	return n, err
}

func TestImportBrokenStream(t *testing.T) {
	t.Parallel()
	st := newMemory(t)
	in := &endless{text: strings.NewReader(domains(0, 1000) + "cut.exam"), err: io.ErrUnexpectedEOF}
	sum, err := importAll(t, st, Options{}, Request{Paths: []string{"-"}, Format: "list", Stdin: in})
	if !errors.Is(err, ErrIncomplete) {
		t.Fatalf("error %v, want ErrIncomplete", err)
	}
	if sum.New != 1000 || len(st.find("cut.exam")) != 0 {
		t.Errorf("got %+v: want the whole lines and nothing of the one that is cut", sum)
	}
}

// TestImportKeepsIndustries: the sectors among an article's tags are what
// industry= filters by; a row of no article has none.
func TestImportKeepsIndustries(t *testing.T) {
	t.Parallel()
	st := newMemory(t)
	csv := "indicator,reference,tags\ngrid.example,https://news.example/grid,\"heron,Energy,dams\"\nlone.example,,energy\n"
	if _, err := importAll(t, st, Options{}, Request{Paths: []string{"-"}, Format: "csv", Stdin: strings.NewReader(csv)}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dams", "energy"}, st.one("grid.example").Industries); diff != "" {
		t.Errorf("industries (-want +got):\n%s", diff)
	}
	if got := st.one("lone.example").Industries; got != nil {
		t.Errorf("industries without an article: %q", got)
	}
}

func TestObservationIsBounded(t *testing.T) {
	t.Parallel()
	st := newMemory(t)
	csv := "indicator,description,tags\nbad.example,\"" + strings.Repeat("\u00e9", 20_000) + "\xff\",\"a,b\"\n"
	if _, err := importAll(t, st, Options{}, Request{Paths: []string{"-"}, Format: "csv", Stdin: strings.NewReader(csv)}); err != nil {
		t.Fatal(err)
	}
	r := st.one("bad.example")
	if len(r.Context) > maxContext || r.Context != clean(r.Context, maxContext) {
		t.Errorf("context of %d bytes", len(r.Context))
	}
	if r.Type != ioc.Domain {
		t.Errorf("type %v", r.Type)
	}
}
