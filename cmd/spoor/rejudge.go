package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"spoor/internal/config"
	"spoor/internal/store"
)

// newRejudgeCommand returns "spoor rejudge".
func newRejudgeCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rejudge",
		Short: "Judge all records anew by the known-good lists",
		Long: `Judges every record by the known-good lists as they are now: our own, the folder of warning lists, and the
allow list. Records get the warnings that these lists give, and lose all others, so name the same folder that
the servers on the store use. Servers may go on meanwhile; stop it at any time, and run it again.`,
		Example: `  spoor rejudge --warning-lists ./misp-warninglists/lists`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onExisting(cmd, func(c config.Config, st store.Store) error {
				return a.rejudge(cmd.Context(), c, st)
			})
		},
	}
	storeFlags(cmd)
	settingFlags(cmd.Flags(), "warning_lists")
	return cmd
}

// rejudge is the work of "spoor rejudge".
func (a *app) rejudge(ctx context.Context, c config.Config, st store.Store) error {
	known, err := a.newKnownGood(ctx, c, st)
	if err != nil {
		return err
	}
	verdict, err := known.verdict(ctx, a.now())
	if err != nil {
		return err
	}
	if c.WarningLists == "" {
		fmt.Fprintln(a.stderr, "without warning lists: --warning-lists names their folder")
	}
	n, err := st.Rejudge(ctx, "", verdict)
	fmt.Fprintf(a.stdout, "%s changed\n", counted(n, "record"))
	return err
}

// judgeDaily is what servers do once a day: known-good lists change, and
// sources vouch for a value until some day.
func (a *app) judgeDaily(c config.Config, st store.Store) dailyWork {
	return dailyWork{name: "judge records", do: func(ctx context.Context) (string, error) {
		known, err := a.newKnownGood(ctx, c, st)
		if err != nil {
			return "", err
		}
		verdict, err := known.verdict(ctx, a.now())
		if err != nil {
			return "", err
		}
		n, err := st.Rejudge(ctx, "", verdict)
		if err != nil || n == 0 {
			return "", err
		}
		return counted(n, "record") + " judged otherwise than before", nil
	}}
}
