package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"spoor/internal/store"
)

// Store is the engine on a database server and its replicas.
type Store struct {
	now func() time.Time
	// primary is whichever of the store's hosts takes writes.
	primary *node
	// keys are connections of their own to it: whoever is let in does not
	// depend on what those who are in ask for.
	keys *node
	// replicas are what reads go to; empty when they go to primary.
	replicas *replicas
	facets   facetCache
	closing  sync.WaitGroup
	stop     context.CancelFunc
	once     sync.Once
}

var _ store.Store = (*Store)(nil)

// Options say how to open a store.
type Options struct {
	// DSN is the database's address, as a URL or as keywords (libpq, "Connection
	// Strings"). It may name several hosts: the one that takes writes is used,
	// whichever that is at the time.
	DSN string
	// ReadDSN names, as hosts, the replicas that reads go to; empty means that
	// reads go where the writes go.
	ReadDSN string
	// MaxLag is how far behind a replica may be; 0 means 5 seconds.
	MaxLag time.Duration
	// Existing opens no store that is not there: store.ErrNotFound.
	Existing bool
	// Now is the clock for what the store itself dates; nil means time.Now.
	Now func() time.Time
}

// Open connects to the database and brings its schema up to date. Any number
// of processes may do so at once. The caller closes the store.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxLag <= 0 {
		o.MaxLag = defaultMaxLag
	}
	conf, err := parse(o.DSN)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if len(conf.ConnConfig.Fallbacks) > 0 && conf.ConnConfig.ValidateConnect == nil {
		conf.ConnConfig.ValidateConnect = takesWrites
	}
	if err := settle(ctx, conf, o.DSN); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := migrate(ctx, conf.ConnConfig, o.Existing); err != nil {
		return nil, fmt.Errorf("open store: %w", translate(err))
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{now: o.Now, stop: stop}
	if s.primary, err = newNode(background, conf); err == nil {
		small := conf.Copy()
		small.MaxConns = 2
		s.keys, err = newNode(background, small)
	}
	if err == nil {
		s.replicas, err = newReplicas(background, o, s.primary)
	}
	if err != nil {
		s.closeAll()
		return nil, fmt.Errorf("open store: %w", err)
	}
	if s.replicas != nil {
		s.closing.Go(func() { s.replicas.watch(background) })
	}
	return s, nil
}

// parse reads an address and fills in what it leaves open.
func parse(dsn string) (*pgxpool.Config, error) {
	conf, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read address: %w", err)
	}
	if !names(dsn, "pool_max_conns") {
		conf.MaxConns = int32(max(8, 4*runtime.GOMAXPROCS(0))) //nolint:gosec // a few hundred at the most
	}
	// Identities are not sent as text; this way does as well behind a pooler.
	if m := conf.ConnConfig.DefaultQueryExecMode; m == pgx.QueryExecModeExec || m == pgx.QueryExecModeSimpleProtocol {
		conf.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if conf.ConnConfig.ConnectTimeout == 0 {
		conf.ConnConfig.ConnectTimeout = connectTimeout
	}
	if _, set := conf.ConnConfig.RuntimeParams["application_name"]; !set {
		conf.ConnConfig.RuntimeParams["application_name"] = "spoor"
	}
	return conf, nil
}

const connectTimeout = 3 * time.Second

// txn is a write transaction.
type txn struct {
	*pgx.Conn
	clock *clock
	// again is set when an earlier attempt may have been committed.
	again bool
}

// update runs fn in a write transaction that holds the clock, and writes the
// clock back as fn left it. When the database breaks it off, fn is run again.
func (s *Store) update(ctx context.Context, fn func(context.Context, *txn) error) error {
	again := false
	return s.retry(ctx, func() error {
		c, err := s.primary.acquire(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
		err = s.attempt(ctx, c.Conn(), again, fn)
		var broken *commitError
		if errors.As(err, &broken) {
			again = true
		}
		if err != nil && !c.Conn().IsClosed() {
			undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
			defer cancel()
			_, _ = c.Exec(undo, "ROLLBACK") // err says what went wrong
		}
		return err
	})
}

const (
	// beginWrite names the level: at a stricter one what is read after the
	// clock was waited for would be as it was before.
	beginWrite = `BEGIN ISOLATION LEVEL READ COMMITTED`
	// setLockTimeout is how long another transaction may hold the clock.
	setLockTimeout = `SET LOCAL lock_timeout = '10s'`
)

func (s *Store) attempt(ctx context.Context, c *pgx.Conn, again bool, fn func(context.Context, *txn) error) error {
	var k clock
	b := new(pgx.Batch)
	b.Queue(beginWrite)
	b.Queue(setLockTimeout)
	b.Queue(byIndex)
	b.Queue(lockClock)
	br := c.SendBatch(ctx, b)
	for range 3 {
		if _, err := br.Exec(); err != nil {
			return errors.Join(err, br.Close())
		}
	}
	if err := k.scan(br.QueryRow()); err != nil {
		return errors.Join(fmt.Errorf("lock clock: %w", err), br.Close())
	}
	if err := br.Close(); err != nil {
		return err
	}
	was := k
	if err := fn(ctx, &txn{Conn: c, clock: &k, again: again}); err != nil {
		return err
	}
	end := new(pgx.Batch)
	// A second attempt writes in any case: that its end is acknowledged then
	// says that the first one's write has reached the standbys as well.
	if k != was || again {
		k.save(end)
	}
	end.Queue("COMMIT")
	if err := c.SendBatch(ctx, end).Close(); err != nil {
		return &commitError{err}
	}
	return nil
}

// commitError is an error that leaves open whether the transaction was
// committed.
type commitError struct{ cause error }

func (e *commitError) Error() string { return "commit: " + e.cause.Error() }
func (e *commitError) Unwrap() error { return e.cause }

// Close implements store.Maintainer. It waits for what is under way.
func (s *Store) Close() error {
	s.once.Do(s.closeAll)
	return nil
}

func (s *Store) closeAll() {
	s.stop()
	s.closing.Wait()
	for _, n := range []*node{s.primary, s.keys} {
		if n != nil {
			n.pool.Close()
		}
	}
	if s.replicas != nil {
		s.replicas.close()
	}
}
