package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is what every subcommand shares: the outside world, handed in so that
// tests can run the whole program in their own process.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	now            func() time.Time
	// began is set when a command's own work starts: an error before that is
	// wrong usage.
	began bool
}

// variable returns an environment variable, empty when it is not set.
func (a *app) variable(name string) string {
	for _, e := range slices.Backward(a.environ) {
		if n, value, ok := strings.Cut(e, "="); ok && n == name {
			return value
		}
	}
	return ""
}

// run is the program: it takes the arguments, the program's name first, and
// returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the work gracefully; with the handler gone, a
	// second one ends the process at once.
	context.AfterFunc(ctx, stop)
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, environ: os.Environ(), now: time.Now}
	return a.execute(ctx, args)
}

// execute runs one command line and returns the exit status.
func (a *app) execute(ctx context.Context, args []string) int {
	root := newRoot(a)
	root.SetArgs(args[min(1, len(args)):])
	cmd, err := root.ExecuteContextC(ctx)
	return a.report(cmd, err)
}

// newRoot returns the command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "spoor",
		Short: "A self-hosted feed of indicators of compromise",
		Long: `spoor imports security reports and threat feeds, remembers which source said what and when,
and answers: have we seen this, from whom, how sure, and what else belongs to it?

Start with sample data and look around:   spoor serve --sample
Load your own and search it:              spoor import FILE... && spoor search VALUE`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.PersistentFlags().String("config", "", "configuration file (default: spoor.yaml in the configuration folder, if it is there)")
	settingFlags(root.PersistentFlags(), "log.level", "log.format")
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		newServeCommand(a), newImportCommand(a), newSearchCommand(a), newExtractCommand(a), newFeedsCommand(a), newAllowCommand(a), newRejudgeCommand(a),
		newKeysCommand(a), newCheckCommand(a), newBackupCommand(a), newRestoreCommand(a), newMigrateCommand(a), newPruneCommand(a), newConfigCommand(a), newVersionCommand(a), newCompletionCommand(a),
	)
	root.Args = cobra.ArbitraryArgs
	root.RunE = func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) }
	a.watch(root)
	return root
}

// watch makes every command set a.began when its own work starts.
func (a *app) watch(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		a.watch(c)
	}
	if work := cmd.RunE; work != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.began = true
			return work(cmd, args)
		}
	}
}

// unknownCommand is the work of a command that only has subcommands: without
// arguments it is a question for help.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	near := ""
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if all := cmd.SuggestionsFor(args[0]); len(all) > 0 {
		near = "; did you mean \"" + cmd.CommandPath() + " " + all[0] + "\"?"
	}
	return usagef("unknown command %q%s", args[0], near)
}

// noArgs is what commands that only take flags make of arguments.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}

// isTerminal reports whether a person watches w.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) //nolint:gosec // a descriptor is a small number
}

// terminalWidth returns how many columns w has; 0 when it is no terminal.
func terminalWidth(w any) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd())) //nolint:gosec // a descriptor is a small number
	if err != nil {
		return 0
	}
	return columns
}
