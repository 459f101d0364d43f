package feed

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// parsed is what a parser delivered.
type parsed struct {
	items []Item
	skips []Skip
	err   error
}

// collect runs a parser over input.
func collect(tb testing.TB, p Parser, name, input string) parsed {
	tb.Helper()
	var got parsed
	got.err = p.Parse(context.Background(), strings.NewReader(input), Source{Name: name}, Sink{
		Item: func(i Item) error { got.items = append(got.items, i); return nil },
		Skip: func(s Skip) error { got.skips = append(got.skips, s); return nil },
	})
	return got
}

// parseCase is a case of the tests of one parser.
type parseCase struct {
	name   string
	source string
	input  string
	items  []Item
	// skips are compared by place and reason.
	skips []Skip
	// err is part of the wanted error; empty means none.
	err string
}

// runCases checks a parser against its table.
func runCases(t *testing.T, p Parser, cases []parseCase) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := collect(t, p, test.source, test.input)
			if diff := cmp.Diff(got.items, test.items); diff != "" {
				t.Errorf("items, got - want +:\n%s", diff)
			}
			for i := range got.skips {
				if got.skips[i].Detail == "" {
					t.Errorf("skip %v has no detail", got.skips[i])
				}
				got.skips[i].Detail = ""
			}
			if diff := cmp.Diff(got.skips, test.skips); diff != "" {
				t.Errorf("skips, got - want +:\n%s", diff)
			}
			checkError(t, got.err, test.err)
		})
	}
}

func checkError(tb testing.TB, got error, want string) {
	tb.Helper()
	if (got == nil) != (want == "") || got != nil && !strings.Contains(got.Error(), want) {
		tb.Errorf("error = %v, want %q", got, want)
	}
}

// fuzzParser holds a parser to the promises of the package: it ends, does not
// panic, gives the same for the same input, and keeps its bounds.
func fuzzParser(f *testing.F, p Parser, seeds ...string) {
	f.Helper()
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		got := collect(t, p, "malware/fox.txt", input)
		again := collect(t, p, "malware/fox.txt", input)
		if diff := cmp.Diff(got.items, again.items); diff != "" {
			t.Errorf("items differ between two runs:\n%s", diff)
		}
		if diff := cmp.Diff(got.skips, again.skips); diff != "" || (got.err == nil) != (again.err == nil) {
			t.Errorf("skips or errors differ between two runs: %v, %v\n%s", got.err, again.err, diff)
		}
		for _, item := range got.items {
			if item.Where == "" || item.Raw == "" {
				t.Errorf("item without place or value: %+v", item)
			}
			if !utf8.ValidString(item.Context) || strings.Contains(item.Context, "\x00") || len(item.Context) > maxText {
				t.Errorf("%s: context not fit to keep: %q", item.Where, item.Context)
			}
			if a := item.Article; a != nil && !utf8.ValidString(a.URL+a.Title+a.Publisher+a.Summary+a.GUID) {
				t.Errorf("%s: article not fit to keep: %+v", item.Where, a)
			}
			for _, tag := range slices.Concat(item.Tags, item.Families, item.Techniques) {
				if !utf8.ValidString(tag) || tag == "" || len(tag) > maxTagLen || strings.ContainsAny(tag, ";, \x00\n") {
					t.Errorf("%s: bad tag %q", item.Where, tag)
				}
			}
			if len(item.Tags) > maxTags || len(item.Families) > maxTags || len(item.Ports) > maxTags {
				t.Errorf("%s: over the bound on tags", item.Where)
			}
		}
		for _, skip := range got.skips {
			if skip.Where == "" || skip.Reason == "" || skip.Detail == "" {
				t.Errorf("skip says too little: %+v", skip)
			}
		}
	})
}

// date is a time of a test case.
func date(tb testing.TB, s string) time.Time {
	tb.Helper()
	t, err := time.Parse(time.DateTime, s)
	if err != nil {
		tb.Fatalf("parse test date: %v", err)
	}
	return t
}

// samples holds a small valid input of every format.
func samples() map[string]string {
	return map[string]string{
		"maltrail":  "# Reference: https://blog.example/a\n\nfox.example\n192.0.2.1:443\n",
		"urlhaus":   urlhausHead + "\"1\",\"2026-01-02 03:04:05\",\"http://192.0.2.1/i\",\"online\",\"\",\"malware_download\",\"elf,None\",\"https://urlhaus.example/1\",\"me\"\n",
		"threatfox": `{"query_status":"ok","data":[{"id":"1","ioc":"192.0.2.1:443","ioc_type":"ip:port","malware":"win.fox","confidence_level":75}]}`,
		"feodo":     `[{"ip_address":"192.0.2.1","port":443,"malware":"Fox","first_seen":"2026-01-02 03:04:05"}]`,
		"kev":       `{"vulnerabilities":[{"cveID":"CVE-2026-0001","dateAdded":"2026-01-02","notes":"https://vendor.example/a"}]}`,
		"list":      "fox.example\n192.0.2.1 # note\n",
		"misp":      `{"Event":{"info":"a","uuid":"b","Attribute":[{"type":"domain","value":"fox.example","to_ids":true}]}}`,
		"stix":      `{"type":"bundle","id":"bundle--1","objects":[{"type":"indicator","id":"indicator--1","pattern":"[domain-name:value = 'fox.example']"}]}`,
		"taxii":     `{"more":false,"objects":[{"type":"indicator","id":"indicator--1","pattern":"[domain-name:value = 'fox.example']"}]}`,
		"csv":       "value,type\nfox.example,domain\n",
	}
}

func TestSinkErrorStops(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	for _, f := range rowFormats() {
		calls := 0
		sink := Sink{Item: func(Item) error { calls++; return stop }, Skip: func(Skip) error { return nil }}
		err := f.Parser.Parse(context.Background(), strings.NewReader(samples()[f.Name]), Source{}, sink)
		if !errors.Is(err, stop) || calls != 1 {
			t.Errorf("%s: error = %v after %d items, want the sink's after one", f.Name, err, calls)
		}
	}
}

func TestContextStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, f := range rowFormats() {
		sink := Sink{Item: func(Item) error { return nil }, Skip: func(Skip) error { return nil }}
		err := f.Parser.Parse(ctx, strings.NewReader(samples()[f.Name]), Source{}, sink)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error = %v, want context.Canceled", f.Name, err)
		}
	}
}

// TestReadErrorIsReported cuts every sample with a failing reader.
func TestReadErrorIsReported(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	for _, f := range rowFormats() {
		r := io.MultiReader(strings.NewReader(samples()[f.Name]), errorReader{broken})
		sink := Sink{Item: func(Item) error { return nil }, Skip: func(Skip) error { return nil }}
		if err := f.Parser.Parse(context.Background(), r, Source{}, sink); !errors.Is(err, broken) {
			t.Errorf("%s: error = %v, want %v", f.Name, err, broken)
		}
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// TestEncodings reads every sample in the encodings that a byte order mark
// declares, and wants the same items.
func TestEncodings(t *testing.T) {
	t.Parallel()
	for _, f := range rowFormats() {
		plain := samples()[f.Name]
		want := collect(t, f.Parser, "", plain)
		if len(want.items) == 0 || want.err != nil {
			t.Fatalf("%s: sample gives %d items, error %v", f.Name, len(want.items), want.err)
		}
		for name, input := range map[string]string{
			"UTF-8 with mark": "\uFEFF" + plain,
			"UTF-16LE":        encodeUTF16(plain, false),
			"UTF-16BE":        encodeUTF16(plain, true),
			"CRLF":            strings.ReplaceAll(plain, "\n", "\r\n"),
		} {
			got := collect(t, f.Parser, "", input)
			if diff := cmp.Diff(got.items, want.items); diff != "" || got.err != nil {
				t.Errorf("%s in %s: error %v, got - want +:\n%s", f.Name, name, got.err, diff)
			}
			if detected, ok := Detect("", []byte(input)); !ok || detected.Name != f.Name {
				t.Errorf("Detect(%s in %s) = %q, %v", f.Name, name, detected.Name, ok)
			}
		}
	}
}

func encodeUTF16(s string, big bool) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune("\uFEFF" + s)) {
		low, high := byte(unit), byte(unit>>8)
		if big {
			low, high = high, low
		}
		b.WriteByte(low)
		b.WriteByte(high)
	}
	return b.String()
}

// endless gives head, then n times filler, then tail, and holds none of it.
type endless struct {
	head, tail string
	filler     byte
	n          int
}

func (e *endless) Read(p []byte) (int, error) {
	switch {
	case e.head != "":
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	case e.n > 0:
		n := min(len(p), e.n)
		for i := range n {
			p[i] = e.filler
		}
		e.n -= n
		return n, nil
	case e.tail != "":
		n := copy(p, e.tail)
		e.tail = e.tail[n:]
		return n, nil
	}
	return 0, io.EOF
}

// TestHugeLineIsBounded feeds one huge line, cell or string to every parser:
// 100 MB where that is quick. It is not parallel: it counts what the process
// allocates.
func TestHugeLineIsBounded(t *testing.T) { //nolint:paralleltest // measures allocation
	const allowed = 8 << 20
	tests := []struct {
		mb                       int
		name, format, head, tail string
		items, skips             int
		err                      string
	}{
		{100, "maltrail line", "maltrail", "a.example\n", "\nb.example\n", 2, 1, ""},
		{100, "list line", "list", "a.example\n", "\nb.example\n", 2, 1, ""},
		{100, "csv row", "csv", "value\na.example\n", "\nb.example\n", 2, 1, ""},
		{100, "csv quoted cell", "csv", "value\na.example\n\"", "\"\nb.example\n", 2, 1, ""},
		{100, "csv header", "csv", "value,", "\nb.example\n", 0, 0, "longer than"},
		{100, "urlhaus header", "urlhaus", "", "", 0, 0, "longer than"},
		{100, "kev string", "kev", `{"x":1,"vulnerabilities":[{"cveID":"CVE-2026-1"},{"cveID":"`, `"},{"cveID":"CVE-2026-2"}]}`, 2, 1, ""},
		{20, "threatfox string", "threatfox", `{"data":[{"ioc":"`, `"},{"ioc":"a.example"}]}`, 1, 1, ""},
		{20, "threatfox number", "threatfox", `{"data":[1`, `,{"ioc":"a.example"}]}`, 1, 1, ""},
		{20, "feodo unclosed string", "feodo", `[{"ip_address":"192.0.2.1"},{"ip_address":"`, ``, 1, 0, "ends in the middle"},
		{20, "misp attribute", "misp", `{"Event":{"info":"a","Attribute":[{"type":"attachment","data":"`, `"},{"type":"domain","value":"a.example"}]}}`, 1, 1, ""},
		{20, "misp report", "misp", `{"Event":{"info":"a","EventReport":[{"content":"`, `"}],"Attribute":[{"type":"domain","value":"a.example"}]}}`, 1, 0, ""},
		{20, "stix object", "stix", `{"objects":[{"type":"artifact","payload_bin":"`, `"},{"type":"url","value":"http://a.example/"}]}`, 1, 1, ""},
		{20, "taxii next", "taxii", `{"next":"`, `","objects":[{"type":"url","value":"http://a.example/"}]}`, 1, 0, ""},
		{20, "kev member name", "kev", `{"`, `":1}`, 0, 0, "member name"},
		{20, "kev outside of the list", "kev", `{"title":"`, `","vulnerabilities":[{"cveID":"CVE-2026-1"}]}`, 1, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := ByName(test.format)
			if err != nil {
				t.Fatal(err)
			}
			items, skips := 0, 0
			sink := Sink{Item: func(Item) error { items++; return nil }, Skip: func(Skip) error { skips++; return nil }}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err = f.Parser.Parse(context.Background(), &endless{test.head, test.tail, '1', test.mb << 20}, Source{}, sink)
			runtime.ReadMemStats(&after)
			checkError(t, err, test.err)
			if items != test.items || skips != test.skips {
				t.Errorf("got %d items and %d skips, want %d and %d", items, skips, test.items, test.skips)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > allowed {
				t.Errorf("allocated %d bytes for %d MB, want at most %d", used, test.mb, allowed)
			}
		})
	}
}
