package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"spoor/internal/store"
	"spoor/internal/store/sqlite"
)

// newRestoreCommand returns "spoor restore".
func newRestoreCommand(a *app) *cobra.Command {
	var f copyFlags
	cmd := &cobra.Command{
		Use:   "restore [flags] FILE",
		Short: "Put a backup in the place of the embedded store",
		Long: `Copies FILE, which 'spoor backup' made, to where the store is to be. The copy is brought to the
newest schema and checked from end to end before it takes the place; whatever goes wrong before that
leaves everything as it was. FILE itself is only read.

A store that is there already is replaced only with --force, and then kept beside the new one under
a name with the time. Stop 'spoor serve' and imports first: a store that is open is not replaced.`,
		Example: `  spoor restore /backup/spoor-2026-03-01.db
  spoor restore --force --data /srv/spoor /backup/spoor-latest.db`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := oneFile(args, "the backup to read")
			if err != nil {
				return err
			}
			return a.restore(cmd, file, f)
		},
	}
	f.add(cmd, "replace the store that is there, and keep it beside the new one")
	return cmd
}

func (a *app) restore(cmd *cobra.Command, file string, f copyFlags) error {
	began := time.Now()
	loaded, err := a.settings(cmd)
	if err != nil {
		return err
	}
	path, err := embeddedPath(loaded.Config)
	if err != nil {
		return err
	}
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("find backup: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make data folder: %w: name another one with --data DIR", err)
	}
	show := a.newByteProgress()
	made, err := sqlite.Restore(cmd.Context(), sqlite.RestoreOptions{From: file, To: path, Replace: f.force, Now: a.now, Progress: show.copying})
	show.end()
	switch {
	case errors.Is(err, sqlite.ErrInUse):
		return fmt.Errorf("%w: stop every 'spoor serve' and import on this store, then run it again", err)
	case errors.Is(err, sqlite.ErrLive):
		return fmt.Errorf("%w: make a backup of it first with 'spoor backup --store sqlite:%s FILE'", err, file)
	case errors.Is(err, sqlite.ErrNotStore), errors.Is(err, store.ErrCorrupt):
		return fmt.Errorf("%w: nothing was changed: restore another backup", err)
	case errors.Is(err, fs.ErrExist) && !f.force:
		return fmt.Errorf("%w: name another place with --data DIR, or replace it, which keeps the old one, with --force", err)
	case err != nil:
		return err
	}
	if err := a.copied(copyResult{Path: path, Copy: made.Copy, Previous: made.Previous, Took: time.Since(began)}, f.json, "restored"); err != nil {
		return err
	}
	if made.Previous != "" && !f.json {
		fmt.Fprintf(a.stderr, "the store that was there is now %s: remove it when you no longer need it\n", printable(made.Previous))
	}
	return nil
}
