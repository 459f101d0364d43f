package fetch

import (
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
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

func pack(t *testing.T, how string, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch how {
	case "gzip":
		w, err = gzip.NewWriterLevel(&b, gzip.BestCompression)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "flate":
		w, err = flate.NewWriter(&b, flate.BestCompression)
	case "zstd":
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	case "zstd, large window":
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(16<<20))
	default:
		return p
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	plain := []byte(strings.Repeat("198.51.100.7 bad.example\n", 1000))
	noise := make([]byte, 64<<10)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	zeros := make([]byte, 24<<20)
	cases := []struct {
		name   string
		header []string
		body   []byte
		want   error
	}{
		{"none", nil, plain, nil},
		{"identity", []string{"identity"}, plain, nil},
		{"gzip", []string{"gzip"}, pack(t, "gzip", plain), nil},
		{"old gzip", []string{"X-GZIP"}, pack(t, "gzip", plain), nil},
		{"members of gzip", []string{"gzip"}, append(pack(t, "gzip", plain[:5000]), pack(t, "gzip", plain[5000:])...), nil},
		{"zstd", []string{"zstd"}, pack(t, "zstd", plain), nil},
		{"deflate", []string{"deflate"}, pack(t, "zlib", plain), nil},
		{"bare deflate", []string{"deflate"}, pack(t, "flate", plain), nil},
		{"two", []string{"gzip, zstd"}, pack(t, "zstd", pack(t, "gzip", plain)), nil},
		{"two headers", []string{"gzip", "zstd"}, pack(t, "zstd", pack(t, "gzip", plain)), nil},
		{"three", []string{"gzip, gzip, gzip"}, nil, ErrEncoding},
		{"unknown", []string{"br"}, plain, ErrEncoding},
		{"not what it says", []string{"gzip"}, plain, ErrEncoding},
		{"not zstd", []string{"zstd"}, plain, ErrEncoding},
		{"gzip cut short", []string{"gzip"}, half(pack(t, "gzip", plain)), ErrTruncated},
		{"zstd cut short", []string{"zstd"}, half(pack(t, "zstd", plain)), ErrTruncated},
		{"deflate cut short", []string{"deflate"}, half(pack(t, "zlib", plain)), ErrTruncated},
		{"broken sum", []string{"gzip"}, breakSum(pack(t, "gzip", plain)), ErrEncoding},
		{"gzip bomb", []string{"gzip"}, pack(t, "gzip", zeros), ErrTooLarge},
		{"zstd bomb", []string{"zstd"}, pack(t, "zstd", zeros), ErrTooLarge},
		{"bomb in two", []string{"gzip, gzip"}, pack(t, "gzip", pack(t, "gzip", zeros)), ErrTooLarge},
		{"zstd window", []string{"zstd"}, pack(t, "zstd, large window", append(noise, zeros...)), ErrTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv, _ := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Encoding"] = c.header
				_, _ = w.Write(c.body)
			})
			f := newFetcher(t)
			res, body, err := ask(t, f, Request{URL: srv.URL + "/list.txt.gz"})
			wantEmpty(t, f.o.TempDir)
			if c.want != nil {
				wantError(t, err, c.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(plain)
			if body != string(plain) || res.Digest != hex.EncodeToString(sum[:]) {
				t.Errorf("got %d bytes with digest %s", len(body), res.Digest)
			}
			if res.Received != int64(len(c.body)) || res.Size != int64(len(plain)) {
				t.Errorf("received %d, size %d; want %d, %d", res.Received, res.Size, len(c.body), len(plain))
			}
		})
	}
}

func half(p []byte) []byte { return p[:len(p)/2] }

func breakSum(p []byte) []byte {
	p[len(p)-8]++
	return p
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the folder for bodies: %v, %v", left, err)
	}
}

// TestPackedFileStays: a .gz that is the document is not unpacked.
func TestPackedFileStays(t *testing.T) {
	t.Parallel()
	file := pack(t, "gzip", []byte("bad.example\n"))
	srv, _ := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/gzip")
		_, _ = w.Write(file)
	})
	res, body, err := ask(t, newFetcher(t), Request{URL: srv.URL + "/list.gz"})
	if err != nil || body != string(file) || res.Name != "list.gz" {
		t.Errorf("got %d bytes of %q, %v", len(body), res.Name, err)
	}
}

// TestLargeBody is over what is kept in memory.
func TestLargeBody(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("0123456789abcde\n", 3<<20/16)
	srv, _ := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, want) })
	f := newFetcher(t)
	res, err := f.Get(t.Context(), Request{URL: srv.URL, Configured: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := res.Body.(*temporary); !ok {
		t.Errorf("body is a %T", res.Body)
	}
	wantEmpty(t, f.o.TempDir)
	text, err := res.Text()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range []io.Reader{res.Body, text} {
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("reader %d: got %d bytes, %v", i, len(got), err)
		}
	}
	if err := res.Close(); err != nil {
		t.Error(err)
	}
	_, _, err = ask(t, f, Request{URL: srv.URL, Known: Fingerprint{Digest: res.Digest}})
	wantError(t, err, ErrUnchanged)
	wantEmpty(t, f.o.TempDir)
}

func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	wait := func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	cases := []struct {
		name  string
		serve func(w http.ResponseWriter, r *http.Request)
		want  error
		words string
	}{
		{"endless body", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}, ErrTooLarge, "bytes were sent"},
		{"announced too large", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			wait(w, r)
		}, ErrTooLarge, "announced"},
		{"unpacked too large", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(pack(t, "gzip", make([]byte, 3<<20)))
		}, ErrTooLarge, ""},
		{"silent body", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "begin")
			wait(w, r)
		}, ErrTimeout, "nothing came"},
		{"silent header", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, ErrTimeout, ""},
		{"dripping body", func(w http.ResponseWriter, r *http.Request) {
			for tick := time.NewTicker(10 * time.Millisecond); ; {
				select {
				case <-r.Context().Done():
					tick.Stop()
					return
				case <-tick.C:
					fmt.Fprint(w, ".")
					w.(http.Flusher).Flush()
				}
			}
		}, ErrTimeout, "over 400ms"},
		{"shorter than its length", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "begin")
		}, ErrTruncated, "after 5 bytes"},
		{"chunks without end", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "begin")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, ErrTruncated, ""},
		{"packed and cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(pack(t, "gzip", []byte("whole in itself")))
		}, ErrTruncated, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv, _ := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) { c.serve(w, r) })
			srv.Config.ErrorLog = discardLog()
			f := newFetcher(t, func(o *Options) {
				o.MaxBytes = 2 << 20
				if errors.Is(c.want, ErrTimeout) {
					o.Stall = 300 * time.Millisecond
				}
				if c.name == "dripping body" {
					o.Stall, o.Timeout = time.Minute, 400*time.Millisecond
				}
			})
			_, _, err := ask(t, f, Request{URL: srv.URL})
			wantError(t, err, c.want, c.words)
			if got := Temporary(err); got == errors.Is(c.want, ErrTooLarge) {
				t.Errorf("temporary: %v", got)
			}
			wantEmpty(t, f.o.TempDir)
		})
	}
}

func TestLimitOfRequest(t *testing.T) {
	t.Parallel()
	srv, _ := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "12345") })
	f := newFetcher(t)
	if _, _, err := ask(t, f, Request{URL: srv.URL, MaxBytes: 5}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, _, err := ask(t, f, Request{URL: srv.URL, MaxBytes: 4})
	wantError(t, err, ErrTooLarge)
}

func TestLargeHeader(t *testing.T) {
	t.Parallel()
	srv, _ := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("x", 2*maxHeader))
	})
	if _, _, err := ask(t, newFetcher(t), Request{URL: srv.URL}); err == nil {
		t.Error("got no error")
	}
}

// TestTurnLastsForTheBody: while a body is on its way the host is busy.
func TestTurnLastsForTheBody(t *testing.T) {
	t.Parallel()
	began, finish := make(chan struct{}), make(chan struct{})
	srv, seen := newServer(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			fmt.Fprint(w, "begin")
			w.(http.Flusher).Flush()
			close(began)
			<-finish
		}
	})
	f := newFetcher(t, func(o *Options) { o.PerHost = 1 })
	first := make(chan error, 1)
	go func() {
		res, err := f.Get(t.Context(), Request{URL: srv.URL, Configured: true})
		_ = res.Close()
		first <- err
	}()
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.Get(ctx, Request{URL: srv.URL, Configured: true})
	wantError(t, err, context.DeadlineExceeded)
	if got := seen.count(); got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
	close(finish)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if _, _, err := ask(t, f, Request{URL: srv.URL}); err != nil {
		t.Error(err)
	}
}

// FuzzUnpack: whatever is sent, no more than the limit comes out, and nothing
// is left open.
func FuzzUnpack(f *testing.F) {
	for _, how := range []string{"gzip", "zstd", "deflate", "gzip, zstd", "br"} {
		f.Add(how, []byte("bad.example"))
	}
	f.Add("gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x01\x00\xfe\xffa"))
	f.Add("zstd", []byte("\x28\xb5\x2f\xfd\x04\x00\x09\x00\x00a"))
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		const limit = 64 << 10
		m := &meter{ctx: t.Context(), r: bytes.NewReader(body), limit: limit, stall: time.Minute, cancel: func(error) {}}
		defer m.stop()
		r, done, err := unpacker(m, []string{encoding})
		defer done()
		if err != nil {
			return
		}
		s := &spool{limit: limit, packed: func() int64 { return m.n }}
		defer s.discard()
		if err := s.fill(t.Context(), r); err == nil && s.size > limit {
			t.Fatalf("%d bytes came out", s.size)
		}
	})
}
