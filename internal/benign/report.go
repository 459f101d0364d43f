package benign

import (
	"fmt"
	"slices"
	"strings"
)

// Report says what Load made of a folder, list by list, in the order of names.
type Report struct {
	Lists []ListReport
}

// ListReport is what became of one file.
type ListReport struct {
	// Name is that of verdicts, Title the list's own.
	Name, Title string
	// Strength is 0 for a list that was left out.
	Strength Strength
	// Entries counts what is looked up.
	Entries int
	// Left is what is not, by reason.
	Left []Left
	// Err says why the whole list was left out; nil otherwise.
	Err error
}

// Left is how many entries of a list were left out for one reason.
type Left struct {
	Reason  string
	Count   int
	Example string // one of them, cut short
}

// Entries counts what is looked up, over all lists.
func (r Report) Entries() int {
	n := 0
	for _, l := range r.Lists {
		n += l.Entries
	}
	return n
}

// Loaded counts the lists that were not left out.
func (r Report) Loaded() int {
	n := 0
	for _, l := range r.Lists {
		if l.Err == nil {
			n++
		}
	}
	return n
}

// LeftOut counts entries that are not looked up in lists that are loaded.
func (r Report) LeftOut() int {
	n := 0
	for _, l := range r.Lists {
		for _, left := range l.Left {
			n += left.Count
		}
	}
	return n
}

// String is one line for a log, without what the lists hold.
func (r Report) String() string {
	s := fmt.Sprintf("%d lists with %d entries", r.Loaded(), r.Entries())
	if n := r.LeftOut(); n > 0 {
		s += fmt.Sprintf(", %d entries left out", n)
	}
	var out []string
	for _, l := range r.Lists {
		if l.Err != nil {
			out = append(out, l.Name)
		}
	}
	if len(out) > 0 {
		s += fmt.Sprintf(", %d lists left out (%s)", len(out), oneLine(strings.Join(out, ", "), 200))
	}
	return s
}

// leave counts an entry that is not looked up.
func (l *ListReport) leave(reason, entry string) {
	at := slices.IndexFunc(l.Left, func(x Left) bool { return x.Reason == reason })
	if at < 0 {
		at = len(l.Left)
		l.Left = append(l.Left, Left{Reason: reason, Example: oneLine(entry, maxEntryShown)})
	}
	l.Left[at].Count++
}

// oneLine makes text of a file fit for a report: one line, n bytes at most.
func oneLine(s string, n int) string {
	cut := len(s) > n
	if cut {
		s = s[:n]
	}
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if cut {
		s += "…"
	}
	return s
}
