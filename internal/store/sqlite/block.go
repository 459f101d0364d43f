package sqlite

import (
	"encoding/binary"
	"fmt"

	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// Keys lie in blocks of blockKeys row ids, so that the candidates of a broad
// search are compared in a few thousand reads instead of ten thousand. Most
// blocks fill one page of the database.
const (
	blockBits = 7
	blockKeys = 1 << blockBits
)

// keyBlock is the decoded form of trigram_keys.keys.
type keyBlock struct {
	text  string
	types [blockKeys]ioc.Type // 0 where there is no record
	from  [blockKeys]int32
	to    [blockKeys]int32
}

// key returns type and key at that place of the block; type 0 for none.
func (b *keyBlock) key(i int) (ioc.Type, string) { return b.types[i], b.text[b.from[i]:b.to[i]] }

// decode reads a block. Its form: for each row id from the block's first, the
// type as a byte and, unless that is 0, the key's length as a varint and its
// bytes; it ends where the index ends.
func (b *keyBlock) decode(text string) error {
	*b = keyBlock{text: text}
	at := 0
	for i := 0; at < len(text); i++ {
		if i == blockKeys {
			return fmt.Errorf("%w: key block is too long", store.ErrCorrupt)
		}
		t := ioc.Type(text[at])
		at++
		if t == 0 {
			continue
		}
		size, n := uvarint(text[at:])
		if n <= 0 || size > uint64(len(text)-at-n) {
			return fmt.Errorf("%w: key block is cut off", store.ErrCorrupt)
		}
		at += n
		b.types[i], b.from[i], b.to[i] = t, int32(at), int32(at)+int32(size) //nolint:gosec // bounded by the text
		at += int(size)                                                      //nolint:gosec // bounded by the text
	}
	return nil
}

// uvarint is binary.Uvarint on a string.
func uvarint(s string) (uint64, int) {
	var buf [binary.MaxVarintLen32]byte
	return binary.Uvarint(buf[:copy(buf[:], s)])
}

// appendKey adds the next row id to an encoded block.
func appendKey(block []byte, t ioc.Type, key string) []byte {
	block = append(block, byte(t))
	if t == 0 {
		return block
	}
	block = binary.AppendUvarint(block, uint64(len(key)))
	return append(block, key...)
}

const (
	selectBlock  = `SELECT keys FROM trigram_keys WHERE block = ?`
	replaceBlock = `INSERT INTO trigram_keys (block, keys) VALUES (?, ?) ON CONFLICT (block) DO UPDATE SET keys = excluded.keys`
)

// loadBlock returns the encoded block; nil when there is none.
func (c *conn) loadBlock(n int64) (b []byte, err error) {
	_, err = c.query(selectBlock, func(st *sqlite.Stmt) error { b = blob(st, 0); return nil }, n)
	if err != nil {
		return nil, fmt.Errorf("read key block %d: %w", n, err)
	}
	return b, nil
}

// blankKey takes a deleted record out of its block. Its postings stay: the
// block has the last word.
func blankKey(c *conn, rid int64) error {
	old, err := c.loadBlock(rid >> blockBits)
	if err != nil {
		return err
	}
	var b keyBlock
	if err := b.decode(string(old)); err != nil {
		return err
	}
	b.types[rid&(blockKeys-1)] = 0
	// Places that the index does not cover yet read as type 0 too; writing
	// them is harmless, since blockWriter cuts them off when it goes on there.
	var fresh []byte
	for i := range blockKeys {
		t, key := b.key(i)
		fresh = appendKey(fresh, t, key)
	}
	return c.exec(replaceBlock, rid>>blockBits, fresh)
}

// blockWriter writes blocks from one row id on.
type blockWriter struct {
	conn *conn
	next int64 // the row id to come
	buf  []byte
}

// newBlockWriter goes on after the row id done, keeping what its block holds.
func newBlockWriter(c *conn, done int64) (*blockWriter, error) {
	w := &blockWriter{conn: c, next: done + 1}
	if w.next&(blockKeys-1) == 0 {
		return w, nil
	}
	old, err := c.loadBlock(w.next >> blockBits)
	if err != nil {
		return nil, err
	}
	var b keyBlock
	if err := b.decode(string(old)); err != nil {
		return nil, err
	}
	for i := range int(w.next & (blockKeys - 1)) {
		t, key := b.key(i)
		w.buf = appendKey(w.buf, t, key)
	}
	return w, nil
}

// put writes the key of a row id, and that there is none for those before it.
func (w *blockWriter) put(rid int64, t ioc.Type, key string) error {
	for w.next < rid {
		if err := w.one(0, ""); err != nil {
			return err
		}
	}
	return w.one(t, key)
}

func (w *blockWriter) one(t ioc.Type, key string) error {
	w.buf = appendKey(w.buf, t, key)
	w.next++
	if w.next&(blockKeys-1) != 0 {
		return nil
	}
	return w.flush(w.next>>blockBits - 1)
}

// close writes the last block, which covers up to the row id last.
func (w *blockWriter) close(last int64) error {
	for w.next <= last {
		if err := w.one(0, ""); err != nil {
			return err
		}
	}
	if len(w.buf) == 0 {
		return nil
	}
	return w.flush(w.next >> blockBits)
}

func (w *blockWriter) flush(block int64) error {
	if err := w.conn.exec(replaceBlock, block, w.buf); err != nil {
		return fmt.Errorf("write key block %d: %w", block, err)
	}
	w.buf = w.buf[:0]
	return nil
}
