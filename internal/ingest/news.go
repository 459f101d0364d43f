package ingest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"time"

	"spoor/internal/extract"
	"spoor/internal/feed"
	"spoor/internal/fetch"
)

// The reasons for which a part of a source is left out before its values are
// read.
const (
	// ReasonPageGone is a page that the server does not give out; the entry is
	// read from what the feed carries of it.
	ReasonPageGone = "page_unavailable"
	// ReasonLater is an entry that is left to the next run.
	ReasonLater = "left_for_next_run"
)

const (
	// maxPages is how many pages one run fetches: the rest is for the next.
	maxPages = 100
	// readFor is how long a run goes on to fetch pieces.
	readFor = 30 * time.Minute
	// maxPageBytes is the largest page, or document in its place.
	maxPageBytes = 16 << 20
	// pageTypes is what is asked for in place of a page.
	pageTypes = "text/html, application/xhtml+xml;q=0.9, application/pdf;q=0.8, text/plain;q=0.7, */*;q=0.1"
)

// pages is how the entries of a news feed are known again and completed; nil
// for an import, which reads what the document carries.
type pages interface {
	// isRead reports whether the entry was read in an earlier run.
	isRead(entry uint64) bool
	// keep remembers that it was.
	keep(entry uint64)
	// page fetches what the entry announces. The document is empty, with no
	// error, when there is none to be had; later says to try in the next run.
	page(ctx context.Context, e *feed.Entry, id uint64) (doc extract.Document, later bool, err error)
	// leave counts what is left out.
	leave(reason string)
}

// news reads a document that announces reports: each entry is an article.
func (p *pass) newsFeed(ctx context.Context, in *input, f *form, r io.Reader) error {
	from := feed.Source{Name: in.name}
	if p.src != nil {
		from.URL = shownURL(p.src.URL) // what relative links are relative to
	}
	n, err := feed.ParseNews(ctx, r, from)
	if err != nil {
		return err
	}
	if p.items += int64(len(n.Entries)); p.dry {
		return nil
	}
	if p.pages != nil {
		for _, s := range n.Skipped {
			p.pages.leave(s.Reason)
		}
	}
	l := p.lane(f)
	for i := range n.Entries {
		if err := p.entry(ctx, in.name, l, &n.Entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// entry reads one entry, unless it was read before.
func (p *pass) entry(ctx context.Context, name string, l *lane, e *feed.Entry) error {
	id := entryID(e)
	if p.pages != nil && p.pages.isRead(id) {
		p.pages.keep(id)
		return nil
	}
	doc, later, err := p.entryText(ctx, e, id)
	if err != nil {
		return err
	}
	about := &report{article: e.Article}
	if !later {
		about.digest = textDigest(doc.Text)
	}
	if about.article.Title == "" {
		about.article.Title = doc.Title
	}
	if about.article.Published.IsZero() {
		about.article.Published = doc.Published
	}
	items := p.items
	err = p.tell(ctx, name, l, about, doc)
	p.items = items // entries are counted, not what they name
	if err != nil && !errors.Is(err, extract.ErrLimit) {
		return err
	}
	// What one report says is written at once: it may be a while to the next.
	if err := p.pipe.flush(); err != nil {
		return err
	}
	if p.pages != nil && !later {
		p.pages.keep(id)
	}
	return nil
}

// entryText is the text of an entry: of its page where the feed has only a
// part, and of the feed where there is no page. One that comes later may stay
// away until the entry has left the feed, so the part is read meanwhile.
func (p *pass) entryText(ctx context.Context, e *feed.Entry, id uint64) (doc extract.Document, later bool, err error) {
	if p.pages != nil {
		if doc, later, err = p.pages.page(ctx, e, id); err != nil || doc.Text != "" {
			return doc, later, err
		}
	}
	doc, err = extract.Render(strings.NewReader(e.HTML), extract.HTML)
	return doc, later, err
}

// entryID tells an entry, as it is now, from all others: by its identity and
// what the feed says of it. An entry that was changed is another.
func entryID(e *feed.Entry) uint64 {
	h := fnv.New64a()
	for _, part := range []string{e.Article.URL, e.Article.GUID, e.Article.Title, e.HTML, e.Article.Modified.String()} {
		_, _ = io.WriteString(h, part)
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// isRead implements pages.
func (r *poll) isRead(entry uint64) bool { return r.readBefore[entry] }

// keep implements pages.
func (r *poll) keep(entry uint64) { r.is.Seen = append(r.is.Seen, entry) }

// leave implements pages.
func (r *poll) leave(reason string) { r.left[reason]++ }

// maxTries is in how many runs something is asked for that fails for a reason
// which does not look as if it passed: it may all the same, when what came was
// the page of a proxy or of a moment's mistake.
const maxTries = 3

// again counts one more failure of an entry, and reports whether it is tried in
// the next run: always when the failure may pass by itself.
func (r *poll) again(entry uint64, err error) bool {
	tried := 0
	for n := 1; n < maxTries; n++ {
		if r.isRead(tryID(entry, n)) {
			tried = n
		}
	}
	if !fetch.Temporary(err) {
		tried++
	}
	if tried == maxTries {
		return false
	}
	if tried > 0 {
		r.keep(tryID(entry, tried))
	}
	r.unfinished = true
	return true
}

// tryID is what is remembered of an entry that failed so many times.
func tryID(entry uint64, times int) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d failed %d times", entry, times)
	return h.Sum64()
}

// enough reports whether the rest of a source in pieces is for the next run.
func (r *poll) enough(pieces int) bool {
	return r.fetched >= pieces || r.fetched > 0 && time.Since(r.pass.began) > r.in.bounds.time
}

// page implements pages. A server that says that there is no page, or not for
// us, is believed.
func (r *poll) page(ctx context.Context, e *feed.Entry, id uint64) (extract.Document, bool, error) {
	var none extract.Document
	mode := r.src.Pages
	if mode == PagesNever || e.Article.URL == "" || mode != PagesAlways && !e.Teaser {
		return none, false, nil
	}
	if r.enough(r.in.bounds.pages) {
		r.leave(ReasonLater)
		r.soon = true
		return none, true, nil
	}
	r.fetched++
	doc, err := r.pageDocument(ctx, e.Article.URL)
	passes := fetch.Temporary(err)
	var refused *fetch.StatusError
	switch {
	case err == nil:
		return doc, false, nil
	case ctx.Err() != nil:
		return none, false, ctx.Err()
	case errors.As(err, &refused) && !passes, !r.again(id, err):
		r.leave(ReasonPageGone)
		return none, false, nil
	case passes:
		r.problems = append(r.problems, "page "+shownURL(e.Article.URL)+" not read: "+err.Error())
	}
	r.leave(ReasonLater)
	return none, true, nil
}

// pageDocument fetches a page and reads its text.
func (r *poll) pageDocument(ctx context.Context, url string) (extract.Document, error) {
	res, err := r.get(ctx, fetch.Request{URL: url, LinkedFrom: r.src.URL, Accept: pageTypes, MaxBytes: maxPageBytes})
	if err != nil {
		return extract.Document{}, err
	}
	defer func() { _ = res.Close() }() // only read from
	return pageText(ctx, res)
}

// pageText is the text of what came for a page.
func pageText(ctx context.Context, res *fetch.Result) (extract.Document, error) {
	head := make([]byte, extractHead)
	n, err := io.ReadFull(res.Body, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return extract.Document{}, fmt.Errorf("read page: %w", err)
	}
	if _, err := res.Body.Seek(0, io.SeekStart); err != nil {
		return extract.Document{}, fmt.Errorf("read page: %w", err)
	}
	kind, ok := extract.DetectKind("", head[:n])
	if !ok {
		return extract.Document{}, errBinary
	}
	if kind == extract.PDF {
		return extract.Render(res.Body, kind)
	}
	text, err := res.Text()
	if err != nil {
		return extract.Document{}, fmt.Errorf("decode page: %w", err)
	}
	return extract.Main(ctx, text, kind)
}

// extractHead is how much of a document tells its kind.
const extractHead = 4096
