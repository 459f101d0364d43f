package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spoor/internal/store"
)

// newFeedsListCommand returns "feeds list".
func newFeedsListCommand(a *app) *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the feeds and how they do",
		Long: `Lists the feeds, one a line: healthy, degraded (it works, but not all of it or not just now), error (nothing
new has come for a while) or off, and why. Disabled feeds, and those that are no longer set up, need --all.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.feedSetup(cmd)
			if err != nil {
				return err
			}
			states, err := s.states(cmd.Context())
			if err := errors.Join(err, s.close()); err != nil {
				return err
			}
			if !s.c.Feeds.Enabled {
				fmt.Fprintln(a.stderr, "servers with these settings run no feeds: feeds.enabled is false")
			}
			entries, hidden := a.feedEntries(s, states, all)
			if asJSON {
				return a.writeJSON(entries)
			}
			return a.feedTable(entries, hidden)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON array")
	cmd.Flags().BoolVar(&all, "all", false, "also those that are disabled or no longer set up")
	feedFlags(cmd)
	return cmd
}

// feedEntry is a feed as "feeds list" shows it.
type feedEntry struct {
	Name string `json:"name"`
	// Health is healthy, degraded, error or off, Why the reason in words.
	Health   string     `json:"health"`
	Why      string     `json:"why"`
	About    string     `json:"about"`
	URL      string     `json:"url"`
	Category string     `json:"category"`
	Format   string     `json:"format"`
	Every    string     `json:"every"`
	LastRun  *time.Time `json:"last_run"`
	LastGood *time.Time `json:"last_good"`
	NextRun  *time.Time `json:"next_run"`
	Items    int64      `json:"items"`
	Failures int        `json:"failures"`
	Held     *heldEntry `json:"held"`
}

// heldEntry is a copy that was not applied.
type heldEntry struct {
	Items int64     `json:"items"`
	Since time.Time `json:"since"`
}

// feedEntries returns the feeds to show, and how many are not.
func (a *app) feedEntries(s *feedSetup, states map[string]store.FeedState, all bool) (entries []feedEntry, hidden int) {
	entries = []feedEntry{}
	for _, f := range s.all {
		state := states[f.Name]
		delete(states, f.Name)
		if f.Enabled != nil && !*f.Enabled && !all {
			hidden++
			continue
		}
		e := entryOf(state)
		e.Name, e.About, e.URL, e.Format = f.Name, f.About, shownAddress(f.URL), f.Format
		e.Category, e.Every = string(cmp.Or(f.source.Category, store.Community)), every(f.source.Interval)
		e.Health, e.Why = f.health(state, a.now())
		if !f.on {
			e.NextRun = nil
		}
		entries = append(entries, e)
	}
	if !all {
		return entries, hidden + len(states)
	}
	left := len(entries)
	for name, state := range states {
		e := entryOf(state)
		e.Name, e.Health, e.NextRun = name, healthOff, nil
		e.Why = "no longer set up: 'spoor feeds forget' drops what is remembered"
		entries = append(entries, e)
	}
	slices.SortFunc(entries[left:], func(a, b feedEntry) int { return strings.Compare(a.Name, b.Name) })
	return entries, 0
}

// entryOf is what the state of a feed says of it.
func entryOf(state store.FeedState) feedEntry {
	e := feedEntry{
		LastRun: pointer(state.LastRun), LastGood: pointer(state.LastGood), NextRun: pointer(state.NextRun),
		Items: state.Items, Failures: state.Failures,
	}
	if state.Held != nil {
		e.Held = &heldEntry{Items: state.Held.Items, Since: state.Held.Since}
	}
	return e
}

// maxFeedCell bounds a feed's name in a table.
const maxFeedCell = 32

// feedTable writes the feeds for people.
func (a *app) feedTable(entries []feedEntry, hidden int) error {
	now := a.now()
	rows := [][]string{{"NAME", "HEALTH", "EVERY", "LAST RUN", "NEXT RUN", "ITEMS", "WHY"}}
	for _, e := range entries {
		items := "-"
		if e.LastRun != nil {
			items = grouped(e.Items)
		}
		rows = append(rows, []string{
			cutEnd(printable(e.Name), maxFeedCell), e.Health, cmp.Or(e.Every, "-"), agoOf(e.LastRun, now), agoOf(e.NextRun, now),
			items, printable(e.Why),
		})
	}
	if len(entries) > 0 {
		if err := columnsTo(a.stdout, rows, terminalWidth(a.stdout)); err != nil {
			return err
		}
	}
	switch {
	case hidden > 0:
		fmt.Fprintf(a.stderr, "%s not shown: --all shows all\n", counted(int64(hidden), "feed"))
	case len(entries) == 0:
		fmt.Fprintln(a.stderr, "no feeds: make one with 'spoor feeds add NAME URL'")
	}
	return nil
}

func agoOf(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	return ago(*t, now)
}

// newFeedsRunsCommand returns "feeds runs".
func newFeedsRunsCommand(a *app) *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "runs [NAME]",
		Short: "Show the last runs of a feed, or of all feeds",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("name one feed, or none for the runs of all")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > maxRunsShown {
				return usagef("--limit: 1 to %d", maxRunsShown)
			}
			s, err := a.feedSetup(cmd)
			if err != nil {
				return err
			}
			runs, err := lastRuns(cmd, s, args, limit)
			if err := errors.Join(err, s.close()); err != nil {
				return err
			}
			if asJSON {
				return a.writeJSON(runEntries(runs))
			}
			return a.runTable(runs)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON array")
	cmd.Flags().IntVar(&limit, "limit", 20, "most runs to show")
	feedFlags(cmd)
	return cmd
}

// maxRunsShown bounds "feeds runs --limit".
const maxRunsShown = 10_000

// lastRuns returns the runs of the feed that is named, or of all. A name that
// is neither set up nor has runs is a mistake.
func lastRuns(cmd *cobra.Command, s *feedSetup, names []string, limit int) ([]store.RunRecord, error) {
	name := strings.Join(names, "")
	var runs []store.RunRecord
	var err error
	if s.st != nil {
		if runs, err = s.st.Runs(cmd.Context(), s.shown(name), limit); err != nil {
			return nil, fmt.Errorf("read runs: %w", err)
		}
	}
	if name != "" && len(runs) == 0 {
		_, err = s.find(names)
	}
	return runs, err
}

// shown is the name in the store of the feed that is named: its title, where it
// has one.
func (s *feedSetup) shown(name string) string {
	for _, f := range s.all {
		if f.Name == name {
			return f.source.Feed().Name
		}
	}
	return name
}

// runEntry is a run as "feeds runs" and "feeds run" show it.
type runEntry struct {
	Feed    string    `json:"feed"`
	Started time.Time `json:"started"`
	// Status is ok, unchanged, partial, held, failed; imported for an import by
	// hand, unfinished for a run that has not ended.
	Status    string           `json:"status"`
	Error     string           `json:"error"`
	Bytes     int64            `json:"bytes"`
	Items     int64            `json:"items"`
	Read      int64            `json:"read"`
	New       int64            `json:"new"`
	Updated   int64            `json:"updated"`
	Unchanged int64            `json:"unchanged"`
	Merged    int64            `json:"merged"`
	Skipped   int64            `json:"skipped"`
	Dropped   map[string]int64 `json:"dropped"`
	Seconds   float64          `json:"seconds"`
}

// statsEntry is a run by what was counted.
func statsEntry(feed string, started time.Time, s store.RunStats) runEntry {
	dropped := s.Dropped
	if dropped == nil {
		dropped = map[string]int64{}
	}
	return runEntry{
		Feed: feed, Started: started, Status: string(s.Status), Error: s.Error, Bytes: s.Bytes, Items: s.Items,
		Read: s.Read, New: s.New, Updated: s.Updated, Unchanged: s.Unchanged, Merged: s.Merged, Skipped: s.Skipped,
		Dropped: dropped, Seconds: s.Took.Round(time.Millisecond).Seconds(),
	}
}

func runEntries(runs []store.RunRecord) []runEntry {
	entries := make([]runEntry, 0, len(runs))
	for _, r := range runs {
		e := statsEntry(r.Feed.Name, r.Started, r.Stats)
		switch {
		case r.Finished.IsZero():
			e.Status = "unfinished"
		case e.Status == "":
			e.Status = "imported"
		}
		entries = append(entries, e)
	}
	return entries
}

// runTable writes runs for people.
func (a *app) runTable(runs []store.RunRecord) error {
	if len(runs) == 0 {
		fmt.Fprintln(a.stderr, "no runs yet: 'spoor serve' runs the feeds that are on, 'spoor feeds run NAME' one at once")
		return nil
	}
	rows := [][]string{{"STARTED", "FEED", "STATUS", "TOOK", "BYTES", "ITEMS", "NEW", "UPDATED", "DROPPED", "ERROR"}}
	for _, e := range runEntries(runs) {
		rows = append(rows, []string{
			e.Started.UTC().Format(time.DateTime), cutEnd(printable(e.Feed), maxFeedCell), e.Status,
			took(time.Duration(e.Seconds * float64(time.Second))), size(e.Bytes), grouped(e.Items), grouped(e.New), grouped(e.Updated),
			droppedText(e.Dropped), printable(e.Error),
		})
	}
	return columnsTo(a.stdout, rows, terminalWidth(a.stdout))
}

// droppedText is what was left out, the most frequent reason first.
func droppedText(dropped map[string]int64) string {
	var parts []string
	for _, reason := range byCount(dropped) {
		parts = append(parts, grouped(dropped[reason])+" "+printable(reason))
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

// byCount returns the reasons, the most frequent first.
func byCount(dropped map[string]int64) []string {
	reasons := make([]string, 0, len(dropped))
	for reason := range dropped {
		reasons = append(reasons, reason)
	}
	slices.SortFunc(reasons, func(a, b string) int {
		return cmp.Or(cmp.Compare(dropped[b], dropped[a]), strings.Compare(a, b))
	})
	return reasons
}
