package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"spoor/internal/auth"
	"spoor/internal/config"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// announce writes where the server is to standard output and, on the first
// start of an empty store, the one key with a request that uses it. A key file
// is there before the address is: who waits for the address may read it.
func (a *app) announce(ctx context.Context, c config.Config, keys store.KeyKeeper, base, query string) error {
	text, err := a.firstKey(ctx, c, keys)
	if err != nil {
		return err
	}
	lines := fmt.Sprintf("listening on %s\n", base)
	if text != "" && c.FirstKeyFile == "" {
		lines += fmt.Sprintf("api key: %s\n", text)
	}
	_, err = io.WriteString(a.stdout, lines)
	switch {
	case err != nil && text != "":
		return fmt.Errorf("write address and key: %w: 'spoor keys create' makes another key", err)
	case err != nil:
		return fmt.Errorf("write address: %w", err)
	case text == "":
		return nil
	}
	// Lines to copy; the key itself stays off a stream that is often logged.
	how, from := "put the key above here and ask", c.KeyPrefix+"..."
	if c.FirstKeyFile != "" {
		how, from = "ask", `"$(cat '`+strings.ReplaceAll(c.FirstKeyFile, "'", `'\''`)+`')"`
	}
	fmt.Fprintf(a.stderr, "%s:\n  export SPOOR_KEY=%s\n  curl -sG -H \"Authorization: Bearer $SPOOR_KEY\" %s/api/v1/iocs/search --data-urlencode 'q=%s'\n", how, from, base, query)
	return nil
}

// sayEmpty says on standard error that there is nothing to be found yet, if so,
// and what will change that.
func (a *app) sayEmpty(ctx context.Context, st store.Viewer, feeds int) error {
	var list store.List
	err := st.View(ctx, func(v store.Snapshot) (err error) {
		all := store.Filter{Visibility: store.Visibility{MaxTLP: ioc.Red}}
		list, err = v.List(ctx, all, store.Page{Limit: 1, NoTotal: true})
		return err
	})
	if err != nil {
		return fmt.Errorf("look into store: %w", err)
	}
	switch {
	case len(list.Records) > 0:
	case feeds > 0:
		fmt.Fprintf(a.stderr, "the store is empty: %s will fill it, beginning within a minute ('spoor feeds list' says how they do); 'spoor import FILE...' adds your own, also while this runs\n", counted(int64(feeds), "feed"))
	default:
		fmt.Fprintln(a.stderr, "the store is empty, so nothing will be found: 'spoor import FILE...' fills it, with the same --data or --store if one was given, also while this runs")
	}
	return nil
}

// firstKey makes the store's first key, unless there has been one or another
// server is faster, and returns its text, or "". With a key file it is written
// there.
func (a *app) firstKey(ctx context.Context, c config.Config, keys store.KeyKeeper) (string, error) {
	// Asked first, so that later starts neither mint nor touch the file.
	known, err := keys.Keys(ctx)
	if err != nil {
		return "", fmt.Errorf("list keys: %w", err)
	}
	if len(known) > 0 {
		return "", nil
	}
	spec := auth.Spec{Prefix: c.KeyPrefix, Name: "first key"}
	if c.FirstKeyFile == "" {
		return auth.FirstKey(ctx, keys, rand.Reader, spec, a.now())
	}
	// The file comes first: a key that cannot be written is a key lost.
	f, err := os.CreateTemp(filepath.Dir(c.FirstKeyFile), ".spoor-key-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("make first key file: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // of no effect once it is renamed
	text, err := auth.FirstKey(ctx, keys, rand.Reader, spec, a.now())
	if err != nil || text == "" {
		return "", errors.Join(err, f.Close())
	}
	_, err = fmt.Fprintln(f, text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), c.FirstKeyFile)
	}
	if err != nil {
		return "", fmt.Errorf("write first key file: %w: 'spoor keys create' makes another key", err)
	}
	return text, nil
}
