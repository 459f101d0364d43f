package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"spoor/internal/benign"
	"spoor/internal/config"
	"spoor/internal/ingest"
	"spoor/internal/store"
)

// knownGood is what values are judged by: our own lists, the folder of warning
// lists, and the operator's list in the store, which may change at any moment.
type knownGood struct {
	base *benign.Lists
	st   store.AllowKeeper // nil: no operator's list

	mu      sync.Mutex
	entries []store.Allowed
	lists   *benign.Lists
}

// newKnownGood loads the lists that the configuration names. st may be nil.
func (a *app) newKnownGood(ctx context.Context, c config.Config, st store.AllowKeeper) (*knownGood, error) {
	k := &knownGood{base: benign.Builtin(), st: st}
	if c.WarningLists == "" {
		return k, nil
	}
	loaded, report, err := benign.Load(ctx, c.WarningLists, benign.Options{})
	if err != nil {
		return nil, fmt.Errorf("load warning lists: %w", err)
	}
	for _, l := range report.Lists {
		if l.Err != nil {
			fmt.Fprintf(a.stderr, "warning list %s left out: %s\n", printable(l.Name), printable(l.Err.Error()))
		}
		for _, left := range l.Left {
			fmt.Fprintf(a.stderr, "warning list %s: %d entries left out: %s\n", printable(l.Name), left.Count, printable(left.Reason))
		}
	}
	k.base = benign.Merge(k.base, loaded)
	return k, nil
}

// now returns the lists as they are: it is an ingest.Lists.
func (k *knownGood) now(ctx context.Context) (*benign.Lists, error) {
	if k.st == nil {
		return k.base, nil
	}
	entries, err := k.st.Allowed(ctx)
	if err != nil {
		return nil, fmt.Errorf("read allow list: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lists != nil && slices.Equal(entries, k.entries) {
		return k.lists, nil
	}
	allowed, err := allowedEntries(entries)
	if err != nil {
		return nil, err
	}
	lists, err := k.base.With(allowed)
	if err != nil {
		return nil, fmt.Errorf("read allow list: %w", err)
	}
	k.entries, k.lists = entries, lists
	return lists, nil
}

// allowedEntries reads the entries of the operator's list.
func allowedEntries(list []store.Allowed) ([]benign.Entry, error) {
	entries := make([]benign.Entry, 0, len(list))
	for _, e := range list {
		entry, err := benign.ParseEntry(e.Value, e.Reason)
		if err != nil {
			return nil, fmt.Errorf("read allow list: %w: remove it with 'spoor allow remove'", err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// verdict is how stored records are judged at that time.
func (k *knownGood) verdict(ctx context.Context, now time.Time) (func(*store.Record) []store.Warning, error) {
	lists, err := k.now(ctx)
	if err != nil {
		return nil, err
	}
	return ingest.Anew(lists, now), nil
}
