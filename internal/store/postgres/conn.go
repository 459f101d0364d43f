package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"spoor/internal/store"
)

// node is one server of the database, or whichever of several takes writes.
type node struct {
	host  string
	pool  *pgxpool.Pool
	views atomic.Int64

	mu sync.Mutex
	// silent is set while the server takes connections and says nothing.
	silent bool
	asking map[*context.CancelFunc]struct{}
}

func newNode(ctx context.Context, conf *pgxpool.Config) (*node, error) {
	conf = conf.Copy()
	if conf.PingTimeout == 0 {
		conf.PingTimeout = pingTimeout
	}
	conf.ConnConfig.DialFunc = dialer().DialContext
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("make connections: %w", err)
	}
	return &node{host: hostOf(conf.ConnConfig), pool: pool, asking: map[*context.CancelFunc]struct{}{}}, nil
}

// pingTimeout is how long a connection that was idle may take to show that it
// is alive before another is made.
const pingTimeout = time.Second

// silence is how long a machine that is gone may look like a server that takes
// its time.
const silence = 30 * time.Second

// dialer asks idle connections for a sign of life, and gives up those that give
// none.
func dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 3, Interval: silence / 6, Count: 4},
		Control:         limitSilence,
	}
}

// while returns a context for a question to the server, which ends also when
// the server is found to be silent; ask then returns errSilent. The caller
// calls done.
func (n *node) while(ctx context.Context) (asking context.Context, done func()) {
	asking, cancel := context.WithCancel(ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.silent {
		cancel()
	}
	n.asking[&cancel] = struct{}{}
	return asking, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.asking, &cancel)
		cancel()
	}
}

// setSilent notes whether the server answers at all. When it does not, nobody
// waits for it any longer.
func (n *node) setSilent(silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent = silent
	if silent {
		for cancel := range n.asking {
			(*cancel)()
		}
	}
}

var errSilent = errors.New("the server does not answer")

// ask asks the server for as long as it can be expected to answer. A store
// without replicas has nobody else to ask, and waits.
func (rs *replicas) ask(ctx context.Context, n *node, fn func(context.Context) error) error {
	if rs == nil {
		return fn(ctx)
	}
	asking, done := n.while(ctx)
	defer done()
	err := fn(asking)
	if err != nil && asking.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("ask %s: %w", n.host, errSilent)
	}
	return err
}

// hostOf names a server for people: HOST:PORT, or the folder of its socket.
func hostOf(c *pgx.ConnConfig) string {
	if strings.HasPrefix(c.Host, "/") {
		return c.Host
	}
	return net.JoinHostPort(c.Host, fmt.Sprint(c.Port))
}

func (n *node) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	c, err := n.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return c, nil
}

// takesWrites accepts only a server that takes writes. The parameter comes
// with the connection from PostgreSQL 14 on; a pooler may leave it out.
func takesWrites(ctx context.Context, c *pgconn.PgConn) error {
	status := c.ParameterStatus("in_hot_standby")
	if status == "" {
		return pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, c)
	}
	if status == "on" {
		return errReadOnlyServer
	}
	return nil
}

var errReadOnlyServer = errors.New("the server is a standby")

// settle looks at the server once, before there are connections to it: its
// version and encoding, and whether a pooler stands between, which would lend
// prepared statements to strangers.
func settle(ctx context.Context, conf *pgxpool.Config, dsn string) error {
	c, err := pgx.ConnectConfig(ctx, conf.ConnConfig)
	if err != nil {
		return translate(err)
	}
	defer func() { _ = c.Close(ctx) }() // nothing is left to write
	var version, pid int
	var encoding string
	const look = `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), pg_backend_pid()`
	if err := c.QueryRow(ctx, look, pgx.QueryExecModeExec).Scan(&version, &encoding, &pid); err != nil {
		return fmt.Errorf("look at server: %w", translate(err))
	}
	if err := accept(version, encoding); err != nil {
		return err
	}
	// A pooler gives out process numbers of its own.
	if pid != int(c.PgConn().PID()) && !names(dsn, "default_query_exec_mode") {
		conf.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return nil
}

// accept refuses servers and databases that would not behave as the contract
// says.
func accept(version int, encoding string) error {
	const minVersion = 150000
	if version < minVersion {
		return fmt.Errorf("the server is PostgreSQL %d: version %d or later is needed", version/10000, minVersion/10000)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s: make one with ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	return nil
}

// names reports whether an address sets the parameter.
func names(dsn, parameter string) bool { return strings.Contains(dsn, parameter+"=") }

// finalError is not to be tried again.
type finalError struct{ cause error }

func (e *finalError) Error() string { return e.cause.Error() }
func (e *finalError) Unwrap() error { return e.cause }

// The patience with a database that is out of reach or breaks transactions
// off: longer than a standby takes to be promoted by the usual tools.
const (
	patience  = 60 * time.Second
	firstWait = 20 * time.Millisecond
	lastWait  = time.Second
)

// retry runs fn until it succeeds, fails for good, or ctx ends.
func (s *Store) retry(ctx context.Context, fn func() error) error {
	wait := firstWait
	for began := time.Now(); ; {
		err := fn()
		if err == nil || !passing(err) || time.Since(began) > patience {
			return translate(err)
		}
		if codeOf(err) == readOnlyServer {
			// Behind the same address there may be another server by now.
			s.primary.pool.Reset()
			s.keys.pool.Reset()
		}
		pause := wait/2 + rand.N(wait) //nolint:gosec // jitter
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			return translate(err) // what is wrong says more than that time ran out
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		wait = min(2*wait, lastWait)
	}
}

// passing reports whether the same may well succeed when tried again
// (PostgreSQL, appendix A: error codes).
func passing(err error) bool {
	var final *finalError
	if errors.As(err, &final) || errors.Is(err, context.Canceled) {
		return false
	}
	if code := codeOf(err); code != "" {
		switch code {
		case "40001", "40P01", // serialisation, deadlock, conflict with recovery
			readOnlyServer,
			"53300", // too many connections
			"26000": // a statement prepared on another connection
			return true
		case "0A000": // not supported, save that a plan was made for the schema as it was
			return strings.HasPrefix(server(err).Message, "cached plan")
		}
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P")
	}
	return unreachable(err)
}

// unreachable reports whether the connection is what failed.
func unreachable(err error) bool {
	var refused *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil, errors.Is(err, store.ErrCorrupt):
		return false
	case errors.As(err, &refused):
		code := codeOf(err)
		return code == "" || strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "08")
	case errors.As(err, &network), errors.Is(err, errReadOnlyServer), errors.Is(err, errSilent), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	}
	if code := codeOf(err); code != "" {
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P")
	}
	return pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "unexpected EOF") || strings.Contains(err.Error(), "conn closed")
}

// readOnlyServer is the code of a server that is a standby, or has become one.
const readOnlyServer = "25006"

func codeOf(err error) string { return server(err).Code }

// server returns what the server said, empty when it was not the server.
func server(err error) *pgconn.PgError {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said
	}
	return &pgconn.PgError{}
}

// translate gives the database's conditions the names of the contract.
func translate(err error) error {
	if err == nil {
		return nil
	}
	name := error(nil)
	switch code := codeOf(err); {
	case code == "55P03":
		name = store.ErrBusy
	case code == "53100" || code == "53200":
		name = store.ErrFull
	case code == "25006" || code == "42501":
		name = store.ErrReadOnly
	case code == "XX001" || code == "XX002":
		name = store.ErrCorrupt
	case code == "57014":
		name = context.DeadlineExceeded
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !isConnect(err):
	case passing(err) || unreachable(err):
		name = store.ErrUnavailable
	}
	if name == nil || errors.Is(err, name) {
		return err
	}
	return fmt.Errorf("%w: %w", name, err)
}

func isConnect(err error) bool {
	var refused *pgconn.ConnectError
	return errors.As(err, &refused)
}
