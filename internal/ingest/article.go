package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"spoor/internal/feed"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// report is a prose document: the article of what it names, and of the lists
// that lie beside it.
type report struct {
	article feed.Article
	// digest is the hex SHA-256 of its text.
	digest string
	// tlp is the document's own marking, zero without one.
	tlp ioc.TLP
}

// article returns what the source says of an article as the lane's feed keeps
// it. Items of one block share their article, so the last one is remembered.
func (l *lane) article(a *feed.Article, digest string, tlp ioc.TLP) *store.Article {
	if tlp == 0 {
		tlp = l.tlp
	}
	if l.said != a || l.kept.TLP < tlp {
		// A copy where the marking gets stricter: earlier observations hold it.
		l.said, l.kept = a, newArticle(l.feed, a, digest, l.now)
		l.kept.TLP = tlp
	}
	return l.kept
}

// newArticle makes the stored form. An article is the same one again by its
// canonical URL, else by the GUID, else by its text (contract section 2.2);
// one with only a title is told by that.
func newArticle(f store.Feed, a *feed.Article, digest string, now time.Time) *store.Article {
	to := &store.Article{
		Feed: f, Title: clean(a.Title, maxTitle), GUID: clean(a.GUID, maxURL), Digest: digest,
		Publisher: clean(a.Publisher, maxTitle), Summary: clean(a.Summary, maxSummary),
		Category: string(f.Category), Tags: cleanAll(a.Tags),
		Published: dated(a.Published, now), Modified: dated(a.Modified, now), Fetched: now,
	}
	link, identity := reference(a.URL)
	to.URL = link
	if identity == "" {
		identity = a.GUID
	}
	if identity == "" {
		identity = digest
	}
	if identity == "" {
		identity = textDigest(a.Title)
	}
	if link == "" && to.GUID == "" {
		to.GUID = clean(a.URL, maxURL)
	}
	for _, other := range a.OtherURLs {
		if link, _ := reference(other); link != "" {
			to.OtherURLs = append(to.OtherURLs, link)
		}
	}
	to.ID = store.ArticleID(f.Name, identity)
	return to
}

// reference reads a source's reference. Its identity is the canonical URL, or
// the text itself when it is none. The link is what people may follow: as the
// source wrote it when that is a web address, because the canonical form drops
// the fragment that some sites need; empty for anything else.
func reference(raw string) (link, identity string) {
	raw = strings.TrimSpace(raw)
	if raw == "" || len(raw) > maxURL {
		return "", clean(raw, maxURL)
	}
	ind, err := ioc.Normalise(ioc.URL, raw)
	if err != nil {
		return "", clean(raw, maxURL)
	}
	switch {
	case !isWeb(ind.Value):
		return "", ind.Value
	case isWeb(raw) && clean(raw, maxURL) == raw:
		return raw, ind.Value
	}
	return ind.Value, ind.Value
}

func isWeb(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

func textDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
