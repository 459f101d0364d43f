package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"spoor/internal/store"
)

// Store is the embedded engine.
type Store struct {
	path    string
	now     func() time.Time
	readers chan *conn
	// keyReader holds the one connection that looks up keys: whoever is let in
	// does not depend on what those who are in ask for.
	keyReader chan *conn
	// writer holds the one writing connection while it is free.
	writer chan *conn
	closed chan struct{}
	once   sync.Once
	all    []*conn
	facets facetCache
	// facetWriter belongs to whoever holds writer.
	facetWriter *facetWriter
	index       indexCache
}

var _ store.Store = (*Store)(nil)

// Options say how to open a store.
type Options struct {
	// Path is the database file. It is made when it is not there, its folder
	// is not.
	Path string
	// Readers is the number of reading connections; 0 means four times
	// GOMAXPROCS: some may be busy with a broad search for a second, and the
	// others go on.
	Readers int
	// Now is the clock for what the store itself dates; nil means time.Now.
	Now func() time.Time
}

// Open opens the store, makes it when it is not there, and brings its schema
// up to date. Any number of processes may do so at once. The caller closes it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Readers <= 0 {
		o.Readers = 4 * runtime.GOMAXPROCS(0)
	}
	if _, err := os.Stat(filepath.Dir(o.Path)); err != nil {
		return nil, fmt.Errorf("open store %s: %w: make the folder first", o.Path, err)
	}
	if err := touch(o.Path); err != nil {
		return nil, fmt.Errorf("open store %s: %w", o.Path, err)
	}
	if err := migrate(ctx, o.Path); err != nil {
		return nil, fmt.Errorf("open store %s: %w", o.Path, err)
	}
	s := &Store{
		path: o.Path, now: o.Now, closed: make(chan struct{}),
		readers: make(chan *conn, o.Readers), keyReader: make(chan *conn, 1), writer: make(chan *conn, 1), facetWriter: newFacetWriter(),
	}
	for _, pool := range []chan *conn{s.writer, s.keyReader, s.readers} {
		for range cap(pool) {
			c, err := openConn(uri(o.Path), pool == s.writer)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("open store: %w", err), s.closeAll())
			}
			s.all = append(s.all, c)
			pool <- c
		}
	}
	return s, nil
}

// touch makes the file if it is not there, for its owner only: it holds what
// is marked for few and the hashes of keys. SQLite gives the files beside it
// the same mode.
func touch(path string) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// errClosed is what calls get once Close was called.
var errClosed = errors.New("store is closed")

// take waits for a free connection.
func (s *Store) take(ctx context.Context, from chan *conn) (*conn, error) {
	select {
	case <-s.closed:
		return nil, errClosed
	default:
	}
	select {
	case c := <-from:
		return c, nil
	case <-s.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// View implements store.Viewer.
func (s *Store) View(ctx context.Context, fn func(store.Snapshot) error) error {
	return s.view(ctx, func(v *snapshot) error { return fn(v) })
}

func (s *Store) view(ctx context.Context, fn func(*snapshot) error) error {
	c, err := s.take(ctx, s.readers)
	if err != nil {
		return err
	}
	defer func() { s.readers <- c }()
	return c.read(ctx, func() error {
		v := &snapshot{conn: c, st: s}
		if err := v.clock.load(c); err != nil {
			return fmt.Errorf("read clock: %w", err)
		}
		return fn(v)
	})
}

// update runs fn in a write transaction with the clock as it stands, and
// writes the clock back as fn left it.
func (s *Store) update(ctx context.Context, fn func(*conn, *clock) error) (err error) {
	c, err := s.take(ctx, s.writer)
	if err != nil {
		return err
	}
	defer func() { s.writer <- c }()
	defer func() {
		if err != nil { // what the transaction made is not there after all
			s.facetWriter.forget()
		}
	}()
	return c.write(ctx, func() error {
		var k clock
		if err := k.load(c); err != nil {
			return fmt.Errorf("read clock: %w", err)
		}
		was := k
		if err := fn(c, &k); err != nil {
			return err
		}
		if k == was {
			return nil
		}
		return k.save(c)
	})
}

// snapshot is a read transaction.
type snapshot struct {
	*conn
	st       *Store
	clock    clock
	articles []articleRow // those met so far, by rowid
}

// Seq implements store.Snapshot.
func (v *snapshot) Seq() int64 { return v.clock.seq }

// Close implements store.Maintainer. It waits for what is under way.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		for _, pool := range []chan *conn{s.writer, s.keyReader, s.readers} {
			for range cap(pool) {
				<-pool
			}
		}
		err = s.closeAll()
	})
	return err
}

func (s *Store) closeAll() error {
	var all error
	for _, c := range s.all {
		c.SetInterrupt(nil)
		all = errors.Join(all, c.Close())
	}
	return all
}
