package ingest

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/unicode"
)

func TestUnpackContainers(t *testing.T) {
	t.Parallel()
	list := []byte(domains(0, 200))
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(list)
	if err != nil {
		t.Fatal(err)
	}
	big, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes(list)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		data []byte
	}{
		{"plain.txt", list},
		{"utf8-mark.txt", append([]byte("\xef\xbb\xbf"), list...)},
		{"utf16.txt", utf16},
		{"utf16-big.txt", big},
		{"utf16.txt.gz", gzipped(t, utf16)},
		{"list.txt.gz", gzipped(t, list)},
		{"no-suffix", gzipped(t, list)},
		{"list.txt.zst", zstded(t, list)},
		{"list.zip", zipped(t, entry{"list.txt", string(list)})},
		{"members.gz", append(gzipped(t, list[:1990]), gzipped(t, list[1990:])...)},
		{"gz in zip.zip", zipped(t, entry{"list.txt.gz", string(gzipped(t, list))})},
		{"zst in gz.gz", gzipped(t, zstded(t, list))},
		{"zip in gz.gz", gzipped(t, zipped(t, entry{"list.txt", string(list)}))},
		{"two.zip", zipped(t, entry{"a.txt", string(list[:1990])}, entry{"sub/b.txt", string(list[1990:])})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, how := range []string{"file", "folder", "stdin"} {
				st := newMemory(t)
				req := Request{Paths: []string{file(t, tt.name, tt.data)}}
				switch how {
				case "folder":
					req.Paths[0] = filepath.Dir(req.Paths[0])
				case "stdin":
					req = Request{Paths: []string{"-"}, Stdin: io.MultiReader(bytes.NewReader(tt.data))}
				}
				sum, err := importAll(t, st, Options{}, req)
				if err != nil {
					t.Fatalf("%s: %v %+v", how, err, sum.Files.Failed)
				}
				if sum.New != 200 || sum.Read != 200 {
					t.Errorf("%s: got %+v", how, sum)
				}
			}
		})
	}
}

func TestUnpackNestedTooDeep(t *testing.T) {
	t.Parallel()
	data := gzipped(t, gzipped(t, gzipped(t, []byte(domains(0, 3)))))
	sum, err := importAll(t, newMemory(t), Options{}, Request{Paths: []string{file(t, "x.gz", data)}})
	if !errors.Is(err, ErrIncomplete) || !strings.Contains(sum.Files.Failed.Places[0].Detail, "unpack the outer") {
		t.Errorf("got %v %+v", err, sum.Files)
	}
}

// TestUnpackCutShort wants the good part of what is cut, and an error.
func TestUnpackCutShort(t *testing.T) {
	t.Parallel()
	// Random names: what is cut must not fit in one block.
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range 50_000 {
		for range 12 {
			b.WriteByte("abcdefghijklmnopqrstuvwxyz"[r.IntN(26)])
		}
		b.WriteString(".bad.example\n")
	}
	list := []byte(b.String())
	tests := []struct {
		name string
		data []byte
		good bool
	}{
		{"list.txt.gz", gzipped(t, list), true},
		{"list.txt.zst", zstded(t, list), true},
		{"list.zip", zipped(t, entry{"list.txt", string(list)}), false}, // its table of contents is at the end
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newMemory(t)
			cut := tt.data[:len(tt.data)*2/3]
			sum, err := importAll(t, st, Options{}, Request{Paths: []string{file(t, tt.name, cut)}})
			if !errors.Is(err, ErrIncomplete) || sum.Files.Failed.Count != 1 || sum.Files.Read != 0 {
				t.Fatalf("got %v %+v", err, sum.Files)
			}
			if tt.good && (sum.New < 10_000 || sum.New >= 50_000) {
				t.Errorf("%d of the whole lines before the cut", sum.New)
			}
			for _, r := range st.records {
				if len(r.Value) != 12+len(".bad.example") {
					t.Fatalf("a cut line became %q", r.Value)
				}
			}
		})
	}
}

func TestUnpackBombs(t *testing.T) {
	t.Parallel()
	limits := Limits{RatioFloor: 1 << 20, EntryBytes: 64 << 20}
	zeros := bytes.Repeat([]byte("# nothing to see here, nothing at all, nothing\n"), 1<<20) // 47 MB
	tests := []struct {
		name   string
		data   []byte
		limits Limits
		want   string
	}{
		{"ratio.gz", gzipped(t, zeros), limits, "bomb"},
		{"ratio.zst", zstded(t, zeros), limits, "bomb"},
		{"ratio.zip", zipped(t, entry{"a.txt", string(zeros)}), limits, "bomb"},
		{"nested.gz", gzipped(t, gzipped(t, zeros)), limits, "bomb"},
		{"size.gz", gzipped(t, zeros), Limits{EntryBytes: 1 << 20}, "more than is read"},
		{"entries.zip", zipped(t, entry{"a.txt", "a.example"}, entry{"b.txt", "b.example"}), Limits{Entries: 1}, "too many entries"},
		{"shared.zip", overlapping(t, zeros[:1<<20], 60), limits, "bomb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := file(t, tt.name, tt.data)
			good := file(t, "good.txt", []byte(domains(0, 4)))
			req := Request{Paths: []string{path, good}, Format: "list"}
			sum, err := importAll(t, newMemory(t), Options{Limits: tt.limits}, req)
			if !errors.Is(err, ErrIncomplete) || sum.Files.Failed.Count == 0 {
				t.Fatalf("got %v %+v", err, sum)
			}
			if got := sum.Files.Failed.Places[0].Detail; !strings.Contains(got, tt.want) {
				t.Errorf("failed with %q, want %q", got, tt.want)
			}
			if sum.New != 4 {
				t.Errorf("the good file is lost: %+v", sum)
			}
		})
	}
}

// overlapping returns an archive of n entries that all share the same bytes:
// little to read, and n times as much to unpack.
func overlapping(t *testing.T, content []byte, n int) []byte {
	t.Helper()
	one := zipped(t, entry{"a.txt", string(content)})
	end := len(one) - 22 // the end record, without a comment
	start := int(binary.LittleEndian.Uint32(one[end+16:]))
	header := one[start:end]
	out := append([]byte{}, one[:start]...)
	for i := range n {
		h := append([]byte{}, header...)
		h[46] = byte('a' + i/26) // the name's first letters
		h[47] = byte('a' + i%26)
		out = append(out, h...)
	}
	last := append([]byte{}, one[end:]...)
	binary.LittleEndian.PutUint16(last[8:], uint16(n))
	binary.LittleEndian.PutUint16(last[10:], uint16(n))
	binary.LittleEndian.PutUint32(last[12:], uint32(n*len(header)))
	return append(out, last...)
}

func TestUnpackZipNames(t *testing.T) {
	t.Parallel()
	data := zipped(t,
		entry{"../../up.txt", "up.example\n"}, entry{"/etc/root.txt", "root.example\n"},
		entry{"odd\x1b[31m.txt", "odd.example\n"}, entry{"good.txt", "good.example\n"})
	dir := t.TempDir()
	at := filepath.Join(dir, "names.zip")
	if err := os.WriteFile(at, data, 0o600); err != nil {
		t.Fatal(err)
	}
	st := newMemory(t)
	sum, err := importAll(t, st, Options{}, Request{Paths: []string{at}})
	if err != nil && !errors.Is(err, ErrIncomplete) {
		t.Fatal(err)
	}
	st.one("good.example")
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("the archive wrote beside itself: %v %v", left, err)
	}
	for _, g := range append([]*Group{&sum.Files.Failed}, groups(sum.Files.Skipped)...) {
		for _, p := range g.Places {
			if strings.ContainsRune(p.Where+p.Detail, '\x1b') {
				t.Errorf("place %q would reach the terminal as it is", p.Where)
			}
		}
	}
}

func TestUnpackForeignPackers(t *testing.T) {
	t.Parallel()
	tar := make([]byte, 1024)
	copy(tar, "list.txt")
	copy(tar[257:], "ustar\x0000")
	tests := []struct{ name, data, want string }{
		{"list.tar", string(tar), "tar archive"},
		{"list.tar.gz", string(gzipped(t, tar)), "tar archive"},
		{"list.bz2", "BZh91AY&SY", "bzip2"},
		{"list.xz", "\xfd7zXZ\x00\x00", "xz"},
		{"report.pdf", "%PDF-1.7\n", "PDF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sum, err := importAll(t, newMemory(t), Options{}, Request{Paths: []string{file(t, tt.name, []byte(tt.data))}})
			if !errors.Is(err, ErrIncomplete) || !strings.Contains(sum.Files.Failed.Places[0].Detail, tt.want) {
				t.Errorf("got %v %+v", err, sum.Files)
			}
		})
	}
}

// FuzzImport gives anything to an import. Whatever it is, every value is
// accounted for, reading it again changes nothing, and nothing panics.
func FuzzImport(f *testing.F) {
	f.Add("x.txt", []byte(trail))
	f.Add("x.txt.gz", gzipped(f, []byte(domains(0, 3))))
	f.Add("x.zst", zstded(f, []byte(domains(0, 3))))
	f.Add("x.zip", zipped(f, entry{"README.md", "# T\n- bad[.]example\n"}, entry{"a/b.txt", domains(0, 3)}))
	f.Add("x.csv", []byte("indicator,type\nbad.example,domain\n"))
	f.Add("x.html", []byte("<h1>T</h1><p>bad[.]example"))
	f.Add("x.json", []byte(`{"data": [{"ioc": "bad.example", "type": "domain"}]}`))
	limits := Limits{EntryBytes: 1 << 20, RatioFloor: 1 << 16, Entries: 20}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		st := newMemory(t)
		s := stream{name: name}
		read := func() Summary {
			p := newPass(New(st, Options{Now: testNow, Limits: limits}), Request{Paths: []string{name}})
			err := p.run(context.Background(), func(ctx context.Context) error {
				return p.open(ctx, &input{stream: s, named: true}, bytes.NewReader(data), int64(len(data)))
			})
			if err != nil && !errors.Is(err, ErrIncomplete) {
				t.Fatal(err)
			}
			return p.summary(0)
		}
		first := read()
		checkIdentity(t, first)
		second := read()
		checkIdentity(t, second)
		if second.New+second.Updated != 0 || second.Read != first.Read {
			t.Errorf("first %+v\nthen %+v", first, second)
		}
	})
}

func groups(t Tally) []*Group {
	var all []*Group
	for _, g := range t {
		all = append(all, g)
	}
	return all
}

func TestUnpackEncryptedZip(t *testing.T) {
	t.Parallel()
	data := zipped(t, entry{"secret.txt", domains(0, 3)}, entry{"open.txt", domains(3, 2)})
	flags := bytes.Index(data, []byte("PK\x01\x02")) + 8 // of the first entry in the table of contents
	data[flags] |= encrypted
	st := newMemory(t)
	sum, err := importAll(t, st, Options{}, Request{Paths: []string{file(t, "x.zip", data)}})
	if !errors.Is(err, ErrIncomplete) || sum.New != 2 {
		t.Fatalf("got %v %+v", err, sum)
	}
	if got := sum.Files.Failed.Places; len(got) != 1 || !strings.Contains(got[0].Detail, "encrypted") {
		t.Errorf("failed: %+v", got)
	}
}

// TestUnpackBackslashes reads an archive as some Windows programs make it.
func TestUnpackBackslashes(t *testing.T) {
	t.Parallel()
	archive := zipped(t, entry{`feeds\a.txt`, "bad.example\n"}, entry{`feeds\sub\b.txt`, "worse.example\n"}, entry{`feeds\.hidden`, "not.example\n"})
	sum, err := importAll(t, newMemory(t), Options{}, Request{Paths: []string{file(t, "x.zip", archive)}})
	if err != nil || sum.New != 2 || sum.Files.Read != 2 || sum.Files.Skipped[FileHidden] == nil {
		t.Errorf("got %v %+v, want two read and one hidden", err, sum)
	}
}

func TestUnpackHugeTableOfContents(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, 0) })
	name := strings.Repeat("n", 60_000)
	for i := range 300 {
		if _, err := w.CreateRaw(&zip.FileHeader{Name: name[:59_000+i]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sum, err := importAll(t, newMemory(t), Options{}, Request{Paths: []string{file(t, "x.zip", b.Bytes())}})
	if !errors.Is(err, ErrIncomplete) || !strings.Contains(sum.Files.Failed.Places[0].Detail, "too many entries") {
		t.Errorf("got %v %+v", err, sum.Files)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in, want string
		limit          int
	}{
		{"as it is", "text é", "text é", 100},
		{"cut between characters", "abécd", "ab", 3},
		{"cut after a character", "abécd", "abé", 4},
		{"not UTF-8", "caf\xe9", "caf\uFFFD", 100},
		{"not UTF-8 at the cut", "caf\xe9 au lait", "caf", 4},
		{"NUL", "a\x00b", "ab", 100},
		{"empty", "", "", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, clean(tt.in, tt.limit)); diff != "" {
				t.Errorf("clean (-want +got):\n%s", diff)
			}
		})
	}
}
