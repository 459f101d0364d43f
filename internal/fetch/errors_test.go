package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTemporary(t *testing.T) {
	t.Parallel()
	status := func(code int) error { return &StatusError{Code: code} }
	cases := []struct {
		name        string
		err         error
		want, again bool
	}{
		{"nil", nil, false, false},
		{"unchanged", ErrUnchanged, false, false},
		{"forbidden", forbid("x"), false, false},
		{"too large", ErrTooLarge, false, false},
		{"encoding", ErrEncoding, false, false},
		{"redirect", ErrRedirect, false, false},
		{"no file", fs.ErrNotExist, false, false},
		{"truncated", fmt.Errorf("x: %w", ErrTruncated), true, true},
		{"timeout", ErrTimeout, true, true},
		{"deadline", context.DeadlineExceeded, true, true},
		{"cancelled", fmt.Errorf("%w, after: %w", context.Canceled, status(500)), false, false},
		{"400", status(400), false, false},
		{"404", status(404), false, false},
		{"408", status(408), true, true},
		{"429", status(429), true, false},
		{"500", status(500), true, true},
		{"501", status(501), false, false},
		{"503", status(503), true, true},
		{"503 at rest", &StatusError{Code: 503, RetryAfter: time.Second}, true, false},
		{"522", status(522), true, true},
		{"connection lost", &wireError{io.EOF}, true, true},
		{"name server busy", &wireError{&net.DNSError{IsTemporary: true}}, true, true},
		{"no such name", &wireError{&net.DNSError{IsNotFound: true}}, false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := Temporary(c.err); got != c.want {
				t.Errorf("temporary: got %v, want %v", got, c.want)
			}
			if got := again(c.err); got != c.again {
				t.Errorf("again: got %v, want %v", got, c.again)
			}
		})
	}
}

func TestStatusErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*StatusError{
		"answered 404 Not Found": {Code: 404},
		"answered 799":           {Code: 799},
		"answered 429 Too Many Requests and wants to be left alone for 2m0s":                      {Code: 429, RetryAfter: 2 * time.Minute},
		"not asked: it answered 503 Service Unavailable before and wants to be left alone for 1s": {Code: 503, RetryAfter: time.Second, Held: true},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestForeignText: what a server sent ends up in logs and columns.
func TestForeignText(t *testing.T) {
	t.Parallel()
	err := &wireError{errors.New("a\x00b\r\nc\xff" + strings.Repeat("ü", maxCause))}
	got := err.Error()
	if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\r\n") || len(got) > maxCause+10 {
		t.Errorf("got %d bytes, %.20q", len(got), got)
	}
}
