package main

import (
	"slices"
	"testing"

	"spoor/internal/store/postgres/pgtest"
)

// engine is one of those that the whole program is tested on.
type engine string

const (
	onFile     engine = "sqlite"
	onDatabase engine = "postgres"
)

// onEngines runs a test on each engine. Without PostgreSQL that half is
// skipped, aloud.
func onEngines(t *testing.T, test func(t *testing.T, e engine)) {
	t.Helper()
	for _, e := range []engine{onFile, onDatabase} {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

// place names a store, as arguments of a command.
type place []string

// fresh returns a place where there is nothing yet.
func (e engine) fresh(t testing.TB) place {
	t.Helper()
	if e == onDatabase {
		return place{"--store", pgtest.DSN(t)}
	}
	return place{"--data", t.TempDir()}
}

// after returns a command line: the words, and the place.
func (p place) after(words ...string) []string { return slices.Concat(words, p) }
