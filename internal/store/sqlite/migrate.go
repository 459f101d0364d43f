package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	modernc "modernc.org/sqlite" // the driver goose runs on
	zombiezen "zombiezen.com/go/sqlite"

	"spoor/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// uri names a file so that no character of its path is taken for a parameter
// (SQLite, "Uniform Resource Identifiers", section 3.1).
func uri(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a Windows drive
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// migrate makes the file when it is not there and brings its schema up to
// date. Each step is one transaction. Of processes that start at once one
// takes the step; the others find it taken and look again.
func migrate(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", uri(path)+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer func() { _ = db.Close() }() // nothing is left to write
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	const tries = 20
	for try := 1; ; try++ {
		err := step(ctx, db, steps)
		if failed, ok := errors.AsType[*modernc.Error](err); ok {
			err = named(zombiezen.ResultCode(failed.Code()), err)
		}
		if err == nil || try == tries || final(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * 10 * time.Millisecond):
		}
	}
}

// final reports whether trying again can change nothing.
func final(err error) bool {
	for _, cause := range []error{store.ErrSchema, store.ErrCorrupt, store.ErrFull, store.ErrReadOnly} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

func step(ctx context.Context, db *sql.DB, steps fs.FS) error {
	p, err := goose.NewProvider(goose.DialectSQLite3, db, steps)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	newest := p.ListSources()[len(p.ListSources())-1].Version
	if have > newest {
		return fmt.Errorf("%w: version %d, this spoor knows %d", store.ErrSchema, have, newest)
	}
	if have == newest {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
