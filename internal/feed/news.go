package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"

	"spoor/internal/ioc"
)

// News is what a news feed (RSS, Atom, RDF, JSON Feed) announces: reports, not
// indicators.
type News struct {
	// Title is the feed's name for itself, possibly empty.
	Title string
	// Link is the absolute URL of the site that it belongs to, or empty.
	Link string
	// Entries are in the order of the document; an identity (the URL, else the
	// GUID, else the text) stands there once, with all that its doubles say.
	Entries []Entry
	// Skipped are the entries that are left out: doubles of an entry before,
	// those that say nothing, those beyond the bound. With Entries they are all
	// that the document has.
	Skipped []Skip
}

// Entry is one publication that a news feed announces.
type Entry struct {
	// Article has an absolute URL without the parameters that only count
	// readers, or none; title and summary are plain text. Its dates are those of
	// the feed, which may lie in the future, and zero when it gives none that
	// can be read.
	Article Article
	// HTML is what the feed carries of the text: its content, else its summary.
	HTML string
	// Teaser says that HTML looks like less than the whole text, and that there
	// is a URL to fetch the rest from.
	Teaser bool
}

// The reasons of a Skip in News, besides ReasonBrokenRow.
const (
	// ReasonDuplicate is an entry whose identity stood in the document before.
	ReasonDuplicate = "duplicate_entry"
	// ReasonTooManyEntries is an entry beyond the bound.
	ReasonTooManyEntries = "too_many_entries"
)

// ErrNotNews is returned for a document that is no news feed. The message says
// so when it is a web page, which servers send in the place of a feed that has
// moved or is behind a check for robots.
var ErrNotNews = errors.New("not a news feed")

// ErrNewsTooLarge is returned for a news feed over one of the bounds.
var ErrNewsTooLarge = errors.New("news feed too large")

// The bounds of a news feed.
const (
	// maxNews is the largest document, in bytes, before and after decoding.
	maxNews = 32 << 20
	// maxEntries is the most entries that are kept.
	maxEntries = 5_000
	// maxMarks bounds elements and attributes (objects and members of a JSON
	// Feed) together: they cost memory by number, not by length.
	maxMarks = 200_000
	// maxNesting is the deepest nesting of elements; the parser recurses.
	maxNesting = 256
)

// newsFormat is the name of the format that ParseNews reads.
const newsFormat = "news"

// ParseNews reads a news feed of any of the usual formats. The document is
// read in the encoding of its byte order mark; else as UTF-8 where it is valid
// UTF-8 (a declaration that says otherwise was overtaken by whoever decoded
// it); else in the encoding that it declares.
//
// A document that ends early or is malformed is an error and not a shorter
// feed. The errors are ErrNotNews, ErrNewsTooLarge, the reader's and ctx's.
func ParseNews(ctx context.Context, r io.Reader, src Source) (News, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxNews+1))
	if err != nil {
		return News{}, fmt.Errorf("read news: %w", err)
	}
	if len(data) > maxNews {
		return News{}, fmt.Errorf("read news: %w: more than %d bytes", ErrNewsTooLarge, maxNews)
	}
	doc, err := newsDocument(data)
	if err != nil {
		return News{}, fmt.Errorf("read news: %w", err)
	}
	parsed, err := parseNews(ctx, doc)
	if err != nil {
		return News{}, fmt.Errorf("read news: %w", err)
	}
	news, err := collectNews(ctx, parsed, src)
	if err != nil {
		return News{}, fmt.Errorf("read news: %w", err)
	}
	return news, nil
}

// parseNews hands a checked document to the parser of its kind. A panic of the
// library is an error of this document.
func parseNews(ctx context.Context, doc string) (f *gofeed.Feed, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("parse document: %v", p)
		}
	}()
	if strings.HasPrefix(doc, "{") {
		return parseJSONFeed(doc)
	}
	p := gofeed.NewParser()
	// The scan for a picture parses every text as HTML, for nothing.
	p.RSSTranslator = &gofeed.DefaultRSSTranslator{DisableContentImageScan: true}
	f, err = p.Parse(&boundedReader{ctx: ctx, r: strings.NewReader(doc)})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, gofeed.ErrFeedTypeNotDetected):
		return nil, ErrNotNews
	case err != nil:
		return nil, fmt.Errorf("document is malformed or ends early: %w", err)
	}
	return f, nil
}

// boundedReader ends with its context.
type boundedReader struct {
	ctx context.Context //nolint:containedctx // io.Reader has no place for it, and it lives for one call
	r   io.Reader
}

// Read implements io.Reader.
func (b *boundedReader) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.r.Read(p)
}

// collectNews makes our entries of the library's.
func collectNews(ctx context.Context, f *gofeed.Feed, src Source) (News, error) {
	site := newsSite(f, src)
	news := News{Title: titleText(f.Title)}
	if site != nil {
		news.Link = site.String()
	}
	seen := make(map[string]int, min(len(f.Items), maxEntries)) // where in news.Entries
	more := doubles{}
	for i, item := range f.Items {
		if err := ctx.Err(); err != nil {
			return News{}, err
		}
		skip := Skip{Where: fmt.Sprintf("entry %d", i+1)}
		if len(news.Entries) >= maxEntries {
			skip.Reason, skip.Detail = ReasonTooManyEntries, fmt.Sprintf("more than %d entries", maxEntries)
			news.Skipped = append(news.Skipped, skip)
			continue
		}
		e := newEntry(item, site)
		e.Article.Publisher = news.Title
		identity := e.identity()
		at, double := seen[identity]
		switch {
		case identity == "":
			skip.Reason, skip.Detail = ReasonBrokenRow, "no link, no id, no title and no text"
		case double:
			skip.Reason, skip.Detail = ReasonDuplicate, quote(e.Article.URL+" "+e.Article.GUID)
			more.add(at, e.HTML)
		default:
			seen[identity] = len(news.Entries)
			more.add(len(news.Entries), e.HTML)
			news.Entries = append(news.Entries, e)
			continue
		}
		news.Skipped = append(news.Skipped, skip)
	}
	for at, t := range more {
		if len(t.list) > 1 {
			news.Entries[at].HTML = strings.Join(t.list, "\n<hr>\n")
		}
	}
	return news, nil
}

// doubles are the different texts of entries, by where the first stands: some
// programs give all entries one GUID, or the address of the site for a link.
type doubles map[int]*told

type told struct {
	list []string
	has  map[string]bool
}

func (d doubles) add(at int, html string) {
	if d[at] == nil {
		d[at] = &told{has: map[string]bool{}}
	}
	if t := d[at]; !t.has[html] {
		t.has[html] = true
		t.list = append(t.list, html)
	}
}

// identity tells entries of one document apart as articles are told apart: by
// the canonical URL, else the GUID, else the text.
func (e *Entry) identity() string {
	a := &e.Article
	switch {
	case a.URL != "":
		if ind, err := ioc.Normalise(ioc.URL, a.URL); err == nil {
			return "url\x00" + ind.Value
		}
		return "url\x00" + a.URL
	case a.GUID != "":
		return "guid\x00" + a.GUID
	case a.Title != "" || e.HTML != "":
		return "text\x00" + a.Title + "\x00" + e.HTML
	}
	return ""
}

// newsSite returns the absolute URL of the site: what links of the feed are
// relative to. Nil when nothing says it.
func newsSite(f *gofeed.Feed, src Source) *url.URL {
	base := absolute(src.URL, nil)
	if self := absolute(f.FeedLink, base); self != nil {
		base = self
	}
	if site := absolute(f.Link, base); site != nil {
		return site
	}
	return base
}

// newsTime returns the first of a date that the library read and one in a
// spelling that it does not know.
func newsTime(read *time.Time, written string) time.Time {
	if read != nil {
		return plausible(*read)
	}
	if t := parseTime(written); !t.IsZero() {
		return t
	}
	return localTime(written)
}
