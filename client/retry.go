package client

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"spoor/api"
)

// RetryAfter returns how long the server said to wait before the same request
// is made again: with rate_limit_exceeded until it fits into the key's limit,
// with unavailable until the trouble may be over. It reports false when err is
// no answer that said so. It is in whole seconds, at least one.
func RetryAfter(err error) (time.Duration, bool) {
	e, ok := errors.AsType[*answerError](err)
	if !ok || e.after == 0 {
		return 0, false
	}
	return e.after, true
}

// answerError is an error that a server answered with, and when it said to try
// again; 0 when it did not.
type answerError struct {
	cause *api.Error
	after time.Duration
}

func (e *answerError) Error() string { return e.cause.Error() }

// Unwrap makes the *api.Error part of the chain.
func (e *answerError) Unwrap() error { return e.cause }

// maxRetryAfter is the longest wait that is believed: no limit is longer than
// a day.
const maxRetryAfter = 2 * 24 * 60 * 60

// readRetryAfter reads the header. A date, which our servers do not send, is
// passed over.
func readRetryAfter(res *http.Response) time.Duration {
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil || seconds < 1 || seconds > maxRetryAfter {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
