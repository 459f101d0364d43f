package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"spoor/internal/config"
	"spoor/internal/store"
	"spoor/internal/store/sqlite"
)

// copyFlags is what "backup" and "restore" were told beside the file.
type copyFlags struct{ force, json bool }

func (f *copyFlags) add(cmd *cobra.Command, force string) {
	cmd.Flags().BoolVar(&f.force, "force", false, force)
	cmd.Flags().BoolVar(&f.json, "json", false, "print the result as one JSON object; took is in seconds")
	storeFlags(cmd)
}

// newBackupCommand returns "spoor backup".
func newBackupCommand(a *app) *cobra.Command {
	var f copyFlags
	cmd := &cobra.Command{
		Use:   "backup [flags] FILE",
		Short: "Copy the embedded store to a file, while it is in use",
		Long: `Copies the store as it is at this moment to FILE. Servers and imports go on meanwhile: nobody waits
for the backup, and what they write after its moment is not in it.

FILE gets its name only when the copy is on the disk and has passed the same check as 'spoor check';
until then, and when anything goes wrong, nothing of that name is there. It may be read by its owner
only: it holds what is marked for few, and the hashes of keys.

'spoor restore FILE' puts it in the place of a store. A store on PostgreSQL is backed up with
PostgreSQL's own tools, pg_dump or pg_basebackup.`,
		Example: `  spoor backup /backup/spoor-$(date +%F).db
  spoor backup --force --json --data /srv/spoor /backup/spoor-latest.db`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := oneFile(args, "the file to make")
			if err != nil {
				return err
			}
			return a.backup(cmd, file, f)
		},
	}
	f.add(cmd, "replace FILE if it is there, once the copy is complete")
	return cmd
}

// oneFile returns the one argument of a command that takes a file.
func oneFile(args []string, what string) (string, error) {
	switch {
	case len(args) == 0:
		return "", usagef("name %s", what)
	case len(args) > 1:
		return "", usagef("name one file: unexpected argument %q", args[1])
	case args[0] == "" || args[0] == "-":
		return "", usagef("name %s: a store cannot be streamed", what)
	}
	return args[0], nil
}

// embeddedPath returns the file of the embedded store that the configuration
// names; it is wrong usage when it names another kind of store.
func embeddedPath(c config.Config) (string, error) {
	if c.StoresInPostgres() {
		return "", usagef("this is for the embedded store: for PostgreSQL use its own tools, pg_dump for a copy of one database or pg_basebackup for a whole server (docs/scaling.md)")
	}
	return storePath(c)
}

func (a *app) backup(cmd *cobra.Command, file string, f copyFlags) error {
	began := time.Now()
	loaded, err := a.settings(cmd)
	if err != nil {
		return err
	}
	path, err := embeddedPath(loaded.Config)
	if err != nil {
		return err
	}
	if err := storeExists(path); err != nil {
		return err
	}
	show := a.newByteProgress()
	made, err := sqlite.Backup(cmd.Context(), sqlite.BackupOptions{From: path, To: file, Replace: f.force, Progress: show.copying})
	show.end()
	switch {
	case errors.Is(err, store.ErrCorrupt):
		return fmt.Errorf("%w: no backup was made, since it would have the same damage: 'spoor check' says more", err)
	case errors.Is(err, fs.ErrExist) && !f.force:
		return fmt.Errorf("%w: name another file, or replace it with --force", err)
	case err != nil:
		return err
	}
	return a.copied(copyResult{Path: file, Copy: made, Took: time.Since(began)}, f.json, "backed up to")
}

// storeExists says what to do about a store that is not there.
func storeExists(path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store %s does not exist: name another with --data DIR or --store sqlite:PATH", path)
	}
	if err != nil {
		return fmt.Errorf("find store: %w", err)
	}
	return nil
}

// copying is the progress of a backup or a restore.
func (p *progress) copying(s sqlite.Progress) { p.update(string(s.Stage), s.Done, s.Total) }

// copyResult is what a backup or a restore came to.
type copyResult struct {
	Path string
	sqlite.Copy
	// Previous is where the store that was there is now; empty when none was.
	Previous string
	Took     time.Duration
}

// copyObject is the object that "--json" prints of it.
type copyObject struct {
	Path      string  `json:"path"`
	Previous  string  `json:"previous,omitempty"`
	Bytes     int64   `json:"bytes"`
	Records   int64   `json:"records"`
	Articles  int64   `json:"articles"`
	Feeds     int64   `json:"feeds"`
	Sightings int64   `json:"sightings"`
	Seq       int64   `json:"seq"`
	Took      float64 `json:"took"`
}

// copied prints the result.
func (a *app) copied(r copyResult, asJSON bool, verb string) error {
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(copyObject{
			Path: r.Path, Previous: r.Previous, Bytes: r.Bytes,
			Records: r.Counts.Records, Articles: r.Counts.Articles, Feeds: r.Counts.Feeds, Sightings: r.Counts.Sightings,
			Seq: r.Seq, Took: r.Took.Round(time.Millisecond).Seconds(),
		})
	}
	_, err := fmt.Fprintf(a.stdout, "%s %s: %s, %s, %s, %s, %s, checked, in %s\n", verb, printable(r.Path), size(r.Bytes),
		counted(r.Counts.Records, "record"), counted(r.Counts.Articles, "article"), counted(r.Counts.Feeds, "feed"),
		counted(r.Counts.Sightings, "sighting"), took(r.Took))
	return err
}
