package server

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/store"
)

// charge takes the request off what its key may spend, and says in the answer
// what is left, whatever the answer will be. A key that is not rationed passes
// untouched.
func (s *Server) charge(x *exchange, r *http.Request) error {
	if !x.caller.Tier.Rationed() {
		return nil
	}
	q, err := s.deps.Limiter.Spend(r.Context(), x.caller, store.Request)
	if q.Window == 0 {
		return err
	}
	x.set("X-Ratelimit-Limit", strconv.FormatInt(q.Limit, 10))
	x.set("X-Ratelimit-Remaining", strconv.FormatInt(q.Remaining, 10))
	x.set("X-Ratelimit-Reset", strconv.FormatInt(q.Reset.Unix(), 10))
	if errors.Is(err, auth.ErrLimit) {
		return overLimit(q)
	}
	return err
}

// overLimit tells a key that it has asked too much.
func overLimit(q auth.Quota) *apiError {
	window := "a minute"
	if q.Window > time.Minute {
		window = "a day"
	}
	return &apiError{
		code:    api.RateLimitExceeded,
		message: "The API key's limit of " + strconv.FormatInt(q.Limit, 10) + " requests " + window + " is reached. Try again after the seconds in Retry-After.",
		retry:   strconv.FormatInt(int64(q.RetryAfter/time.Second), 10),
	}
}
