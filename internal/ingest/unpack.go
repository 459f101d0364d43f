package ingest

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
)

var (
	errBomb      = errors.New("unpacks to far more than it is, which is what a decompression bomb does")
	errTooLarge  = errors.New("unpacks to more than is read from one compressed file")
	errNested    = errors.New("compressed inputs lie in each other too deep; unpack the outer ones first")
	errEncrypted = errors.New("is encrypted; unpack it first")
	errEntries   = errors.New("has too many entries; unpack it and import the folder")
)

// maxWindow is the most memory that a zstd frame may ask for: what
// "zstd --long" and the highest level use.
const maxWindow = 128 << 20

// stream is one input on its way from the file to the parser.
type stream struct {
	// name says what it is and where, for people: archive.zip/folder/list.txt.
	name string
	// at reads from any place, of size bytes; nil when that is not possible.
	at   io.ReaderAt
	size int64
	// containers is how many compressed inputs it lies in.
	containers int
	// budget is shared by all that comes out of one input.
	budget *budget
}

// budget judges how much an input grows.
type budget struct {
	limits Limits
	// in is how many bytes of the input itself were read so far.
	in func() int64
	// out is how many came out of it.
	out int64
	// total is how many came out of all inputs; nil when nobody asks.
	total *int64
}

// gave counts what came out, and reports whether that is within TotalBytes.
func (b *budget) gave(n int) bool {
	b.out += int64(n)
	if b.total == nil {
		return true
	}
	*b.total += int64(n)
	return b.limits.TotalBytes == 0 || *b.total <= b.limits.TotalBytes
}

// guard reads what is being unpacked and stops when it grows too far.
type guard struct {
	r      io.Reader
	budget *budget
	given  int64
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.given += int64(n)
	within := g.budget.gave(n)
	if l := g.budget.limits; !within {
		return 0, fmt.Errorf("%w (%d bytes in all)", errTooLarge, l.TotalBytes)
	} else if g.given > l.EntryBytes {
		return 0, fmt.Errorf("%w (%d bytes)", errTooLarge, l.EntryBytes)
	} else if g.budget.out > l.RatioFloor && g.budget.out/l.Ratio > g.budget.in() {
		return 0, fmt.Errorf("%w (over %d times)", errBomb, l.Ratio)
	}
	return n, err
}

// leaf is called with what is to be parsed: text, no longer compressed.
type leaf func(ctx context.Context, s stream, r *bufio.Reader) error

// branch is called with the entries of an archive.
type branch func(ctx context.Context, s stream, entries fs.FS) error

// unpack takes off what an input is compressed with, known by its first bytes
// and never by its name, and hands on what is inside.
func unpack(ctx context.Context, s stream, r io.Reader, onLeaf leaf, onArchive branch) error {
	br := bufio.NewReaderSize(r, headBytes)
	magic, err := br.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if s.containers >= maxContainers && isContainer(magic) {
		return errNested
	}
	switch {
	case isGzip(magic):
		return unpackGzip(ctx, s, br, onLeaf, onArchive)
	case isZstd(magic):
		return unpackZstd(ctx, s, br, onLeaf, onArchive)
	case isZip(magic):
		return unpackZip(ctx, s, br, onArchive)
	}
	text, err := decoded(br)
	if err != nil {
		return err
	}
	return onLeaf(ctx, s, text)
}

func isContainer(magic []byte) bool { return isGzip(magic) || isZstd(magic) || isZip(magic) }

// isGzip is RFC 1952 section 2.3.1.
func isGzip(b []byte) bool { return bytes.HasPrefix(b, []byte{0x1f, 0x8b}) }

// isZstd is RFC 8878 sections 3.1.1 and 3.1.2: a frame, or one to be skipped.
func isZstd(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		len(b) >= 4 && b[0]&0xf0 == 0x50 && bytes.Equal(b[1:4], []byte{0x2a, 0x4d, 0x18})
}

// isZip is a local file header, or the end record of an empty archive.
func isZip(b []byte) bool {
	return bytes.HasPrefix(b, []byte("PK\x03\x04")) || bytes.HasPrefix(b, []byte("PK\x05\x06"))
}

func unpackGzip(ctx context.Context, s stream, r io.Reader, onLeaf leaf, onArchive branch) error {
	gz, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("read gzip header: %w", err)
	}
	defer func() { _ = gz.Close() }() // reading reported its errors
	return unpack(ctx, s.inside(".gz", ".gzip"), &guard{r: gz, budget: s.budget}, onLeaf, onArchive)
}

func unpackZstd(ctx context.Context, s stream, r io.Reader, onLeaf leaf, onArchive branch) error {
	zr, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return fmt.Errorf("read zstd header: %w", err)
	}
	defer zr.Close()
	return unpack(ctx, s.inside(".zst", ".zstd"), &guard{r: zr, budget: s.budget}, onLeaf, onArchive)
}

// inside returns the stream that s holds, named without the suffix.
func (s stream) inside(suffixes ...string) stream {
	for _, suffix := range suffixes {
		if strings.EqualFold(path.Ext(s.name), suffix) {
			s.name = s.name[:len(s.name)-len(suffix)]
			break
		}
	}
	s.containers++
	s.at, s.size = nil, 0
	return s
}

// unpackZip opens the archive where it lies, or a copy in a temporary file
// when it comes as a stream: the table of contents of a zip is at its end.
func unpackZip(ctx context.Context, s stream, r io.Reader, onArchive branch) error {
	if s.at == nil {
		file, size, err := spool(r, s.budget.limits.EntryBytes)
		if err != nil {
			return err
		}
		defer func() {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}()
		s.at, s.size = file, size
	}
	directory := &limitedAt{r: s.at, left: maxDirectoryBytes}
	archive, err := zip.NewReader(directory, s.size)
	if err != nil {
		return fmt.Errorf("read zip archive: %w", err)
	}
	if len(archive.File) > s.budget.limits.Entries {
		return fmt.Errorf("%w (%d, at most %d)", errEntries, len(archive.File), s.budget.limits.Entries)
	}
	directory.left = -1
	s.containers++
	s.at, s.size = nil, 0
	return onArchive(ctx, s, zipFS{archive: archive, budget: s.budget})
}

// limitedAt stops the zip reader from loading an endless table of contents.
// Negative left is no limit.
type limitedAt struct {
	r    io.ReaderAt
	left int64
}

func (l *limitedAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := l.r.ReadAt(p, off)
	if l.left < 0 {
		return n, err
	}
	if l.left -= int64(n); l.left < 0 {
		l.left = 0
		return 0, errEntries
	}
	return n, err
}

// spool copies a stream to a temporary file.
func spool(r io.Reader, limit int64) (*os.File, int64, error) {
	file, err := os.CreateTemp("", "spoor-import-*.zip")
	if err != nil {
		return nil, 0, fmt.Errorf("make temporary file: %w", err)
	}
	size, err := io.Copy(file, io.LimitReader(r, limit+1))
	if err == nil && size > limit {
		err = fmt.Errorf("%w (%d bytes)", errTooLarge, limit)
	}
	if err != nil {
		_ = file.Close()
		_ = os.Remove(file.Name())
		return nil, 0, fmt.Errorf("copy zip archive: %w", err)
	}
	return file, size, nil
}

// zipFS is the archive's entries. Their names are only ever shown and looked
// at for the format, never used as a path of this machine; fs.FS allows none
// that leave the root.
type zipFS struct {
	archive *zip.Reader
	budget  *budget
}

func (z zipFS) Open(name string) (fs.File, error) {
	file, err := z.archive.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	if info.IsDir() {
		return file, nil
	}
	if h, ok := info.Sys().(*zip.FileHeader); ok && h.Flags&encrypted != 0 {
		_ = file.Close()
		return nil, errEncrypted
	}
	return &zipFile{File: file, guard: guard{r: file, budget: z.budget}}, nil
}

// encrypted is bit 0 of the general purpose flags (APPNOTE.TXT section 4.4.4).
const encrypted = 1

// zipFile is one entry, guarded.
type zipFile struct {
	fs.File
	guard guard
}

func (f *zipFile) Read(p []byte) (int, error) { return f.guard.Read(p) }

// decoded returns the text as UTF-8: a byte order mark decides between UTF-8
// and the two orders of UTF-16, which is what spreadsheets and shells on
// Windows write. Without a mark it is left as it is.
func decoded(br *bufio.Reader) (*bufio.Reader, error) {
	bom, err := br.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(bom, []byte{0xef, 0xbb, 0xbf}):
		_, err := br.Discard(3)
		return br, err
	case bytes.HasPrefix(bom, []byte{0xff, 0xfe}), bytes.HasPrefix(bom, []byte{0xfe, 0xff}):
		utf16 := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
		return bufio.NewReaderSize(utf16.NewDecoder().Reader(br), headBytes), nil
	}
	return br, nil
}
