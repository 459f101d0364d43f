package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"spoor/api"
	"spoor/internal/ioc"
)

// answerTable writes a search answer for people. Values are defanged: nothing
// on a terminal may be clicked by mistake.
func (a *app) answerTable(r *api.SearchResponse, columns int) error {
	d := &r.Data
	if !d.Found {
		_, err := fmt.Fprintf(a.stderr, "nothing found for %s\n", ioc.DefangText(printable(d.Query)))
		return err
	}
	more := ""
	if d.Meta.TotalIsLowerBound {
		more = " or more"
	}
	shown := ""
	if n := int64(len(d.Matches)); n < int64(d.Meta.TotalMatches) {
		shown = fmt.Sprintf("; %s are shown, more with --limit or --offset", grouped(n))
	}
	fmt.Fprintf(a.stderr, "%s%s, %s match, %.1f ms%s\n", grouped(int64(d.Meta.TotalMatches)), more, d.Meta.Stage, float64(d.Meta.SearchTimeUS)/1000, shown)
	rows := [][]string{{"TYPE", "VALUE", "CONFIDENCE", "NOTES", "FIRST SEEN", "LAST SEEN", "SOURCE"}}
	for _, m := range d.Matches {
		rows = append(rows, answerRow(m.Type, m.Value, m.Confidence, m.FirstSeen, m.LastSeen, m.Source, notes(m.TLP, m.Tags, m.Warnings)))
	}
	if err := a.rows(rows, columns); err != nil || len(d.RelatedIOCs) == 0 {
		return err
	}
	fmt.Fprintln(a.stdout, "\nrelated")
	rows = rows[:1]
	for _, m := range d.RelatedIOCs {
		why := "same " + m.Relation
		if m.Relation == "campaign" {
			why = "same malware family"
		}
		rows = append(rows, answerRow(m.Type, m.Value, m.Confidence, m.FirstSeen, m.LastSeen, m.Source, why))
	}
	return a.rows(rows, columns)
}

// maxNote is how many characters of a note the table shows: what is behind it
// should not be pushed out of sight.
const maxNote = 40

func answerRow(typ, value, confidence string, first, last time.Time, s api.Source, note string) []string {
	source := s.FeedName
	for _, article := range []*string{s.ArticleTitle, s.ReferenceURL} {
		if article != nil && *article != "" {
			source += ": " + *article
			break
		}
	}
	// A server may know types that this program does not: such a value is
	// defanged as text.
	shown := ioc.DefangText(value)
	if t, err := ioc.ParseType(typ); err == nil {
		shown = ioc.Defang(t, value)
	}
	return []string{
		printable(typ), printable(shown), printable(confidence), shorten(note, maxNote),
		first.UTC().Format(time.DateOnly), last.UTC().Format(time.DateOnly), ioc.DefangText(printable(source)),
	}
}

// notes says what else there is to know: a marking, warnings, tags.
func notes(tlp string, tags []string, warnings []api.Warning) string {
	var all []string
	for _, w := range warnings {
		all = append(all, "known good? "+cmp.Or(w.Reason, w.List))
	}
	if tlp != ioc.Clear.String() {
		all = append(all, "TLP:"+strings.ToUpper(tlp))
	}
	all = append(all, tags...)
	return ioc.DefangText(printable(strings.Join(all, ", ")))
}

// rows writes aligned columns, cut to the width of the terminal; 0 is no
// limit. The value is never cut: it is what people came for.
func (a *app) rows(rows [][]string, columns int) error {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("lay out table: %w", err)
	}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimRight(line, " \n")
		if columns > 0 && utf8.RuneCountInString(line) > columns {
			keep := max(columns, valueEnd(b.String()))
			line = shorten(line, keep)
		}
		if _, err := fmt.Fprintln(a.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// valueEnd returns the column after the values, where the third one begins.
func valueEnd(table string) int {
	head, _, _ := strings.Cut(table, "\n")
	return strings.Index(head, "CONFIDENCE")
}
