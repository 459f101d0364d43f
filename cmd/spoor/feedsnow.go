package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"spoor/internal/ingest"
	"spoor/internal/store"
)

// nowFlags is what "feeds run" was told beside the names.
type nowFlags struct{ accept, all, json bool }

// newFeedsRunCommand returns "feeds run".
func newFeedsRunCommand(a *app) *cobra.Command {
	var f nowFlags
	cmd := &cobra.Command{
		Use:   "run NAME...",
		Short: "Run feeds now, whenever they are due",
		Long: `Fetches feeds now and stores what is new in them, and ends with a table of what became of their values.
A feed that a server is running just now is left to it. A copy that is held, for it shrank or grew too much,
is applied with --accept: look at it with 'spoor feeds test' before.

Exit status: 0 done, 1 a feed could not be read, 2 wrong usage.`,
		Example: `  spoor feeds run cisa-kev
  spoor feeds run --accept partner
  spoor feeds run --all --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.all == (len(args) > 0) {
				return usagef("name the feeds to run, or give --all for those that are on")
			}
			return a.runNow(cmd, args, f)
		},
	}
	cmd.Flags().BoolVar(&f.accept, "accept", false, "apply the copy even if it shrank or grew too much")
	cmd.Flags().BoolVar(&f.all, "all", false, "run all feeds that are on")
	cmd.Flags().BoolVar(&f.json, "json", false, "write a JSON array of the runs")
	feedFlags(cmd)
	settingFlags(cmd.Flags(), "warning_lists")
	return cmd
}

// runNow is the work of "feeds run".
func (a *app) runNow(cmd *cobra.Command, names []string, f nowFlags) error {
	s, err := a.feedSetup(cmd)
	if err != nil {
		return err
	}
	feeds, err := s.toRun(names, f.all)
	if err == nil && s.st == nil {
		s.st, err = a.openStore(cmd.Context(), s.c)
	}
	if err != nil {
		return errors.Join(err, s.close())
	}
	poller, done, err := a.newPoller(cmd.Context(), s.c, s.st, quietLog())
	if err != nil {
		return errors.Join(err, s.close())
	}
	ended, err := a.runAll(cmd.Context(), s, poller, feeds, f.accept)
	done()
	result := a.nowTable
	if f.json {
		result = func(runs []runEntry) error { return a.writeJSON(runs) }
	}
	return errors.Join(err, result(ended), s.close())
}

// toRun returns the feeds that are meant. One that is disabled may be run by
// hand; one without its key cannot.
func (s *feedSetup) toRun(names []string, all bool) ([]setUp, error) {
	if !all {
		found, err := s.find(names)
		for _, f := range found {
			err = errors.Join(err, f.hasKey())
		}
		return found, err
	}
	var on []setUp
	for _, f := range s.all {
		if f.on {
			on = append(on, f)
		}
	}
	if len(on) == 0 {
		return nil, errors.New("run feeds: none is on: 'spoor feeds list --all' says why")
	}
	return on, nil
}

// hasKey returns an error that says where the feed's key has to be when it needs
// one and has none.
func (f setUp) hasKey() error {
	if !f.NeedsKey || len(f.source.Header) > 0 {
		return nil
	}
	f.Enabled = nil
	_, why := f.On("")
	return fmt.Errorf("fetch feed %q: it %s", f.Name, why)
}

// statusBusy is the status of a feed that another process runs.
const statusBusy = "busy"

// busyText is why a feed is left to another process. The claim of one that was
// killed is free two minutes after it.
const busyText = "another spoor is running it just now, or was killed within two minutes: 'spoor feeds runs' shows when it is done"

// defaultAtOnce is how many feeds are run at once when the setting says none.
const defaultAtOnce = 4

// runAll runs the feeds, some at once, and returns what came of each in their
// order. The error says that some could not be run, or why the work stopped.
func (a *app) runAll(ctx context.Context, s *feedSetup, poller *ingest.Poller, feeds []setUp, accept bool) ([]runEntry, error) {
	process := uuid.NewString()
	ended := make([]runEntry, len(feeds))
	var mu sync.Mutex
	bad := 0
	var g errgroup.Group
	g.SetLimit(max(s.c.Feeds.Parallel, defaultAtOnce))
	for i, f := range feeds {
		g.Go(func() error {
			e, err := a.runOne(ctx, s.st, poller, f, process, accept)
			mu.Lock()
			defer mu.Unlock()
			ended[i] = e
			if e.Status == string(store.RunFailed) || e.Status == statusBusy {
				bad++
			}
			if len(feeds) > 1 && err == nil {
				fmt.Fprintf(a.stderr, "%s: %s, %s new\n", printable(f.Name), e.Status, grouped(e.New))
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return ended, err
	}
	switch {
	case bad == 1 && len(feeds) == 1:
		return ended, fmt.Errorf("run feed %q: %s", feeds[0].Name, ended[0].Error)
	case bad > 0:
		return ended, fmt.Errorf("run feeds: %d of %d were not read", bad, len(feeds))
	}
	return ended, nil
}

// runOne runs one feed, unless another process does just now.
func (a *app) runOne(ctx context.Context, st store.Store, poller *ingest.Poller, f setUp, process string, accept bool) (runEntry, error) {
	e := runEntry{
		Feed: f.Name, Started: a.now().UTC().Truncate(time.Second), Status: statusBusy, Dropped: map[string]int64{},
		Error: busyText,
	}
	err := ingest.Claimed(ctx, st, f.Name, process, func(ctx context.Context) error {
		rep, err := poller.Poll(ctx, f.source, accept)
		e = statsEntry(f.Name, rep.Started, rep.Stats)
		return err
	})
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return e, err
}

// nowTable writes what became of runs for people.
func (a *app) nowTable(runs []runEntry) error {
	rows := [][]string{{"FEED", "STATUS", "READ", "NEW", "UPDATED", "UNCHANGED", "SKIPPED", "BYTES", "TOOK", "NOTE"}}
	for _, e := range runs {
		if e.Feed == "" {
			continue // it was stopped before
		}
		note := e.Error
		if e.Status == string(store.RunHeld) {
			note = "it " + note + ": see 'spoor feeds test', then 'spoor feeds run --accept'"
		}
		if e.Merged > 0 && note == "" {
			note = grouped(e.Merged) + " said twice"
		}
		rows = append(rows, []string{
			cutEnd(printable(e.Feed), maxFeedCell), e.Status, grouped(e.Read), grouped(e.New), grouped(e.Updated), grouped(e.Unchanged),
			grouped(e.Skipped), size(e.Bytes), took(time.Duration(e.Seconds * float64(time.Second))), printable(note),
		})
	}
	if err := columnsTo(a.stdout, rows, terminalWidth(a.stdout)); err != nil {
		return err
	}
	for _, e := range runs {
		for _, reason := range byCount(e.Dropped) {
			fmt.Fprintf(a.stderr, "%s: %s left out as %s: %s\n", printable(e.Feed), grouped(e.Dropped[reason]), printable(reason), printable(ingest.Describe(reason)))
		}
	}
	return nil
}
