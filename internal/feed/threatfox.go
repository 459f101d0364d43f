package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// threatfoxParser reads ThreatFox JSON in the three shapes in which it goes
// around: the API's answer ("data" an array of rows), the full export (an
// object keyed by id, of arrays of rows), and mirrors ("iocs" an array of
// shorter rows, values defanged). A row's reference is its article.
type threatfoxParser struct{}

// threatfoxRow holds the fields of all shapes.
type threatfoxRow struct {
	IOC           text  `json:"ioc"`
	IOCValue      text  `json:"ioc_value"`
	IOCType       text  `json:"ioc_type"`
	Type          text  `json:"type"`
	ThreatType    text  `json:"threat_type"`
	ThreatDesc    text  `json:"threat_type_desc"`
	Malware       text  `json:"malware"`
	Printable     text  `json:"malware_printable"`
	Alias         texts `json:"malware_alias"`
	Level         text  `json:"confidence_level"`
	Confidence    text  `json:"confidence"`
	FirstSeen     text  `json:"first_seen"`
	FirstSeenUTC  text  `json:"first_seen_utc"`
	LastSeen      text  `json:"last_seen"`
	LastSeenUTC   text  `json:"last_seen_utc"`
	Reference     text  `json:"reference"`
	Tags          texts `json:"tags"`
	MalwareFamily text  `json:"malware_family"`
}

// Parse implements Parser.
func (threatfoxParser) Parse(ctx context.Context, r io.Reader, _ Source, sink Sink) error {
	var status string
	rows, articles := 0, articleCache{}
	e := elements{
		member: func(string) bool { return true },
		skip:   func(s Skip) error { rows++; return sink.Skip(s) },
		scalar: func(name string, raw []byte) {
			if name == "query_status" {
				status = string(bytes.Trim(raw, `"`))
			}
		},
		row: func(where string, raw []byte) error {
			rows++
			return threatfoxItem(where, raw, &articles, sink)
		},
	}
	if err := e.walk(ctx, r); err != nil {
		return fmt.Errorf("read threatfox: %w", err)
	}
	switch status {
	case "", "ok", "no_result":
		return nil
	}
	if rows > 0 {
		return nil
	}
	return fmt.Errorf("read threatfox: the service answered %s instead of rows", quote(status))
}

// detectThreatfox wants a row with a value, its type and the malware.
func detectThreatfox(_ string, head []byte) bool {
	fields := firstRow(head, func(string) bool { return true })
	has := func(name string) bool { return fields[name] != nil }
	return (has("ioc") || has("ioc_value")) && (has("ioc_type") || has("type")) && has("malware") ||
		len(fields) == 0 && bytes.Contains(head, []byte(`"query_status"`))
}

func threatfoxItem(where string, raw []byte, articles *articleCache, sink Sink) error {
	var row threatfoxRow
	if err := json.Unmarshal(raw, &row); err != nil {
		return sink.Skip(Skip{where, ReasonBrokenRow, err.Error()})
	}
	value, kind := either(row.IOC, row.IOCValue), either(row.IOCType, row.Type)
	if value == "" {
		return sink.Skip(Skip{where, ReasonBrokenRow, "no value in ioc or ioc_value"})
	}
	t, known := parseType(kind, value)
	if !known {
		return sink.Skip(Skip{where, ReasonUnknownType, quote(kind)})
	}
	item := Item{
		Where: where, Type: t, Raw: value,
		Confidence: parseConfidence(either(row.Level, row.Confidence)),
		FirstSeen:  parseTime(either(row.FirstSeen, row.FirstSeenUTC)),
		LastSeen:   parseTime(either(row.LastSeen, row.LastSeenUTC)),
		Context:    prose(string(row.ThreatDesc)),
		Article:    articles.get(string(row.Reference)),
	}
	item.Tags = addTags(item.Tags, string(row.ThreatType))
	item.Tags = addTags(item.Tags, row.Tags...)
	item.Tags = addTags(item.Tags, row.Alias...)
	item.Families = addTags(nil, malpediaFamily(either(row.Printable, row.MalwareFamily, row.Malware)))
	return sink.Item(item)
}

// malpediaFamily reads a family by its name or by its Malpedia id: a platform
// and a name joined with underscores ("win.cobalt_strike").
func malpediaFamily(name string) string {
	platform, rest, found := strings.Cut(name, ".")
	switch platform {
	case "aix", "apk", "asp", "elf", "fas", "ios", "jar", "js", "osx", "php", "ps1", "py", "sh", "sym", "unk", "vbs", "win":
		if found {
			name = strings.ReplaceAll(rest, "_", "-")
		}
	}
	return family(name)
}

// either returns the first that is not empty.
func either(candidates ...text) string {
	for _, c := range candidates {
		if c != "" {
			return string(c)
		}
	}
	return ""
}

// articleCache gives consecutive rows that name the same page one Article.
type articleCache struct{ last *Article }

// get returns the article of a URL, nil when it is none.
func (c *articleCache) get(url string) *Article {
	if url = strings.TrimSpace(url); !isURL(url) {
		return nil
	}
	if c.last == nil || c.last.URL != url {
		c.last = &Article{URL: url}
	}
	return c.last
}
