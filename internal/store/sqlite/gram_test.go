package sqlite

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	d := &directory{}
	for _, g := range []gram{0, 1, trigram('a', 'b', 'c'), prefixGram('a', 0), prefixGram('a', 'b'), prefixGram('a', 0xff), prefixGram('b', 0), typeGram(ioc.URL)} {
		d.add(g, int(g%7)+1)
	}
	got, err := decodeDirectory(d.encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, d, cmp.AllowUnexported(directory{})); diff != "" {
		t.Errorf("decoded (-got +want):\n%s", diff)
	}
	if got, want := d.count(trigram('a', 'b', 'c')), int(trigram('a', 'b', 'c')%7)+1; got != want {
		t.Errorf("count = %d, want %d", got, want)
	}
	if got := d.count(trigram('x', 'y', 'z')); got != 0 {
		t.Errorf("count of an absent gram = %d", got)
	}
	want := []gram{prefixGram('a', 0), prefixGram('a', 'b'), prefixGram('a', 0xff)}
	if got := d.starting('a'); !slices.Equal(got, want) {
		t.Errorf("starting(a) = %v, want %v", got, want)
	}
}

func FuzzDirectory(f *testing.F) {
	d := &directory{}
	d.add(1, 2)
	d.add(1<<20, 1<<30)
	f.Add(d.encode())
	f.Add([]byte{0xff})
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = decodeDirectory(b) // whatever is in the file: an error, not a panic
	})
}

func FuzzKeyBlock(f *testing.F) {
	f.Add(string(appendKey(appendKey(nil, ioc.Domain, "a.example"), 0, "")))
	f.Add(strings.Repeat("\x00", 200))
	f.Add("\x01\xff\xff\xff\xff\xff")
	f.Fuzz(func(_ *testing.T, text string) {
		var b keyBlock
		if b.decode(text) == nil {
			for i := range blockKeys {
				_, _ = b.key(i)
			}
		}
	})
}

func TestKeyBlock(t *testing.T) {
	t.Parallel()
	var enc []byte
	want := make([]tailEntry, 0, blockKeys)
	for i := range blockKeys {
		e := tailEntry{ioc.Type(1 + i%11), strings.Repeat("k", i*16)} //nolint:gosec // small
		if i%5 == 0 {
			e = tailEntry{}
		}
		enc = appendKey(enc, e.typ, e.key)
		want = append(want, e)
	}
	var b keyBlock
	if err := b.decode(string(enc)); err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if typ, key := b.key(i); typ != w.typ || key != w.key {
			t.Errorf("entry %d = %v %q, want %v %q", i, typ, key, w.typ, w.key)
		}
	}
}

// TestMergeable describes the merge policy: sizes newest first.
func TestMergeable(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sizes []int64
		want  int
	}{
		"none":                        {nil, 0},
		"seven alike":                 {repeat(1024, 7), 0},
		"eight alike":                 {repeat(1024, 8), 8},
		"eight alike before a larger": {append(repeat(1024, 8), 1<<16), 8},
		"small before seven larger":   {append(repeat(1024, 1), repeat(1<<16, 7)...), 8},
		"seven small, a giant":        {append(repeat(1024, 7), maxSegment), 0},
		"eight giants":                {repeat(maxSegment, 8), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var all []segment
			last := int64(1 << 40)
			for i, n := range tc.sizes {
				all = append(all, segment{id: int64(i), first: last - n + 1, last: last})
				last -= n
			}
			if got := mergeable(all); got != tc.want {
				t.Errorf("mergeable(%v) = %d, want %d", tc.sizes, got, tc.want)
			}
		})
	}
}

func repeat(n int64, times int) []int64 { return slices.Repeat([]int64{n}, times) }

func BenchmarkBuilder(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not for secrets
	keys := make([]string, 4096)
	for i := range keys {
		raw := make([]byte, 8+rng.IntN(30))
		for j := range raw {
			raw[j] = "abcdefghijklmnopqrstuvwxyz0123456789.-/"[rng.IntN(39)]
		}
		keys[i] = string(raw)
	}
	b.ReportAllocs()
	bld := newBuilder()
	for i := 0; b.Loop(); i++ {
		if i%sealWhileWriting == 0 {
			bld = newBuilder()
		}
		bld.add(uint32(i%sealWhileWriting), ioc.Domain, keys[i%len(keys)]) //nolint:gosec // small
	}
}
