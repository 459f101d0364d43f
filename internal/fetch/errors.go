package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"
)

var (
	// ErrUnchanged: the source still has what the caller knows. It comes with a
	// result, which has no body.
	ErrUnchanged = errors.New("unchanged since the last copy")
	// ErrForbidden: the address, scheme, port, redirect or file is not one that
	// may be read. The text says how the operator can allow it.
	ErrForbidden = errors.New("not allowed")
	// ErrInvalidURL: the text is no absolute http, https or file URL.
	ErrInvalidURL = errors.New("not a URL to fetch")
	// ErrTooLarge: the body is over its limit, on the wire or unpacked.
	ErrTooLarge = errors.New("too large")
	// ErrTruncated: the body ended before its end.
	ErrTruncated = errors.New("cut short")
	// ErrEncoding: the Content-Encoding is unknown, or not what the body has.
	ErrEncoding = errors.New("content encoding")
	// ErrTimeout: the time of the Get ran out, or no byte came for too long.
	ErrTimeout = errors.New("took too long")
	// ErrRedirect: redirected too often, in a circle, or to nowhere.
	ErrRedirect = errors.New("redirect")
	// ErrFolder: the file source is a folder; Local has its path.
	ErrFolder = errors.New("is a folder")
)

// maxRetryAfter is the longest rest that a host can ask for.
const maxRetryAfter = 24 * time.Hour

// restWithoutTime is how long a host is left alone that answered 429 without
// saying how long it wants to rest.
const restWithoutTime = time.Minute

// StatusError is an answer that is no document.
type StatusError struct {
	// Code is the HTTP status.
	Code int
	// RetryAfter is how long the host wants to be left alone, at most a day;
	// zero when it did not say.
	RetryAfter time.Duration
	// Held is set when no request was sent, because an earlier answer of the
	// host had Code and its rest is not over.
	Held bool
}

// Error says what was answered, and what the host asks for.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("answered %d", e.Code)
	if name := http.StatusText(e.Code); name != "" {
		text += " " + name
	}
	if e.Held {
		text = "not asked: it " + text + " before"
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(" and wants to be left alone for %s", e.RetryAfter.Round(time.Second))
	}
	return text
}

// Temporary reports whether the same Get may well work later with nothing
// changed on this side. It is false for nil, for ErrUnchanged and for a
// context that was cancelled.
func Temporary(err error) bool {
	var status *StatusError
	var wire *wireError
	switch {
	case errors.Is(err, ErrForbidden), errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, ErrTruncated), errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return true
	case errors.As(err, &status):
		return status.passing()
	case errors.As(err, &wire):
		return wire.passing()
	}
	return false
}

func (e *StatusError) passing() bool {
	switch e.Code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return e.Code >= 500
}

// again reports whether the same Get should try once more by itself. A host
// that asked for a rest is not one of those.
func again(err error) bool {
	var status *StatusError
	if errors.As(err, &status) && (status.RetryAfter > 0 || status.Code == http.StatusTooManyRequests) {
		return false
	}
	return Temporary(err)
}

// wireError is a request that got no answer.
type wireError struct{ err error }

// Error cuts the cause short: a malformed answer is quoted in it.
func (e *wireError) Error() string { return clip(e.err.Error()) }

func (e *wireError) Unwrap() error { return e.err }

// passing is false for what somebody has to correct first: a name that is not
// there, a certificate that does not fit.
func (e *wireError) passing() bool {
	var name *net.DNSError
	if errors.As(e.err, &name) {
		return !name.IsNotFound
	}
	var certificate *tls.CertificateVerificationError
	return !errors.As(e.err, &certificate)
}

// maxCause is how much of a foreign text is repeated.
const maxCause = 300

// clip makes a foreign text fit for a line of a log or a column.
func clip(text string) string {
	if len(text) > maxCause {
		text = text[:maxCause] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// forbid makes an ErrForbidden; it is a type so that it can be found, and said
// without what the dialer wraps around it.
func forbid(format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...)}
}

type refusal struct{ text string }

func (r *refusal) Error() string        { return ErrForbidden.Error() + ": " + r.text }
func (r *refusal) Is(target error) bool { return target == ErrForbidden }
