package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"spoor/api"
	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
)

const (
	defaultLimit = 100
	maxLimit     = 1_000_000_000 // rows; the tier's bound is usually lower
)

func searchParams() []param {
	return []param{
		{name: "q", required: true},
		{name: "type", allowed: typeNames()},
		{name: "include_related", allowed: []string{"true", "false"}},
		{name: "limit"},
		{name: "offset"},
		{name: "match", allowed: words(search.Modes())},
		{name: "view", allowed: []string{api.ViewDetail, api.ViewList}},
		{name: "explain", allowed: []string{"true", "false"}},
		{name: "as_of"},
	}
}

func typeNames() []string {
	var names []string
	for _, t := range ioc.Types() {
		names = append(names, t.String())
	}
	return names
}

// searchRequest is what a search asks for.
type searchRequest struct {
	query search.Query
	view  string
}

// decodeSearch reads the parameters of a search. The length of q, and how far
// limit and offset reach, are checked by search itself.
func (s *Server) decodeSearch(x *exchange) (req searchRequest, err error) {
	q, p := &x.query, &req.query
	if p.Text, err = decodeText(q); err != nil {
		return req, err
	}
	if text, ok := q.get("type"); ok {
		if p.Type, err = ioc.ParseType(text); err != nil {
			return req, badParam("type", "must be one of "+strings.Join(typeNames(), ", "), typeNames()...)
		}
	}
	if p.Related, err = q.boolean("include_related", true); err != nil {
		return req, err
	}
	match, err := q.choice("match", api.MatchAuto)
	if err != nil {
		return req, err
	}
	p.Match = search.Mode(match)
	if p.Explain, err = q.boolean("explain", false); err != nil {
		return req, err
	}
	if p.AsOf, err = decodeAsOf(q); err != nil {
		return req, err
	}
	if req.view, err = q.choice("view", s.opts.DefaultView); err != nil {
		return req, err
	}
	if p.Limit, err = q.rows("limit", defaultLimit); err != nil {
		return req, err
	}
	if p.Offset, err = q.number("offset", 0, store.Cap, 0); err != nil {
		return req, err
	}
	p.Limit = x.caller.Tier.ClampRows(p.Limit)
	p.Visibility = x.caller.Visibility
	return req, nil
}

// decodeAsOf reads a time; zero is now. What is stored has whole seconds, so a
// fraction is cut off.
func decodeAsOf(q *query) (time.Time, error) {
	text, ok := q.get("as_of")
	if !ok {
		return time.Time{}, nil
	}
	at, err := parseTime("as_of", text)
	return at.Truncate(time.Second), err
}

// decodeText takes q as it was sent; search bounds it.
func decodeText(q *query) (string, error) {
	text, _ := q.get("q")
	if text == "" {
		return "", &apiError{
			code: api.MissingParameter, message: `Parameter "q" is required: the value to search for, as in ?q=192.0.2.10.`,
			details: &api.ErrorDetails{Parameter: "q"},
		}
	}
	return text, nil
}

// search answers GET /api/v1/iocs/search.
func (s *Server) search(x *exchange, r *http.Request) error {
	req, err := s.decodeSearch(x)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.opts.QueryDeadline)
	defer cancel()
	res := Result{Query: req.query.Text, Window: req.query.Window, GeneratedAt: s.opts.Now()}
	res.Answer, err = s.deps.Searcher.Search(ctx, req.query)
	if err != nil {
		return err
	}
	x.took, x.work = res.Answer.Took, res.Answer.Work
	s.metrics.search(res.Answer.Stage, res.Answer.Took)
	s.setETag(x, r, res.Answer.Seq)
	buf := s.buffer()
	defer s.give(buf)
	if req.view == api.ViewList {
		*buf = s.appendSearchList(*buf, x, &res)
	} else {
		*buf = s.encoder.Detail(*buf, &res)
	}
	return x.send(typeJSON, *buf)
}

// appendSearchList appends the answer in the shape of the list (seed 003).
func (s *Server) appendSearchList(dst []byte, x *exchange, res *Result) []byte {
	a := &res.Answer
	filters := unsetFilters()
	if text, ok := x.query.get("type"); ok {
		if t, err := ioc.ParseType(text); err == nil {
			filters.Type = t.String()
		}
	}
	dst = s.encoder.appendListHead(dst, &listHead{
		at: res.GeneratedAt, total: a.Total, lowerBound: a.LowerBound, window: res.Window, filters: filters,
	})
	for i := range a.Matches {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.encoder.appendMatch(dst, a, i)
	}
	next := ""
	if end := res.Window.Offset + len(a.Matches); end < min(a.Total, store.Cap) {
		set := []setting{{"offset", end}}
		if end+res.Window.Limit > store.Cap { // the last page reaches just as far as one can page
			set = append(set, setting{"limit", store.Cap - end})
		}
		next = s.link(pathSearch, x, set...)
	}
	return s.encoder.appendListTail(dst, s.link(pathSearch, x), next)
}
