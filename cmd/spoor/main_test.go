package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"spoor/internal/store/postgres/pgtest"
)

// TestMain lets the test binary be the program: scripts and the tests that
// kill processes run it under the name spoor.
func TestMain(m *testing.M) {
	testscript.Main(serverStopper{m}, map[string]func(){"spoor": main})
}

// serverStopper runs the tests and stops the PostgreSQL that they shared.
type serverStopper struct{ m *testing.M }

// Run implements testscript.TestingM.
func (s serverStopper) Run() int { return pgtest.Run(s.m) }

// TestScripts runs testdata/script: help texts, errors and exit statuses as a
// person at a shell meets them.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, scripts("testdata/script", nil))
}

// TestStoreScripts runs testdata/script/store on each engine: $STORE is the
// argument that names a store where there is nothing yet, and the conditions
// [sqlite] and [postgres] say which it is.
func TestStoreScripts(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		testscript.Run(t, scripts("testdata/script/store", &e))
	})
}

func scripts(dir string, e *engine) testscript.Params {
	return testscript.Params{
		Dir:           dir,
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("XDG_DATA_HOME", "")
			env.Setenv("XDG_CONFIG_HOME", "")
			env.Setenv("SPOOR_FEEDS_CATALOGUE", "false") // nothing beyond this machine
			if e == nil {
				return nil
			}
			store := "--data=d"
			if *e == onDatabase {
				store = "--store=" + pgtest.DSN(env.T().(testing.TB)) // Run says that it is one
			}
			env.Setenv("STORE", store)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status},
		Condition: func(name string) (bool, error) {
			if e == nil || name != string(onFile) && name != string(onDatabase) {
				return false, fmt.Errorf("no condition %q here", name)
			}
			return name == string(*e), nil
		},
	}
}

// status runs "status N spoor ARG...": a command whose exit status must be N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command arg...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("%v: got exit status %s, want %s", args[1:], got, args[0])
	}
}

// noCatalogue keeps the servers of tests from asking anybody beyond this
// machine.
const noCatalogue = "SPOOR_FEEDS_CATALOGUE=false"

// result is what one run of the program left.
type result struct {
	status         int
	stdout, stderr string
}

// spoor runs one command line in this process, without the real environment.
func spoor(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr, now: time.Now, environ: []string{noCatalogue}}
	status := a.execute(ctx, append([]string{"spoor"}, args...))
	return result{status: status, stdout: stdout.String(), stderr: stderr.String()}
}

// must is spoor for command lines that have to work.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := spoor(t, "", args...)
	if r.status != statusDone {
		t.Fatalf("spoor %s: status %d\n%s", strings.Join(args, " "), r.status, r.stderr)
	}
	return r.stdout
}
