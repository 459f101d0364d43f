package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"spoor/internal/config"
	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/sqlite"
)

// migrateFlags is what "migrate" was told.
type migrateFlags struct {
	from, to  string
	sample    int
	seed      uint64
	startOver bool
	json      bool
}

// newMigrateCommand returns "spoor migrate".
func newMigrateCommand(a *app) *cobra.Command {
	var f migrateFlags
	cmd := &cobra.Command{
		Use:   "migrate --from sqlite:PATH --to postgres://USER@HOST/DATABASE",
		Short: "Move a store from SQLite to PostgreSQL",
		Long: `Moves everything that a store holds to an empty PostgreSQL database: feeds, runs, articles, records,
every sighting, accounts and keys (revoked ones too), what the schedule of feeds remembers and the list
of allowed values, with the same ids, sequence numbers and times, so that clients keep their keys,
cursors and ETags. Limits that keys have used up begin anew.

Then it counts everything on both sides and asks both the same questions about a sample of records.
Only when all answers are alike may the new store be used; until then other commands refuse it.

Stop whatever writes to the old store first: imports, and servers where they run feeds or make keys.
Other servers may go on answering. If the old store changes meanwhile, the move fails and has to begin anew with --start-over.
It may be stopped at any time: the same command goes on where it was. In the old store nothing
changes but its schema, which is brought up to date where an older spoor made it.

The password may come from PGPASSWORD or a password file, as with PostgreSQL's own tools.
Exit status: 0 moved and alike, 1 stopped or something differs, 2 wrong usage.`,
		Example: `  spoor migrate --from sqlite:/srv/spoor/spoor.db --to postgres://spoor@db.example/spoor`,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.migrate(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "`store` to move, as sqlite:PATH")
	flags.StringVar(&f.to, "to", "", "empty `database` to move it to, as postgres://USER@HOST/DATABASE")
	flags.IntVar(&f.sample, "sample", 1000, "how many records to compare `whole` on both sides")
	flags.Uint64Var(&f.seed, "seed", 0, "pick the sample by this `number` (default: a new one, which is printed)")
	flags.BoolVar(&f.startOver, "start-over", false, "empty the database of an unfinished move first")
	flags.BoolVar(&f.json, "json", false, "print the result as one JSON object; took is in seconds")
	return cmd
}

// check returns the path of the source.
func (f *migrateFlags) check() (path string, err error) {
	if f.from == "" || f.to == "" {
		return "", usagef("say what to move and where: --from sqlite:PATH --to postgres://USER@HOST/DATABASE")
	}
	scheme, path, _ := strings.Cut(f.from, ":")
	if scheme != "sqlite" || path == "" {
		return "", usagef("--from takes sqlite:PATH: stores on PostgreSQL are moved with its own tools, pg_dump and pg_restore")
	}
	scheme, _, _ = strings.Cut(f.to, ":")
	switch scheme {
	case "postgres", "postgresql":
	case "sqlite":
		return "", usagef("--to takes postgres://USER@HOST/DATABASE: to copy a store to another file use 'spoor backup'")
	default:
		return "", usagef("--to takes postgres://USER@HOST/DATABASE")
	}
	if f.sample < 0 {
		return "", usagef("--sample %d: use 0 or more", f.sample)
	}
	return path, nil
}

func (a *app) migrate(cmd *cobra.Command, f migrateFlags) (err error) {
	began := time.Now()
	path, err := f.check()
	if err != nil {
		return err
	}
	if err := readable(f.to); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if err := storeExists(path); err != nil {
		return err
	}
	ctx := cmd.Context()
	from, err := a.open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	hide := func(err error) error { return hideSecrets(config.Config{Store: f.to}, plainCauses(err)) }
	to, err := postgres.Open(ctx, postgres.Options{DSN: f.to, Now: a.now})
	if err != nil {
		return hide(err)
	}
	defer func() { err = errors.Join(err, hide(to.Close())) }()
	m := mover{from: from, to: to, show: a.newCountProgress(), flags: f}
	if m.flags.seed == 0 {
		m.flags.seed = newSeed()
	}
	err = m.move(ctx)
	m.show.end()
	if err != nil {
		return moveAdvice(hide(err))
	}
	m.result.took = time.Since(began)
	if f.json {
		return a.movedJSON(&m)
	}
	return a.movedTable(&m)
}

func newSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

// moveAdvice says what to do about a move that did not end.
func moveAdvice(err error) error {
	switch {
	case errors.Is(err, store.ErrChanged):
		return fmt.Errorf("%w: stop what writes to the old store, then run it again with --start-over", err)
	case errors.Is(err, store.ErrOccupied):
		return fmt.Errorf("%w: name an empty database", err)
	case errors.Is(err, store.ErrDiffers):
		return fmt.Errorf("%w: the new store may not be used: run it again with --start-over, and report this if it comes again", err)
	default:
		return err
	}
}

// mover is one move.
type mover struct {
	from   *sqlite.Store
	to     *postgres.Store
	show   *progress
	flags  migrateFlags
	result moveResult
}

// moveResult is what a move came to.
type moveResult struct {
	store.Ledger
	// here is how many records this attempt moved, and how long that took.
	here    int64
	loading time.Duration
	// sample is how many records were compared, asked what they agreed on.
	sample int
	asked  store.Compared
	took   time.Duration
}

// move moves, compares and confirms.
func (m *mover) move(ctx context.Context) error {
	if m.flags.startOver {
		if err := m.to.AbandonMove(ctx); err != nil {
			return fmt.Errorf("start over: %w", err)
		}
	}
	sample, err := m.load(ctx)
	if err != nil {
		return err
	}
	if err := m.compare(ctx, sample); err != nil {
		// What was written meanwhile is no difference of the move's.
		if changed := m.unchanged(ctx); changed != nil {
			return changed
		}
		return err
	}
	// A key that was revoked during the comparison would be good in the new store.
	if err := m.unchanged(ctx); err != nil {
		return err
	}
	if err := m.to.ConfirmMove(ctx); err != nil {
		return fmt.Errorf("confirm move: %w", err)
	}
	return nil
}

// load brings everything over and returns the sample to compare.
func (m *mover) load(ctx context.Context) (sample []uuid.UUID, err error) {
	began, first := time.Now(), int64(-1)
	err = m.from.Dump(ctx, func(d store.Dump) error {
		var err error
		m.result.Ledger, err = store.Move(ctx, d, m.to, func(done, total int64) {
			if first < 0 {
				first = done
			}
			m.result.here = done - first
			m.result.loading = time.Since(began)
			if done == total {
				m.show.update("building the indexes", 0, 0)
				return
			}
			m.show.update("moving records", done, total)
		})
		if err != nil {
			return fmt.Errorf("move store: %w", err)
		}
		sample, err = d.Sample(ctx, m.flags.sample, m.random())
		return err
	})
	if err == nil {
		err = m.unchanged(ctx)
	}
	return sample, err
}

func (m *mover) random() *mathrand.Rand {
	return mathrand.New(mathrand.NewPCG(m.flags.seed, 0)) //nolint:gosec // a sample that can be picked again
}

// unchanged returns store.ErrChanged if the source is not what was moved. The
// sequence number alone would not tell: making and revoking keys leaves it.
func (m *mover) unchanged(ctx context.Context) error {
	var now store.Ledger
	err := m.from.Dump(ctx, func(d store.Dump) (err error) {
		now, err = d.Ledger(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("look at source again: %w", err)
	}
	if now.String() != m.result.Ledger.String() {
		return fmt.Errorf("%w: it was %s, and is %s", store.ErrChanged, m.result.Ledger, now)
	}
	return nil
}

// compare asks both stores.
func (m *mover) compare(ctx context.Context, sample []uuid.UUID) error {
	has, err := m.to.Ledger(ctx)
	if err != nil {
		return fmt.Errorf("count target: %w", err)
	}
	if has.String() != m.result.Ledger.String() {
		return fmt.Errorf("%w: the source holds %s, and the target %s", store.ErrDiffers, m.result.Ledger, has)
	}
	if err := sameKeys(ctx, m.to, m.from); err != nil {
		return err
	}
	m.result.sample = len(sample)
	m.result.asked, err = store.Compare(ctx, m.to, m.from, store.Comparison{
		Sample: sample, Random: m.random(), Progress: func(done, total int64) { m.show.update("comparing", done, total) },
	})
	return err
}

// sameKeys compares all keys.
func sameKeys(ctx context.Context, got, want store.KeyKeeper) error {
	g, err := got.Keys(ctx)
	if err != nil {
		return fmt.Errorf("read keys of target: %w", err)
	}
	w, err := want.Keys(ctx)
	if err != nil {
		return fmt.Errorf("read keys of source: %w", err)
	}
	for i := range w {
		if i >= len(g) || fmt.Sprintf("%+v", g[i]) != fmt.Sprintf("%+v", w[i]) {
			return fmt.Errorf("%w: key %s", store.ErrDiffers, w[i].ID)
		}
	}
	return nil
}
