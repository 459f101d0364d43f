package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Variable names the environment variable that says which PostgreSQL tests
// use: the URL of a server, on which databases are made and dropped, or the
// folder that holds PostgreSQL's programs.
const Variable = "SPOOR_TEST_POSTGRES"

// oldest is the first major version that spoor works with.
const oldest = 15

// ErrMissing: the program is not on this machine.
var ErrMissing = errors.New("not found on this machine")

// versionLine is what "postgres --version" prints.
var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// FindPrograms returns the folder that holds the programs of PostgreSQL 15 or
// later: the one that SPOOR_TEST_POSTGRES names, or the first of those in
// PATH, Debian's (the latest version), and /usr/local/pgsql. The error is
// ErrMissing when there is none.
func FindPrograms(ctx context.Context) (string, error) {
	if named := os.Getenv(Variable); named != "" && !isURL(named) {
		return named, checkPrograms(ctx, named)
	}
	for _, folder := range candidates() {
		if checkPrograms(ctx, folder) == nil {
			return folder, nil
		}
	}
	return "", fmt.Errorf("programs of PostgreSQL %d or later: %w; install Debian's package postgresql, or set %s to the folder that holds them",
		oldest, ErrMissing, Variable)
}

func candidates() []string {
	var folders []string
	if found, err := exec.LookPath("postgres"); err == nil {
		// A link in PATH has no initdb beside it.
		if real, err := filepath.EvalSymlinks(found); err == nil {
			folders = append(folders, filepath.Dir(real))
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well formed
	major := func(folder string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder))) // 0 sorts last
		return n
	}
	slices.SortFunc(debian, func(a, b string) int { return cmp.Compare(major(b), major(a)) })
	return append(append(folders, debian...), "/usr/local/pgsql/bin")
}

// checkPrograms says why the folder's PostgreSQL cannot be used.
func checkPrograms(ctx context.Context, folder string) error {
	for _, name := range []string{"initdb", "pg_basebackup"} {
		if _, err := exec.LookPath(filepath.Join(folder, name)); err != nil {
			return fmt.Errorf("look for programs of PostgreSQL in %s: %w", folder, err)
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return fmt.Errorf("ask PostgreSQL in %s for its version: %w", folder, err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("ask PostgreSQL in %s for its version: it says %q", folder, out)
	}
	if major, err := strconv.Atoi(string(m[1])); err != nil || major < oldest {
		return fmt.Errorf("use PostgreSQL in %s: it is version %s, and %d is needed", folder, m[1], oldest)
	}
	return nil
}

func isURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// stopTest ends a test that could not get what it needs. A program that is
// not there skips it, except on the build machine, where every test has to run.
func stopTest(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v", err)
	}
	t.Fatal(err)
}
