package ingest

import (
	"cmp"
	"slices"
	"time"
)

// Summary is what an import did. It always holds that
// Read = New + Updated + Unchanged + Merged + Skipped.Total().
type Summary struct {
	// Read is how many values the parsers named.
	Read int64
	// New, Updated, Unchanged and Merged are those of store.Outcome.
	New, Updated, Unchanged, Merged int64
	// Skipped counts the values that are no indicator, by reason.
	Skipped Tally
	Files   Files
	// Bytes is how much was read, compressed inputs as they are stored.
	Bytes    int64
	Duration time.Duration
	// Format is how the first document was read, empty when none was.
	Format string
}

// Files counts the files of an import; each entry of an archive is one.
type Files struct {
	Read int64
	// Skipped are those that nobody asked for by name and that could not be
	// used, by reason.
	Skipped Tally
	// Failed are those that could not be read, or not to their end.
	Failed Group
}

// Tally counts by reason.
type Tally map[string]*Group

// Group is what one reason was given for: how often, and the first places.
type Group struct {
	Count  int64
	Places []Place
}

// Place says where something was found wrong, and what.
type Place struct {
	// Where is a path, with the line or row where there is one.
	Where string
	// Detail may be empty. It is safe to print: values in it are defanged.
	Detail string
}

// add counts one more place, and keeps it while there are fewer than limit.
// The place is only written out when it is kept: there may be millions.
func (g *Group) add(limit int, place func() Place) {
	g.Count++
	if len(g.Places) < limit {
		p := place()
		g.Places = append(g.Places, Place{Where: printable(p.Where), Detail: printable(p.Detail)})
	}
}

func (t Tally) add(reason string, limit int, place func() Place) {
	g := t[reason]
	if g == nil {
		g = &Group{}
		t[reason] = g
	}
	g.add(limit, place)
}

// Total is the sum over all reasons.
func (t Tally) Total() int64 {
	var n int64
	for _, g := range t {
		n += g.Count
	}
	return n
}

// Counts returns the count of each reason.
func (t Tally) Counts() map[string]int64 {
	m := make(map[string]int64, len(t))
	for reason, g := range t {
		m[reason] = g.Count
	}
	return m
}

// Reasons returns the reasons, the most frequent first.
func (t Tally) Reasons() []string {
	all := make([]string, 0, len(t))
	for reason := range t {
		all = append(all, reason)
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(t[b].Count, t[a].Count), cmp.Compare(a, b))
	})
	return all
}

// Progress is told how far an import is: about five times a second from one
// goroutine of the import, and once at its end. It must not block for long.
type Progress func(Status)

// Status is a moment of an import.
type Status struct {
	// TotalBytes is the size of all inputs, or -1 when one of them is a stream.
	// ReadBytes is how far reading is: a position in the inputs as they are
	// stored, so that the ratio of the two is honest for compressed ones.
	TotalBytes, ReadBytes int64
	// Read is how many values were read so far, Written how many of them are
	// stored.
	Read, Written int64
	// Finishing is set once all is written and the runs are being closed.
	Finishing bool
}
