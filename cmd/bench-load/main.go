// Command bench-load measures the whole product from outside: it imports a set
// with the real binary, starts the real server as a process of its own, drives
// it over loopback from this one, and prints what each kind of query costs,
// beside a handler that writes the same number of bytes from memory and, when
// asked, beside PostgreSQL with pg_trgm on the same rows.
//
//	go run ./cmd/bench-load                        the maltrail set, when it is there
//	go run ./cmd/bench-load -rows 1000000          a generated set
//	go run ./cmd/bench-load -postgres find         … beside PostgreSQL (or the folder of its programs)
//
// It is no part of the product and makes no judgement: docs/benchmarks.md
// holds results and says what they mean. Nothing here is a test; figures of
// one run are comparable with each other and with nothing else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	set         string
	rows        int
	seed        uint64
	rounds      int
	leg         time.Duration
	connections int
	spoor       string
	postgres    string
	growth      bool
	drivers     bool
	engines     bool
	static      bool
	only        string
}

// defaultSet is where the real trail files lie when they are there.
const defaultSet = "../shared/data/maltrail"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench-load: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	if o.static {
		return serveStatic(stdin, stdout)
	}
	work, err := os.MkdirTemp("", "spoor-bench-load-")
	if err != nil {
		return fmt.Errorf("make working folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	// PostgreSQL, run by another account, has to reach its folder in here.
	if err := os.Chmod(work, 0o711); err != nil { //nolint:gosec // passing through is meant
		return fmt.Errorf("open working folder: %w", err)
	}
	if o.spoor == "" {
		o.spoor = filepath.Join(work, "spoor")
		if err := buildProduct(ctx, o.spoor); err != nil {
			return err
		}
	}
	switch {
	case o.growth:
		return growth(ctx, o, work, stdout, stderr)
	case o.engines:
		return engines(ctx, o, work, stdout, stderr)
	case o.drivers:
		return drivers(ctx, o, work, stdout, stderr)
	}
	b := bench{options: o, work: work, stdout: stdout, stderr: stderr}
	return b.run(ctx)
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{}
	f := flag.NewFlagSet("bench-load", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.set, "set", "", "file or folder to import (default "+defaultSet+" when it is there, else 1,000,000 generated rows)")
	f.IntVar(&o.rows, "rows", 0, "generate a set of so many rows instead")
	f.Uint64Var(&o.seed, "seed", 1, "seed of everything drawn at random")
	f.IntVar(&o.rounds, "rounds", 5, "rounds; every figure is the median of them")
	f.DurationVar(&o.leg, "leg", 2*time.Second, "how long each server is driven in a round of a class")
	f.IntVar(&o.connections, "connections", 16, "connections that are kept busy at once")
	f.StringVar(&o.spoor, "spoor", "", "binary to measure (default: built from this checkout)")
	f.StringVar(&o.postgres, "postgres", "", "folder with PostgreSQL's programs, or \""+findPostgres+"\" to look for them: compares with a private cluster")
	f.BoolVar(&o.growth, "growth", false, "measure instead how exact look-ups grow with ten times the records, from -rows or 1 million (long)")
	f.BoolVar(&o.drivers, "drivers", false, "measure instead the two ways to SQLite that could be taken, on the same store")
	f.BoolVar(&o.engines, "engines", false, "measure instead the two engines side by side, and PostgreSQL's against bare statements")
	f.BoolVar(&o.static, "static", false, "be the static handler, until standard input ends (used by bench-load itself)")
	f.StringVar(&o.only, "only", "", "measure only the classes whose name contains this")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("read arguments: %q is not a flag: the set is named with -set", f.Arg(0))
	}
	if o.rounds < 1 || o.connections < 1 || o.leg <= 0 || o.rows < 0 {
		return o, errors.New("read arguments: -rounds, -connections and -leg must be positive")
	}
	if o.set == "" && o.rows == 0 {
		o.rows = 1_000_000
		if _, err := os.Stat(defaultSet); err == nil {
			o.set, o.rows = defaultSet, 0
		}
	}
	return o, nil
}
