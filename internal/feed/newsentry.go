package feed

import (
	"html"
	"net/url"
	"strings"

	"github.com/mmcdole/gofeed"
	xhtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// newEntry makes our entry of the library's.
func newEntry(item *gofeed.Item, site *url.URL) Entry {
	e := Entry{HTML: item.Content}
	if strings.TrimSpace(e.HTML) == "" {
		e.HTML = item.Description
	}
	e.HTML = fit(e.HTML)
	e.Article = Article{
		URL: entryLink(item, site), GUID: prose(item.GUID), Title: titleText(item.Title),
		Summary:   prose(plainText(item.Description)),
		Published: newsTime(item.PublishedParsed, item.Published), Modified: newsTime(item.UpdatedParsed, item.Updated),
		Tags: addTags(nil, item.Categories...),
	}
	e.Teaser = e.Article.URL != "" && isTeaser(e.HTML, strings.TrimSpace(item.Content) != "")
	return e
}

// fit makes markup fit to keep; a long one costs no more than the document.
func fit(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// entryLink returns the address of the publication, empty when the entry has
// none: what a service that counts clicks kept of the original, the link, or a
// GUID that is an address.
func entryLink(item *gofeed.Item, site *url.URL) string {
	links := []string{item.Link}
	if original := item.Extensions["feedburner"]["origLink"]; len(original) > 0 {
		links = []string{original[0].Value, item.Link}
	}
	for _, link := range append(links, item.Links...) {
		if u := absolute(link, site); u != nil {
			return withoutTracking(u)
		}
	}
	if u := absolute(item.GUID, nil); u != nil {
		return withoutTracking(u)
	}
	return ""
}

// absolute reads a link and resolves it against the base, which may be nil.
// Nil when it does not lead to a page of the web.
func absolute(link string, base *url.URL) *url.URL {
	link = strings.TrimSpace(link)
	if link == "" || len(link) > maxLink {
		return nil
	}
	u, err := url.Parse(strings.ReplaceAll(link, " ", "%20"))
	if err != nil {
		return nil
	}
	if base != nil {
		u = base.ResolveReference(u)
	}
	if u.Scheme = strings.ToLower(u.Scheme); u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || !isLinkText(u.String()) {
		return nil
	}
	return u
}

// withoutTracking takes off the parameters that say where a reader came from:
// they differ between two copies of a feed, and the identity of an article
// must not. What is left stays as the source wrote it.
func withoutTracking(u *url.URL) string {
	if u.RawQuery != "" {
		var kept []string
		for part := range strings.SplitSeq(u.RawQuery, "&") {
			if name, _, _ := strings.Cut(part, "="); !isTracking(name) {
				kept = append(kept, part)
			}
		}
		u.RawQuery = strings.Join(kept, "&")
	}
	if name, _, _ := strings.Cut(u.Fragment, "="); isTracking(name) {
		u.Fragment, u.RawFragment = "", ""
	}
	return u.String()
}

// isTracking reports whether a parameter only counts readers.
func isTracking(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "fbclid", "gclid", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "igshid", "mc_cid", "mc_eid",
		"_hsenc", "_hsmi", "__hssc", "__hstc", "hsctatracking", "mkt_tok", "vero_id", "wt_mc", "wt_zmc", "_ga", "_gl", "ncid":
		return true
	}
	return strings.HasPrefix(name, "utm_") || strings.HasPrefix(name, "at_") && strings.HasSuffix(name, "campaign")
}

// The lengths of plain text, in bytes, by which a teaser is told.
const (
	// shortContent is what even a feed with content carries of a note.
	shortContent = 600
	// shortSummary is what a summary may have and be all of a report.
	shortSummary = 4_000
	// teaserTail is where a text says that it goes on elsewhere.
	teaserTail = 160
)

// isTeaser guesses whether a text goes on at its page. A wrong yes costs a
// fetch, a wrong no loses what the rest names.
func isTeaser(markup string, isContent bool) bool {
	const enough = shortSummary * 16
	if len(markup) > enough && isContent {
		// Only how it ends can say so. A cut tag at the start is no harm.
		return goesOn(plainText(markup[len(markup)-shortSummary:]))
	}
	text := plainText(markup)
	return len(text) < shortContent || !isContent && len(text) < shortSummary || goesOn(text)
}

// goesOn reports whether a plain text ends like one that was cut.
func goesOn(text string) bool {
	// WordPress ends both whole texts and excerpts with this sentence.
	if i := strings.LastIndex(text, "The post "); i >= 0 && len(text)-i < 400 && strings.Contains(text[i:], " appeared first on ") {
		text = text[:i]
	}
	text = strings.ToLower(strings.TrimSpace(text))
	for _, end := range [...]string{"…", "...", "[…]", "[...]", "»", "→"} {
		if strings.HasSuffix(text, end) {
			return true
		}
	}
	tail := text[max(0, len(text)-teaserTail):]
	for _, words := range [...]string{"read more", "continue reading", "read the full", "read full", "read the rest", "keep reading", "weiterlesen", "lire la suite", "leer más", "читать далее", "続きを読む"} {
		if strings.Contains(tail, words) {
			return true
		}
	}
	return false
}

// maxMarkupRead is how much markup plainText reads: what it returns is for
// people, or to judge a length.
const maxMarkupRead = 256 << 10

// plainText returns the text of HTML on one line.
func plainText(markup string) string {
	if !strings.ContainsAny(markup, "<&") {
		return strings.Join(strings.Fields(markup[:min(len(markup), maxMarkupRead)]), " ")
	}
	var out strings.Builder
	z := xhtml.NewTokenizer(strings.NewReader(markup[:min(len(markup), maxMarkupRead)]))
	skip := atom.Atom(0)
	for {
		switch z.Next() {
		case xhtml.ErrorToken:
			return strings.Join(strings.Fields(fit(out.String())), " ")
		case xhtml.TextToken:
			if skip == 0 {
				out.Write(z.Text())
			}
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken, xhtml.EndTagToken:
			name, _ := z.TagName()
			a := atom.Lookup(name)
			switch {
			case a == skip && skip != 0:
				skip = 0
			case skip == 0 && (a == atom.Script || a == atom.Style):
				skip = a
			case !isInline(a):
				out.WriteByte(' ')
			}
		}
	}
}

func isInline(a atom.Atom) bool {
	switch a {
	case atom.A, atom.B, atom.Strong, atom.I, atom.Em, atom.U, atom.Code, atom.Span, atom.Font, atom.Small, atom.Sub,
		atom.Sup, atom.Wbr, atom.Mark, atom.Tt, atom.Kbd, atom.Abbr, atom.Cite, atom.Q:
		return true
	}
	return false
}

// titleText makes a title plain: many feeds escape it once more than the
// format asks, so that marks and inline tags are left in it. What looks like
// any other tag is words ("Abusing <iframe> in mail").
func titleText(s string) string {
	if strings.IndexByte(s, '&') >= 0 {
		s = html.UnescapeString(s)
	}
	if strings.IndexByte(s, '<') < 0 {
		return prose(strings.Join(strings.Fields(fit(s)), " "))
	}
	var out strings.Builder
	for s != "" {
		before, rest, found := strings.Cut(s, "<")
		out.WriteString(before)
		if !found {
			break
		}
		inside, after, closed := strings.Cut(rest, ">")
		name := strings.ToLower(strings.TrimLeft(inside, "/"))
		if end := strings.IndexAny(name, " \t\r\n/"); end >= 0 {
			name = name[:end]
		}
		switch a := atom.Lookup([]byte(name)); {
		case closed && isInline(a):
			s = after
		case closed && (a == atom.Br || a == atom.P || a == atom.Div):
			out.WriteByte(' ')
			s = after
		default:
			out.WriteByte('<')
			s = rest
		}
	}
	return prose(strings.Join(strings.Fields(fit(out.String())), " "))
}
