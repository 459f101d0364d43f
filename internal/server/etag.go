package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"spoor/internal/search"
	"spoor/internal/store"
)

// setETag gives the answer its validator: a hash of the store's seq, the
// address and its parameters, what the key may see, how far it looks back (by
// the minute), the hour where scores are in it, and what the operator configured (contract section 1,
// "caching"). It is only called by handlers that are about to succeed.
func (s *Server) setETag(x *exchange, r *http.Request, seq int64) {
	buf := s.buffer()
	defer s.give(buf)
	b := strconv.AppendInt(*buf, seq, 10)
	for _, part := range [...]string{r.URL.Path, accepted(r), x.caller.Rights, s.opts.Version, s.opts.SourceName, s.opts.FeedVersion, s.opts.PublicURL, s.opts.DefaultView} {
		b = append(b, 0)
		b = append(b, part...)
	}
	b = append(b, 0)
	b = x.query.encode(b, nil)
	if text, _ := x.query.get("explain"); text == "true" { // a score ages by the hour
		b = append(b, 0)
		b = strconv.AppendInt(b, search.AssessedAt(s.opts.Now()).Unix(), 10)
	}
	if e := x.caller.Tier.Earliest(s.opts.Now()); !e.IsZero() {
		b = append(b, 0)
		b = strconv.AppendInt(b, e.Unix(), 10)
	}
	sum := sha256.Sum256(b)
	*buf = b
	var tag [2 + 1 + 22 + 1]byte
	copy(tag[:], `W/"`)
	base64.RawURLEncoding.Encode(tag[3:], sum[:16])
	tag[len(tag)-1] = '"'
	x.etag = string(tag[:])
}

// stillFresh answers If-None-Match without running the query: it asks the
// store for its seq only. An ETag that matches was handed out with an answer
// to this very request, so its parameters are known to be good.
func (s *Server) stillFresh(x *exchange, r *http.Request) (bool, error) {
	asked := r.Header["If-None-Match"]
	if len(asked) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.opts.QueryDeadline)
	defer cancel()
	var seq int64
	err := s.deps.Store.View(ctx, func(snap store.Snapshot) error { seq = snap.Seq(); return nil })
	if err != nil {
		return false, fmt.Errorf("read sequence number: %w", err)
	}
	s.setETag(x, r, seq)
	for _, line := range asked {
		for tag := range strings.SplitSeq(line, ",") {
			// "*" asks whether there is anything at all, which only the
			// query itself can tell; it is not a way to skip it.
			if weak(strings.TrimSpace(tag)) == weak(x.etag) {
				return true, nil
			}
		}
	}
	x.etag = ""
	return false, nil
}

// weak prepares two tags for weak comparison (RFC 9110, 8.8.3.2).
func weak(tag string) string { return strings.TrimPrefix(tag, "W/") }
