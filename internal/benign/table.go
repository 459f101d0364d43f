package benign

import "hash/maphash"

// setID names a set of members of a layer; 0 is the empty set.
type setID uint32

// table maps texts to sets. It is a hash table of its own because a map of
// strings would cost three times the memory and a pointer for the collector to
// follow for each of some hundred thousand entries.
type table struct {
	seed    maphash.Seed
	filter  []uint64 // a word for two slots, where each key has set two bits
	slots   []slot   // a power of two of them, at most three quarters used
	entries []entry
	text    []byte
	longest int // bytes of the longest key
}

// slot is where a probe looks: a miss reads one cache line of them.
type slot struct {
	tag uint32 // upper half of the hash
	at  uint32 // 1 + index into entries; 0 is a free slot
}

type entry struct {
	offset uint32
	length uint32
	set    setID
}

const minSlots = 8

func newTable() *table {
	return &table{seed: maphash.MakeSeed(), slots: make([]slot, minSlots), filter: make([]uint64, minSlots/2)}
}

func (t *table) len() int { return len(t.entries) }

func (t *table) key(e entry) []byte { return t.text[e.offset : e.offset+e.length] }

// get returns the set of key, or 0. Most keys are in no list: the filter, small
// enough to stay in the processor's cache, says so for all but a few in a
// hundred of them.
func (t *table) get(key string) setID {
	if len(key) > t.longest {
		return 0
	}
	h := maphash.String(t.seed, key)
	if bits := bitsOf(h); t.filter[h&uint64(len(t.filter)-1)]&bits != bits {
		return 0
	}
	if at, ok := t.find(h, key); ok {
		return t.entries[t.slots[at].at-1].set
	}
	return 0
}

// bitsOf are the bits of a hash in its word of the filter.
func bitsOf(h uint64) uint64 { return 1<<(h>>32&63) | 1<<(h>>40&63) }

// find returns the slot of key with its hash, or the free slot where it would
// go.
func (t *table) find(h uint64, key string) (at uint64, found bool) {
	mask := uint64(len(t.slots) - 1)
	tag := uint32(h >> 32)
	for at = h & mask; ; at = (at + 1) & mask {
		s := t.slots[at]
		if s.at == 0 {
			return at, false
		}
		if s.tag == tag && string(t.key(t.entries[s.at-1])) == key {
			return at, true
		}
	}
}

// set returns where the set of key is kept, which is 0 when key is new. The
// pointer holds until the next call.
func (t *table) set(key string) *setID {
	h := maphash.String(t.seed, key)
	at, found := t.find(h, key)
	if !found {
		if 4*(len(t.entries)+1) > 3*len(t.slots) {
			t.grow()
			at, _ = t.find(h, key)
		}
		t.entries = append(t.entries, entry{offset: uint32(len(t.text)), length: uint32(len(key))})
		t.text = append(t.text, key...)
		t.put(at, h, len(t.entries))
		t.longest = max(t.longest, len(key))
	}
	return &t.entries[t.slots[at].at-1].set
}

func (t *table) grow() {
	t.slots = make([]slot, 2*len(t.slots))
	t.filter = make([]uint64, len(t.slots)/2)
	mask := uint64(len(t.slots) - 1)
	for i, e := range t.entries {
		h := maphash.Bytes(t.seed, t.key(e))
		at := h & mask
		for t.slots[at].at != 0 {
			at = (at + 1) & mask
		}
		t.put(at, h, i+1)
	}
}

// put fills a slot with the n-th entry, from 1.
func (t *table) put(at, h uint64, n int) {
	t.slots[at] = slot{tag: uint32(h >> 32), at: uint32(n)}
	t.filter[h&uint64(len(t.filter)-1)] |= bitsOf(h)
}

// trim gives back what growing took in advance.
func (t *table) trim() {
	t.entries = append(make([]entry, 0, len(t.entries)), t.entries...)
	t.text = append(make([]byte, 0, len(t.text)), t.text...)
}
