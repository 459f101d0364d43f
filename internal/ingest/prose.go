package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

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
	doc, err := extract.Main(ctx, r, f.prose)
	if errors.Is(err, extract.ErrTooLarge) {
		return fmt.Errorf("%w; split it, or name the format of its rows with --format", err)
	}
	if err != nil {
		return err
	}
	about := &report{
		article: feed.Article{Title: doc.Title, Published: doc.Published},
		digest:  textDigest(doc.Text),
	}
	switch {
	case p.src != nil && !isFileURL(p.src.URL):
		about.article.URL = shownURL(p.src.URL) // it is shown, and a query may hold a key
	case f.prose != extract.HTML:
		// A page does not name its own address among what it says.
		about.article.URL = articleURL(doc.Text)
	}
	if err := p.tell(ctx, in.name, p.lane(f), about, doc); err != nil {
		return err
	}
	in.made = about
	return nil
}

// tell takes what the text of a report names. It sets the report's marking.
// More than maxCandidates is an error, after those.
func (p *pass) tell(ctx context.Context, name string, l *lane, about *report, doc extract.Document) error {
	said, err := extract.Read(ctx, doc.Text, extract.Options{Limit: maxCandidates, Page: about.article.URL, Links: doc.Links})
	if err != nil && !errors.Is(err, extract.ErrLimit) {
		return err
	}
	if p.items += int64(len(said.Candidates)); p.dry {
		return err
	}
	about.tlp = max(about.tlp, said.TLP)
	article := l.article(&about.article, about.digest, about.tlp)
	article.Actors = extract.Actors(article.Title + "\n" + doc.Text)
	var failed error
	if article.Severity, failed = p.severity(ctx, said, article.Actors); failed != nil {
		return failed
	}
	t := telling{
		pass: p, lane: l, name: name, article: article,
		techniques: techniques(first(said.Techniques, maxMentions)), tags: mentioned(said.CVEs),
		tlp: about.tlp, seen: make(map[ioc.Indicator]bool, len(said.Candidates)), meant: meantBy(said.Candidates),
	}
	t.own = ownKeys(t.article.URL)
	t.judge = p.by
	t.judge.examples = p.by.inExamples(t.meant)
	for i := range said.Candidates {
		if err := t.candidate(&said.Candidates[i]); err != nil {
			return err
		}
	}
	return err
}

// maxMentions is how many techniques and vulnerabilities of a report go to each
// of its records: a digest of a whole year names hundreds.
const maxMentions = 50

func first(list []string, n int) []string { return list[:min(len(list), n)] }

// mentioned makes tags of the vulnerabilities that a report names.
func mentioned(cves []string) []string {
	cves = first(cves, maxMentions)
	tags := make([]string, 0, len(cves))
	for _, cve := range cves {
		tags = append(tags, strings.ToLower(cve))
	}
	return tags
}

// telling is a report whose candidates are being taken.
type telling struct {
	*pass
	judge            judge
	lane             *lane
	name             string
	article          *store.Article
	techniques, tags []string
	tlp              ioc.TLP
	own              map[string]bool
	seen             map[ioc.Indicator]bool
	meant            map[ioc.Indicator]extract.Candidate
}

// candidate takes the first mention of a value. The same address with another
// port says something new.
func (t *telling) candidate(c *extract.Candidate) error {
	if t.seen[c.Indicator] || t.own[c.Indicator.Key] {
		return nil
	}
	t.seen[c.Indicator] = true
	t.lane.read++
	t.read.Add(1)
	meant := t.meant[c.Indicator]
	warnings, reason := t.judge.prose(&meant)
	if reason != "" {
		s := sink{pass: t.pass, lane: t.lane, name: t.name}
		s.count(reason, fmt.Sprintf("byte %d", c.Offset), func() string {
			return ioc.Defang(c.Indicator.Type, c.Indicator.Value)
		})
		return nil
	}
	o := store.Observation{
		Indicator: c.Indicator, Article: t.article, Origin: store.OriginArticle, TLP: t.tlp,
		FirstSeen: t.article.Published, LastSeen: t.article.Published,
		Context: clean(c.Context, maxContext), Warnings: warnings,
		Techniques: t.techniques, Tags: t.tags,
	}
	o.Industries = industries(o.Tags, t.article.Tags)
	t.assess(&o, &meant)
	if t.src != nil {
		t.src.complete(&o)
	}
	return t.pipe.add(t.lane, o)
}
