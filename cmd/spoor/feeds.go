package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"spoor/internal/config"
	"spoor/internal/ingest"
	"spoor/internal/store"
)

// newFeedsCommand returns "spoor feeds" with its subcommands.
func newFeedsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "feeds",
		Short: "Set up, try, run and watch the feeds",
		Long: `The feeds are those of the built-in catalogue and of the file feeds.yaml in the data folder, which people
and these commands may change: a running 'spoor serve' follows by itself.`,
		Example: `  spoor feeds list
  spoor feeds add partner https://feeds.example/indicators.csv --confidence high
  spoor feeds test partner && spoor feeds run partner`,
		Args: cobra.ArbitraryArgs,
		RunE: unknownCommand,
	}
	cmd.AddCommand(
		newFeedsListCommand(a), newFeedsAddCommand(a), newFeedsTestCommand(a), newFeedsRunCommand(a),
		newFeedsSwitchCommand(a, true), newFeedsSwitchCommand(a, false), newFeedsRunsCommand(a), newFeedsForgetCommand(a),
	)
	return cmd
}

// feedFlags adds the flags that say which feeds and which store a command
// works on.
func feedFlags(cmd *cobra.Command) {
	storeFlags(cmd)
	settingFlags(cmd.Flags(), "feeds.file", "feeds.root")
}

// feedSetup is what a command about feeds works on.
type feedSetup struct {
	c   config.Config
	all []setUp
	// st is nil when there is no store yet.
	st store.Store
}

// feedSetup reads the settings and the feeds, and opens the store if it is
// there. The caller calls close.
func (a *app) feedSetup(cmd *cobra.Command) (*feedSetup, error) {
	loaded, err := a.settings(cmd)
	if err != nil {
		return nil, err
	}
	s := &feedSetup{c: loaded.Config}
	if s.all, err = a.setUpFeeds(s.c); err != nil {
		return nil, err
	}
	s.st, err = a.openExisting(cmd.Context(), s.c)
	if err != nil && !errors.Is(err, errNoStore) {
		return nil, err
	}
	return s, nil
}

func (s *feedSetup) close() error {
	if s.st == nil {
		return nil
	}
	return s.st.Close()
}

// states returns what is remembered of each feed; nothing without a store.
func (s *feedSetup) states(ctx context.Context) (map[string]store.FeedState, error) {
	if s.st == nil {
		return nil, nil
	}
	list, err := s.st.FeedStates(ctx)
	if err != nil {
		return nil, fmt.Errorf("read state of feeds: %w", err)
	}
	states := make(map[string]store.FeedState, len(list))
	for _, st := range list {
		states[st.Feed] = st
	}
	return states, nil
}

// find returns the feeds of these names, all before anything is done with the
// first.
func (s *feedSetup) find(names []string) ([]setUp, error) {
	found := make([]setUp, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(s.all, func(f setUp) bool { return f.Name == name })
		if i < 0 {
			return nil, s.unknown(name)
		}
		if !slices.ContainsFunc(found, func(f setUp) bool { return f.Name == name }) {
			found = append(found, s.all[i])
		}
	}
	return found, nil
}

// unknown says that there is no feed of that name, and which may be meant.
func (s *feedSetup) unknown(name string) error {
	feeds := make([]config.Feed, 0, len(s.all))
	for _, f := range s.all {
		feeds = append(feeds, f.Feed)
	}
	hint := "'spoor feeds list --all' shows all, 'spoor feeds add' makes one"
	if near := config.NearestFeed(name, feeds); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Errorf("no feed %q: %s", name, hint)
}

// oneOrMore refuses a command line without names.
func oneOrMore(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("name one feed or more: 'spoor feeds list --all' shows them")
	}
	return nil
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// needFile returns the path of the feeds file, for what changes it.
func needFile(c config.Config) (string, error) {
	if path := feedsFile(c); path != "" {
		return path, nil
	}
	return "", errors.New("find feeds file: the environment names no home: say where with --feeds-file FILE or --data DIR")
}

// newFeedsSwitchCommand returns "feeds enable" or "feeds disable".
func newFeedsSwitchCommand(a *app, on bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "disable NAME...",
		Short: "Stop feeds from being run; what they said stays",
		Args:  oneOrMore,
		RunE:  func(cmd *cobra.Command, args []string) error { return a.switchFeeds(cmd, args, on) },
	}
	if on {
		cmd.Use, cmd.Short = "enable NAME...", "Have feeds run that were disabled"
	}
	storeFlags(cmd)
	settingFlags(cmd.Flags(), "feeds.file")
	return cmd
}

// switchFeeds is the work of "feeds enable" and "feeds disable". It needs no
// store: the feeds file is the whole of it.
func (a *app) switchFeeds(cmd *cobra.Command, names []string, on bool) error {
	loaded, err := a.settings(cmd)
	if err != nil {
		return err
	}
	path, err := needFile(loaded.Config)
	if err != nil {
		return err
	}
	c := loaded.Config
	c.Feeds.Catalogue = true // what is off as a whole can be named
	s := &feedSetup{c: c}
	if s.all, err = a.setUpFeeds(c); err != nil {
		return err
	}
	found, err := s.find(names)
	if err != nil {
		return err
	}
	for _, f := range found {
		if err := config.EnableFeed(path, f.Name, on); err != nil {
			return err
		}
		f.Enabled = &on
		word := "disabled"
		if on {
			word = "enabled"
			if key, err := f.Key(a.variable); err == nil {
				if runs, why := f.On(key); !runs {
					word += ", but it " + why
				}
			}
		}
		fmt.Fprintf(a.stdout, "%s: %s\n", printable(f.Name), word)
	}
	return nil
}

// newFeedsForgetCommand returns "feeds forget".
func newFeedsForgetCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forget NAME",
		Short: "Have a feed read from its beginning the next time",
		Long: `Drops what the schedule remembers of a feed: which copy and which entries of it were read, when it is due,
a copy that is held. The next run reads all of it. What the feed has said stays, and so do its runs.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one feed: 'spoor feeds list --all' shows them")
			}
			s, err := a.feedSetup(cmd)
			if err != nil {
				return err
			}
			return errors.Join(a.forget(cmd.Context(), s, args[0]), s.close())
		},
	}
	feedFlags(cmd)
	return cmd
}

func (a *app) forget(ctx context.Context, s *feedSetup, name string) error {
	states, err := s.states(ctx)
	if err != nil {
		return err
	}
	if _, kept := states[name]; !kept {
		if _, err := s.find([]string{name}); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s: nothing is remembered of it\n", printable(name))
		return nil
	}
	// A run that is under way would keep its state behind our back.
	done := false
	err = ingest.Claimed(ctx, s.st, name, uuid.NewString(), func(ctx context.Context) error {
		done = true
		return s.st.ForgetFeedState(ctx, name)
	})
	switch {
	case err != nil:
		return fmt.Errorf("forget feed %q: %w", name, err)
	case !done:
		return fmt.Errorf("forget feed %q: %s", name, busyText)
	}
	fmt.Fprintf(a.stdout, "%s: forgotten: it is read from its beginning the next time; its indicators, articles and runs stay\n", printable(name))
	return nil
}

// ago writes a time as people speak of it: "12m ago", "in 48m".
func ago(t, now time.Time) string {
	switch d := t.Sub(now); {
	case t.IsZero():
		return "-"
	case d > -time.Second && d < time.Second:
		return "now"
	case d > 0:
		return "in " + about(d)
	default:
		return about(-d) + " ago"
	}
}

// about writes a duration in its largest unit.
func about(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	default:
		return fmt.Sprintf("%dd", d/day)
	}
}

// every writes an interval as feeds.yaml does.
func every(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

// shownAddress is an address without what may be secret in it.
func shownAddress(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	if u.User = nil; u.RawQuery != "" {
		u.RawQuery = "…"
		return strings.Replace(u.String(), "%E2%80%A6", "…", 1)
	}
	return u.String()
}

// columnsTo writes aligned columns, of which the last takes what a terminal of
// so many columns has left for it; 0 is no limit.
func columnsTo(w io.Writer, rows [][]string, columns int) error {
	var widths []int
	for _, r := range rows {
		for i, cell := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], textWidth(cell))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			if i > 0 {
				b.WriteString(gap)
			}
			b.WriteString(cell)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-textWidth(cell)))
			}
		}
		line := strings.TrimRight(b.String(), " ")
		if columns > 0 {
			line = cutEnd(line, columns)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
	}
	return nil
}

// healthOff is the health of a feed that is not run.
const healthOff = "off"

// health says how a feed does, and why in words.
func (f setUp) health(state store.FeedState, now time.Time) (health, why string) {
	if !f.on {
		return healthOff, f.why
	}
	h, why := ingest.Judge(state, f.source.Interval, now)
	return string(h), why
}
