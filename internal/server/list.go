package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"spoor/api"
	"spoor/internal/store"
)

const (
	// pageRows is how many records are read under one view of the store.
	pageRows = 2_000
	// bufferRows is up to where an answer is complete before its status is
	// written; a longer one is written as it is read.
	bufferRows = 10_000
)

// list answers GET /api/v1/iocs. A limit beyond bufferRows is the one stream
// of this server: it walks the store page by page, holds one page at a time
// and no view of the store while it writes, and ends a walk that breaks by
// breaking the connection off.
func (s *Server) list(x *exchange, r *http.Request) error {
	req, err := s.decodeList(x, accepted(r))
	if err != nil {
		return err
	}
	at, began := s.opts.Now(), time.Now()
	page := store.Page{Limit: min(req.window.Limit, pageRows), Offset: req.window.Offset, After: req.after}
	got, seq, settled, err := s.page(r.Context(), req.filter, page)
	if err != nil {
		return err
	}
	if !settled.IsZero() && settled.Before(at) {
		at = settled // who polls on from generated_at is to miss nothing
	}
	x.took = max(time.Since(began), 1)
	s.setETag(x, r, seq)
	out := listWriter{s: s, x: x, r: r, req: &req, buf: s.buffer()}
	defer s.give(out.buf)
	out.begin(at, &got)
	for {
		out.add(got.Records)
		left := req.window.Limit - out.rows
		if got.Next == nil || left <= 0 {
			return out.end(got.Next)
		}
		done, err := out.flush()
		if done || err != nil {
			return err
		}
		page = store.Page{Limit: min(left, pageRows), After: got.Next, NoTotal: true}
		if got, _, _, err = s.page(r.Context(), req.filter, page); err != nil {
			return err
		}
	}
}

// page reads one page under a view and a deadline of its own.
func (s *Server) page(ctx context.Context, f store.Filter, p store.Page) (got store.List, seq int64, settled time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.QueryDeadline)
	defer cancel()
	err = s.deps.Store.View(ctx, func(snap store.Snapshot) error {
		seq = snap.Seq()
		var err error
		if settled, err = snap.Settled(ctx); err != nil {
			return err
		}
		got, err = snap.List(ctx, f, p)
		return err
	})
	if err != nil {
		return got, 0, settled, fmt.Errorf("list records: %w", err)
	}
	return got, seq, settled, nil
}

// listWriter collects the rows of an answer and decides when to send them.
type listWriter struct {
	s         *Server
	x         *exchange
	r         *http.Request
	req       *listRequest
	rowWriter rowWriter
	buf       *[]byte
	rows      int
	streaming bool
}

func (w *listWriter) begin(at time.Time, first *store.List) {
	var head string
	w.rowWriter, head = w.s.newRows(w.req.format)
	*w.buf = append(*w.buf, head...)
	if w.req.format == api.FormatJSON {
		*w.buf = w.s.encoder.appendListHead(*w.buf, &listHead{
			at: at, total: first.Total, lowerBound: first.LowerBound, window: w.req.window, filters: w.req.shown,
		})
	}
}

func (w *listWriter) add(records []store.Record) {
	for i := range records {
		*w.buf = w.rowWriter.row(*w.buf, &records[i])
	}
	w.rows += len(records)
	w.x.work.Rows += len(records)
}

// flush writes what is collected once the answer is too long to hold. It
// reports that no more rows are needed: HEAD wants none.
func (w *listWriter) flush() (done bool, err error) {
	if w.rows < bufferRows {
		return false, nil
	}
	if !w.streaming {
		w.streaming = true
		w.x.begin(contentTypeOf(w.req.format), -1)
	}
	if w.r.Method == http.MethodHead {
		return true, nil
	}
	// Every page gets the time that a whole small answer has.
	deadline := time.Now().Add(w.s.opts.QueryDeadline + writeTimeout)
	if err := http.NewResponseController(w.x).SetWriteDeadline(deadline); err != nil && !isUnsupported(err) {
		return false, fmt.Errorf("set write deadline: %w", err)
	}
	if _, err := w.x.Write(*w.buf); err != nil {
		return false, fmt.Errorf("write rows: %w", err)
	}
	*w.buf = (*w.buf)[:0]
	return false, nil
}

// end writes what is left. next is where the following page begins.
func (w *listWriter) end(next *store.Position) error {
	link := ""
	if next != nil {
		link = w.s.cursorLink(w.x, encodeCursor(*next, w.req.cursorScope()))
	}
	if w.req.format == api.FormatJSON {
		*w.buf = w.s.encoder.appendListTail(*w.buf, w.s.link(pathList, w.x), link)
	}
	if w.streaming {
		if _, err := w.x.Write(*w.buf); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		return nil
	}
	if link != "" {
		w.x.set("Link", "<"+link+`>; rel="next"`)
	}
	return w.x.send(contentTypeOf(w.req.format), *w.buf)
}

// listHead is what stands before the rows of an api.ListResponse.
type listHead struct {
	at         time.Time
	total      int
	lowerBound bool
	window     store.Window
	filters    api.Filters
}

// appendListHead appends an api.ListResponse up to its first record.
func (e *Encoder) appendListHead(dst []byte, h *listHead) []byte {
	dst = e.appendMeta(dst, h.at)
	dst = appendInt(dst, `,"total":`, h.total)
	dst = append(dst, `,"total_is_lower_bound":`...)
	dst = strconv.AppendBool(dst, h.lowerBound)
	dst = appendInt(dst, `,"limit":`, h.window.Limit)
	dst = appendInt(dst, `,"offset":`, h.window.Offset)
	f := &h.filters
	name := `,"filters":{"`
	for _, pair := range [...][2]string{
		{"type", f.Type}, {"category", f.Category}, {"confidence", f.Confidence}, {"industry", f.Industry},
		{"tag", f.Tag}, {"feed", f.Feed}, {"origin", f.Origin}, {"technique", f.Technique},
		{"article_id", f.ArticleID}, {"since", f.Since}, {"until", f.Until}, {"include_benign", f.IncludeBenign},
	} {
		dst = append(append(dst, name...), pair[0]...)
		dst = appendString(append(dst, `":`...), pair[1])
		name = `,"`
	}
	return append(dst, `}},"data":[`...)
}

// appendListTail appends what follows the last record. An empty next is null.
func (e *Encoder) appendListTail(dst []byte, self, next string) []byte {
	dst = appendString(append(dst, `],"links":{"self":`...), self)
	dst = appendOptional(append(dst, `,"next":`...), next)
	return append(dst, "}}\n"...)
}

// setting is a parameter of a link with another value than in the request.
type setting struct {
	name string
	n    int
}

// link is the absolute address of the request with some parameters set. The
// key is never in it.
func (s *Server) link(path string, x *exchange, set ...setting) string {
	b := append([]byte(s.opts.PublicURL), path...)
	b = append(b, '?')
	mark := len(b)
	b = x.query.encode(b, func(other string) bool {
		return slices.ContainsFunc(set, func(p setting) bool { return p.name == other })
	})
	for _, p := range set {
		if len(b) > mark {
			b = append(b, '&')
		}
		b = strconv.AppendInt(append(append(b, p.name...), '='), int64(p.n), 10)
	}
	if len(b) == mark {
		b = b[:mark-1]
	}
	return string(b)
}

// cursorLink is the address of the page that the cursor stands for.
func (s *Server) cursorLink(x *exchange, cursor string) string {
	b := append([]byte(s.opts.PublicURL), pathList...)
	b = append(b, '?')
	mark := len(b)
	b = x.query.encode(b, func(other string) bool { return other == "offset" || other == "cursor" })
	if len(b) > mark {
		b = append(b, '&')
	}
	return string(append(append(b, "cursor="...), cursor...))
}
