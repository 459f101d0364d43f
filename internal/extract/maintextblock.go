package extract

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// blockKind is what an element of a page is for, as far as its name says.
type blockKind uint8

const (
	// content may be the article or hold it.
	content blockKind = iota
	// block stands beside the article: related, share, author, newsletter.
	block
	// frame is the same on every page of the site.
	frame
	// comments are what readers wrote.
	comments
)

// judge says what an element is for. What holds the headline or a good part
// of the text is never taken for anything but content, whatever it is called:
// themes put the tags of an article, and what a page has, into such names.
func (p *page) judge(n *html.Node) blockKind {
	kind := kindByElement(n)
	if kind == content {
		kind = kindByName(n)
	}
	if kind == content || kind == comments && !p.headline[n] {
		return kind
	}
	const part = 3
	if p.size[n]*part > p.size[p.body] || p.headline[n] {
		return content
	}
	return kind
}

func kindByElement(n *html.Node) blockKind {
	switch n.DataAtom {
	case atom.Nav, atom.Footer:
		return frame
	case atom.Aside, atom.Dialog:
		return block
	case atom.Article, atom.Main, atom.Body, atom.Table, atom.Tbody, atom.Tr, atom.Td, atom.Pre, atom.Code, atom.P:
		return content
	case atom.Header:
		// That of the article has its headline.
		return frame
	}
	switch attribute(n, "role") {
	case "navigation", "banner", "contentinfo", "search", "menu", "menubar":
		return frame
	case "complementary", "dialog", "alertdialog":
		return block
	}
	return content
}

// elsewhere is how the blocks begin that lead to other pages: a value in the
// title of another report belongs to that report.
//
//nolint:gochecknoglobals // read-only table
var elsewhere = []string{
	"related", "recommended", "more from", "more in ", "more like this", "you may also", "you might also", "popular",
	"most read", "most viewed", "trending", "recent posts", "recent articles", "recent news", "latest posts",
	"latest articles", "latest news", "read next", "read more", "next post", "previous post", "see also", "archives",
}

// leadsElsewhere reports whether a block beside the article begins as those do.
func leadsElsewhere(text string) bool {
	const longest = 80
	text = strings.TrimLeft(text, " \t\r\n#*-_>|`")
	head := strings.ToLower(text[:min(len(text), longest)])
	for _, words := range elsewhere {
		if strings.HasPrefix(head, words) {
			return true
		}
	}
	return false
}

// kindByName judges by class and id.
func kindByName(n *html.Node) blockKind {
	switch n.DataAtom {
	case atom.Article, atom.Main, atom.Body, atom.Html:
		return content
	}
	kind := content
	names := strings.ToLower(attribute(n, "class") + " " + attribute(n, "id"))
	for name := range strings.FieldsSeq(names) {
		switch name {
		case "comments", "comment-list", "commentlist", "comments-area", "comment-section", "comments-section", "comments-list",
			"comments-wrapper", "disqus_thread", "respond", "comment-respond", "post-comments", "article-comments", "livefyre",
			"responses", "commento", "utterances", "giscus", "isso-thread", "remark42":
			return comments
		}
		if strings.HasPrefix(name, "tag-") || strings.HasPrefix(name, "category-") || strings.HasPrefix(name, "has-") || strings.HasPrefix(name, "no-") {
			continue // the theme says this of an article or a page, not of a block
		}
		if k := kindByWords(name); k > kind {
			kind = k
		}
	}
	return kind
}

// kindByWords judges by the words of one name ("post__related-list").
func kindByWords(name string) blockKind {
	author, detail := false, false
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		switch word {
		case "nav", "navbar", "navigation", "menu", "breadcrumb", "breadcrumbs", "pagination", "pager", "cookie", "cookies",
			"consent", "gdpr", "onetrust", "masthead", "footer":
			return frame
		case "related", "recommended", "recommendations", "share", "sharing", "sharedaddy", "addtoany", "social", "socials",
			"sidebar", "newsletter", "subscribe", "subscription", "signup", "promo", "advert", "advertisement", "ads", "popup",
			"modal", "trending", "popular", "outbrain", "taboola", "widget", "widgets", "cta", "bio", "readnext":
			return block
		case "author", "authors":
			author = true
		case "about", "box", "card", "info", "profile", "section":
			detail = true
		}
	}
	for _, whole := range [...]string{"read-next", "read-more", "more-posts", "recent-posts", "latest-posts", "latest-news", "post-nav", "up-next"} {
		if strings.Contains(name, whole) {
			return block
		}
	}
	if author && detail {
		return block
	}
	return content
}
