package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"spoor/internal/store"
)

// View implements store.Viewer. A transaction begins with the second question
// and in the same round trip, and its end is not waited for; one question, the
// usual look-up, is a statement and sees one moment anyway. When the second
// finds that the store has moved on, fn is called again in a transaction.
func (s *Store) View(ctx context.Context, fn func(store.Snapshot) error) error {
	err := s.view(ctx, &snapshot{st: s, nodes: s.readers()}, fn)
	for tries := 0; tries < maxMoves && errors.Is(err, errMoved); tries++ {
		err = s.view(ctx, &snapshot{st: s, nodes: s.readers(), strict: true}, fn)
	}
	if errors.Is(err, errMoved) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// maxMoves is how often a view is begun again: in a transaction the store does
// not move, but replicas may go on falling away.
const maxMoves = 4

// onPrimary is a view of the server that takes writes.
func (s *Store) onPrimary() *snapshot {
	return &snapshot{st: s, nodes: func() *node { return s.primary }, strict: true}
}

// errMoved says that what a question found is not what the next one would see.
var errMoved = errors.New("the store has changed since the last question")

func (s *Store) view(ctx context.Context, v *snapshot, fn func(store.Snapshot) error) error {
	v.load = func() error { return v.begin(ctx, nil, nil) }
	defer func() { // also when fn panics: Close waits for every connection
		if v.conn != nil {
			s.leave(ctx, v.conn)
		}
	}()
	err := fn(v)
	if err == nil && v.conn == nil && v.failed == nil && !v.glanced {
		err = v.load()
	}
	if err == nil || v.failed != nil {
		err = v.failed
	}
	return translate(err)
}

// leave ends a read transaction and gives the connection back, without making
// the reader wait.
func (s *Store) leave(ctx context.Context, c *pgxpool.Conn) {
	s.closing.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
		defer cancel()
		if !c.Conn().IsClosed() {
			_, _ = c.Exec(ctx, "COMMIT") // nothing was written; a broken connection is thrown away
		}
		c.Release()
	})
}

// readers returns what picks the servers to read from, best first.
func (s *Store) readers() func() *node {
	if s.replicas == nil {
		return func() *node { return s.primary }
	}
	return s.replicas.pick
}

// snapshot is a read transaction.
type snapshot struct {
	st *Store
	// conn is nil until the first question.
	conn  *pgxpool.Conn
	node  *node
	nodes func() *node
	clock clock
	// strict has even the first question asked in the transaction.
	strict bool
	// glanced is set once a first question was answered without one: glance
	// is that question, and found whether it had rows, which tell the clock's
	// seq.
	glanced bool
	found   bool
	glance  question
	// load begins the transaction without a question.
	load   func() error
	failed error
}

// Seq implements store.Snapshot.
func (v *snapshot) Seq() int64 {
	if v.conn == nil && v.failed == nil && !v.found {
		v.failed = v.load()
	}
	return v.clock.seq
}

// begin opens the read transaction on a server that answers, and asks the
// questions (if any) in the same round trip.
func (v *snapshot) begin(ctx context.Context, qs []question, row func(int, pgx.Rows) error) error {
	err := v.onServer(ctx, func(ctx context.Context, n *node, deliver func()) error {
		err := v.beginOn(ctx, n, qs, func(i int, r pgx.Rows) error { deliver(); return row(i, r) })
		if err != nil && v.conn != nil {
			v.st.leave(ctx, v.conn)
			v.conn = nil
		}
		return err
	})
	if errors.Is(err, errMoved) {
		v.failed = err
	}
	return err
}

// onServer runs fn on a server that answers; once fn has delivered a row it is
// not run again.
func (v *snapshot) onServer(ctx context.Context, fn func(ctx context.Context, n *node, deliver func()) error) error {
	return v.st.retry(ctx, func() error {
		n := v.nodes()
		delivered := false
		err := v.st.replicas.ask(ctx, n, func(ctx context.Context) error {
			return fn(ctx, n, func() { delivered = true })
		})
		if err == nil {
			v.node = n
			n.views.Add(1)
			return nil
		}
		if unreachable(err) && ctx.Err() == nil {
			v.st.replicas.failed(n, err)
		}
		if delivered || errors.Is(err, errMoved) { // it cannot be asked again: half of it was taken
			return &finalError{err}
		}
		return err
	})
}

const beginView = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`

func (v *snapshot) beginOn(ctx context.Context, n *node, qs []question, row func(int, pgx.Rows) error) (err error) {
	if v.conn, err = n.acquire(ctx); err != nil {
		return err
	}
	b := new(pgx.Batch)
	b.Queue(beginView)
	b.Queue(byIndex)
	b.Queue(selectClock)
	again := v.glanced && !v.found
	if again {
		b.Queue(v.glance.sql, v.glance.args...)
	}
	queue(b, qs)
	br := v.conn.SendBatch(ctx, b)
	defer func() { err = errors.Join(err, br.Close()) }()
	for range 2 {
		if _, err := br.Exec(); err != nil {
			return err
		}
	}
	was := v.clock.seq
	if err := v.clock.scan(br.QueryRow()); err != nil {
		return fmt.Errorf("read clock: %w", err)
	}
	if v.found && was != v.clock.seq {
		return errMoved
	}
	if again {
		if err := nothingFound(br); err != nil {
			return err
		}
	}
	return answers(br, qs, row)
}

// nothingFound makes sure that a question that had no answer still has none.
func nothingFound(br pgx.BatchResults) error {
	rows, err := br.Query()
	if err != nil {
		return err
	}
	return each(rows, func(pgx.Rows) error { return errMoved })
}

// first asks a question that may be the only one of the view: when it is the
// first, without a transaction. Its rows end with the clock's seq, which the
// row function is to put into the snapshot's.
func (v *snapshot) first(ctx context.Context, q question, row func(pgx.Rows) error) error {
	if v.strict || v.conn != nil || v.glanced || v.failed != nil {
		return v.query(ctx, q, row)
	}
	err := v.onServer(ctx, func(ctx context.Context, n *node, deliver func()) error {
		c, err := n.acquire(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
		rows, err := c.Query(ctx, q.sql, q.args...)
		if err != nil {
			return err
		}
		return each(rows, func(r pgx.Rows) error { deliver(); v.found = true; return row(r) })
	})
	if err != nil {
		return err
	}
	// What follows is asked of the same server, while it is well.
	v.glanced, v.glance = true, q
	next, same := v.nodes, v.node
	v.nodes = func() *node {
		n := same
		if same = nil; n != nil {
			return n
		}
		return next()
	}
	return nil
}

// timeless asks about what never changes, and so needs no transaction.
func (v *snapshot) timeless(ctx context.Context, sql string, row func(pgx.Rows) error, args ...any) error {
	if v.conn != nil || v.strict || !v.glanced {
		return v.ask(ctx, sql, row, args...)
	}
	return v.further(ctx, func(ctx context.Context) error {
		rows, err := v.node.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		return each(rows, row)
	})
}

// question is a statement and its arguments.
type question struct {
	sql  string
	args []any
	// replan has it planned for these very arguments: for patterns, of which
	// some are rare and some are everywhere.
	replan bool
}

// query asks a question, calling row for each row.
func (v *snapshot) query(ctx context.Context, q question, row func(pgx.Rows) error) error {
	if v.failed != nil {
		return v.failed
	}
	if v.conn == nil && !q.replan {
		return v.begin(ctx, []question{q}, func(_ int, r pgx.Rows) error { return row(r) })
	}
	if v.conn == nil {
		if err := v.begin(ctx, nil, nil); err != nil {
			return err
		}
	}
	args := q.args
	if q.replan {
		args = append([]any{pgx.QueryExecModeCacheDescribe}, args...)
	}
	return v.further(ctx, func(ctx context.Context) error {
		rows, err := v.conn.Query(ctx, q.sql, args...)
		if err != nil {
			return err
		}
		return each(rows, row)
	})
}

// further asks something more. When the server falls away, or breaks the
// transaction off, the whole view is to be had anew, perhaps from another.
func (v *snapshot) further(ctx context.Context, ask func(context.Context) error) error {
	err := v.st.replicas.ask(ctx, v.node, ask)
	if err == nil || !passing(err) || ctx.Err() != nil {
		return err
	}
	if unreachable(err) {
		v.st.replicas.failed(v.node, err)
	}
	v.failed = fmt.Errorf("%w: %w", errMoved, err)
	return v.failed
}

// ask is query for a statement without further wishes.
func (v *snapshot) ask(ctx context.Context, sql string, row func(pgx.Rows) error, args ...any) error {
	return v.query(ctx, question{sql: sql, args: args}, row)
}

// askAll asks several questions in one round trip; row is told which one a
// row belongs to.
func (v *snapshot) askAll(ctx context.Context, qs []question, row func(int, pgx.Rows) error) error {
	if v.failed != nil {
		return v.failed
	}
	if v.conn == nil {
		return v.begin(ctx, qs, row)
	}
	return v.further(ctx, func(ctx context.Context) error {
		b := new(pgx.Batch)
		queue(b, qs)
		br := v.conn.SendBatch(ctx, b)
		return errors.Join(answers(br, qs, row), br.Close())
	})
}

func queue(b *pgx.Batch, qs []question) {
	for i := range qs {
		b.Queue(qs[i].sql, qs[i].args...)
	}
}

// answers reads the answers to questions that were queued.
func answers(br pgx.BatchResults, qs []question, row func(int, pgx.Rows) error) error {
	for i := range qs {
		rows, err := br.Query()
		if err == nil {
			err = each(rows, func(r pgx.Rows) error { return row(i, r) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// each calls row for all rows and closes them.
func each(rows pgx.Rows, row func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
