package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spoor/internal/config"
	"spoor/internal/ingest"
	"spoor/internal/store"
)

// addFlags is what "feeds add" was told beside name and address.
type addFlags struct {
	config.Feed
	noTest bool
}

// newFeedsAddCommand returns "feeds add".
func newFeedsAddCommand(a *app) *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use:   "add NAME [URL]",
		Short: "Set up a feed, or have one of the catalogue run",
		Long: `Fetches the feed once, as 'spoor feeds test' does, and writes it with the format that was recognised into
feeds.yaml, whose comments stay. A feed that cannot be read is not written, unless --no-test is given.
The name of a feed of the catalogue needs no URL.

Formats: ` + strings.Join(ingest.SourceFormats(), ", "),
		Example: `  spoor feeds add partner https://feeds.example/indicators.csv --confidence high --tag partner
  spoor feeds add news https://blog.example/rss.xml --interval 2h
  spoor feeds add urlhaus`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("name the feed, and give its address")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Name, f.URL = args[0], strings.Join(args[1:], "")
			return a.addFeed(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Format, "format", "", "how it is read (default: recognise it)")
	flags.StringVar(&f.Category, "category", "", "kind of source: "+joined(store.Categories())+" (default: community)")
	flags.DurationVar(&f.Interval, "interval", 0, "time between two runs (default: 1h)")
	flags.StringVar(&f.Confidence, "confidence", "", "standing of the source: high, medium or low (default: medium)")
	flags.StringVar(&f.TLP, "tlp", "", "marking of what carries none of its own (default: clear)")
	flags.StringSliceVar(&f.Tags, "tag", nil, "tag for all its records; may be repeated")
	flags.StringSliceVar(&f.Industries, "industry", nil, "sector that it is about; may be repeated")
	flags.StringVar(&f.Pages, "pages", "", "when the pages that news announces are fetched: auto, always or never (default: auto)")
	flags.StringVar(&f.KeyHeader, "key-header", "", "header that carries its key")
	flags.StringVar(&f.KeyEnv, "key-env", "", "environment variable that holds the key")
	flags.StringVar(&f.KeyFile, "key-file", "", "file that holds the key")
	flags.StringVar(&f.About, "about", "", "what it is, for people")
	flags.BoolVar(&f.noTest, "no-test", false, "write it down without fetching it")
	feedFlags(cmd)
	settingFlags(flags, "warning_lists")
	return cmd
}

func joined[T ~string](words []T) string {
	text := make([]string, len(words))
	for i, w := range words {
		text[i] = string(w)
	}
	return strings.Join(text, ", ")
}

// addFeed is the work of "feeds add".
func (a *app) addFeed(cmd *cobra.Command, f addFlags) error {
	s, err := a.feedSetup(cmd)
	if err != nil {
		return err
	}
	return errors.Join(a.addTo(cmd.Context(), s, f), s.close())
}

func (a *app) addTo(ctx context.Context, s *feedSetup, f addFlags) error {
	path, err := needFile(s.c)
	if err != nil {
		return err
	}
	if f.URL != "" && !strings.Contains(f.URL, "://") {
		return noScheme(f.URL, s.c.Feeds.Root)
	}
	known, isKnown := inCatalogue(f.Name)
	if f.URL == "" && !isKnown {
		return s.notInCatalogue(f.Name)
	}
	whole := f.Feed // as it will be
	if isKnown {
		whole = config.Over(known, f.Feed)
	}
	t := tested{}
	if t.setUp, err = a.checkFeed(whole); err != nil {
		return err
	}
	if !t.on {
		fmt.Fprintf(a.stderr, "not fetched: it %s\n", t.why)
	}
	if !f.noTest && t.on {
		if err := a.tryNew(ctx, s, &t); err != nil {
			return err
		}
		if f.URL != "" && !isLocalFolder(f.URL) { // whose files may be of any
			f.Format = cmp.Or(f.Format, t.source.Format, t.Format)
		}
	}
	if err := writeFeed(path, f.Feed); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: added to %s, run every %s", printable(f.Name), path, every(t.source.Interval))
	if format := cmp.Or(f.Format, whole.Format); format != "" {
		fmt.Fprintf(a.stdout, ", read as %s", format)
	}
	fmt.Fprintln(a.stdout)
	return nil
}

// tryNew fetches a feed that is to be added; the error says what to do about
// one that cannot be read.
func (a *app) tryNew(ctx context.Context, s *feedSetup, t *tested) error {
	const unwritten = " (nothing was written; --no-test writes it all the same)"
	if err := a.try(ctx, s, t); err != nil {
		return err
	}
	if t.isServer {
		if err := a.trialTable(*t); err != nil {
			return err
		}
		return errors.New("add feed: that is a TAXII server: give the address of one of its collections")
	}
	err := t.failure()
	if err == nil && t.Format == htmlFormat && t.Feed.Format == "" {
		err = errors.New("test feed: a web page came" + t.advice("web page came instead"))
	}
	if err != nil {
		return fmt.Errorf("%w%s", err, unwritten)
	}
	return a.trialTable(*t)
}

// writeFeed puts the feed into the file. One of the catalogue of which nothing
// is changed is switched on.
func writeFeed(path string, f config.Feed) error {
	bare := f.URL == "" && config.IsBare(f)
	if bare {
		return config.EnableFeed(path, f.Name, true)
	}
	if f.URL == "" {
		on := true
		f.Enabled = &on
	}
	return config.AddFeed(path, f)
}

// isLocalFolder reports whether the address is that of a folder of this machine.
func isLocalFolder(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "file" {
		return false
	}
	info, err := os.Stat(filepath.FromSlash(u.Path))
	return err == nil && info.IsDir()
}

func inCatalogue(name string) (config.Feed, bool) {
	all := config.Catalogue()
	i := slices.IndexFunc(all, func(f config.Feed) bool { return f.Name == name })
	if i < 0 {
		return config.Feed{}, false
	}
	return all[i], true
}

// notInCatalogue says that a name without an address is none of the catalogue.
func (s *feedSetup) notInCatalogue(name string) error {
	hint := "give its URL"
	if near := config.NearestFeed(name, config.Catalogue()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return usagef("the catalogue has no feed %q: %s", name, hint)
}

// noScheme says what to write in the place of an address without a scheme.
func noScheme(address, root string) error {
	if _, err := os.Stat(address); err == nil {
		full, err := filepath.Abs(address)
		if err != nil {
			full = address
		}
		hint := ""
		if root == "" {
			hint = ", and name the folder that such files may lie in with --feeds-root (setting feeds.root)"
		}
		return usagef("%q is no address: for a file of this machine write file://%s%s", address, filepath.ToSlash(full), hint)
	}
	return usagef("%q is no address: it begins with https://, http:// or file://", address)
}
