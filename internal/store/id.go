package store

import (
	"crypto/sha1" //nolint:gosec // RFC 9562 section 5.5 prescribes SHA-1 for version 5
	"strings"

	"github.com/google/uuid"

	"spoor/internal/ioc"
)

// Namespace is the name space of every name-based id of spoor (contract
// section 1, "ids"). It is itself version 5 of the DNS name space (RFC 9562
// section 6.6) and the name "spoor". Changing it changes every id.
//
//nolint:gochecknoglobals // read-only
var Namespace = uuid.NewSHA1(uuid.NameSpaceDNS, []byte("spoor"))

// RecordID returns the id of the record of value, as reported by the feed in
// the article (uuid.Nil: none): version 5 over the four, NUL-separated. The
// same input has the same id on any engine, on any day.
func RecordID(feed string, article uuid.UUID, t ioc.Type, value string) uuid.UUID {
	var buf [512]byte
	b := append(buf[:0], Namespace[:]...)
	b = append(b, feed...)
	b = append(b, 0)
	var text [36]byte
	copy(text[:], article.String())
	b = append(b, text[:]...)
	b = append(b, 0)
	b = append(b, t.String()...)
	b = append(b, 0)
	b = append(b, value...)
	return fromSHA1(sha1.Sum(b)) //nolint:gosec // see the import
}

// ArticleID returns the id of the article of the feed with that identity:
// its canonical URL, else the feed item's GUID, else the SHA-256 of its text.
func ArticleID(feed string, identity string) uuid.UUID {
	var b strings.Builder
	b.Grow(len(feed) + 1 + len(identity))
	b.WriteString(feed)
	b.WriteByte(0)
	b.WriteString(identity)
	return uuid.NewSHA1(Namespace, []byte(b.String()))
}

// fromSHA1 lays a digest out as a version 5 UUID (RFC 9562 section 5.5).
func fromSHA1(sum [sha1.Size]byte) uuid.UUID {
	var id uuid.UUID
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}
