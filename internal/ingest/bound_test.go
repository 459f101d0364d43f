package ingest

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// generated is an input that is made while it is read, and that watches how
// much memory is in use meanwhile.
type generated struct {
	next func() []byte // nil at the end
	rest []byte
	read int64
	seen int64
	peak uint64
}

func (g *generated) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		if g.rest = g.next(); g.rest == nil {
			return 0, io.EOF
		}
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	g.read += int64(n)
	if g.read-g.seen > 4<<20 {
		g.seen = g.read
		g.peak = max(g.peak, heap())
	}
	return n, nil
}

// heap is the memory in use, garbage that is not collected yet included.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// repeat gives a piece n times.
func repeat(piece []byte, n int) func() []byte {
	return func() []byte {
		if n--; n < 0 {
			return nil
		}
		return piece
	}
}

// TestMemoryIsBounded reads inputs that are far larger than what may be used
// for them. It runs alone: others would count.
func TestMemoryIsBounded(t *testing.T) { //nolint:paralleltest // measures the heap
	const mb = 1 << 20
	line := 0
	numbered := func() []byte {
		if line++; line > 3_000_000 {
			return nil
		}
		return fmt.Appendf(nil, "host-%d.bad.example\n", line)
	}
	wide := []byte(strings.Repeat("cell,", 9_999) + "cell\n")
	row := 0
	tagged := func() []byte {
		row++
		switch {
		case row == 1:
			return []byte("indicator,tags\n")
		case row > 10_000:
			return nil
		}
		tags := fmt.Appendf(nil, "t-%d.bad.example,\"", row)
		for i := range 200 {
			tags = fmt.Appendf(tags, "row-%d-tag-%d-%s,", row, i, strings.Repeat("x", 80))
		}
		return append(tags, "\"\n"...)
	}
	block := 0
	referenced := func() []byte {
		if block++; block > 500 {
			return nil
		}
		var lines []byte
		for i := range 200 {
			lines = fmt.Appendf(lines, "# Reference: https://news.example/%d/%d/%s\n", block, i, strings.Repeat("x", 1900))
		}
		return fmt.Appendf(lines, "\nr-%d.bad.example\n\n", block)
	}
	tests := []struct {
		name    string
		format  string
		next    func() []byte
		skipped map[string]int64
		stored  int64
		err     error
		limit   uint64
	}{
		{"three million lines", "list", numbered, map[string]int64{}, 3_000_000, nil, 96 * mb},
		{
			"a line of 100 MB", "list", chain(repeat([]byte(strings.Repeat("x", mb)), 100), repeat([]byte("\nbad.example\n"), 1)),
			map[string]int64{"line_too_long": 1}, 1, nil, 16 * mb,
		},
		{
			"10,000 columns", "csv", chain(repeat([]byte("indicator,type\n"), 1), repeat(wide, 1000), repeat([]byte("bad.example,domain\n"), 1)),
			map[string]int64{"too_many_columns": 1000}, 1, nil, 32 * mb,
		},
		{"200 long tags a row", "csv", tagged, map[string]int64{}, 9_999, nil, 96 * mb},
		{"200 long references a block", "maltrail", referenced, map[string]int64{}, 500, nil, 96 * mb},
		{"a document of 100 MB", "text", repeat([]byte(strings.Repeat("many words ", mb/11)), 100), map[string]int64{}, 0, ErrIncomplete, 320 * mb},
		{"JSON without an end", "threatfox", chain(repeat([]byte(`{"data": [{"ioc": "`), 1), repeat([]byte(strings.Repeat("x", mb)), 100)), nil, 0, ErrIncomplete, 32 * mb},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			runtime.GC()
			before := heap()
			st := newMemory(t)
			st.discard = true
			in := &generated{next: tt.next}
			sum, err := importAll(t, st, Options{}, Request{Paths: []string{"-"}, Format: tt.format, Stdin: in})
			if !errors.Is(err, tt.err) || sum.New != tt.stored {
				t.Errorf("got %v %+v, want %d stored and error %v", err, sum, tt.stored, tt.err)
			}
			if diff := cmp.Diff(tt.skipped, sum.Skipped.Counts()); diff != "" && tt.skipped != nil {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
			used := max(in.peak, before) - before
			t.Logf("%d MB read with %.1f MB", in.read/mb, float64(used)/mb)
			if used > tt.limit {
				t.Errorf("%d MB used, want at most %d", used/mb, tt.limit/mb)
			}
		})
	}
}

// chain gives what each of the functions gives, one after the other.
func chain(all ...func() []byte) func() []byte {
	return func() []byte {
		for len(all) > 0 {
			if piece := all[0](); piece != nil {
				return piece
			}
			all = all[1:]
		}
		return nil
	}
}

func TestWrongEncodings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		skipped    map[string]int64
		stored     int64
	}{
		{"Latin-1 row", "good.example\nsch\xf6n.example\nfine.example\n", map[string]int64{"invalid_utf8": 1}, 2},
		{"Latin-1 comment", "# sch\xf6n\ngood.example # sch\xf6n\n", map[string]int64{}, 1},
		{"NUL in a row", "good.example\nb\x00d.example\nfine.example\n", map[string]int64{"nul": 1}, 2},
		{"carriage returns", "good.example\r\nfine.example\r\n", map[string]int64{}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newMemory(t)
			sum, err := importAll(t, st, Options{}, Request{Paths: []string{"-"}, Format: "list", Stdin: strings.NewReader(tt.text)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.skipped, sum.Skipped.Counts()); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
			if sum.New != tt.stored {
				t.Errorf("got %+v, want %d stored", sum, tt.stored)
			}
			for _, r := range st.records {
				if r.Context != clean(r.Context, maxContext) {
					t.Errorf("context %q is not fit to store", r.Context)
				}
			}
		})
	}
}

func TestUTF16WithoutMark(t *testing.T) {
	t.Parallel()
	text := "b\x00a\x00d\x00.\x00e\x00x\x00a\x00m\x00p\x00l\x00e\x00\n\x00"
	sum, err := importAll(t, newMemory(t), Options{}, Request{Paths: []string{file(t, "x.txt", []byte(text))}})
	if !errors.Is(err, ErrIncomplete) || !strings.Contains(sum.Files.Failed.Places[0].Detail, "byte order mark") {
		t.Errorf("got %v %+v", err, sum.Files)
	}
}
