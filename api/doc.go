// Package api is the wire contract: the JSON types of requests and answers,
// the error codes, the names of scopes and tiers, and the OpenAPI description.
//
// It holds no behaviour, knows no status codes and no HTTP, and depends on
// nothing but the standard library, so that a client inherits nothing. The
// server's hand-made encoder writes exactly what encoding/json makes of these
// types with HTML escaping off; a test there compares them byte by byte.
//
// The order of the fields is the order on the wire. A field that can be absent
// is a pointer and is written as null; a list is never nil, so that an empty
// one is written as [].
package api
