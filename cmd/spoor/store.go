package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"spoor/internal/config"
	"spoor/internal/store/sqlite"
)

// storeFile is the name of the embedded store in the data folder.
const storeFile = "spoor.db"

// openStore opens the store that the configuration names and makes it when it
// is not there. The caller closes it.
func (a *app) openStore(ctx context.Context, c config.Config) (*sqlite.Store, error) {
	path, err := storePath(c)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w: name another one with --data DIR", err)
	}
	st, err := a.open(ctx, path)
	return st, hideSecrets(c, err)
}

// openExisting is openStore for commands that have nothing to do on a store
// that is not there: they say so and leave no empty one behind.
func (a *app) openExisting(ctx context.Context, c config.Config) (*sqlite.Store, error) {
	path, err := storePath(c)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store %s does not exist: import something first with 'spoor import FILE...', or name another with --data DIR", path)
	}
	if err != nil {
		return nil, fmt.Errorf("find store: %w", err)
	}
	st, err := a.open(ctx, path)
	return st, hideSecrets(c, err)
}

func (a *app) open(ctx context.Context, path string) (*sqlite.Store, error) {
	st, err := sqlite.Open(ctx, sqlite.Options{Path: path, Now: a.now})
	if err != nil && ctx.Err() == nil && advice(err) == "" {
		return nil, fmt.Errorf("%w: is it a store of spoor, and may you read and write it?", err)
	}
	return st, err
}

// storePath returns the file of the store that the configuration names.
func storePath(c config.Config) (string, error) {
	scheme, rest, named := strings.Cut(c.Store, ":")
	switch {
	case c.Store == "" && c.Data == "":
		return "", errors.New("find data folder: the environment names no home: say where with --data DIR or SPOOR_DATA")
	case c.Store == "":
		return filepath.Join(c.Data, storeFile), nil
	case scheme == "sqlite" && rest != "":
		return rest, nil
	case scheme == "postgres" || scheme == "postgresql":
		return "", errors.New("open store: PostgreSQL comes with the next release: use sqlite:PATH or --data DIR until then")
	case !named || rest == "" || strings.ContainsAny(scheme, "= @"): // "host=... password=..." is not repeated
		return "", errors.New("open store: the address names no engine: use sqlite:PATH, or --data DIR for a folder")
	default:
		return "", fmt.Errorf("open store: unknown engine %q: use sqlite:PATH", scheme)
	}
}
