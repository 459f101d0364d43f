package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"spoor/internal/config"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// newPruneCommand returns "spoor prune".
func newPruneCommand(a *app) *cobra.Command {
	var dry, asJSON bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Let go of what the retention settings say",
		Long: `Deletes records, archives articles and forgets runs that are older than the retention settings say, and
nothing else: as they are at first, only the history of runs is let go of, after 90 days. Servers do the same
once a day. A record is as old as the last time that its source named it.

Look at what would go with --dry-run, and make a backup first: what is deleted is gone, from the past as well.`,
		Example: `  spoor prune --dry-run
  SPOOR_RETENTION_RECORDS=ipv4=90d,url=180d,feed:partner=30d spoor prune --dry-run`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := a.settings(cmd)
			if err != nil {
				return err
			}
			policy, err := policyOf(loaded.Retention)
			if err != nil {
				return err
			}
			st, err := a.openExisting(cmd.Context(), loaded.Config)
			if err != nil {
				return err
			}
			policy.DryRun = dry
			return errors.Join(a.prune(cmd.Context(), policy, st, asJSON), st.Close())
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "count what would go, and keep it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the counts as one JSON object")
	storeFlags(cmd)
	return cmd
}

// pruneResult is the object that "prune --json" prints.
type pruneResult struct {
	DryRun    bool  `json:"dry_run"`
	Records   int64 `json:"records"`
	Sightings int64 `json:"sightings"`
	Articles  int64 `json:"articles"`
	Runs      int64 `json:"runs"`
}

// prune is the work of "spoor prune".
func (a *app) prune(ctx context.Context, policy store.Policy, st store.Pruner, asJSON bool) error {
	if len(policy.Records) == 0 && policy.Articles == 0 && policy.Runs == 0 {
		fmt.Fprintln(a.stderr, "the retention settings keep everything")
	}
	n, err := st.Prune(ctx, policy, a.now())
	if asJSON {
		return errors.Join(err, a.writeJSON(pruneResult{policy.DryRun, n.Records, n.Sightings, n.Articles, n.Runs}))
	}
	word := ""
	if policy.DryRun {
		word = "would be "
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	row := func(name string, n int64, note string) { fmt.Fprintf(w, "%s\t%12s\t%s\n", name, grouped(n), word+note) }
	row("records", n.Records, "deleted, with "+counted(n.Sightings, "sighting"))
	row("articles", n.Articles, "archived")
	row("runs", n.Runs, "forgotten")
	return errors.Join(err, w.Flush())
}

// pruneDaily is what servers do once a day.
func (a *app) pruneDaily(policy store.Policy, st store.Pruner) dailyWork {
	return dailyWork{name: "prune store", do: func(ctx context.Context) (string, error) {
		n, err := st.Prune(ctx, policy, a.now())
		if err != nil || n == (store.Pruned{}) {
			return "", err
		}
		return fmt.Sprintf("%s deleted, %s archived, %s forgotten",
			counted(n.Records, "record"), counted(n.Articles, "article"), counted(n.Runs, "run")), nil
	}}
}

const day = 24 * time.Hour

// policyOf reads the retention settings.
func policyOf(r config.Retention) (store.Policy, error) {
	p := store.Policy{Articles: time.Duration(r.ArticlesDays) * day, Runs: time.Duration(r.RunsDays) * day}
	lapsed := time.Duration(r.LapsedDays) * day
	if lapsed > 0 {
		// For what no entry names; an entry of its own for all takes its place.
		p.Records = append(p.Records, store.Expiry{Lapsed: lapsed})
	}
	seen := map[[2]string]string{}
	for _, text := range r.Records {
		e, err := expiryOf(text, lapsed)
		if err != nil {
			return p, fmt.Errorf("%w: retention.records: %q: %w", config.ErrInvalid, text, err)
		}
		what := [2]string{e.Feed, strconv.Itoa(int(e.Type))}
		if other, twice := seen[what]; twice {
			return p, fmt.Errorf("%w: retention.records: %q and %q are for the same records", config.ErrInvalid, other, text)
		}
		seen[what] = text
		if e.Feed == "" && e.Type == 0 && lapsed > 0 {
			p.Records[0] = e
			continue
		}
		p.Records = append(p.Records, e)
	}
	return p, nil
}

// expiryOf reads one entry: WHAT=AGE.
func expiryOf(text string, lapsed time.Duration) (store.Expiry, error) {
	e := store.Expiry{Lapsed: lapsed}
	at := strings.LastIndexByte(text, '=')
	if at <= 0 {
		return e, errors.New("write what and its age, as ipv4=90d or feed:partner=30d")
	}
	what, age := strings.TrimSpace(text[:at]), strings.TrimSpace(text[at+1:])
	name, isFeed := strings.CutPrefix(what, "feed:")
	typ := what
	if isFeed {
		e.Feed, typ = name, ""
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			if _, err := ioc.ParseType(name[i+1:]); err == nil {
				e.Feed, typ = name[:i], name[i+1:]
			}
		}
		if e.Feed == "" {
			return e, errors.New("name the feed: feed:NAME=AGE")
		}
	}
	if !isFeed && typ == "" {
		return e, errors.New("write what and its age, as ipv4=90d or feed:partner=30d")
	}
	if typ != "" && typ != "all" {
		t, err := ioc.ParseType(typ)
		if err != nil {
			return e, fmt.Errorf("%q is no type of indicator: use one of %s, all, or feed:NAME", typ, typeNames())
		}
		e.Type = t
	}
	if age == "never" {
		e.Lapsed = 0
		return e, nil
	}
	var err error
	e.Unseen, err = parseAge(age)
	return e, err
}

// parseAge reads 90d or 12h.
func parseAge(s string) (time.Duration, error) {
	const most = 100 * 365 // days
	var d time.Duration
	var err error
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(n, most+1)) * day
	} else {
		d, err = time.ParseDuration(s)
	}
	if err != nil || d < time.Hour || d > most*day {
		return 0, fmt.Errorf("age %q: use a number of days such as 90d, or of hours such as 12h, or never", s)
	}
	return d, nil
}
