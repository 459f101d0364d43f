package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
)

// apiError is an error that is meant for the client.
type apiError struct {
	code    api.Code
	message string
	details *api.ErrorDetails
	// allow is the Allow header of method_not_allowed.
	allow string
	// retry is the Retry-After of rate_limit_exceeded.
	retry string
}

// Error makes it an error; it is not logged.
func (p *apiError) Error() string { return string(p.code) + ": " + p.message }

// statusOf is the one place that knows status codes (contract section 1,
// "codes").
func statusOf(c api.Code) int {
	switch c {
	case api.MissingParameter, api.InvalidParameter:
		return http.StatusBadRequest
	case api.MissingAPIKey, api.InvalidAPIKey, api.ExpiredAPIKey:
		return http.StatusUnauthorized
	case api.InsufficientScope, api.TierRequired, api.AddressNotAllowed, api.LookbackExceeded:
		return http.StatusForbidden
	case api.NotFound, api.ArticleNotFound:
		return http.StatusNotFound
	case api.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case api.NotAcceptable:
		return http.StatusNotAcceptable
	case api.ArticleArchived:
		return http.StatusGone
	case api.PayloadTooLarge:
		return http.StatusRequestEntityTooLarge
	case api.UnsupportedMediaType:
		return http.StatusUnsupportedMediaType
	case api.MisdirectedRequest:
		return http.StatusMisdirectedRequest
	case api.RateLimitExceeded:
		return http.StatusTooManyRequests
	case api.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// retryAfter is the Retry-After of unavailable, in seconds: a deadline missed
// or a lock held is over soon.
const retryAfter = "1"

// sentinels maps the errors of the other rooms; the first that errors.Is
// accepts wins. What is not here is a fault of ours: internal_error, and the
// cause goes to the log only.
//
//nolint:gochecknoglobals // read-only table
var sentinels = []struct {
	err     error
	code    api.Code
	message string
}{
	{auth.ErrMissing, api.MissingAPIKey, api.MissingAPIKeyMessage},
	{auth.ErrInvalid, api.InvalidAPIKey, `The API key is not valid. Check that all of it was copied, and that one key only is sent; make a new one with "spoor keys create".`},
	{auth.ErrExpired, api.ExpiredAPIKey, `The API key has expired. Make a new one with "spoor keys create".`},
	{auth.ErrLimit, api.RateLimitExceeded, "The API key's limit is reached. Try again later."},
	{auth.ErrAddress, api.AddressNotAllowed, "The API key may not be used from this address. Call from an address in the key's allowed_ips, or use another key."},
	{store.ErrCursor, api.InvalidParameter, "The cursor cannot be used. Start again without cursor."},
	{store.ErrNotFound, api.NotFound, "There is nothing with that id. Check the id; records are found with /api/v1/iocs/search."},
	{store.ErrBusy, api.Unavailable, "The store is busy. Try again after the seconds in Retry-After."},
	{store.ErrUnavailable, api.Unavailable, "The store cannot be reached. Try again after the seconds in Retry-After."},
	{context.DeadlineExceeded, api.Unavailable, "The query took too long and was stopped. Try again after the seconds in Retry-After, or narrow it: a longer text, a type, match=exact."},
	{context.Canceled, api.Unavailable, "The request was given up. Try again."},
	{search.ErrQuery, api.InvalidParameter, "The text to search for is not valid. Send 2 to 2,048 characters of UTF-8 in q."},
	{ioc.ErrInvalid, api.InvalidParameter, "A value does not read as an indicator. Check it."},
	{store.ErrExists, api.InternalError, internalMessage},
	{store.ErrFull, api.InternalError, internalMessage},
	{store.ErrReadOnly, api.InternalError, internalMessage},
	{store.ErrCorrupt, api.InternalError, internalMessage},
	{store.ErrSchema, api.InternalError, internalMessage},
	{store.ErrMoving, api.Unavailable, "The store is being moved. Try again after the seconds in Retry-After."},
	{store.ErrOccupied, api.InternalError, internalMessage},
	{store.ErrChanged, api.InternalError, internalMessage},
	{store.ErrDiffers, api.InternalError, internalMessage},
}

const internalMessage = "Something went wrong on the server. Try again; if it stays, report it to the operator with the request_id."

// problemOf finds what to tell the client about an error.
func problemOf(err error) *apiError {
	if p, ok := errors.AsType[*apiError](err); ok {
		return p
	}
	if bad, ok := errors.AsType[*search.QueryError](err); ok {
		return badParam(bad.Field, bad.Reason)
	}
	if errors.Is(err, store.ErrCursor) {
		return badParam("cursor", "is not of this store; start again without cursor")
	}
	for i := range sentinels {
		if errors.Is(err, sentinels[i].err) {
			return &apiError{code: sentinels[i].code, message: sentinels[i].message}
		}
	}
	return &apiError{code: api.InternalError, message: internalMessage}
}

// headers sets what the error's status asks for.
func (p *apiError) headers(x *exchange) {
	switch statusOf(p.code) {
	case http.StatusUnauthorized:
		x.set("Www-Authenticate", "Bearer")
	case http.StatusTooManyRequests:
		x.set("Retry-After", orElse(p.retry, retryAfter))
	case http.StatusServiceUnavailable:
		x.set("Retry-After", retryAfter)
	case http.StatusMethodNotAllowed:
		x.set("Allow", p.allow)
	}
}

func noRoute() *apiError {
	return &apiError{code: api.NotFound, message: "There is nothing at this address. The API is described at /api/openapi.json."}
}

func wrongMethod(allow []string) *apiError {
	list := strings.Join(allow, ", ")
	return &apiError{code: api.MethodNotAllowed, message: "This address does not take that method. Use " + list + ".", allow: list}
}

func wrongHost() *apiError {
	return &apiError{code: api.MisdirectedRequest, message: "This server does not answer for the host name of the request. Use its public address, or add the name to allowed_hosts in the configuration."}
}

// wrongScope tells a key of a tier that may never do this from one that was
// made without the scope.
func wrongScope(c *auth.Caller, scope auth.Scope) *apiError {
	tiers := auth.TiersOf(scope)
	for _, t := range tiers {
		if t == c.Tier.Name {
			return &apiError{
				code:    api.InsufficientScope,
				message: "The API key lacks the scope " + string(scope) + ". Use a key that has it.",
				details: &api.ErrorDetails{Scope: string(scope)},
			}
		}
	}
	return &apiError{
		code:    api.TierRequired,
		message: "The API key's tier, " + c.Tier.Name + ", may not do this. Use a key of tier " + strings.Join(tiers, " or ") + ".",
		details: &api.ErrorDetails{Scope: string(scope), Tiers: tiers},
	}
}
