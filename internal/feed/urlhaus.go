package feed

import (
	"context"
	"fmt"
	"io"
)

// urlhausParser reads the URLhaus CSV dump, its header commented out or not.
// The threat and all tags become tags: the site mixes families, file kinds and
// architectures in them, so none is taken for a family. The row's page on the
// site is a view of the row and no article; it is left out.
type urlhausParser struct{}

// urlhausColumns is the dump's header.
//
//nolint:gochecknoglobals // read-only
var urlhausColumns = []string{
	"id", "dateadded", "url", "url_status", "last_online", "threat", "tags", "urlhaus_link", "reporter",
}

// Parse implements Parser.
func (urlhausParser) Parse(ctx context.Context, r io.Reader, _ Source, sink Sink) error {
	t := table{isHeader: isURLhausHeader, defaults: urlhausColumns, sought: "sought the columns id, dateadded, url, threat, tags"}
	err := t.walk(ctx, r, sink, func(where string, row cells) error { return urlhausItem(where, row, sink) })
	if err != nil {
		return fmt.Errorf("read urlhaus: %w", err)
	}
	return nil
}

// detectURLhaus wants the dump's header.
func detectURLhaus(_ string, head []byte) bool { return hasHeader(head, isURLhausHeader) }

func isURLhausHeader(names []string) bool {
	return contains(names, "dateadded") && contains(names, "url") &&
		(contains(names, "threat") || contains(names, "urlhaus_link") || contains(names, "url_status"))
}

func urlhausItem(where string, row cells, sink Sink) error {
	value := row.get("url")
	if value == "" {
		return sink.Skip(Skip{where, ReasonBrokenRow, "no url"})
	}
	t, _ := parseType("url", value)
	tags := addTags(nil, row.get("threat"))
	return sink.Item(Item{
		Where: where, Type: t, Raw: value,
		FirstSeen: parseTime(row.get("dateadded")), LastSeen: parseTime(row.get("last_online")),
		Tags: addTags(tags, splitTags(row.get("tags"))...),
	})
}
