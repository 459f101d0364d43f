package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"spoor/api"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

func listParams() []param {
	return []param{
		{name: "type", allowed: typeNames(), many: true},
		{name: "category", allowed: words(store.Categories()), many: true},
		{name: "confidence", allowed: []string{"high", "medium", "low"}, many: true},
		{name: "industry", allowed: store.Industries(), many: true},
		{name: "tag", many: true},
		{name: "feed", many: true},
		{name: "origin", allowed: names(store.Origins()), many: true},
		{name: "technique", many: true},
		{name: "article_id"},
		{name: "since"},
		{name: "until"},
		{name: "include_benign", allowed: []string{"true", "false"}},
		{name: "format", allowed: formats()},
		{name: "limit"},
		{name: "offset"},
		{name: "cursor"},
	}
}

func formats() []string {
	return []string{api.FormatJSON, api.FormatCSV, api.FormatTXT, api.FormatNDJSON}
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = string(list[i])
	}
	return out
}

func names[T fmt.Stringer](list []T) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].String()
	}
	return out
}

// listRequest is what a list asks for.
type listRequest struct {
	filter store.Filter
	// shown is meta.filters. Its times are the effective ones.
	shown api.Filters
	// bound is what a cursor is bound to: the filters as asked for, before
	// the tier's look-back, which moves on.
	bound  api.Filters
	window store.Window
	after  *store.Position
	format string
}

// unsetFilters is meta.filters of a request without any.
func unsetFilters() api.Filters {
	const u = api.Unset
	return api.Filters{
		Type: u, Category: u, Confidence: u, Industry: u, Tag: u, Feed: u, Origin: u,
		Technique: u, ArticleID: u, Since: u, Until: u, IncludeBenign: u,
	}
}

// decodeList reads and bounds the parameters of a list.
func (s *Server) decodeList(x *exchange, accept string) (req listRequest, err error) {
	q := &x.query
	req.shown = unsetFilters()
	if req.format, err = decodeFormat(q, accept); err != nil {
		return req, err
	}
	if err = req.decodeSets(q); err != nil {
		return req, err
	}
	if err = req.decodeWords(q); err != nil {
		return req, err
	}
	if err = req.decodeBenign(q); err != nil {
		return req, err
	}
	if err = req.decodeTimes(q); err != nil {
		return req, err
	}
	req.bound = req.shown
	if err = req.lookBack(x.caller.Tier.Earliest(s.opts.Now())); err != nil {
		return req, err
	}
	req.filter.Visibility = x.caller.Visibility
	if req.window.Limit, err = q.rows("limit", defaultLimit); err != nil {
		return req, err
	}
	req.window.Limit = x.caller.Tier.ClampRows(req.window.Limit)
	if req.window.Offset, err = q.number("offset", 0, store.Cap, 0); err != nil {
		return req, err
	}
	return req, req.decodeCursor(q)
}

// decodeSets reads the filters whose values are a closed list.
func (req *listRequest) decodeSets(q *query) error {
	f, shown := &req.filter, &req.shown
	var err error
	if f.Types, shown.Type, err = decodeSet(q, "type", ioc.ParseType); err != nil {
		return err
	}
	if f.Categories, shown.Category, err = decodeSet(q, "category", among(store.Categories())); err != nil {
		return err
	}
	if f.Confidences, shown.Confidence, err = decodeSet(q, "confidence", ioc.ParseConfidence); err != nil {
		return err
	}
	if f.Industries, shown.Industry, err = decodeSet(q, "industry", among(store.Industries())); err != nil {
		return err
	}
	f.Origins, shown.Origin, err = decodeSet(q, "origin", named(store.Origins()))
	return err
}

// decodeWords reads the filters whose values are open.
func (req *listRequest) decodeWords(q *query) error {
	f, shown := &req.filter, &req.shown
	var err error
	if f.Tags, shown.Tag, err = decodeSet(q, "tag", tag); err != nil {
		return err
	}
	if f.Feeds, shown.Feed, err = decodeSet(q, "feed", anyWord); err != nil {
		return err
	}
	f.Techniques, shown.Technique, err = decodeSet(q, "technique", technique)
	if err != nil {
		return err
	}
	if text, ok := q.get("article_id"); ok {
		if f.Article, ok = parseID(text); !ok {
			return badParam("article_id", "must be the id of an article, a UUID as in source.article_id")
		}
		shown.ArticleID = f.Article.String()
	}
	return nil
}

func anyWord(v string) (string, error) { return v, nil }

// tag reads a tag: every stored one is lower case.
func tag(v string) (string, error) { return strings.ToLower(v), nil }

// technique reads an ATT&CK id in any spelling of contract 2.1.
func technique(v string) (string, error) {
	ind, err := ioc.Normalise(ioc.MITREAttack, v)
	return ind.Value, err
}

// parseID reads a UUID as the contract writes it; not nil, in any case.
func parseID(text string) (uuid.UUID, bool) {
	const canonical = 36 // uuid.Parse takes three other spellings
	if len(text) != canonical {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil && id != uuid.Nil
}

// decodeSet reads a comma list, without repeats, and how meta.filters shows it.
func decodeSet[T comparable](q *query, name string, parse func(string) (T, error)) (set []T, shown string, err error) {
	var texts []string
	err = q.each(name, func(v string) error {
		one, err := parse(v)
		if err != nil {
			allowed := q.params[q.index(name)].allowed
			if allowed == nil {
				return badParam(name, "holds a value that does not read as one")
			}
			return badParam(name, "must be one or more of "+strings.Join(allowed, ", "), allowed...)
		}
		if !slices.Contains(set, one) {
			set = append(set, one)
			texts = append(texts, fmt.Sprint(one))
		}
		return nil
	})
	if set == nil {
		return nil, api.Unset, err
	}
	return set, strings.Join(texts, ","), err
}

// among parses one of the words.
func among[T ~string](list []T) func(string) (T, error) {
	return func(v string) (T, error) {
		if i := slices.Index(list, T(v)); i >= 0 {
			return list[i], nil
		}
		return "", ioc.ErrInvalid
	}
}

// named parses the name of one of the values.
func named[T fmt.Stringer](list []T) func(string) (T, error) {
	return func(v string) (T, error) {
		for _, one := range list {
			if one.String() == v {
				return one, nil
			}
		}
		var none T
		return none, ioc.ErrInvalid
	}
}

// decodeBenign: rows on a known-good list are marked and shown, except in the
// format that block lists are made of (contract section 2, "warnings").
func (req *listRequest) decodeBenign(q *query) error {
	include, err := q.boolean("include_benign", req.format != api.FormatTXT)
	if err != nil {
		return err
	}
	req.filter.WithoutWarned = !include
	if text, ok := q.get("include_benign"); ok {
		req.shown.IncludeBenign = text
	}
	return nil
}

func (req *listRequest) decodeTimes(q *query) error {
	var err error
	if req.filter.Since, err = decodeTime(q, "since", &req.shown.Since); err != nil {
		return err
	}
	if req.filter.Until, err = decodeTime(q, "until", &req.shown.Until); err != nil {
		return err
	}
	if since, until := req.filter.Since, req.filter.Until; !until.IsZero() && !since.Before(until) {
		return badParam("until", "must be later than since")
	}
	return nil
}

// decodeTime reads RFC 3339, or a date alone, which is its midnight in UTC.
// What is stored has whole seconds, so a fraction is rounded up: that keeps
// both "from" and "before" true.
func decodeTime(q *query, name string, shown *string) (time.Time, error) {
	text, ok := q.get(name)
	if !ok {
		return time.Time{}, nil
	}
	t, err := parseTime(name, text)
	if err != nil {
		return time.Time{}, err
	}
	whole := t.Truncate(time.Second)
	if whole.Before(t) {
		whole = whole.Add(time.Second)
	}
	*shown = whole.Format(time.RFC3339)
	return whole, nil
}

// parseTime reads the text of a parameter; the result is UTC.
func parseTime(name, text string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		// An unescaped + of an offset arrives as a space.
		t, err = time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	}
	if err != nil || t.Year() < 1 || t.IsZero() {
		return time.Time{}, badParam(name, "must be a time as 2026-05-17T10:30:00Z, or a date as 2026-05-17")
	}
	return t.UTC(), nil
}

// lookBack applies the tier's bound, and shows it.
func (req *listRequest) lookBack(earliest time.Time) error {
	if earliest.IsZero() || !req.filter.Since.Before(earliest) {
		return nil
	}
	if until := req.filter.Until; !until.IsZero() && !earliest.Before(until) {
		return &apiError{
			code:    api.LookbackExceeded,
			message: "All of the time asked for lies before " + earliest.Format(time.RFC3339) + ", which is as far as the API key's tier looks back. Ask for a later until.",
			details: &api.ErrorDetails{Parameter: "until"},
		}
	}
	req.filter.Since = earliest
	req.shown.Since = earliest.Format(time.RFC3339)
	return nil
}

func (req *listRequest) decodeCursor(q *query) error {
	token, ok := q.get("cursor")
	if !ok {
		return nil
	}
	if req.window.Offset != 0 {
		return badParam("offset", "cannot be combined with cursor; a cursor knows its place")
	}
	at, err := decodeCursor(token, req.cursorScope())
	if err != nil {
		return err
	}
	req.after = &at
	return nil
}
