package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"spoor/internal/config"
	"spoor/internal/store"
)

// newCheckCommand returns "spoor check".
func newCheckCommand(a *app) *cobra.Command {
	var reindex bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the store from end to end, or build its search index anew",
		Long: `Reads the whole store and compares its parts: the database's own integrity, every index, and the
substring index against the records. Servers may go on meanwhile.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onExisting(cmd, func(_ config.Config, st store.Store) error {
				return a.check(cmd.Context(), st, reindex)
			})
		},
	}
	cmd.Flags().BoolVar(&reindex, "reindex", false, "build the substring index anew from the records, then check")
	storeFlags(cmd)
	return cmd
}

func (a *app) check(ctx context.Context, st store.Store, reindex bool) error {
	start := a.now()
	if reindex {
		fmt.Fprintln(a.stderr, "building the substring index anew ...")
		if err := st.Reindex(ctx); err != nil {
			return fmt.Errorf("reindex store: %w", err)
		}
	}
	fmt.Fprintln(a.stderr, "checking ...")
	err := st.Check(ctx)
	switch {
	case errors.Is(err, store.ErrCorrupt) && !reindex:
		return fmt.Errorf("%w: 'spoor check --reindex' mends the substring index; for anything else restore a backup, or import again into a new folder", err)
	case err != nil:
		return fmt.Errorf("check store: %w", err)
	}
	var n store.Counts
	err = st.View(ctx, func(s store.Snapshot) error {
		n, err = s.Counts(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("count store: %w", err)
	}
	_, err = fmt.Fprintf(a.stdout, "ok: %d records, %d articles, %d feeds, %d sightings, checked in %s\n",
		n.Records, n.Articles, n.Feeds, n.Sightings, took(a.now().Sub(start)))
	return err
}
