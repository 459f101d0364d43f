package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// SharedSettings are those of the cluster that DSN makes databases on: quick,
// and nothing survives a crash of the machine. Nobody looks after databases
// that live for a second: what the planner knows is what the engine told it.
func SharedSettings() []string {
	return []string{
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off",
		"max_connections=300", "shared_buffers=128MB", "max_wal_size=1GB",
	}
}

// shared is the cluster that all tests of the process make databases on,
// started by the first that asks. Tests have nobody to pass it to them.
//
//nolint:gochecknoglobals // see above
var shared struct {
	start   sync.Once
	url     string // of a database to connect to
	err     error
	cluster *Cluster // nil when the server is not ours

	orders *pgxpool.Pool // connections to give orders over, once there is a url

	mu        sync.Mutex // of what follows; held while a template is made
	templates map[string]template
}

// template is a database that others are copied from.
type template struct {
	database string
	err      error
}

// Main runs the tests of a package and stops the server that they shared; a
// package's TestMain calls it. Without it the server ends a moment after the
// process.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain that does more: it returns the status to exit
// with.
func Run(m interface{ Run() int }) int {
	code := m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the tests' postgres:", err)
		code = max(code, 1)
	}
	return code
}

func closeShared() error {
	var errs []error
	if shared.cluster == nil { // the server goes on
		for _, made := range shared.templates {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			errs = append(errs, order(ctx, "DROP DATABASE IF EXISTS "+made.database+" WITH (FORCE)"))
			cancel()
		}
	}
	if shared.orders != nil {
		shared.orders.Close()
	}
	if shared.cluster != nil {
		errs = append(errs, shared.cluster.Close())
	}
	return errors.Join(errs...)
}

// DSN returns the URL of a fresh database with nothing in it, on a server that
// all tests of the process share; it is dropped after the test, with whatever
// is still connected. The test is skipped, or on the build machine failed,
// when there is no PostgreSQL.
func DSN(t testing.TB) string {
	t.Helper()
	return withDatabase(t, sharedURL(t), newDatabase(t, emptyTemplate))
}

// DSNFrom is DSN for a database that has what prepare put into another one:
// the first caller of the process that gives the name has it prepared, which
// is given the URL of a database with nothing in it and leaves nobody
// connected; everybody's is a copy.
func DSNFrom(t testing.TB, name string, prepare func(dsn string) error) string {
	t.Helper()
	return withDatabase(t, sharedURL(t), newDatabase(t, templateOf(t, name, prepare)))
}

func templateOf(t testing.TB, name string, prepare func(dsn string) error) string {
	t.Helper()
	orders := sharedURL(t)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	made, known := shared.templates[name]
	if !known {
		made = makeTemplate(t, orders, prepare)
		if shared.templates == nil {
			shared.templates = map[string]template{}
		}
		shared.templates[name] = made
	}
	if made.err != nil {
		t.Fatalf("make template %s: %v", name, made.err)
	}
	return made.database
}

func makeTemplate(t testing.TB, orders string, prepare func(dsn string) error) template {
	t.Helper()
	ctx := context.Background() // of the process, not of the first test
	made := template{database: "spoor_template_" + randomName()}
	made.err = createDatabase(ctx, made.database, emptyTemplate)
	if made.err == nil {
		made.err = prepare(withDatabase(t, orders, made.database))
	}
	if made.err == nil { // whoever would connect would be in the way of copies
		made.err = order(ctx, "ALTER DATABASE "+made.database+" ALLOW_CONNECTIONS false")
	}
	return made
}

// SocketDSN is DSN over the server's socket. On a server that
// SPOOR_TEST_POSTGRES names it is the same as DSN.
func SocketDSN(t testing.TB) string {
	t.Helper()
	sharedURL(t)
	if shared.cluster == nil {
		return DSN(t)
	}
	return shared.cluster.SocketDSN(newDatabase(t, emptyTemplate))
}

func sharedURL(t testing.TB) string {
	t.Helper()
	shared.start.Do(func() {
		ctx := context.Background() // of the process, not of the first test
		if named := os.Getenv(Variable); isURL(named) {
			shared.url = named
		} else if shared.cluster, shared.err = Start(ctx, Options{Settings: SharedSettings(), below: quickFolder()}); shared.err == nil {
			shared.url = shared.cluster.DSN("postgres")
		}
		if shared.err == nil {
			shared.orders, shared.err = pgxpool.New(ctx, shared.url)
		}
	})
	if shared.err != nil {
		stopTest(t, shared.err)
	}
	return shared.url
}

// emptyTemplate is the one that nobody can be connected to, and that holds no
// extension.
const emptyTemplate = "template0"

func createDatabase(ctx context.Context, name, template string) error {
	// Identifiers cannot be parameters; these are ours. To copy the files is
	// quicker than to write all that is in them to the log.
	return order(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template+" ENCODING 'UTF8' STRATEGY file_copy")
}

// newDatabase makes a database on the shared server and returns its name.
func newDatabase(t testing.TB, template string) string {
	t.Helper()
	sharedURL(t)
	name := "spoor_test_" + randomName()
	if err := createDatabase(t.Context(), name, template); err != nil {
		t.Fatalf("make database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := order(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return name
}

// order runs an order about a database. It is refused while a process of the
// server's own, such as autovacuum, looks at the database or its template.
func order(ctx context.Context, sql string) error {
	const objectInUse = "55006"
	for try := 0; ; try++ {
		_, err := shared.orders.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		if refused := (*pgconn.PgError)(nil); try == 50 || !errors.As(err, &refused) || refused.Code != objectInUse {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// withDatabase returns the URL with another database in it.
func withDatabase(t testing.TB, dsn, database string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("read %s: %v", Variable, err)
	}
	u.Path = "/" + database
	return u.String()
}

func randomName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
