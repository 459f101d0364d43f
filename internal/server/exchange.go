package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/store"
	"spoor/internal/web"
)

// exchange is one request and its answer: the http.ResponseWriter of a
// handler, with what the checks before it found out. It is reused after the
// request and must not be kept.
type exchange struct {
	http.ResponseWriter

	id     string
	route  *route // nil until one is found
	caller *auth.Caller
	query  query
	// etag is set once the store's seq is known; empty means none.
	etag string

	// values backs the header values of this answer: one allocation for all,
	// not reused, because compression writes headers after the request.
	values *[8]string
	nvalue int
	random [10]byte // for the request id

	status int
	bytes  int64
	// cause is the error that was answered with 5xx, for the log.
	cause error
	// took and work are the query's own time and cost.
	took time.Duration
	work store.Work
}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write notes the size.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// set sets a header whose canonical name is given.
func (x *exchange) set(name, value string) {
	if x.nvalue == len(x.values) {
		x.Header()[name] = []string{value}
		return
	}
	x.values[x.nvalue] = value
	x.nvalue++
	x.Header()[name] = x.values[x.nvalue-1 : x.nvalue : x.nvalue]
}

// Unwrap serves http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// The content types that are written.
const (
	typeJSON   = "application/json"
	typeYAML   = "application/yaml"
	typeCSV    = "text/csv; charset=utf-8; header=present"
	typeText   = "text/plain; charset=utf-8"
	typeNDJSON = "application/x-ndjson"
	typeHTML   = "text/html; charset=utf-8"
)

// begin writes the status and the headers of a good answer. A negative size
// is one that is not known.
func (x *exchange) begin(contentType string, size int) {
	x.set("Content-Type", contentType)
	if size >= 0 {
		x.set("Content-Length", strconv.Itoa(size))
	}
	x.cacheHeaders()
	x.WriteHeader(http.StatusOK)
}

// cacheHeaders marks what needed a key as the caller's own. The ETag is weak
// because generated_at and the times differ between answers that say the same,
// and because it stands for every compression of them (RFC 9110, 8.8.1).
func (x *exchange) cacheHeaders() {
	if x.caller != nil {
		x.set("Cache-Control", "private, no-cache")
	}
	if x.etag != "" {
		x.set("Etag", x.etag)
	}
}

// send answers with a complete body.
func (x *exchange) send(contentType string, body []byte) error {
	x.begin(contentType, len(body))
	x.Write(body) //nolint:errcheck // the client has gone; there is nobody to tell
	return nil
}

// fail answers with an error. After the first byte of a body it can only break
// the connection off, so that nobody takes half an answer for a whole one.
func (s *Server) fail(x *exchange, r *http.Request, err error) {
	p := problemOf(err)
	status := statusOf(p.code)
	if status >= http.StatusInternalServerError {
		x.cause = err
	}
	if x.status != 0 {
		panic(http.ErrAbortHandler) // net/http's documented way
	}
	p.headers(x)
	if x.caller != nil {
		x.set("Cache-Control", "private, no-cache")
	} else {
		x.set("Cache-Control", "no-store")
	}
	if x.route != nil && x.route.page && strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.failPage(x, status, p)
		return
	}
	body, err := encodeError(api.Error{Code: p.code, Message: p.message, RequestID: x.id, Details: p.details})
	if err != nil {
		x.cause = err
	}
	x.set("Content-Type", typeJSON)
	x.WriteHeader(status)
	x.Write(body) //nolint:errcheck // the client has gone; there is nobody to tell
}

// failPage is fail for a browser that asked for a page.
func (s *Server) failPage(x *exchange, status int, p *apiError) {
	var body bytes.Buffer
	err := s.pages.Problem(&body, web.Problem{Status: status, Code: string(p.code), Message: p.message, RequestID: x.id})
	if err != nil {
		x.cause = err
	}
	x.set("Content-Type", typeHTML)
	x.set("Content-Security-Policy", s.pages.Policy())
	x.WriteHeader(status)
	x.Write(body.Bytes()) //nolint:errcheck // the client has gone; there is nobody to tell
}

// encodeError writes an error body in the same JSON dialect as the Encoder.
func encodeError(e api.Error) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(api.ErrorResponse{Error: e})
	return b.Bytes(), err
}
