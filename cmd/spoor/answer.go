package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"spoor/api"
	"spoor/internal/ioc"
	"spoor/internal/store"
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
	rows := [][]string{{"TYPE", "VALUE", "SOURCE", "CONFIDENCE", "LAST SEEN", "NOTES"}}
	below := [][]string{nil}
	for i := range d.Matches {
		m := &d.Matches[i]
		below = append(below, explanation(m))
		rows = append(rows, answerRow(m.Type, m.Value, m.Source, m.Confidence, m.LastSeen, notes(m.TLP, m.Tags, m.Warnings)))
	}
	if err := a.rowsWith(rows, below, matchLayout(), columns); err != nil || len(d.RelatedIOCs) == 0 {
		return err
	}
	fmt.Fprintln(a.stdout, "\nrelated")
	rows = rows[:1]
	for _, m := range d.RelatedIOCs {
		why := "same " + m.Relation
		if m.Relation == "campaign" {
			why = "same malware family"
		}
		rows = append(rows, answerRow(m.Type, m.Value, m.Source, m.Confidence, m.LastSeen, why))
	}
	return a.rows(rows, relatedLayout(), columns)
}

func answerRow(typ, value string, s api.Source, confidence string, last time.Time, note string) []string {
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
		printable(typ), printable(shown), ioc.DefangText(printable(source)),
		printable(confidence), last.UTC().Format(time.DateOnly), note,
	}
}

// warningText is a warning for people. That a source vouches no longer for a
// value does not make it a good one.
func warningText(list, reason string) string {
	if list == store.WarningExpired {
		return "expired: " + cmp.Or(reason, "its source no longer vouches for it")
	}
	return "known good? " + cmp.Or(reason, list)
}

// notes says what else there is to know: a marking, warnings, tags.
func notes(tlp string, tags []string, warnings []api.Warning) string {
	var all []string
	for _, w := range warnings {
		all = append(all, warningText(w.List, w.Reason))
	}
	if tlp != ioc.Clear.String() {
		all = append(all, "TLP:"+strings.ToUpper(tlp))
	}
	all = append(all, tags...)
	return ioc.DefangText(printable(strings.Join(all, ", ")))
}
