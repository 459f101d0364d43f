package server

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"spoor/api"
)

// maxParams bounds the parameters of a route.
const maxParams = 24

// paramAPIKey carries a key where the operator allows that.
const paramAPIKey = "api_key"

// param is one query parameter of a route: what the OpenAPI description is
// checked against.
type param struct {
	name string
	// allowed lists the values of an enumeration; nil for other types.
	allowed []string
	// many says that several values may be joined by commas.
	many bool
	// required says that the route does not work without.
	required bool
}

// query is a decoded query string: the values of a route's parameters, in the
// order of its table.
type query struct {
	params []param
	values [maxParams]string
	has    [maxParams]bool
}

// parse decodes raw once. Unknown and repeated parameters are refused, because
// a mistyped filter must never widen a block list; names beginning with an
// underscore are ignored (contract section 1). No value holds NUL or invalid
// UTF-8 afterwards.
func (q *query) parse(params []param, raw string, allowKey bool) error {
	*q = query{params: params}
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || !plain(name) {
			return badParam(strings.ToValidUTF8(cut(rawName, 64), "?"), "has a name that is not valid UTF-8 in percent-encoding; encode it anew")
		}
		if strings.HasPrefix(name, "_") || allowKey && name == paramAPIKey {
			continue
		}
		i := q.index(name)
		if i < 0 {
			return unknownParam(name, params)
		}
		if q.has[i] {
			return badParam(name, "is given more than once; give it once, values joined by commas where several are allowed")
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return badParam(name, "is not valid percent-encoding; write a literal % as %25")
		}
		if !plain(value) {
			return badParam(name, "holds NUL or bytes that are not UTF-8; remove them")
		}
		q.values[i], q.has[i] = value, true
	}
	return nil
}

// plain reports whether s is text that every engine can store.
func plain(s string) bool {
	return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

func (q *query) index(name string) int {
	for i := range q.params {
		if q.params[i].name == name {
			return i
		}
	}
	return -1
}

// get returns the value of a parameter as it was sent, and whether it was.
func (q *query) get(name string) (string, bool) {
	i := q.index(name)
	if i < 0 {
		return "", false
	}
	return q.values[i], q.has[i]
}

// number returns a whole number from low to high, or otherwise when it was not
// sent.
func (q *query) number(name string, low, high, otherwise int) (int, error) {
	text, ok := q.get(name)
	if !ok {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high || text[0] == '+' {
		return 0, badParam(name, "must be a whole number from "+strconv.Itoa(low)+" to "+strconv.Itoa(high))
	}
	return n, nil
}

// rows returns a number of rows, or otherwise when it was not sent. There is no
// too many: the tier has the last word.
func (q *query) rows(name string, otherwise int) (int, error) {
	text, ok := q.get(name)
	if !ok {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		n, err = maxLimit, nil
	}
	if err != nil || n == 0 {
		return 0, badParam(name, "must be a whole number from 1 on")
	}
	return int(min(n, maxLimit)), nil //nolint:gosec // bounded
}

// boolean returns true or false, or otherwise when it was not sent.
func (q *query) boolean(name string, otherwise bool) (bool, error) {
	text, ok := q.get(name)
	switch {
	case !ok:
		return otherwise, nil
	case text == "true":
		return true, nil
	case text == "false":
		return false, nil
	}
	return false, badParam(name, "must be true or false", "true", "false")
}

// choice returns one of the values that the table allows, or otherwise when it
// was not sent.
func (q *query) choice(name, otherwise string) (string, error) {
	i := q.index(name)
	if i < 0 || !q.has[i] {
		return otherwise, nil
	}
	for _, a := range q.params[i].allowed {
		if q.values[i] == a {
			return a, nil
		}
	}
	return "", badParam(name, "must be one of "+strings.Join(q.params[i].allowed, ", "), q.params[i].allowed...)
}

// each calls fn with every value of a comma list. Nothing empty passes: an
// empty filter would not narrow.
func (q *query) each(name string, fn func(value string) error) error {
	text, ok := q.get(name)
	if !ok {
		return nil
	}
	for v := range strings.SplitSeq(text, ",") {
		v = strings.TrimSpace(v)
		if v == "" {
			return badParam(name, "holds an empty value; leave the parameter out or give a value")
		}
		if err := fn(v); err != nil {
			return err
		}
	}
	return nil
}

// encode writes the parameters as they were sent, in table order: the
// canonical form for ETags and links. Those that skip accepts are left out.
func (q *query) encode(dst []byte, skip func(name string) bool) []byte {
	first := true
	for i := range q.params {
		if !q.has[i] || skip != nil && skip(q.params[i].name) {
			continue
		}
		if !first {
			dst = append(dst, '&')
		}
		first = false
		dst = append(dst, q.params[i].name...)
		dst = append(dst, '=')
		dst = append(dst, url.QueryEscape(q.values[i])...)
	}
	return dst
}

// badParam is the refusal of one parameter.
func badParam(name, why string, allowed ...string) *apiError {
	return &apiError{
		code: api.InvalidParameter, message: "Parameter " + strconv.Quote(name) + " " + why + ".",
		details: &api.ErrorDetails{Parameter: name, Allowed: allowed},
	}
}

// unknownParam names the nearest parameter that the route knows.
func unknownParam(name string, params []param) *apiError {
	name = cut(name, 64)
	if len(params) == 0 {
		return badParam(name, "is not known here: this address takes no parameters; leave it out")
	}
	best, distance := "", len(name)+64
	known := make([]string, len(params))
	for i := range params {
		known[i] = params[i].name
		if d := editDistance(name, known[i]); d < distance {
			best, distance = known[i], d
		}
	}
	p := badParam(name, "is not known here; did you mean "+strconv.Quote(best)+"?", known...)
	p.message = strings.TrimSuffix(p.message, ".")
	p.details.DidYouMean = best
	return p
}

// cut shortens what is echoed to n bytes, at a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}

// editDistance is Levenshtein's, in bytes, with one row.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
