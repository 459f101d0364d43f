package extract

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"spoor/internal/ioc"
)

const (
	// maxPage is the largest page of which the main part is looked for, in
	// bytes; a tree takes many times the memory of its source.
	maxPage = 8 << 20
	// maxClimb is how many steps outwards the main element is moved before all
	// of the page is taken.
	maxClimb = 8
)

// MainText is Render for the page of an article: its text without what stands
// around it (menus, related articles, share links, the author, comments).
//
// It errs on the side of too much: a block beside the article that holds a
// defanged value or a digest stays, whatever it is called (in a menu or footer
// only a defanged value counts: builds are named there); and where the main
// element lacks what the rest means, live names in lists included, more of the
// page is taken, up to all of it; a page that is too large for a tree is taken
// whole. Readers' comments always go: they are not the
// publisher's words and would let anybody write into the feed. Title and date
// are the page's.
//
// The errors are the reader's, ErrTooLarge and ctx's.
func MainText(ctx context.Context, r io.Reader) (Document, error) {
	data, err := readDocument(r, MaxDocument)
	if err != nil {
		return Document{}, err
	}
	source := decode(data, HTML)
	doc := renderHTML(source)
	if len(source) > maxPage || isDearTree(source) {
		return doc, nil
	}
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		// Nested deeper than the parser goes; the text is there all the same.
		return doc, nil //nolint:nilerr // no reason to lose the page
	}
	main, err := mainPart(ctx, root)
	if err != nil {
		return Document{}, fmt.Errorf("find main text: %w", err)
	}
	if strings.TrimSpace(main.Text) != "" {
		doc.Text, doc.Links = main.Text, main.Links
	}
	return doc, nil
}

// page is the tree of a page whose main part is looked for.
type page struct {
	body *html.Node
	// size is how much text that is no link is in each element, in bytes.
	size map[*html.Node]int
	// headline holds the elements with a first-level heading in them.
	headline map[*html.Node]bool
}

// mainPart renders the main element of a page.
func mainPart(ctx context.Context, root *html.Node) (Document, error) {
	body := firstElement(root, atom.Body)
	if body == nil {
		return Document{}, nil
	}
	p := page{body: body, size: map[*html.Node]int{}, headline: map[*html.Node]bool{}}
	p.measure(body, false)
	if err := p.prune(ctx, body); err != nil {
		return Document{}, err
	}
	clear(p.size)
	p.measure(body, false)
	main := p.main()
	unname(body)
	all, err := meant(ctx, renderNode(body).Text)
	if err != nil {
		return Document{}, err
	}
	for range maxClimb {
		doc := renderNode(main)
		has, err := meant(ctx, doc.Text)
		if err != nil || main == body || holds(has, all) {
			return doc, err
		}
		main = main.Parent
	}
	return renderNode(body), nil
}

// measure fills in the sizes below n.
func (p *page) measure(n *html.Node, inLink bool) int {
	total := 0
	switch {
	case n.Type == html.TextNode && !inLink:
		total = len(strings.TrimSpace(n.Data))
	case n.Type == html.ElementNode && (n.DataAtom == atom.Script || n.DataAtom == atom.Style || n.DataAtom == atom.Noscript || n.DataAtom == atom.Template):
	default:
		inLink = inLink || n.DataAtom == atom.A
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			total += p.measure(c, inLink)
			if c.DataAtom == atom.H1 || p.headline[c] {
				p.headline[n] = true
			}
		}
	}
	if n.Type == html.ElementNode {
		p.size[n] = total
	}
	return total
}

// prune takes what is not the article out of the tree below n.
func (p *page) prune(ctx context.Context, n *html.Node) error {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		if c.Type != html.ElementNode {
			c = next
			continue
		}
		switch kind := p.judge(c); kind {
		case content:
			if err := p.prune(ctx, c); err != nil {
				return err
			}
		case comments:
			n.RemoveChild(c)
		default:
			keep, err := p.evidence(ctx, c, kind)
			if err != nil {
				return err
			}
			if !keep {
				n.RemoveChild(c)
			}
		}
		c = next
	}
	return nil
}

// evidence reports whether a block that looks like none of the article's names
// indicators all the same. One that does is made an element which the renderer
// does not leave out.
func (p *page) evidence(ctx context.Context, n *html.Node, kind blockKind) (bool, error) {
	was := *n
	n.Data, n.DataAtom = "div", atom.Div
	unname(n)
	text := renderNode(n).Text
	if leadsElsewhere(text) {
		return false, nil
	}
	found, err := Text(ctx, text, Options{Distinct: true})
	if err != nil && ctx.Err() != nil {
		return false, err
	}
	for _, c := range found {
		// A page's frame names builds by their commit.
		if c.Defanged || kind == block && isDigest(c.Indicator.Type) {
			return true, nil
		}
	}
	n.Data, n.DataAtom = was.Data, was.DataAtom
	return false, nil
}

// unname takes away what elements are called. The renderer goes by names too;
// here they have been judged, with more to go by.
func unname(n *html.Node) {
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool {
		return a.Key == "class" || a.Key == "id" || a.Key == "role"
	})
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		unname(c)
	}
}

// main returns the element that holds the article: the article element, else
// the main one, else one that is called so, else the innermost that holds
// nearly all of the text.
func (p *page) main() *html.Node {
	var best [3]*html.Node
	p.walk(p.body, func(n *html.Node) {
		rank := mainRank(n)
		if rank < len(best) && (best[rank] == nil || p.size[n] > p.size[best[rank]]) {
			best[rank] = n
		}
	})
	for _, n := range best {
		// Cards of other articles are article elements too.
		if n != nil && p.size[n]*2 >= p.size[p.body] {
			return n
		}
	}
	n := p.body
	for {
		inner := p.dominant(n)
		if inner == nil {
			return n
		}
		n = inner
	}
}

// dominant returns the child that holds nearly all of the element's text.
func (p *page) dominant(n *html.Node) *html.Node {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode || p.size[c]*10 < p.size[n]*9 {
			continue
		}
		switch c.DataAtom {
		case atom.Div, atom.Section, atom.Main, atom.Article, atom.Td, atom.Tr, atom.Tbody, atom.Table, atom.Center, atom.Form:
			return c
		}
	}
	return nil
}

func (p *page) walk(n *html.Node, visit func(*html.Node)) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.ElementNode {
			visit(c)
			p.walk(c, visit)
		}
	}
}

// mainRank is how surely an element is called the article, 0 the surest.
func mainRank(n *html.Node) int {
	switch {
	case n.DataAtom == atom.Article:
		return 0
	case n.DataAtom == atom.Main || attribute(n, "role") == "main" || attribute(n, "role") == "article":
		return 1
	case strings.Contains(attribute(n, "itemprop"), "articleBody"):
		return 2
	}
	for name := range strings.FieldsSeq(strings.ToLower(attribute(n, "class") + " " + attribute(n, "id"))) {
		switch name {
		case "entry-content", "post-content", "article-content", "article-body", "article__body", "post-body", "blog-content",
			"blog-post", "blog-post-content", "story-body", "markdown-body", "content-body", "post", "hentry", "td-post-content":
			return 2
		}
	}
	return 3
}

// meant returns the values that a text means, live ones too: a list of plain
// names beside the main element is often the report's own.
func meant(ctx context.Context, text string) (map[ioc.Indicator]bool, error) {
	found, err := Text(ctx, text, Options{Distinct: true})
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	// Over the limit, what was found until then decides.
	values := map[ioc.Indicator]bool{}
	for _, c := range found {
		c.Indicator.Port = 0
		values[c.Indicator] = true
	}
	return values, nil
}

func holds(has, all map[ioc.Indicator]bool) bool {
	for v := range all {
		if !has[v] {
			return false
		}
	}
	return true
}

func isDigest(t ioc.Type) bool {
	return t == ioc.MD5 || t == ioc.SHA1 || t == ioc.SHA256 || t == ioc.SHA512
}

// renderNode renders an element as renderHTML renders a page.
func renderNode(n *html.Node) Document {
	var source strings.Builder
	// A Builder does not fail, and the tree is the parser's.
	_ = html.Render(&source, n)
	return renderHTML(source.String())
}

func firstElement(n *html.Node, a atom.Atom) *html.Node {
	if n.Type == html.ElementNode && n.DataAtom == a {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := firstElement(c, a); found != nil {
			return found
		}
	}
	return nil
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key && a.Namespace == "" {
			const longest = 1024
			return a.Val[:min(len(a.Val), longest)]
		}
	}
	return ""
}

// Main is MainText for a page, and Render for any other document, with the
// links that do not stand in the text: what Options.Links wants.
func Main(ctx context.Context, r io.Reader, kind Kind) (Document, error) {
	if kind == HTML {
		return MainText(ctx, r)
	}
	doc, err := Render(r, kind)
	doc.Links = nil
	return doc, err
}
