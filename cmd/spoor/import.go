package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"spoor/internal/ingest"
)

// importFlags is what "import" was told beside the paths.
type importFlags struct {
	format, feed string
	json         bool
}

// newImportCommand returns "spoor import".
func newImportCommand(a *app) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import [flags] PATH...",
		Short: "Read files, folders or standard input into the store",
		Long: `Reads indicators into the store from files, folders and standard input ("-"), also those packed
with gzip, zstd or zip, and ends with a table of what became of every value.

Each file's format is recognised unless --format names it: ` + strings.Join(ingest.Formats(), ", ") + `.
Feeds that name themselves keep their name; lists, tables and prose are reported by the feed "` + ingest.LocalFeed + `"
unless --feed names another. In a folder, a README is the report that the plain lists beside it belong to.
Files of a folder that nothing can read are left out and named; a file that you name has to be readable.

Stop it at any time: what it had read is stored, and the same command completes it, without duplicates.
Exit status: 0 done, 1 something could not be read or it was stopped, 2 wrong usage.`,
		Example: `  spoor import trails/ report.md urlhaus.csv.gz
  curl -fsS https://feeds.example/list.txt | spoor import --format list --feed "Example list" -`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return a.importPaths(cmd, args, f) },
	}
	cmd.Flags().StringVar(&f.format, "format", "", "read everything as this `format` (default: recognise each file)")
	cmd.Flags().StringVar(&f.feed, "feed", "", "report everything as this feed `name` (default: the format's own, or \""+ingest.LocalFeed+"\")")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the counts as one JSON object")
	storeFlags(cmd)
	settingFlags(cmd.Flags(), "warning_lists")
	return cmd
}

// importPaths is the work of "spoor import".
func (a *app) importPaths(cmd *cobra.Command, paths []string, f importFlags) error {
	loaded, err := a.settings(cmd)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("feed") && strings.TrimSpace(f.feed) == "" {
		return usagef("--feed is empty: name the feed, or leave it out")
	}
	if slices.ContainsFunc(paths, func(p string) bool { return strings.Contains(p, "://") }) { // which may hold a password
		return usagef("a PATH with :// in it: name files or folders; the store is named with --store")
	}
	req := ingest.Request{Paths: paths, Format: f.format, FeedName: strings.TrimSpace(f.feed), Stdin: a.stdin}
	if err := req.Check(); err != nil {
		return usagef("%v", err)
	}
	st, err := a.openStore(cmd.Context(), loaded.Config)
	if err != nil {
		return err
	}
	show := a.newImportProgress()
	known, err := a.newKnownGood(cmd.Context(), loaded.Config, st)
	if err != nil {
		return errors.Join(err, st.Close())
	}
	in := ingest.New(st, ingest.Options{Now: a.now, Lists: known.now})
	sum, err := in.Import(cmd.Context(), req, show.update)
	show.end()
	if errors.Is(err, ingest.ErrIncomplete) {
		err = fmt.Errorf("%w: the lines that begin with \"error\" say what to do; all else is imported", err)
	}
	if err == nil && sum.Read == 0 && sum.Files.Read > 0 {
		fmt.Fprintln(a.stderr, "no indicators were found: prose counts only what it means as one, such as evil[.]example; a list of plain values needs --format list")
	}
	a.importNotes(sum)
	result := a.importTable
	if f.json {
		result = a.importJSON
	}
	return errors.Join(err, result(sum), st.Close())
}

// importNotes says on standard error which files and rows were not imported.
func (a *app) importNotes(sum ingest.Summary) {
	for _, p := range sum.Files.Failed.Places {
		fmt.Fprintf(a.stderr, "error: %s: %s\n", p.Where, p.Detail)
	}
	a.more(sum.Files.Failed, "files that could not be read")
	for _, reason := range sum.Files.Skipped.Reasons() {
		g := sum.Files.Skipped[reason]
		for _, p := range g.Places {
			fmt.Fprintf(a.stderr, "left out: %s: %s\n", p.Where, ingest.Describe(reason))
		}
		a.more(*g, "files: "+ingest.Describe(reason))
	}
	for _, reason := range sum.Skipped.Reasons() {
		g := sum.Skipped[reason]
		for _, p := range g.Places[:min(len(g.Places), shownRows)] {
			fmt.Fprintf(a.stderr, "skipped: %s: %s: %s\n", p.Where, reason, p.Detail)
		}
	}
}

// shownRows is how many rows are named of those skipped for one reason; the
// table has their number.
const shownRows = 3

func (a *app) more(g ingest.Group, what string) {
	if n := g.Count - int64(len(g.Places)); n > 0 {
		fmt.Fprintf(a.stderr, "and %s more %s\n", grouped(n), what)
	}
}

// importTable prints the counts for people.
func (a *app) importTable(sum ingest.Summary) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	row := func(name string, n int64, note string) { fmt.Fprintf(w, "%s\t%12s\t%s\n", name, grouped(n), note) }
	row("read", sum.Read, fmt.Sprintf("from %s, %s in %s", counted(sum.Files.Read, "file"), size(sum.Bytes), took(sum.Duration)))
	row("new", sum.New, "")
	row("updated", sum.Updated, "known, and learnt something")
	row("unchanged", sum.Unchanged, "known already")
	row("merged", sum.Merged, "said more than once in this import")
	row("skipped", sum.Skipped.Total(), "")
	for _, reason := range sum.Skipped.Reasons() {
		row("  "+reason, sum.Skipped[reason].Count, ingest.Describe(reason))
	}
	if n := sum.Files.Skipped.Total(); n > 0 {
		row("files left out", n, "")
	}
	if n := sum.Files.Failed.Count; n > 0 {
		row("files failed", n, "")
	}
	return w.Flush()
}

// importResult is the object that "import --json" prints.
type importResult struct {
	Read      int64            `json:"read"`
	New       int64            `json:"new"`
	Updated   int64            `json:"updated"`
	Unchanged int64            `json:"unchanged"`
	Merged    int64            `json:"merged"`
	Skipped   map[string]int64 `json:"skipped"`
	Files     importFiles      `json:"files"`
	Bytes     int64            `json:"bytes"`
	Seconds   float64          `json:"seconds"`
}

type importFiles struct {
	Read    int64            `json:"read"`
	Skipped map[string]int64 `json:"skipped"`
	Failed  int64            `json:"failed"`
}

// importJSON prints the counts for programs.
func (a *app) importJSON(sum ingest.Summary) error {
	return json.NewEncoder(a.stdout).Encode(importResult{
		Read: sum.Read, New: sum.New, Updated: sum.Updated, Unchanged: sum.Unchanged, Merged: sum.Merged,
		Skipped: sum.Skipped.Counts(),
		Files:   importFiles{Read: sum.Files.Read, Skipped: sum.Files.Skipped.Counts(), Failed: sum.Files.Failed.Count},
		Bytes:   sum.Bytes,
		Seconds: sum.Duration.Round(time.Millisecond).Seconds(),
	})
}
