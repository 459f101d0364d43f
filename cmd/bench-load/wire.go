package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// wire is one keep-alive HTTP/1.1 connection that sends prepared requests and
// reads the answers, allocating nothing. net/http's client costs several times
// what its server does; on a machine where both share the cores, the figures
// would be the client's.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

// answer is what a request came to. body is valid until the next request.
type answer struct {
	status int
	body   []byte
}

const (
	// requestDeadline ends a request that hangs; no class comes near it.
	requestDeadline = 30 * time.Second
	maxBody         = 4 << 20
)

func dialWire(ctx context.Context, address string) (*wire, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

func (w *wire) close() error { return w.conn.Close() }

// request returns the bytes of a GET request.
func request(address, target, key string) []byte {
	b := make([]byte, 0, len(target)+len(address)+len(key)+64)
	b = append(b, "GET "...)
	b = append(b, target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, address...)
	b = append(b, "\r\nX-API-Key: "...)
	b = append(b, key...)
	return append(b, "\r\n\r\n"...)
}

// do sends a prepared request and reads the whole answer.
func (w *wire) do(req []byte) (answer, error) {
	if err := w.conn.SetDeadline(time.Now().Add(requestDeadline)); err != nil {
		return answer{}, fmt.Errorf("set deadline: %w", err)
	}
	if _, err := w.conn.Write(req); err != nil {
		return answer{}, fmt.Errorf("send request: %w", err)
	}
	status, length, err := w.head()
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	w.body = w.body[:0]
	if length >= 0 {
		err = w.take(length)
	} else {
		err = w.chunks()
	}
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	return answer{status: status, body: w.body}, nil
}

// head reads the status line and the header; length is -1 for a chunked body.
func (w *wire) head() (status, length int, err error) {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, 0, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, fmt.Errorf("status line %q", line)
	}
	length = -2
	for {
		line, err = w.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, 0, fmt.Errorf("content length %q", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			length = -1
		}
	}
	if length == -2 || length > maxBody {
		return 0, 0, errors.New("answer with no usable length")
	}
	return status, length, nil
}

// take appends n bytes of the connection to the body.
func (w *wire) take(n int) error {
	at := len(w.body)
	if need := at + n; need > cap(w.body) {
		w.body = append(make([]byte, 0, need+need/2), w.body...)
	}
	w.body = w.body[:at+n]
	_, err := io.ReadFull(w.in, w.body[at:])
	return err
}

func (w *wire) chunks() error {
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(bytes.TrimRight(line, "\r\n")), 16, 31)
		if err != nil || len(w.body)+int(size) > maxBody {
			return fmt.Errorf("chunk of size %q", line)
		}
		if err := w.take(int(size)); err != nil {
			return err
		}
		if _, err := w.in.Discard(len("\r\n")); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}
