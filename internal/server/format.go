package server

import (
	"net/http"
	"strconv"
	"strings"

	"spoor/api"
)

// mediaTypes are the formats of the list, in the order of preference.
//
//nolint:gochecknoglobals // read-only table
var mediaTypes = []struct{ format, typ, subtype, contentType string }{
	{api.FormatJSON, "application", "json", typeJSON},
	{api.FormatCSV, "text", "csv", typeCSV},
	{api.FormatTXT, "text", "plain", typeText},
	{api.FormatNDJSON, "application", "x-ndjson", typeNDJSON},
}

func contentTypeOf(format string) string {
	for _, m := range mediaTypes {
		if m.format == format {
			return m.contentType
		}
	}
	return typeJSON
}

// accepted is the Accept header, whose list may come in several lines.
func accepted(r *http.Request) string { return strings.Join(r.Header["Accept"], ",") }

// decodeFormat chooses the format: the parameter, else what Accept likes best,
// else JSON.
func decodeFormat(q *query, accept string) (string, error) {
	if _, ok := q.get("format"); ok || accept == "" {
		return q.choice("format", api.FormatJSON)
	}
	best, most := "", 0.0
	for _, m := range mediaTypes {
		if weight := acceptWeight(accept, m.typ, m.subtype); weight > most {
			best, most = m.format, weight
		}
	}
	if best == "" {
		return "", &apiError{
			code:    api.NotAcceptable,
			message: "None of the media types in Accept can be written. Accept application/json, text/csv, text/plain or application/x-ndjson, or set format.",
			details: &api.ErrorDetails{Parameter: "format", Allowed: formats()},
		}
	}
	return best, nil
}

// acceptWeight is the weight that an Accept header gives a media type: that of
// its most specific range (RFC 9110, section 12.5.1).
func acceptWeight(accept, typ, subtype string) float64 {
	weight, specific := 0.0, -1
	for item := range strings.SplitSeq(accept, ",") {
		mediaRange, params, _ := strings.Cut(item, ";")
		t, sub, ok := strings.Cut(strings.ToLower(strings.TrimSpace(mediaRange)), "/")
		if !ok {
			continue
		}
		rank := -1
		switch {
		case t == typ && sub == subtype:
			rank = 2
		case t == typ && sub == "*":
			rank = 1
		case t == "*" && sub == "*":
			rank = 0
		}
		if rank > specific {
			specific, weight = rank, quality(params)
		}
	}
	return weight
}

// quality reads the q of an Accept item; what cannot be read counts as 1.
func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			if w, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && w >= 0 && w <= 1 {
				return w
			}
		}
	}
	return 1
}
