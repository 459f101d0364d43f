package ingest

import (
	"context"
	"io"
	"sync/atomic"
)

// meter counts how far one input was read, and adds that to what all inputs
// together have come to. An input of unknown size has size -1.
type meter struct {
	r     io.Reader
	at    io.ReaderAt
	size  int64
	n     int64
	total *atomic.Int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.count(n)
	return n, err
}

func (m *meter) ReadAt(p []byte, off int64) (int, error) {
	n, err := m.at.ReadAt(p, off)
	m.count(n)
	return n, err
}

// count never lets an input count for more than its size, however often a zip
// reader goes back in it: entries that share their bytes would otherwise hide
// how much they grow.
func (m *meter) count(n int) {
	add := int64(n)
	if m.size >= 0 {
		add = min(add, m.size-m.n)
	}
	if add > 0 {
		m.n += add
		m.total.Add(add)
	}
}

// read is how many bytes of the input were read.
func (m *meter) read() int64 { return m.n }

// done counts what was left unread, so that progress is complete when the last
// input is dealt with.
func (m *meter) done() {
	if m.size > m.n {
		m.total.Add(m.size - m.n)
		m.n = m.size
	}
}

// patientReader reads from a pipe or terminal, where a read may wait for ever,
// and gives up when the import is interrupted.
type patientReader struct {
	r     io.Reader
	done  <-chan struct{}
	buf   []byte
	rest  []byte
	err   error
	ready chan readResult
}

type readResult struct {
	n   int
	err error
}

func newPatientReader(ctx context.Context, r io.Reader) *patientReader {
	return &patientReader{r: r, done: ctx.Done(), buf: make([]byte, headBytes), ready: make(chan readResult, 1)}
}

// Read reads beside the caller. A read that is still waiting when the import
// is interrupted is left behind, the one goroutine that nobody waits for: no
// system call ends it, and it touches nothing but its own buffer.
func (p *patientReader) Read(to []byte) (int, error) {
	if len(p.rest) == 0 && p.err == nil {
		go func() {
			n, err := p.r.Read(p.buf)
			p.ready <- readResult{n, err}
		}()
		select {
		case got := <-p.ready:
			p.rest, p.err = p.buf[:got.n], got.err
		case <-p.done:
			p.err = context.Canceled
		}
	}
	n := copy(to, p.rest)
	if p.rest = p.rest[n:]; len(p.rest) > 0 {
		return n, nil
	}
	return n, p.err
}
