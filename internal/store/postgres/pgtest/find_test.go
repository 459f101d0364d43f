//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// recorder takes note of how a test would have ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper()               {}
func (r *recorder) Fatal(...any)          { r.ended += "failed" }
func (r *recorder) Skipf(string, ...any)  { r.ended += "skipped " }
func (r *recorder) Fatalf(string, ...any) { r.ended += "failed" }

func TestStopTest(t *testing.T) {
	missing := fmt.Errorf("program: %w", ErrMissing)
	for _, c := range []struct {
		name, ci string
		err      error
		want     string
	}{
		// The real Skipf does not return; the recorder's does.
		{"missing here", "", missing, "skipped failed"},
		{"missing on the build machine", "true", missing, "failed"},
		{"broken here", "", errors.New("it does not answer"), "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("CI", c.ci)
			r := &recorder{TB: t}
			stopTest(r, c.err)
			if r.ended != c.want {
				t.Errorf("test %s, want %s", r.ended, c.want)
			}
		})
	}
}

// TestFindProgramsNamed: who names a folder wants that one, and no other.
func TestFindProgramsNamed(t *testing.T) {
	programs := func(version string) string {
		folder := t.TempDir()
		script := "#!/bin/sh\necho '" + version + "'\n"
		for _, name := range []string{"postgres", "initdb", "pg_basebackup"} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return folder
	}
	for _, c := range []struct {
		name, folder string
		good         bool
	}{
		{"nothing in it", t.TempDir(), false},
		{"oldest", programs("postgres (PostgreSQL) 15.0"), true},
		{"later, of a distribution", programs("postgres (PostgreSQL) 18.1 (Debian 18.1-1)"), true},
		{"before its release", programs("postgres (PostgreSQL) 19beta1"), true},
		{"too old", programs("postgres (PostgreSQL) 14.20"), false},
		{"something else", programs("postgres 15"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(Variable, c.folder)
			got, err := FindPrograms(t.Context())
			if (err == nil) != c.good || got != c.folder || errors.Is(err, ErrMissing) {
				t.Errorf("FindPrograms: %s, %v; want %s, good %t", got, err, c.folder, c.good)
			}
		})
	}
}
