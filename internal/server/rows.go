package server

import (
	"hash/maphash"
	"strings"
	"time"

	"spoor/api"
	"spoor/internal/store"
)

// rowWriter writes the records of a list in one format.
type rowWriter interface {
	// row appends a record.
	row(dst []byte, r *store.Record) []byte
}

// jsonRows are the elements of an api.ListResponse's data.
type jsonRows struct {
	enc   *Encoder
	later bool
}

func (w *jsonRows) row(dst []byte, r *store.Record) []byte {
	if w.later {
		dst = append(dst, ',')
	}
	w.later = true
	return w.enc.appendRecord(dst, r)
}

// ndjsonRows are api.Records, one a line.
type ndjsonRows struct{ enc *Encoder }

func (w ndjsonRows) row(dst []byte, r *store.Record) []byte {
	return append(w.enc.appendRecord(dst, r), '\n')
}

// csvHeader are exactly the ten columns of contract section 4.
const csvHeader = "id,type,value,confidence,first_seen,last_seen,source_article,source_feed,category,tags\r\n"

// csvRows are lines of RFC 4180.
type csvRows struct{}

func (csvRows) row(dst []byte, r *store.Record) []byte {
	article := ""
	if r.Article != nil {
		article = r.Article.Title
		if article == "" {
			article = r.Article.URL
		}
	}
	dst = appendUUID(dst, r.ID)
	for _, cell := range [...]string{
		r.Type.String(), r.Value, r.Confidence.String(), r.FirstSeen.UTC().Format(time.RFC3339), r.LastSeen.UTC().Format(time.RFC3339),
		article, r.Feed.Name, string(r.Feed.Category), strings.Join(r.Tags, ";"),
	} {
		dst = appendCell(append(dst, ','), cell)
	}
	return append(dst, '\r', '\n')
}

// appendCell appends one cell. What a spreadsheet would run as a formula gets
// an apostrophe in front (OWASP, "CSV injection").
func appendCell(dst []byte, cell string) []byte {
	guard := cell != "" && strings.IndexByte("=+-@\t\r\n", cell[0]) >= 0
	if !strings.ContainsAny(cell, "\",\r\n") {
		if guard {
			dst = append(dst, '\'')
		}
		return append(dst, cell...)
	}
	dst = append(dst, '"')
	if guard {
		dst = append(dst, '\'')
	}
	dst = append(dst, strings.ReplaceAll(cell, `"`, `""`)...)
	return append(dst, '"')
}

// textRows are distinct bare values, one a line.
type textRows struct{ seen hashSet }

func (w *textRows) row(dst []byte, r *store.Record) []byte {
	if !w.seen.add(r.Value) {
		return dst
	}
	return append(append(dst, r.Value...), '\n')
}

// hashSet remembers texts by 64 bits of a hash with a random seed, at 16 to 32
// bytes a text: the whole of a store is walked in the order of its changes, so
// that nothing smaller tells whether a value came before. Two texts collide,
// and one is left out, with a probability of 1 in 10 million for 1.5 million
// texts; the seed keeps anyone from choosing such texts.
type hashSet struct {
	seed  maphash.Seed
	slots []uint64 // 0 is free; a power of two of them, at most half full
	used  int
}

// add remembers s and reports whether it was new.
func (h *hashSet) add(s string) bool {
	if h.slots == nil {
		h.seed, h.slots = maphash.MakeSeed(), make([]uint64, 1024)
	}
	if 2*(h.used+1) > len(h.slots) {
		old := h.slots
		h.slots = make([]uint64, 2*len(old))
		for _, v := range old {
			if v != 0 {
				h.slots[h.find(v)] = v
			}
		}
	}
	v := maphash.String(h.seed, s) | 1
	i := h.find(v)
	if h.slots[i] == v {
		return false
	}
	h.slots[i] = v
	h.used++
	return true
}

// find returns where v is, or where it goes.
func (h *hashSet) find(v uint64) int {
	mask := len(h.slots) - 1
	i := int(v>>1) & mask //nolint:gosec // masked
	for h.slots[i] != 0 && h.slots[i] != v {
		i = (i + 1) & mask
	}
	return i
}

// newRows returns the writer of a format and what stands before its rows.
func (s *Server) newRows(format string) (w rowWriter, head string) {
	switch format {
	case api.FormatCSV:
		return csvRows{}, csvHeader
	case api.FormatTXT:
		return &textRows{}, ""
	case api.FormatNDJSON:
		return ndjsonRows{s.encoder}, ""
	default:
		return &jsonRows{enc: s.encoder}, ""
	}
}
