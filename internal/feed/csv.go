package feed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// csvParser reads any CSV with a header, separated by comma, semicolon, tab
// or bar, by the names of its columns: also the CSV that spoor itself writes
// (contract section 4). A file with one value column gives an item a row; a
// file with a column for each type (md5, sha1, domain) gives one for each cell.
type csvParser struct{}

// The names under which feeds keep a field, the best first, as columnName
// writes them.
//
//nolint:gochecknoglobals // read-only
var (
	csvValue      = []string{"value", "ioc", "ioc_value", "indicator", "indicator_value", "observable", "artifact", "artefact"}
	csvType       = []string{"type", "ioc_type", "indicator_type", "observable_type", "value_type"}
	csvConfidence = []string{"confidence", "confidence_level", "confidence_score", "score"}
	csvTLP        = []string{"tlp", "marking", "tlp_marking"}
	csvFirstSeen  = []string{
		"first_seen", "first_seen_utc", "firstseen", "dateadded", "date_added", "date", "created", "created_at", "timestamp",
	}
	csvLastSeen = []string{
		"last_seen", "last_seen_utc", "lastseen", "last_online", "modified", "modified_at", "updated", "updated_at",
	}
	csvContext    = []string{"context", "description", "comment", "comments", "note", "notes", "details"}
	csvTags       = []string{"tags", "tag", "labels", "label"}
	csvArticle    = []string{"article_url", "reference_url", "reference", "references", "source_article", "source_url", "report", "link", "article", "source", "url"}
	csvTitle      = []string{"article_title", "title", "source_article"}
	csvPublisher  = []string{"publisher", "source_feed", "source"}
	csvPorts      = []string{"port", "ports", "dst_port"}
	csvFamily     = []string{"malware_printable", "malware_family", "family", "malware", "malware_name"}
	csvTechniques = []string{"mitre_techniques", "techniques", "technique", "mitre_attack", "attack_technique"}
)

// csvTyped are the columns that name the type of their values, for files
// without a value column.
//
//nolint:gochecknoglobals // read-only
var csvTyped = []string{
	"ip", "ip_address", "ipv4", "ipv6", "dst_ip", "domain", "hostname", "fqdn", "host", "url", "uri",
	"md5", "md5_hash", "sha1", "sha1_hash", "sha256", "sha256_hash", "sha512", "sha512_hash", "hash",
	"email", "email_address", "cve", "cve_id", "cveid",
}

// Parse implements Parser.
func (csvParser) Parse(ctx context.Context, r io.Reader, _ Source, sink Sink) error {
	t := table{
		isHeader: isCSVHeader,
		sought: "sought a column named " + strings.Join(csvValue, ", ") +
			", or columns named for a type: " + strings.Join(csvTyped, ", "),
	}
	articles := csvArticles{}
	err := t.walk(ctx, r, sink, func(where string, row cells) error {
		return csvItems(where, row, &articles, sink)
	})
	if err != nil {
		return fmt.Errorf("read csv: %w", err)
	}
	return nil
}

// detectCSV wants a header with two columns or more, or the file's name to say
// that it is CSV. A header that is too wide is one as well, so that Parse can
// say what is wrong with it.
func detectCSV(name string, head []byte) bool {
	named := hasSuffixFold(name, ".csv") || hasSuffixFold(name, ".tsv")
	return hasHeader(head, func(names []string) bool {
		return isCSVHeader(names) && (named || len(names) > 1)
	}) || isWideHeader(head)
}

// isWideHeader reports whether the first line would be a header if it had not
// too many columns. Quotes are taken off, not read: no row is read by it.
func isWideHeader(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	if _, _, tooMany := splitHeader(line, isCSVHeader); !tooMany {
		return false
	}
	for i := range len(separators) {
		names := columnNames(strings.Split(strings.ReplaceAll(string(line), `"`, ""), separators[i:i+1]))
		if len(names) > maxColumns && isCSVHeader(names) {
			return true
		}
	}
	return false
}

// isCSVHeader wants a value column; or one named for a type, and then no cell
// that is a value itself: in a file without a header, "192.0.2.1,ip" is a row.
func isCSVHeader(names []string) bool {
	typed := false
	for _, name := range names {
		if contains(csvValue, name) {
			return true
		}
		typed = typed || contains(csvTyped, name)
	}
	return typed && !slices.ContainsFunc(names, func(name string) bool { return strings.ContainsAny(name, ".:/@") })
}

// csvItems hands over the items of one row.
func csvItems(where string, row cells, articles *csvArticles, sink Sink) error {
	item := Item{
		Where:      where,
		Confidence: parseConfidence(row.get(csvConfidence...)), TLP: parseTLP(row.get(csvTLP...)),
		FirstSeen: parseTime(row.get(csvFirstSeen...)), LastSeen: parseTime(row.get(csvLastSeen...)),
		Context:    prose(row.get(csvContext...)),
		Tags:       addTags(nil, splitTags(row.get(csvTags...))...),
		Ports:      parsePorts(row.get(csvPorts...)),
		Families:   addTags(nil, malpediaFamily(csvFamilyOf(row))),
		Techniques: techniques(row.get(csvTechniques...)),
	}
	if value := row.get(csvValue...); value != "" {
		item.Article = articles.get(row)
		return deliverTyped(item, row.get(csvType...), value, sink)
	}
	found := false
	for _, name := range csvTyped {
		value := row.get(name)
		if value == "" || row.hasAny(csvValue) {
			continue
		}
		found = true
		if err := deliverTyped(item, name, value, sink); err != nil {
			return err
		}
	}
	if !found {
		return sink.Skip(Skip{where, ReasonBrokenRow, "no value"})
	}
	return nil
}

// csvFamilyOf is the malware of a row. A list of samples, such as that of
// MalwareBazaar, has it as their signature; elsewhere that is the name of a rule.
func csvFamilyOf(row cells) string {
	if name := row.get(csvFamily...); name != "" {
		return name
	}
	name := row.get("signature")
	if !row.hasAny([]string{"sha256_hash"}) || strings.EqualFold(name, "n/a") {
		return ""
	}
	return name
}

// deliverTyped hands over one value. A type that is none of ours ("filename",
// "registry key") skips the row: read without it, its value could pass for a
// domain.
func deliverTyped(item Item, word, value string, sink Sink) error {
	t, known := parseType(word, value)
	if !known {
		return sink.Skip(Skip{item.Where, ReasonUnknownType, quote(word)})
	}
	item.Type, item.Raw = t, value
	return sink.Item(item)
}

// hasAny reports whether the file has one of the columns.
func (c cells) hasAny(names []string) bool {
	for _, name := range names {
		if _, ok := c.column[name]; ok {
			return true
		}
	}
	return false
}

// techniques are the ATT&CK ids in a cell.
func techniques(cell string) []string {
	var ids []string
	for word := range strings.FieldsFuncSeq(cell, func(r rune) bool { return r == ',' || r == ';' || r == '|' || r == ' ' }) {
		if len(ids) < maxTags && len(word) <= maxTagLen && isTechnique(strings.ToLower(word)) {
			ids = append(ids, word)
		}
	}
	return ids
}

// csvArticles gives consecutive rows that name the same article one Article.
type csvArticles struct{ last *Article }

// get returns the article of a row: the first of its reference columns that
// holds a link, titled by what the title column says. A title alone is an
// article known only by it.
func (c *csvArticles) get(row cells) *Article {
	var a Article
	for _, name := range csvArticle {
		if link := row.get(name); isURL(link) {
			a.URL = link
			break
		}
	}
	if title := row.get(csvTitle...); title != "" && !isURL(title) {
		a.Title = prose(title)
	}
	if a.URL == "" && a.Title == "" {
		return nil
	}
	if publisher := row.get(csvPublisher...); !isURL(publisher) {
		a.Publisher = prose(publisher)
	}
	if a.URL == "" {
		a.GUID = a.Title
	}
	if c.last == nil || c.last.URL != a.URL || c.last.Title != a.Title || c.last.Publisher != a.Publisher {
		c.last = &a
	}
	return c.last
}
