package store

import (
	"slices"
	"time"
)

// MergeArticle returns the article after more was said of it, and whether that
// changed anything that is stored: what was empty is filled and the lists grow,
// in order of first mention; the text's digest and the time of modification
// follow the newer version; the stricter marking wins. ID, Feed and Fetched
// stay. An archived article stays archived until there is a newer version of it,
// which makes it whole again; till then only its marking changes.
func MergeArticle(have Article, more *Article) (Article, bool) {
	was := have
	if newer := more.Modified.After(have.Modified); newer {
		have.ArchivedAt = time.Time{}
	}
	if !have.ArchivedAt.IsZero() {
		have.TLP = max(have.TLP, more.TLP)
		return have, have.TLP != was.TLP
	}
	for _, f := range []struct{ to, from *string }{
		{&have.Title, &more.Title}, {&have.URL, &more.URL}, {&have.GUID, &more.GUID}, {&have.Publisher, &more.Publisher},
		{&have.Summary, &more.Summary}, {&have.Category, &more.Category}, {&have.Digest, &more.Digest},
	} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	if more.Modified.After(have.Modified) {
		have.Modified = second(more.Modified)
		if more.Digest != "" {
			have.Digest = more.Digest
		}
	}
	if have.Published.IsZero() {
		have.Published = second(more.Published)
	}
	have.TLP = max(have.TLP, more.TLP)
	have.OtherURLs = withAll(have.OtherURLs, more.OtherURLs)
	have.Tags = withAll(have.Tags, more.Tags)
	have.Actors = withAll(have.Actors, more.Actors)
	have.Severity = max(have.Severity, more.Severity)
	changed := have.Title != was.Title || have.URL != was.URL || have.GUID != was.GUID || have.Publisher != was.Publisher ||
		have.Summary != was.Summary || have.Category != was.Category || have.Digest != was.Digest || have.TLP != was.TLP ||
		!have.ArchivedAt.Equal(was.ArchivedAt) || !have.Modified.Equal(was.Modified) || !have.Published.Equal(was.Published) ||
		len(have.OtherURLs) != len(was.OtherURLs) || len(have.Tags) != len(was.Tags) ||
		len(have.Actors) != len(was.Actors) || have.Severity != was.Severity
	return have, changed
}

// withAll returns list with what more adds, in order of first mention.
func withAll(list, more []string) []string {
	for _, m := range more {
		if !slices.Contains(list, m) {
			list = append(list[:len(list):len(list)], m)
		}
	}
	return list
}
