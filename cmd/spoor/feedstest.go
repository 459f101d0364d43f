package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spoor/internal/config"
	"spoor/internal/ingest"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// newFeedsTestCommand returns "feeds test".
func newFeedsTestCommand(a *app) *cobra.Command {
	var asJSON bool
	var f config.Feed
	cmd := &cobra.Command{
		Use:   "test {NAME|URL}",
		Short: "Fetch and read a feed, and store nothing",
		Long: `Fetches a feed and reads it as a run would, and shows what would come of it: how much is new, what would be
left out and why, and the first values. Nothing is stored, and nothing that was read before is left out.
Of a feed in many pieces, such as the pages of news, it reads the first. Given the address of a TAXII server,
it lists the collections that can be read.`,
		Example: `  spoor feeds test cisa-kev
  spoor feeds test https://feeds.example/list.txt --format list`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one feed, or give its address")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.testFeed(cmd, args[0], f, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object")
	cmd.Flags().StringVar(&f.Format, "format", "", "read an address as this `format` (default: recognise it)")
	cmd.Flags().StringVar(&f.KeyHeader, "key-header", "", "header that carries the key of an address")
	cmd.Flags().StringVar(&f.KeyEnv, "key-env", "", "environment variable that holds the key")
	cmd.Flags().StringVar(&f.KeyFile, "key-file", "", "file that holds the key")
	feedFlags(cmd)
	settingFlags(cmd.Flags(), "warning_lists")
	return cmd
}

// testFeed is the work of "feeds test".
func (a *app) testFeed(cmd *cobra.Command, what string, f config.Feed, asJSON bool) error {
	s, err := a.feedSetup(cmd)
	if err != nil {
		return err
	}
	t, err := a.feedToTest(s, what, f)
	if err == nil {
		err = a.try(cmd.Context(), s, &t)
	}
	if err != nil {
		return errors.Join(err, s.close())
	}
	if asJSON {
		err = a.writeJSON(t.entry(a.now().UTC().Truncate(time.Second)))
	} else {
		err = a.trialTable(t)
	}
	return errors.Join(err, t.failure(), s.close())
}

// feedToTest finds the feed of that name, or makes one of an address.
func (a *app) feedToTest(s *feedSetup, what string, f config.Feed) (tested, error) {
	if !strings.Contains(what, "://") {
		if f.Format != "" || f.KeyHeader != "" || f.KeyEnv != "" || f.KeyFile != "" {
			return tested{}, usagef("--format and the flags for keys are for addresses: a feed's own are in the feeds file")
		}
		found, err := s.find([]string{what})
		if err != nil {
			return tested{}, err
		}
		return tested{setUp: found[0]}, found[0].hasKey()
	}
	f.Name, f.URL = trialName, what
	one, err := a.checkFeed(f)
	return tested{setUp: one}, err
}

// trialName is the name of an address that is tried.
const trialName = "test"

// checkFeed sets up a feed of the command line; mistakes are those of usage.
func (a *app) checkFeed(f config.Feed) (setUp, error) {
	if err := f.Check(); err != nil {
		return setUp{}, usagef("%v", err)
	}
	one, err := a.setUpFeed(f)
	if err != nil {
		return one, usagef("%v", strings.TrimPrefix(err.Error(), config.ErrInvalid.Error()+": "))
	}
	return one, nil
}

// tested is a feed with what came of trying it.
type tested struct {
	setUp
	ingest.Trial
	// collections are those of a TAXII server, where the feed is one.
	collections []ingest.Collection
	isServer    bool
}

// try fetches and reads the feed. What is wrong with it is in the trial.
func (a *app) try(ctx context.Context, s *feedSetup, t *tested) error {
	poller, done, err := a.newPoller(ctx, s.c, s.st, quietLog())
	if err != nil {
		return err
	}
	defer done()
	if ingest.IsDiscovery(t.source) {
		t.isServer = true
		if t.collections, err = poller.Discover(ctx, t.source); err != nil {
			return fmt.Errorf("%w%s", err, t.advice(err.Error()))
		}
		return nil
	}
	if t.source.Format == "" {
		t.source.Format = formatOf(t.source.URL)
	}
	var known store.Viewer
	if s.st != nil {
		known = s.st
	}
	t.Trial, err = poller.Try(ctx, t.source, known)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	isPage := t.Stats.Status == store.RunFailed || t.Format == htmlFormat
	if err != nil || t.source.Format != "" || !isPage || !isFolder(t.source.URL) {
		return err
	}
	// A folder of a web server that lists nothing may be a MISP feed.
	src := t.source
	src.Format = ingest.FormatMISPFeed
	if as, err := poller.Try(ctx, src, known); err == nil && as.Stats.Status != store.RunFailed {
		t.Trial, t.source = as, src
	}
	return nil
}

// htmlFormat is the format of a page for people.
const htmlFormat = "html"

// formatOf tells by its address a feed that no single document shows.
func formatOf(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme == "file":
		return ""
	case strings.HasSuffix(u.Path, "/manifest.json"):
		return ingest.FormatMISPFeed
	case strings.Contains(u.Path, "taxii") && strings.Contains(u.Path, "/collections/"):
		return ingest.FormatTAXII
	}
	return ""
}

func isFolder(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme != "file" && strings.HasSuffix(u.Path, "/")
}

// failure is why the feed cannot be used as it is, and what to do about it.
func (t *tested) failure() error {
	if t.isServer || t.Stats.Status != store.RunFailed {
		return nil
	}
	return fmt.Errorf("test feed: %s%s", t.Stats.Error, t.advice(t.Stats.Error))
}

// advice says what to do about what was wrong with the feed's source, where
// that does not say it itself.
func (f setUp) advice(text string) string {
	has := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case has("answered 401"), has("answered 403"), has("answered 407"):
		return f.keyAdvice()
	case has("answered 404"), has("answered 410"):
		return ": is that the feed's address?"
	case has("web page came instead"):
		return ": look on it for the feed's own address; to read a page as a report, say --format " + htmlFormat
	case has("no such host"):
		return ": is the host's name right, and is this machine on the net?"
	case has("certificate"):
		return ": the feed's publisher has to correct that"
	}
	return ""
}

// keyAdvice says what to do about the key of a feed whose publisher refuses.
func (f setUp) keyAdvice() string {
	where := cmp.Or(f.KeyEnv, f.KeyFile)
	switch {
	case where == "":
		return ": it may want a key: name its header with --key-header, and where the key is with --key-env or --key-file"
	case len(f.source.Header) == 0:
		return ": no key was sent: " + where + " holds none"
	}
	return ": it does not take the key in " + where + " as header " + f.KeyHeader
}

// trialEntry is what "feeds test --json" prints.
type trialEntry struct {
	runEntry
	URL    string `json:"url"`
	Format string `json:"format"`
	// Known are the values that this feed has said before, Held why a run would
	// not apply the copy.
	Known       int64             `json:"known"`
	Held        string            `json:"held"`
	Part        bool              `json:"part"`
	Rows        []trialRow        `json:"rows"`
	Collections []collectionEntry `json:"collections"`
}

type trialRow struct {
	Type       string   `json:"type"`
	Value      string   `json:"value"`
	Confidence string   `json:"confidence"`
	TLP        string   `json:"tlp"`
	Context    string   `json:"context"`
	Tags       []string `json:"tags"`
	Warnings   []string `json:"warnings"`
}

type collectionEntry struct {
	URL         string `json:"url"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

func (t *tested) entry(at time.Time) trialEntry {
	e := trialEntry{
		runEntry: statsEntry(t.Name, at, t.Stats), URL: shownAddress(t.source.URL), Format: t.Format,
		Known: t.Stats.Unchanged, Held: t.Held, Part: t.Part(), Rows: []trialRow{}, Collections: []collectionEntry{},
	}
	for i := range t.Rows {
		r := store.NewRecord(store.Feed{Name: t.Name}, t.Rows[i], time.Time{})
		row := trialRow{
			Type: r.Type.String(), Value: r.Value, Confidence: r.Confidence.String(), TLP: r.TLP.String(), Context: r.Context,
			Tags: append([]string{}, r.Tags...), Warnings: []string{},
		}
		for _, w := range r.Warnings {
			row.Warnings = append(row.Warnings, w.List)
		}
		e.Rows = append(e.Rows, row)
	}
	for _, c := range t.collections {
		e.Collections = append(e.Collections, collectionEntry(c))
	}
	return e
}

// trialTable writes what came of a trial for people.
func (a *app) trialTable(t tested) error {
	columns := terminalWidth(a.stdout)
	if t.isServer {
		if len(t.collections) == 0 {
			fmt.Fprintln(a.stderr, "the server has no collection that may be read with this key, or without one")
			return nil
		}
		rows := [][]string{{"COLLECTION", "ADDRESS FOR 'spoor feeds add'"}}
		for _, c := range t.collections {
			rows = append(rows, []string{cutEnd(printable(c.Title), maxFeedCell), printable(c.URL)})
		}
		return columnsTo(a.stdout, rows, columns)
	}
	s := t.Stats
	if s.Status == store.RunFailed {
		return nil
	}
	facts := [][]string{
		{"format", t.Format},
		{"fetched", fmt.Sprintf("%s in %s, %s", size(s.Bytes), took(s.Took), counted(s.Items, "item"))},
		{"values", grouped(s.Read)},
		{"  new", grouped(s.New)},
	}
	more := func(name string, n int64, note string) {
		if n > 0 {
			facts = append(facts, []string{name, grouped(n) + note})
		}
	}
	more("  known", s.Unchanged, ", said by this feed before")
	more("  twice", s.Merged, ", said more than once")
	for _, reason := range byCount(s.Dropped) {
		more("  "+printable(reason), s.Dropped[reason], ", "+printable(ingest.Describe(reason)))
	}
	if t.Held != "" {
		facts = append(facts, []string{"held", "a run would hold this copy: it " + t.Held})
	}
	if s.Error != "" {
		facts = append(facts, []string{"problem", printable(s.Error)})
	}
	if err := columnsTo(a.stdout, facts, columns); err != nil {
		return err
	}
	if s.Read == 0 {
		fmt.Fprintln(a.stderr, "nothing in it reads as an indicator: is the format right?")
	}
	return a.trialRows(t.Rows, columns)
}

// shownTrialRows is how many values a trial shows to people.
const shownTrialRows = 10

// trialRows writes the first values, defanged.
func (a *app) trialRows(list []store.Observation, columns int) error {
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(a.stdout)
	rows := [][]string{{"TYPE", "VALUE", "CONFIDENCE", "CONTEXT"}}
	for i := range list[:min(len(list), shownTrialRows)] {
		o := &list[i]
		var warnings []string
		for _, w := range o.Warnings {
			warnings = append(warnings, warningText(w.List, w.Reason))
		}
		confidence := o.Confidence
		if confidence == 0 {
			confidence = ioc.Medium
		}
		note := strings.Join(append(warnings, o.Context), " ")
		rows = append(rows, []string{
			o.Indicator.Type.String(), cutMiddle(printable(ioc.Defang(o.Indicator.Type, o.Indicator.Value)), 2*maxCell),
			confidence.String(), shorten(ioc.DefangText(printable(note)), 2*maxCell),
		})
	}
	return columnsTo(a.stdout, rows, columns)
}
