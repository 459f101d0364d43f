package server

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
)

// Encoder writes answers as JSON: byte for byte what encoding/json makes of
// the types of package api with HTML escaping off (an indicator full of
// & is to be read and grepped by people), without reflection and without
// allocating. It is the one encoder of a record on the wire.
type Encoder struct {
	item string // what article_url begins with
	// common is the head of every meta, behind generated_at.
	common []byte
}

// NewEncoder returns an Encoder. publicURL is what links begin with, without a
// final slash; source and feedVersion are meta.source and meta.feed_version,
// and default to the contract's when empty.
func NewEncoder(publicURL, source, feedVersion string) *Encoder {
	common := []byte(`,"feed_version":`)
	common = appendString(common, orElse(feedVersion, defaultFeedVersion))
	common = append(common, `,"source":`...)
	common = appendString(common, orElse(source, defaultSource))
	return &Encoder{item: strings.TrimRight(publicURL, "/") + "/item/", common: common}
}

// Result is a search answer with what was asked.
type Result struct {
	// Query is q as it was sent.
	Query  string
	Window store.Window
	Answer search.Answer
	// GeneratedAt is when the search began.
	GeneratedAt time.Time
}

// Detail appends an api.SearchResponse and a line feed: the body of view=detail.
func (e *Encoder) Detail(dst []byte, r *Result) []byte {
	a := &r.Answer
	dst = e.appendMeta(dst, r.GeneratedAt)
	dst = appendInt(dst, `,"total":`, a.Total)
	dst = appendInt(dst, `,"limit":`, r.Window.Limit)
	dst = appendInt(dst, `,"offset":`, r.Window.Offset)
	dst = append(dst, `},"data":{"found":`...)
	dst = strconv.AppendBool(dst, a.Found)
	dst = append(dst, `,"query":`...)
	dst = appendString(dst, r.Query)
	dst = append(dst, `,"matches":[`...)
	for i := range a.Matches {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendMatch(dst, a, i)
	}
	dst = append(dst, `],"relatedIOCs":[`...)
	for i := range a.Related {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendRelated(dst, &a.Related[i])
	}
	dst = append(dst, `],"meta":`...)
	dst = appendCounts(dst, a)
	return append(dst, "}}\n"...)
}

// appendCounts appends an api.SearchCounts.
func appendCounts(dst []byte, a *search.Answer) []byte {
	us := a.Took.Microseconds()
	dst = appendInt(dst, `{"total_matches":`, a.Total)
	dst = appendInt(dst, `,"related_count":`, len(a.Related))
	dst = appendInt(dst, `,"search_time_ms":`, int((us+999)/1000))
	dst = appendInt(dst, `,"search_time_us":`, int(us))
	dst = append(dst, `,"stage":`...)
	dst = appendString(dst, string(a.Stage))
	dst = append(dst, `,"total_is_lower_bound":`...)
	dst = strconv.AppendBool(dst, a.LowerBound)
	dst = append(dst, `,"interpretations":[`...)
	for i := range a.Interpretations {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"type":`...)
		dst = appendString(dst, a.Interpretations[i].Type.String())
		dst = append(dst, `,"normalized":`...)
		dst = appendString(dst, a.Interpretations[i].Value)
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}

// Record appends an api.RecordResponse and a line feed.
func (e *Encoder) Record(dst []byte, at time.Time, r *store.Record) []byte {
	dst = e.appendMeta(dst, at)
	dst = append(dst, `},"data":`...)
	dst = e.appendRecord(dst, r)
	return append(dst, "}\n"...)
}

// appendMeta appends the common meta, left open.
func (e *Encoder) appendMeta(dst []byte, at time.Time) []byte {
	dst = append(dst, `{"meta":{"generated_at":`...)
	dst = appendTime(dst, at)
	return append(dst, e.common...)
}

// appendRecord appends an api.Record.
func (e *Encoder) appendRecord(dst []byte, r *store.Record) []byte {
	dst = e.appendHead(dst, r)
	dst = append(dst, `,"context":`...)
	dst = appendOptional(dst, r.Context)
	dst = appendTail(dst, r)
	return append(dst, '}')
}

// appendMatch appends a match as an api.Record, with what it is worth where that
// was asked for.
func (e *Encoder) appendMatch(dst []byte, a *search.Answer, i int) []byte {
	dst = e.appendRecord(dst, &a.Matches[i])
	if a.Assessments == nil {
		return dst
	}
	dst = dst[:len(dst)-1] // it goes on
	dst = appendInt(dst, `,"confidence_score":`, a.Assessments[i].Score)
	dst = append(dst, `,"confidence_terms":[`...)
	for j, t := range a.Assessments[i].Terms {
		if j > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":`...)
		dst = appendString(dst, t.Name)
		dst = appendInt(dst, `,"points":`, t.Points)
		dst = append(dst, `,"reason":`...)
		dst = appendString(dst, t.Reason)
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}

// appendRelated appends an api.Related.
func (e *Encoder) appendRelated(dst []byte, r *store.Related) []byte {
	dst = e.appendHead(dst, &r.Record)
	dst = appendTail(dst, &r.Record)
	dst = append(dst, `,"relation":`...)
	dst = appendString(dst, string(r.Relation))
	return append(dst, '}')
}

// appendHead appends a record up to its source, left open.
func (e *Encoder) appendHead(dst []byte, r *store.Record) []byte {
	dst = append(dst, `{"id":"`...)
	dst = appendUUID(dst, r.ID)
	dst = append(dst, `","type":`...)
	dst = appendString(dst, r.Type.String())
	dst = append(dst, `,"value":`...)
	dst = appendString(dst, r.Value)
	dst = append(dst, `,"confidence":`...)
	dst = appendString(dst, r.Confidence.String())
	dst = append(dst, `,"first_seen":`...)
	dst = appendTime(dst, r.FirstSeen)
	dst = append(dst, `,"last_seen":`...)
	dst = appendTime(dst, r.LastSeen)
	if r.Article == nil {
		dst = append(dst, `,"source":{"article_id":null,"article_title":null,"article_url":null,"reference_url":null`...)
	} else {
		dst = append(dst, `,"source":{"article_id":"`...)
		dst = appendUUID(dst, r.Article.ID)
		dst = append(dst, `","article_title":`...)
		dst = appendOptional(dst, r.Article.Title)
		dst = append(dst, `,"article_url":"`...)
		dst = appendEscaped(dst, e.item)
		dst = appendUUID(dst, r.Article.ID)
		dst = append(dst, `","reference_url":`...)
		dst = appendOptional(dst, r.Article.URL)
	}
	dst = append(dst, `,"feed_name":`...)
	dst = appendString(dst, r.Feed.Name)
	dst = append(dst, `,"category":`...)
	dst = appendString(dst, string(r.Feed.Category))
	dst = append(dst, `,"origin":`...)
	dst = appendString(dst, r.Origin.String())
	return append(dst, '}')
}

// appendTail appends what a record says behind its context.
func appendTail(dst []byte, r *store.Record) []byte {
	dst = appendStrings(dst, `,"tags":[`, r.Tags)
	dst = appendStrings(dst, `,"mitre_techniques":[`, r.Techniques)
	dst = append(dst, `,"ports":[`...)
	for i, p := range r.Ports {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, uint64(p), 10)
	}
	dst = append(dst, `],"tlp":`...)
	// An unset marking counts as clear (store.Visibility).
	dst = appendString(dst, max(r.TLP, ioc.Clear).String())
	dst = append(dst, `,"warnings":[`...)
	for i := range r.Warnings {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"list":`...)
		dst = appendString(dst, r.Warnings[i].List)
		dst = append(dst, `,"reason":`...)
		dst = appendString(dst, r.Warnings[i].Reason)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendInt(dst []byte, name string, n int) []byte {
	return strconv.AppendInt(append(dst, name...), int64(n), 10)
}

func appendStrings(dst []byte, name string, list []string) []byte {
	dst = append(dst, name...)
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// appendOptional appends null for the empty string.
func appendOptional(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return appendString(dst, s)
}

// appendTime appends a time of the contract: RFC 3339, UTC, whole seconds.
func appendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, time.RFC3339)
	return append(dst, '"')
}

func appendUUID(dst []byte, id uuid.UUID) []byte {
	dst = hex.AppendEncode(dst, id[0:4])
	dst = hex.AppendEncode(append(dst, '-'), id[4:6])
	dst = hex.AppendEncode(append(dst, '-'), id[6:8])
	dst = hex.AppendEncode(append(dst, '-'), id[8:10])
	return hex.AppendEncode(append(dst, '-'), id[10:16])
}
