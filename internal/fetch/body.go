package fetch

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// inMemory is how large a body may be that is kept in memory.
	inMemory = 1 << 20
	// maxRatio is how much larger a body may be unpacked than packed, judged
	// from ratioFloor bytes on. Lists shrink about 5 to 20 times, feeds up to
	// about 50; bombs come near what deflate can do at most, 1,032.
	maxRatio   = 250
	ratioFloor = 8 << 20
	// maxWindow is what a zstd frame may ask for in HTTP (RFC 9659).
	maxWindow = 8 << 20
	// maxLayers is how many encodings a body may lie in.
	maxLayers = 2
)

// meter reads a body from the wire: counts it, bounds it, and gives up when
// nothing comes.
type meter struct {
	ctx    context.Context //nolint:containedctx // lives as long as one read of one body
	r      io.Reader
	limit  int64
	stall  time.Duration
	cancel context.CancelCauseFunc
	timer  *time.Timer

	n int64
	// err is what ended the body, other than its end.
	err error
}

func (m *meter) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if m.timer == nil {
		m.timer = time.AfterFunc(m.stall, func() {
			m.cancel(fmt.Errorf("%w: nothing came for %s", ErrTimeout, m.stall))
		})
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	if n > 0 {
		m.timer.Reset(m.stall)
	}
	switch {
	case m.n > m.limit:
		err = fmt.Errorf("%w: over %d bytes were sent", ErrTooLarge, m.limit)
	case err == nil, errors.Is(err, io.EOF):
		return n, err
	case context.Cause(m.ctx) != nil:
		err = context.Cause(m.ctx)
	default:
		err = fmt.Errorf("%w after %d bytes: %w", ErrTruncated, m.n, &wireError{err})
	}
	m.err = err
	return n, err
}

// stop ends the watch for silence.
func (m *meter) stop() {
	if m.timer != nil {
		m.timer.Stop()
	}
}

// unpacker takes the encodings of the transfer off, the outermost first.
func unpacker(r io.Reader, encodings []string) (io.Reader, func(), error) {
	closers := []func(){}
	done := func() {
		for _, c := range closers {
			c()
		}
	}
	var layers []string
	for _, e := range strings.Split(strings.Join(encodings, ","), ",") {
		if e = strings.ToLower(strings.TrimSpace(e)); e != "" && e != "identity" {
			layers = append(layers, e)
		}
	}
	if len(layers) > maxLayers {
		return nil, done, fmt.Errorf("%w: %d of them in each other", ErrEncoding, len(layers))
	}
	for i := len(layers) - 1; i >= 0; i-- {
		br := bufio.NewReader(r)
		if _, err := br.Peek(1); errors.Is(err, io.EOF) {
			return br, done, nil // nothing, which some servers label all the same
		}
		next, closer, err := layer(br, layers[i])
		if err != nil {
			return nil, done, err
		}
		closers = append(closers, closer)
		r = next
	}
	return r, done, nil
}

func layer(br *bufio.Reader, name string) (io.Reader, func(), error) {
	nothing := func() {}
	switch name {
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, nothing, unpackError(name, err)
		}
		return z, nothing, nil
	case "zstd":
		// One decoder at a time is the form without goroutines.
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nothing, unpackError(name, err)
		}
		return z, z.Close, nil
	case "deflate":
		// The name means zlib, but some servers send it without its header.
		if head, _ := br.Peek(2); len(head) == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			z, err := zlib.NewReader(br)
			if err != nil {
				return nil, nothing, unpackError(name, err)
			}
			return z, nothing, nil
		}
		return flate.NewReader(br), nothing, nil
	}
	return nil, nothing, fmt.Errorf("%w %q, which was not asked for", ErrEncoding, clip(name))
}

// unpackError tells an end that comes too early from bytes that are wrong.
func unpackError(name string, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: unpack %s: %w", ErrTruncated, name, err)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("%w: unpack %s: %w", ErrTooLarge, name, err)
	}
	return fmt.Errorf("%w: unpack %s: %s", ErrEncoding, name, clip(err.Error()))
}

// receive reads the body of an answer to its end, and the answer's header.
func (g *get) receive(resp *http.Response, res *Result, m *meter) error {
	if resp.ContentLength > g.limit {
		return fmt.Errorf("%w: %d bytes announced, more than %d", ErrTooLarge, resp.ContentLength, g.limit)
	}
	encodings := resp.Header.Values("Content-Encoding")
	r, done, err := unpacker(m, encodings)
	defer done()
	if m.err != nil {
		return m.err
	}
	if err != nil {
		return err
	}
	s := &spool{dir: g.f.o.TempDir, limit: g.limit, packed: func() int64 { return m.n }}
	if err := s.fill(m.ctx, r); err != nil {
		s.discard()
		if m.err != nil {
			return m.err
		}
		if s.readErr != nil {
			return unpackError(strings.Join(encodings, ", "), s.readErr)
		}
		return err
	}
	// What is left after the last packed block shows whether all was sent.
	if _, err := io.Copy(io.Discard, m); err != nil {
		s.discard()
		return err
	}
	res.Received = m.n
	return s.into(res, g.req.Known)
}

// spool keeps a body while it comes, in memory and then in a file.
type spool struct {
	dir   string
	limit int64
	// packed is how many bytes the body had on the wire so far; nil for one
	// that is not packed.
	packed func() int64

	size int64
	head bytes.Buffer
	file *temporary
	// digest is of all that came.
	digest string
	// readErr is set when the source failed, not the keeping.
	readErr error
}

// fill reads r to its end.
func (s *spool) fill(ctx context.Context, r io.Reader) error {
	sum := sha256.New()
	buf := make([]byte, 64<<10)
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(buf)
		_, _ = sum.Write(buf[:n]) // never fails
		s.size += int64(n)
		if s.size > s.limit {
			return fmt.Errorf("%w: over %d bytes", ErrTooLarge, s.limit)
		}
		if s.packed != nil && s.size > ratioFloor && s.size/maxRatio > s.packed() {
			return fmt.Errorf("%w: unpacks to over %d times its size, which is what a decompression bomb does", ErrTooLarge, maxRatio)
		}
		if err := s.keep(buf[:n]); err != nil {
			return fmt.Errorf("keep body: %w", err)
		}
		if errors.Is(err, io.EOF) {
			s.digest = hex.EncodeToString(sum.Sum(nil))
			return nil
		}
		if err != nil {
			s.readErr = err
			return err
		}
	}
}

func (s *spool) keep(p []byte) error {
	if s.file == nil && s.head.Len()+len(p) <= inMemory {
		_, err := s.head.Write(p)
		return err
	}
	if s.file == nil {
		file, err := os.CreateTemp(s.dir, "spoor-body-*")
		if err != nil {
			return err
		}
		// Without a name it is gone when this process is, however that ends.
		s.file = &temporary{File: file, named: os.Remove(file.Name()) != nil}
		if _, err := file.Write(s.head.Bytes()); err != nil {
			return err
		}
		s.head = bytes.Buffer{}
	}
	_, err := s.file.Write(p)
	return err
}

// into hands the body to the result, unless it is the one that is known.
func (s *spool) into(res *Result, known Fingerprint) error {
	res.Size, res.Digest = s.size, s.digest
	if known.Digest == s.digest {
		s.discard()
		return ErrUnchanged
	}
	if s.file == nil {
		res.Body = memory{bytes.NewReader(s.head.Bytes())}
		return nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		s.discard()
		return fmt.Errorf("keep body: %w", err)
	}
	res.Body = s.file
	return nil
}

func (s *spool) discard() {
	if s.file != nil {
		_ = s.file.Close() // nobody will read it
	}
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

type temporary struct {
	*os.File
	// named is set where an open file cannot lose its name.
	named bool
}

// Close also removes the file.
func (t temporary) Close() error {
	err := t.File.Close()
	if t.named {
		err = errors.Join(err, os.Remove(t.Name()))
	}
	return err
}
