package api

import "fmt"

// Code names a kind of error on the wire (contract section 1, "codes").
type Code string

// The error codes.
const (
	MissingParameter     Code = "missing_parameter"
	InvalidParameter     Code = "invalid_parameter"
	MissingAPIKey        Code = "missing_api_key"
	InvalidAPIKey        Code = "invalid_api_key"
	ExpiredAPIKey        Code = "expired_api_key"
	InsufficientScope    Code = "insufficient_scope"
	TierRequired         Code = "tier_required"
	AddressNotAllowed    Code = "address_not_allowed"
	LookbackExceeded     Code = "lookback_exceeded"
	NotFound             Code = "not_found"
	ArticleNotFound      Code = "article_not_found"
	MethodNotAllowed     Code = "method_not_allowed"
	NotAcceptable        Code = "not_acceptable"
	ArticleArchived      Code = "article_archived"
	PayloadTooLarge      Code = "payload_too_large"
	UnsupportedMediaType Code = "unsupported_media_type"
	MisdirectedRequest   Code = "misdirected_request"
	RateLimitExceeded    Code = "rate_limit_exceeded"
	InternalError        Code = "internal_error"
	Unavailable          Code = "unavailable"
)

// Codes returns all error codes, in contract order.
func Codes() []Code {
	return []Code{
		MissingParameter, InvalidParameter, MissingAPIKey, InvalidAPIKey, ExpiredAPIKey,
		InsufficientScope, TierRequired, AddressNotAllowed, LookbackExceeded,
		NotFound, ArticleNotFound, MethodNotAllowed, NotAcceptable, ArticleArchived,
		PayloadTooLarge, UnsupportedMediaType, MisdirectedRequest, RateLimitExceeded,
		InternalError, Unavailable,
	}
}

// MissingAPIKeyMessage is the message of missing_api_key, word for word as the
// contract has it (section 1.1).
const MissingAPIKeyMessage = `API key is required. Include it in the Authorization header as "Bearer sk_live_..." or in the X-API-Key header.`

// RequestIDPrefix begins every request id.
const RequestIDPrefix = "req_"

// ErrorResponse is the body of every answer that is an error.
type ErrorResponse struct {
	Error Error `json:"error"`
}

// Error says what went wrong and what to do next.
type Error struct {
	Code      Code   `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
	// Details is nil where there is nothing to add.
	Details *ErrorDetails `json:"details,omitempty"`
}

// ErrorDetails is the machine-readable part of an error. Absent fields do not
// apply.
type ErrorDetails struct {
	// Parameter is the parameter that was refused, as it was sent.
	Parameter string `json:"parameter,omitempty"`
	// Allowed lists the values or names that would have been accepted.
	Allowed []string `json:"allowed,omitempty"`
	// DidYouMean is the known parameter nearest to an unknown one.
	DidYouMean string `json:"did_you_mean,omitempty"`
	// Scope is the scope that the key lacks.
	Scope string `json:"scope,omitempty"`
	// Tiers are the tiers that may do this.
	Tiers []string `json:"tiers,omitempty"`
}

// Error returns the code and the message, so that an *Error is a Go error.
func (e *Error) Error() string {
	if e.RequestID == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Code, e.Message, e.RequestID)
}
