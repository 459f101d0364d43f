package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"spoor/internal/ingest"
	"spoor/internal/store"
)

// sampleFiles are reports and feeds that we wrote to show the program around:
// invented names below .example, addresses of the documentation ranges.
//
//go:embed sample
var sampleFiles embed.FS

// sampleQuery finds something in the sample, with related indicators, and is
// written as a report would.
const sampleQuery = "lantern-relay[.]example"

// sampleFeeds says which folder of the sample which feed reported.
//
//nolint:gochecknoglobals // read-only table
var sampleFeeds = []struct{ folder, feed string }{
	{"reports", "Sample Reports"},
	{"trails", "Sample Trails"},
	{"feeds", "Sample Feeds"},
}

// loadSample puts the sample into the store through the same import as
// everything else. scratch is an empty folder for its files.
func loadSample(ctx context.Context, st store.RunStarter, scratch string, now func() time.Time) (ingest.Summary, error) {
	if err := unpackSample(scratch); err != nil {
		return ingest.Summary{}, err
	}
	in := ingest.New(st, ingest.Options{Now: now})
	var total ingest.Summary
	for _, f := range sampleFeeds {
		sum, err := in.Import(ctx, ingest.Request{
			Paths: []string{filepath.Join(scratch, f.folder)}, FeedName: f.feed,
		}, nil)
		if err != nil {
			return total, fmt.Errorf("import sample %s: %w", f.folder, err)
		}
		total.Read += sum.Read
		total.New += sum.New
		total.Files.Read += sum.Files.Read
	}
	return total, nil
}

// unpackSample writes the embedded files to a folder: imports read folders.
func unpackSample(dir string) error {
	root, err := fs.Sub(sampleFiles, "sample")
	if err != nil {
		return fmt.Errorf("open sample: %w", err)
	}
	if err := os.CopyFS(dir, root); err != nil {
		return fmt.Errorf("unpack sample: %w", err)
	}
	return nil
}
