package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"spoor/internal/store"
)

// conn is one connection with what keeps it interruptible. It serves one
// goroutine at a time.
type conn struct {
	*sqlite.Conn
	// kill is closed to interrupt what the connection is doing. The driver
	// keeps one goroutine waiting for it for as long as the connection lives:
	// setting it anew for each query costs two switches of goroutine, which
	// under load is more than the query.
	kill chan struct{}
}

const (
	// busyTimeout is how long another process may hold the write lock.
	busyTimeout = 10 * time.Second
	// busyTry is how long SQLite itself waits for it at a time: while it
	// waits it cannot be interrupted.
	busyTry = 100 * time.Millisecond
	// mmapSize is the largest that SQLite's default build accepts; reading
	// through the mapping leaves the pages to the kernel's cache.
	mmapSize = 2147418112
)

func openConn(path string, write bool) (*conn, error) {
	flags := sqlite.OpenReadWrite | sqlite.OpenURI
	c, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	c.SetBusyTimeout(busyTimeout)
	pragmas := []string{
		"PRAGMA foreign_keys = ON",
		fmt.Sprintf("PRAGMA mmap_size = %d", mmapSize),
		"PRAGMA temp_store = MEMORY",
	}
	if write {
		c.SetBusyTimeout(busyTry)
		// FULL: what was acknowledged survives a power cut, not only a crash.
		// A checkpoint at 160 MB: in an import batch after batch changes the
		// same pages of the indexes, and each is copied once, not each time.
		pragmas = append(pragmas, "PRAGMA synchronous = FULL", "PRAGMA cache_size = -131072",
			"PRAGMA wal_autocheckpoint = 40000", "PRAGMA journal_size_limit = 67108864")
	} else {
		// Pages are read through the mapping and take no cache, but for those
		// of a file that is larger than the mapping: 16 MB hold the upper
		// levels of its trees.
		pragmas = append(pragmas, "PRAGMA query_only = ON", "PRAGMA cache_size = -16384")
	}
	for _, p := range pragmas {
		if err := sqlitex.ExecuteTransient(c, p, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %s: %w", path, p, err), c.Close())
		}
	}
	k := &conn{Conn: c}
	k.arm()
	return k, nil
}

// arm makes the connection interruptible (again).
func (c *conn) arm() {
	c.kill = make(chan struct{})
	c.SetInterrupt(c.kill)
}

// during runs fn and interrupts it when ctx ends. An interruption comes back
// as the context's error.
func (c *conn) during(ctx context.Context, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		close(c.kill)
		close(fired)
	})
	err := fn()
	if !stop() {
		<-fired
		// The interrupted connection refuses to roll back until it is armed.
		c.arm()
		if err != nil {
			return ctx.Err()
		}
	}
	return err
}

// read runs fn in one read transaction.
func (c *conn) read(ctx context.Context, fn func() error) error {
	err := c.during(ctx, func() error {
		if err := c.exec("BEGIN"); err != nil {
			return err
		}
		return fn()
	})
	if !c.AutocommitEnabled() {
		err = errors.Join(err, c.exec("ROLLBACK"))
	}
	return translate(err)
}

// write runs fn in one write transaction and commits it, or rolls it back
// when fn fails.
func (c *conn) write(ctx context.Context, fn func() error) error {
	err := c.during(ctx, func() error {
		if err := c.lock(ctx); err != nil {
			return err
		}
		if err := fn(); err != nil {
			return err
		}
		return c.exec("COMMIT")
	})
	if !c.AutocommitEnabled() {
		err = errors.Join(err, c.exec("ROLLBACK"))
	}
	return translate(err)
}

// lock begins a write transaction, waiting for other processes.
func (c *conn) lock(ctx context.Context) error {
	for deadline := time.Now().Add(busyTimeout); ; {
		err := c.exec("BEGIN IMMEDIATE")
		if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (c *conn) exec(query string, args ...any) error {
	_, err := c.query(query, nil, args...)
	return err
}

// query runs the statement, calling row (when not nil) for each row, and
// returns the number of rows. row may return errStop to end early. Arguments
// are int64, int, string, []byte or nil.
func (c *conn) query(query string, row func(*sqlite.Stmt) error, args ...any) (int, error) {
	st, err := c.Prepare(query)
	if err != nil {
		return 0, err
	}
	if err := bindAll(st, args); err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		more, err := st.Step()
		if err != nil {
			return n, err
		}
		if !more {
			return n, st.Reset()
		}
		if row == nil {
			continue
		}
		if err := row(st); err != nil {
			if errors.Is(err, errStop) {
				err = nil
			}
			return n + 1, errors.Join(err, st.Reset())
		}
	}
}

// errStop ends a query early.
var errStop = errors.New("stop")

// bindAll binds the arguments of a statement in their order.
func bindAll(st *sqlite.Stmt, args []any) error {
	for i, a := range args {
		switch v := a.(type) {
		case nil:
			st.BindNull(i + 1)
		case int64:
			st.BindInt64(i+1, v)
		case int:
			st.BindInt64(i+1, int64(v))
		case string:
			st.BindText(i+1, v)
		case []byte:
			st.BindBytes(i+1, v)
		default:
			return fmt.Errorf("bind argument %d: no column takes a %T", i+1, a)
		}
	}
	return nil
}

// translate gives the engine's conditions the names of the contract.
func translate(err error) error { return named(sqlite.ErrCode(err), err) }

func named(code sqlite.ResultCode, err error) error {
	switch {
	case code.ToPrimary() == sqlite.ResultBusy:
		return fmt.Errorf("%w: %w", store.ErrBusy, err)
	case code.ToPrimary() == sqlite.ResultFull, code == sqlite.ResultIOErrSHMSize:
		// Even reading needs room beside the store, for the file that
		// connections share.
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case code.ToPrimary() == sqlite.ResultReadOnly:
		return fmt.Errorf("%w: %w", store.ErrReadOnly, err)
	case code.ToPrimary() == sqlite.ResultCorrupt, code.ToPrimary() == sqlite.ResultNotADB:
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	default:
		return err
	}
}

// blob returns a copy of a column.
func blob(st *sqlite.Stmt, col int) []byte {
	b := make([]byte, st.ColumnLen(col))
	st.ColumnBytes(col, b)
	return b
}
