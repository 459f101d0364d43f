package extract

import (
	"strings"

	"golang.org/x/net/html/atom"
)

// skipped says that what is in an element is not the article.
func skipped(a atom.Atom) bool {
	switch a {
	case atom.Script, atom.Style, atom.Nav, atom.Aside, atom.Footer, atom.Noscript, atom.Template,
		atom.Iframe, atom.Noframes, atom.Noembed, atom.Svg, atom.Object, atom.Select, atom.Datalist:
		return true
	}
	return false
}

// isVoid says that an element has no content and no end tag.
func isVoid(a atom.Atom) bool {
	switch a {
	case atom.Area, atom.Base, atom.Br, atom.Col, atom.Embed, atom.Hr, atom.Img, atom.Input, atom.Link,
		atom.Meta, atom.Param, atom.Source, atom.Track, atom.Wbr:
		return true
	}
	return false
}

// implied says that a start tag ends an open element of the same name: its
// end tag may be left out.
func implied(a atom.Atom) bool {
	switch a {
	case atom.P, atom.Li, atom.Td, atom.Th, atom.Tr, atom.Dt, atom.Dd, atom.Option:
		return true
	}
	return false
}

// breaks is how many line breaks an element has around it: none if it is part
// of a line, two if it begins a paragraph.
func breaks(a atom.Atom) int {
	switch a {
	case atom.P, atom.Ul, atom.Ol, atom.Dl, atom.Table, atom.Blockquote, atom.Article, atom.Section, atom.Main,
		atom.Figure, atom.Hr, atom.Header, atom.Details, atom.Form, atom.Body:
		return 2
	case atom.Div, atom.Dt, atom.Dd, atom.Figcaption, atom.Caption, atom.Address, atom.Summary, atom.Center,
		atom.Fieldset, atom.Thead, atom.Tbody, atom.Tfoot, atom.Tr, atom.Li, atom.Option, atom.Legend, atom.Dialog,
		atom.Hgroup, atom.Menu, atom.Search:
		return 1
	}
	return 0
}

// contains says that an element can be a part of a page that is left out for
// its name, and is not the page or the article itself.
func contains(a atom.Atom) bool {
	switch a {
	case atom.Div, atom.Section, atom.Ul, atom.Ol, atom.P, atom.Form, atom.Header, atom.Dialog, atom.Span:
		return true
	}
	return false
}

// isAround says that a class, id or role names what pages have around an
// article: "share-buttons", "cookie-banner", "navigation". The first word of a
// name decides, so that "no-sidebar" and "article-with-comments" are none.
func isAround(names []byte) bool {
	const longest = 512
	for name := range strings.FieldsSeq(string(names[:min(len(names), longest)])) {
		name = strings.ToLower(name)
		if aroundNames.has(name) {
			return true
		}
		first, rest, ok := strings.Cut(strings.ReplaceAll(name, "_", "-"), "-")
		if ok && aroundWords.has(first) && rest != "" {
			return true
		}
	}
	return false
}

// aroundNames are whole names, aroundWords the first words of longer ones.
//
//nolint:gochecknoglobals // read-only tables
var (
	aroundNames = wordSet(`navigation contentinfo complementary banner search alertdialog share sharing social
		social-links social-share sharedaddy addtoany breadcrumb breadcrumbs sidebar newsletter related
		related-posts related-articles relatedposts related-content recommended jp-relatedposts site-header
		site-footer site-navigation navbar main-menu cookies cookie cookie-notice gdpr onetrust-banner-sdk
		comments comment-list disqus_thread author-bio author-box about-author post-tags tag-list tags-links
		pagination skip-link screen-reader-text sr-only visually-hidden subscribe popup modal`)

	aroundWords = wordSet(`cookie cookies gdpr consent share sharing addthis addtoany breadcrumb breadcrumbs newsletter
		onetrust cookiebot`)
)
