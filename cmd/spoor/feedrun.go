package main

import (
	"context"
	"log/slog"
	"sync"

	"spoor/internal/config"
	"spoor/internal/ingest"
	"spoor/internal/store"
)

// runFeeds runs the feeds until the returned function is called, which waits
// for the runs that are under way to be broken off: they are taken up again.
func (a *app) runFeeds(ctx context.Context, c config.Config, st store.Store, process string, log *slog.Logger) (stop func(), err error) {
	if !c.Feeds.Enabled {
		return func() {}, nil
	}
	poller, closeFetcher, err := a.newPoller(ctx, c, st, log)
	if err != nil {
		return nil, err
	}
	sources := &liveSources{a: a, c: c, log: log}
	log.Info("running feeds", slog.Int("feeds", len(sources.now())), slog.String("file", feedsFile(c)), slog.Bool("catalogue", c.Feeds.Catalogue))
	s := ingest.NewScheduler(poller, st, ingest.ScheduleOptions{
		Sources: sources.now, Process: process, Parallel: c.Feeds.Parallel, Now: a.now, Logger: log,
	})
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	return func() {
		cancel()
		wg.Wait()
		closeFetcher()
	}, nil
}

// countFeeds returns how many feeds will run. A mistake in the feeds file is
// told here, by the command, and not in the log of what runs them.
func (a *app) countFeeds(c config.Config) (int, error) {
	if !c.Feeds.Enabled {
		return 0, nil
	}
	feeds, err := a.setUpFeeds(c)
	n := 0
	for _, f := range feeds {
		if f.on {
			n++
		}
	}
	return n, err
}

// newPoller returns what runs feeds on a store. The caller calls done.
func (a *app) newPoller(ctx context.Context, c config.Config, st store.Store, log *slog.Logger) (p *ingest.Poller, done func(), err error) {
	known, err := a.newKnownGood(ctx, c, st)
	if err != nil {
		return nil, nil, err
	}
	get, err := a.newFetcher(c)
	if err != nil {
		return nil, nil, err
	}
	in := ingest.New(st, ingest.Options{Now: a.now, Logger: log, Lists: known.now})
	return ingest.NewPoller(in, st, get), get.Close, nil
}
