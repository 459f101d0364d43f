package ingest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"spoor/internal/feed"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// parse reads one input that is text.
func (p *pass) parse(ctx context.Context, in *input, r *bufio.Reader) error {
	head, err := r.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return err
	}
	if len(head) == 0 {
		return errEmpty
	}
	f := p.form
	if f == nil {
		if f, err = recognise(filepath.ToSlash(in.name), head); err != nil {
			return err
		}
	}
	if p.src != nil {
		if err := p.src.misread(f, p.wasFormat, head); err != nil {
			return err
		}
	}
	if p.format == "" {
		p.format = f.name
	}
	// A file that breaks later counts as failed, not as read.
	switch {
	case f.news:
		err = p.newsFeed(ctx, in, f, r)
	case f.parser == nil:
		err = p.prose(ctx, in, f, r)
	default:
		err = p.rows(ctx, in, f, r)
	}
	if err == nil {
		p.sum.Files.Read++
	}
	return err
}

// rows reads an input that has rows.
func (p *pass) rows(ctx context.Context, in *input, f *form, r io.Reader) error {
	s := &sink{pass: p, lane: p.lane(f), name: in.name}
	if f.name == listForm {
		s.about = in.about
	}
	to := feed.Sink{Item: s.item, Skip: s.skip, Changed: func(at time.Time) { p.changed = later(p.changed, at) }}
	return f.parser.Parse(ctx, r, feed.Source{Name: filepath.ToSlash(in.name)}, to)
}

// sink takes the rows of one input.
type sink struct {
	pass *pass
	lane *lane
	name string
	// about is the report that rows without an article belong to.
	about *report
}

// item normalises one row and hands it to the writing side.
func (s *sink) item(it feed.Item) error {
	if s.pass.items++; s.pass.dry {
		return nil
	}
	s.lane.read++
	s.pass.read.Add(1)
	ind, err := indicator(it)
	if err != nil {
		return s.refuse(it.Where, err)
	}
	o := store.Observation{
		Indicator:  ind,
		Confidence: it.Confidence, TLP: it.TLP, Origin: store.OriginFeed,
		FirstSeen: s.pass.dated(it.FirstSeen), LastSeen: s.pass.dated(it.LastSeen),
		Context: clean(it.Context, maxContext),
		Tags:    cleanAll(it.Tags), Families: cleanAll(it.Families), Techniques: techniques(it.Techniques),
		Ports: it.Ports, Warnings: append(s.pass.by.row(ind), expired(it.ValidUntil, s.pass.now)...), ValidUntil: it.ValidUntil,
	}
	if it.Confidence.Valid() {
		o.Evidence = store.EvidenceDeclared
	}
	switch {
	case it.Article != nil:
		o.Article, o.Origin = s.lane.article(it.Article, "", it.TLP), store.OriginArticle
	case s.about != nil:
		o.TLP = max(o.TLP, s.about.tlp)
		o.Article, o.Origin = s.lane.article(&s.about.article, s.about.digest, o.TLP), store.OriginArticle
	}
	if o.Article != nil {
		o.Industries = industries(o.Tags, o.Article.Tags)
	}
	if src := s.pass.src; src != nil {
		src.complete(&o)
	}
	return s.pass.pipe.add(s.lane, o)
}

// industries returns the sectors among the tags of an article and of its row
// (contract section 4), nil for none.
func industries(lists ...[]string) []string {
	var found []string
	for _, tags := range lists {
		for _, tag := range tags {
			if _, ok := slices.BinarySearch(sectors, tag); ok {
				found = append(found, tag)
			}
		}
	}
	return found
}

//nolint:gochecknoglobals // read-only table, asked for every row
var sectors = store.Industries()

// indicator reads the row's value: as the type that the source declares, or
// as whatever it is.
func indicator(it feed.Item) (ioc.Indicator, error) {
	if it.Type.Valid() {
		return ioc.Normalise(it.Type, it.Raw)
	}
	return ioc.Identify(it.Raw)
}

// refuse counts a row whose value is no indicator.
func (s *sink) refuse(where string, err error) error {
	reason := string(ioc.ReasonNotIndicator)
	var invalid *ioc.InvalidError
	if errors.As(err, &invalid) {
		reason = string(invalid.Reason)
	}
	s.count(reason, where, err.Error)
	return nil
}

// skip counts a row that the parser could not read.
func (s *sink) skip(k feed.Skip) error {
	if s.pass.dry {
		return nil
	}
	s.lane.read++
	s.pass.read.Add(1)
	s.count(k.Reason, k.Where, func() string { return ioc.DefangText(k.Detail) })
	return nil
}

func (s *sink) count(reason, where string, detail func() string) {
	s.lane.skipped++
	s.pass.sum.Skipped.add(reason, s.pass.in.limits.Places, func() Place {
		return Place{Where: place(s.name, where), Detail: detail()}
	})
}

// place is path:12 for a line, as editors and compilers write it.
func place(name, where string) string {
	if line, ok := strings.CutPrefix(where, "line "); ok {
		return name + ":" + line
	}
	if where == "" {
		return name
	}
	return name + ": " + where
}

// tomorrow is how far ahead of us a source's clock may be: a day, for those
// that write local time and call it UTC.
const tomorrow = 24 * time.Hour

// dated drops dates that no source can mean: those before there was a net, and
// those that are yet to come, which would stay the latest for ever.
func dated(t, now time.Time) time.Time {
	if t.Year() < 1970 || t.After(now.Add(tomorrow)) {
		return time.Time{}
	}
	return t
}

func (p *pass) dated(t time.Time) time.Time { return dated(t, p.now) }

// techniques keeps what reads as ATT&CK ids, in their one spelling.
func techniques(words []string) []string {
	var ids []string
	for _, w := range words {
		if ind, err := ioc.Normalise(ioc.MITREAttack, w); err == nil {
			ids = append(ids, ind.Value)
		}
	}
	return ids
}
