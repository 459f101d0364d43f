package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"spoor/internal/config"
	"spoor/internal/fetch"
	"spoor/internal/ingest"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// feedsFileName is the name of the feeds file in the data folder.
const feedsFileName = "feeds.yaml"

// defaultInterval is the time between two runs of a feed that says none.
const defaultInterval = time.Hour

// feedsFile is the path of the feeds file that the configuration names, or
// empty when it names no place for one.
func feedsFile(c config.Config) string {
	switch {
	case c.Feeds.File != "":
		return c.Feeds.File
	case c.Data != "":
		return filepath.Join(c.Data, feedsFileName)
	}
	return ""
}

// setUp is a feed as it is set up: what runs it, or why nothing does.
type setUp struct {
	config.Feed
	source ingest.Source
	on     bool
	why    string
}

// setUpFeeds reads the feeds file, and what the catalogue has besides. The
// first feed that cannot be meant as it is is an error.
func (a *app) setUpFeeds(c config.Config) ([]setUp, error) {
	feeds, err := config.LoadFeeds(feedsFile(c), c.Feeds.Catalogue)
	if err != nil {
		return nil, err
	}
	all := make([]setUp, 0, len(feeds))
	for _, f := range feeds {
		one, err := a.setUpFeed(f)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (a *app) setUpFeed(f config.Feed) (setUp, error) {
	one := setUp{Feed: f}
	key, err := f.Key(a.variable)
	if one.on, one.why = f.On(key); err != nil && one.on {
		// That feed waits for its key; the others do not.
		one.on, one.why = false, err.Error()
	}
	if one.source, err = sourceOf(f, key); err != nil {
		return setUp{}, fmt.Errorf("%w: %w", config.ErrInvalid, err)
	}
	return one, nil
}

// sourceOf converts a feed of the configuration. Its words have been checked
// there, but for the category, which is store's.
func sourceOf(f config.Feed, key string) (ingest.Source, error) {
	src := ingest.Source{
		Name: f.Name, Title: f.Title, URL: f.URL, Format: f.Format, Category: store.Category(f.Category),
		Interval: f.Interval, Tags: f.Tags, Industries: f.Industries,
		Pages: ingest.PageMode(f.Pages), MaxChange: f.MaxChange,
	}
	if src.Interval == 0 {
		src.Interval = defaultInterval
	}
	if f.Category != "" && !slices.Contains(store.Categories(), src.Category) {
		return src, fmt.Errorf("feed %q: unknown category %q: use one of %v", f.Name, f.Category, store.Categories())
	}
	for _, industry := range f.Industries {
		if !slices.Contains(store.Industries(), industry) {
			return src, fmt.Errorf("feed %q: unknown industry %q: use one of %v", f.Name, industry, store.Industries())
		}
	}
	var err error
	if f.Confidence != "" {
		if src.Confidence, err = ioc.ParseConfidence(f.Confidence); err != nil {
			return src, fmt.Errorf("feed %q: %w", f.Name, err)
		}
	}
	if f.TLP != "" {
		if src.TLP, err = ioc.ParseTLP(f.TLP); err != nil {
			return src, fmt.Errorf("feed %q: %w", f.Name, err)
		}
	}
	if key != "" {
		src.Header = map[string]string{f.KeyHeader: key}
	}
	return src, src.Check()
}

// newFetcher returns what feeds are fetched with. The caller closes it.
func (a *app) newFetcher(c config.Config) (*fetch.Fetcher, error) {
	agent := c.Feeds.UserAgent
	if agent == "" {
		agent = "spoor/" + readVersion().Version + " (self-hosted feed reader)"
	}
	get, err := fetch.New(fetch.Options{UserAgent: agent, AllowHosts: c.Feeds.AllowHosts, Root: c.Feeds.Root, Now: a.now})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", config.ErrInvalid, err)
	}
	return get, nil
}

// liveSources are the feeds that are on, read again whenever the feeds file
// changes: a mistake in it is told and leaves them as they were.
type liveSources struct {
	a    *app
	c    config.Config
	log  *slog.Logger
	mu   sync.Mutex
	seen time.Time
	size int64
	all  []ingest.Source
}

// now returns the feeds that are to run.
func (l *liveSources) now() []ingest.Source {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(feedsFile(l.c))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.log.Warn("the feeds file cannot be read; the feeds stay as they are", slog.String("error", err.Error()))
		return l.all
	}
	var at time.Time
	var size int64 = -1
	if info != nil {
		at, size = info.ModTime(), info.Size()
	}
	if l.all != nil && at.Equal(l.seen) && size == l.size {
		return l.all
	}
	l.seen, l.size = at, size
	feeds, err := l.a.setUpFeeds(l.c)
	if err != nil {
		l.log.Warn("the feeds file is not usable; the feeds stay as they are", slog.String("error", err.Error()))
		return l.all
	}
	on := make([]ingest.Source, 0, len(feeds))
	for _, f := range feeds {
		if f.on {
			on = append(on, f.source)
		}
	}
	if l.all != nil {
		l.log.Info("feeds changed", slog.Int("feeds", len(on)))
	}
	l.all = on
	return on
}
