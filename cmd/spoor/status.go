package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"spoor/internal/store"
)

// The exit statuses, which scripts rely on.
const (
	statusDone     = 0
	statusFailed   = 1
	statusUsage    = 2
	statusNotFound = 3
)

// errNotFound ends a search that found nothing: the answer has been written,
// and only the exit status is left to say it.
var errNotFound = errors.New("nothing found")

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// usagef returns an error that ends the program with the status for wrong
// usage and points at the command's help.
func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// report writes what went wrong, if anything, and returns the exit status.
// Every command's error passes here and nowhere else.
func (a *app) report(cmd *cobra.Command, err error) int {
	var usage *usageError
	var text []string
	switch {
	case err == nil:
		return statusDone
	case errors.Is(err, errNotFound):
		return statusNotFound
	case errors.As(err, &usage) || !a.began:
		fmt.Fprintf(a.stderr, "%s: %s\nRun '%s --help' for what it takes.\n", cmd.CommandPath(), oneLine(err), cmd.CommandPath())
		return statusUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(a.stderr, "%s: stopped\n", cmd.CommandPath())
		return statusFailed
	default:
		for line := range strings.Lines(err.Error()) {
			// Names in it may come from others, such as those of files.
			text = append(text, printable(line))
		}
		fmt.Fprintf(a.stderr, "%s: %s%s\n", cmd.CommandPath(), strings.Join(text, "\n"), advice(err))
		return statusFailed
	}
}

// advice says what to do about an error of the store, which cannot know who
// asked and so does not say it itself.
func advice(err error) string {
	switch {
	case errors.Is(err, store.ErrBusy):
		return ": another spoor is writing to this store: try again when it is done"
	case errors.Is(err, store.ErrFull):
		return ": nothing of this step was written: make room on the disk and run it again"
	case errors.Is(err, store.ErrReadOnly):
		return writeAdvice(err)
	case errors.Is(err, store.ErrUnavailable):
		return ": is the database running, and does the address in --store name it? run it again when it answers"
	case errors.Is(err, store.ErrMoving):
		return ": run the same 'spoor migrate' again, which goes on where it was, and use the old store until it is done"
	case errors.Is(err, store.ErrSchema):
		return ": use the newer spoor that wrote it, or name another store"
	default:
		return ""
	}
}

// writeAdvice says what to do about a store that may not be written.
func writeAdvice(err error) string {
	switch sqlState(err) {
	case "42501":
		return ": make that user the owner of the database, or grant it what it needs"
	case "25006":
		return ": the server is a standby: name the one that takes writes in --store"
	default:
		return ": run it as the user who owns the store, or name another store with --data DIR"
	}
}

// oneLine joins the lines of the flag library's errors, whose suggestions come
// as a block.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
