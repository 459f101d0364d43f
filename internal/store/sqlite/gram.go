package sqlite

import (
	"encoding/binary"
	"errors"
	"slices"

	"spoor/internal/ioc"
)

// A gram is one thing the trigram index lists documents by: three bytes of a
// key in a row; the first two bytes of a key, for needles that are too short
// for a trigram; or the type.
type gram uint32

const (
	gramBits  = 26
	firstTwo  = gram(1 << 24)
	typeGrams = gram(2 << 24)
)

func trigram(a, b, c byte) gram      { return gram(a)<<16 | gram(b)<<8 | gram(c) }
func prefixGram(a, b byte) gram      { return firstTwo | gram(a)<<8 | gram(b) }
func typeGram(t ioc.Type) gram       { return typeGrams | gram(t) }
func (g gram) posting(s int64) int64 { return s<<gramBits | int64(g) }

// needleGrams returns the distinct trigrams of a text of three bytes or more.
func needleGrams(s string) []gram {
	grams := make([]gram, 0, len(s)-2)
	for i := 0; i+2 < len(s); i++ {
		grams = append(grams, trigram(s[i], s[i+1], s[i+2]))
	}
	slices.Sort(grams)
	return slices.Compact(grams)
}

// builder collects the documents of each gram.
type builder struct{ lists map[gram]*[]uint32 }

func newBuilder() *builder { return &builder{lists: make(map[gram]*[]uint32, 1<<14)} }

// add adds a document. Documents come in ascending order.
func (b *builder) add(doc uint32, t ioc.Type, key string) {
	for i := 0; i+2 < len(key); i++ {
		b.put(trigram(key[i], key[i+1], key[i+2]), doc)
	}
	if len(key) >= 2 {
		b.put(prefixGram(key[0], key[1]), doc)
	}
	b.put(typeGram(t), doc)
}

func (b *builder) put(g gram, doc uint32) {
	list := b.lists[g]
	if list == nil {
		list = new([]uint32)
		b.lists[g] = list
	}
	if n := len(*list); n == 0 || (*list)[n-1] != doc {
		*list = append(*list, doc)
	}
}

// grams returns what has documents, sorted.
func (b *builder) grams() []gram {
	all := make([]gram, 0, len(b.lists))
	for g := range b.lists {
		all = append(all, g)
	}
	slices.Sort(all)
	return all
}

// directory says how many documents of a segment each gram has, so that a
// query asks only the rarest, and asks nothing at all where one has none.
type directory struct {
	grams  []gram // sorted
	counts []uint32
}

func (d *directory) add(g gram, count int) {
	d.grams = append(d.grams, g)
	d.counts = append(d.counts, uint32(count)) //nolint:gosec // rids are 32 bits
}

// count returns the number of documents of the gram.
func (d *directory) count(g gram) int {
	i, ok := slices.BinarySearch(d.grams, g)
	if !ok {
		return 0
	}
	return int(d.counts[i])
}

// starting returns the prefix grams that begin with the byte.
func (d *directory) starting(b byte) []gram {
	from, _ := slices.BinarySearch(d.grams, prefixGram(b, 0))
	to, found := slices.BinarySearch(d.grams, prefixGram(b, 0xff))
	if found {
		to++
	}
	return d.grams[from:to]
}

// encode returns the form of the directory column: for each gram the distance
// to the one before and the count, as varints.
func (d *directory) encode() []byte {
	out := make([]byte, 0, 4*len(d.grams))
	last := gram(0)
	for i, g := range d.grams {
		out = binary.AppendUvarint(out, uint64(g-last))
		out = binary.AppendUvarint(out, uint64(d.counts[i]))
		last = g
	}
	return out
}

var errDirectory = errors.New("directory is cut off")

func decodeDirectory(b []byte) (*directory, error) {
	d := &directory{grams: make([]gram, 0, len(b)/3), counts: make([]uint32, 0, len(b)/3)}
	last := gram(0)
	for len(b) > 0 {
		step, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errDirectory
		}
		count, m := binary.Uvarint(b[n:])
		if m <= 0 {
			return nil, errDirectory
		}
		b = b[n+m:]
		last += gram(step)      //nolint:gosec // written by encode
		d.add(last, int(count)) //nolint:gosec // written by encode
	}
	return d, nil
}
