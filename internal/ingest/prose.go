package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"spoor/internal/extract"
	"spoor/internal/feed"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// maxCandidates is how many indicators one document may name. A document with
// more is a list, and is better read as one.
const maxCandidates = 500_000

// prose reads a document: it is the article, and what it names are the
// indicators, each once.
func (p *pass) prose(ctx context.Context, in *input, f *form, r io.Reader) error {
	doc, err := extract.Render(r, f.prose)
	if errors.Is(err, extract.ErrTooLarge) {
		return fmt.Errorf("%w; split it, or name the format of its rows with --format", err)
	}
	if err != nil {
		return err
	}
	found, err := extract.Text(ctx, doc.Text, extract.Options{Limit: maxCandidates})
	if err != nil && !errors.Is(err, extract.ErrLimit) {
		return err
	}
	about := &report{
		article: feed.Article{Title: doc.Title, Published: doc.Published},
		digest:  textDigest(doc.Text),
		tlp:     marking(doc.Text),
	}
	if f.prose != extract.HTML {
		// A page does not name its own address among what it says.
		about.article.URL = articleURL(doc.Text)
	}
	l := p.lane(f)
	article := l.article(&about.article, about.digest, about.tlp)
	own := ownKeys(article.URL)
	seen := make(map[ioc.Indicator]bool, len(found))
	for _, c := range found {
		// The same address with another port says something new.
		if seen[c.Indicator] || own[c.Indicator.Key] {
			continue
		}
		seen[c.Indicator] = true
		l.read++
		p.read.Add(1)
		o := store.Observation{
			Indicator: c.Indicator, Article: article, Origin: store.OriginArticle, TLP: about.tlp,
			FirstSeen: article.Published, LastSeen: article.Published,
			Context: clean(c.Context, maxContext),
		}
		if err := p.pipe.add(l, o); err != nil {
			return err
		}
	}
	in.made = about
	return err
}
