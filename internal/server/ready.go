package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/store"
)

// paramVerbose asks /readyz for the whole report, which needs a key.
const paramVerbose = "verbose"

func readyParams() []param {
	return []param{{name: paramVerbose, allowed: []string{"true", "false"}}}
}

// readyScope is what the request needs: nothing for the bare word, and for the
// report, which names servers, a key of the operator. Whatever is not plainly
// the bare form needs the key, before anything else is said of it.
func readyScope(r *http.Request) auth.Scope {
	if r.URL.RawQuery == "" {
		return ""
	}
	for _, v := range r.URL.Query()[paramVerbose] {
		if v != "false" {
			return auth.Admin
		}
	}
	return ""
}

// ready answers GET /readyz: the store answers too. It stays ready while reads
// are answered: a server that was taken out during a failover would take away
// what still works.
func (s *Server) ready(x *exchange, r *http.Request) error {
	verbose, err := x.query.boolean(paramVerbose, false)
	if err != nil {
		return err
	}
	found, err := s.checkup.ask(r.Context())
	if err != nil {
		return err
	}
	if verbose {
		return s.sendReadiness(x, &found)
	}
	if found.unreadable != nil {
		return &notReadyError{found.unreadable}
	}
	x.set("Cache-Control", "no-store")
	return x.send(typeText, []byte(found.word()+"\n"))
}

// word is the bare answer. Its first word is always "ready"; it names no
// server and no version.
func (c *condition) word() string {
	switch {
	case !c.Writable:
		return api.StatusReady + " " + api.StatusReadOnly
	case c.Replication == store.Asynchronous, c.Replication == store.Synchronous:
		return api.StatusReady + " " + string(c.Replication)
	default:
		return api.StatusReady
	}
}

// sendReadiness sends the report, with the status that the bare word has.
func (s *Server) sendReadiness(x *exchange, found *condition) error {
	if x.caller == nil { // readyScope saw to it; the servers' names must not depend on that alone
		return auth.ErrMissing
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	err := enc.Encode(api.ReadyResponse{
		Meta: api.Meta{GeneratedAt: s.opts.Now().UTC().Truncate(time.Second), FeedVersion: s.opts.FeedVersion, Source: s.opts.SourceName},
		Data: api.Readiness{Status: found.status(), Store: storeHealth(found)},
	})
	if err != nil {
		return fmt.Errorf("encode readiness: %w", err)
	}
	if found.unreadable == nil {
		return x.send(typeJSON, body.Bytes())
	}
	unavailable := apiError{code: api.Unavailable}
	unavailable.headers(x)
	x.cause = &notReadyError{found.unreadable}
	x.cacheHeaders()
	x.set("Content-Type", typeJSON)
	x.WriteHeader(statusOf(unavailable.code))
	x.Write(body.Bytes()) //nolint:errcheck // the client has gone; there is nobody to tell
	return nil
}

// storeHealth converts to the wire.
func storeHealth(c *condition) api.StoreHealth {
	h := api.StoreHealth{
		Engine: c.Engine, Schema: c.Schema, Readable: c.unreadable == nil, Writable: c.Writable,
		Problem: textOrNull(c.Problem), Replicas: make([]api.ReplicaHealth, len(c.Replicas)),
	}
	if h.Problem == nil && c.unreadable != nil {
		h.Problem = textOrNull(c.unreadable.Error())
	}
	if c.Writable {
		h.Replication = textOrNull(string(c.Replication))
	}
	for i, r := range c.Replicas {
		h.Replicas[i] = api.ReplicaHealth{
			Host: r.Host, State: string(r.State), LagSeconds: lagOrNull(r), Views: r.Views, Problem: textOrNull(r.Problem),
		}
	}
	return h
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// notReadyError makes any error of the store a 503: whoever asks /readyz wants to
// know whether to send requests here, not whose fault it is.
type notReadyError struct{ cause error }

func (e *notReadyError) Error() string { return "ask store: " + e.cause.Error() }

// Is maps it to unavailable, by the row of store.ErrUnavailable.
func (e *notReadyError) Is(target error) bool { return target == store.ErrUnavailable }

// lagOrNull is nil for a replica that does not answer: nobody knows its lag.
func lagOrNull(r store.Replica) *float64 {
	if r.State == store.ReplicaDown {
		return nil
	}
	lag := r.Lag.Seconds()
	return &lag
}
