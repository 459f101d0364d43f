package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"spoor/internal/config"
	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/sqlite"
)

// storeFile is the name of the embedded store in the data folder.
const storeFile = "spoor.db"

// openStore opens the store that the configuration names and makes it when it
// is not there. The caller closes it.
func (a *app) openStore(ctx context.Context, c config.Config) (store.Store, error) {
	if c.StoresInPostgres() {
		return a.openPostgres(ctx, c, false)
	}
	path, err := storePath(c)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w: name another one with --data DIR", err)
	}
	return a.openFile(ctx, c, path)
}

// errNoStore is the cause of what openExisting says of a store that is not
// there.
var errNoStore = errors.New("no store")

// openExisting is openStore for commands that have nothing to do on a store
// that is not there: they say so and leave no empty one behind.
func (a *app) openExisting(ctx context.Context, c config.Config) (store.Store, error) {
	if c.StoresInPostgres() {
		return a.openPostgres(ctx, c, true)
	}
	path, err := storePath(c)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &hiddenError{cause: errNoStore, text: fmt.Sprintf("store %s does not exist: import something first with 'spoor import FILE...', or name another with --data DIR", path)}
	}
	if err != nil {
		return nil, fmt.Errorf("find store: %w", err)
	}
	return a.openFile(ctx, c, path)
}

// onExisting does the work of a command on the store that its settings name,
// which has to be there, and closes it.
func (a *app) onExisting(cmd *cobra.Command, work func(config.Config, store.Store) error) error {
	loaded, err := a.settings(cmd)
	if err != nil {
		return err
	}
	st, err := a.openExisting(cmd.Context(), loaded.Config)
	if err != nil {
		return err
	}
	return errors.Join(work(loaded.Config, st), st.Close())
}

func (a *app) openFile(ctx context.Context, c config.Config, path string) (store.Store, error) {
	st, err := a.open(ctx, path)
	if err != nil {
		return nil, hideSecrets(c, err)
	}
	return st, nil
}

func (a *app) open(ctx context.Context, path string) (*sqlite.Store, error) {
	st, err := sqlite.Open(ctx, sqlite.Options{Path: path, Now: a.now})
	if err != nil && ctx.Err() == nil && advice(err) == "" {
		return nil, fmt.Errorf("%w: is it a store of spoor, and may you read and write it?", err)
	}
	return st, err
}

// openPostgres opens the store on a database server.
func (a *app) openPostgres(ctx context.Context, c config.Config, existing bool) (store.Store, error) {
	for _, address := range []string{c.Store, c.ReadStore} {
		if err := readable(address); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
	}
	st, err := postgres.Open(ctx, postgres.Options{DSN: c.Store, ReadDSN: c.ReadStore, MaxLag: c.ReadStoreMaxLag, Existing: existing, Now: a.now})
	if err == nil {
		if err = st.Usable(ctx); err == nil {
			return st, nil
		}
		err = errors.Join(fmt.Errorf("open store: %w", err), st.Close())
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		err = &hiddenError{cause: errNoStore, text: "open store: the database holds no store of spoor: import something first with 'spoor import FILE...', or name another with --store URL"}
	case ctx.Err() == nil && isRefusal(err):
		err = fmt.Errorf("%w: does the address in --store name the database, its user and the password?", err)
	}
	return nil, hideSecrets(c, plainCauses(err))
}

// storeName says which store the configuration names, without a password.
func storeName(c config.Config) string {
	if c.StoresInPostgres() {
		return config.MaskAddress(c.Store)
	}
	path, err := storePath(c)
	if err != nil {
		return ""
	}
	return "sqlite:" + path
}

// storePath returns the file of the store that the configuration names.
func storePath(c config.Config) (string, error) {
	scheme, rest, named := strings.Cut(c.Store, ":")
	switch {
	case c.Store == "" && c.Data == "":
		return "", errors.New("find data folder: the environment names no home: say where with --data DIR or SPOOR_DATA")
	case c.Store == "" && strings.Contains(c.Data, "://"): // which may hold a password
		return "", errors.New("find data folder: --data names a folder: name a database with --store")
	case c.Store == "":
		return filepath.Join(c.Data, storeFile), nil
	case scheme == "sqlite" && rest != "":
		return rest, nil
	case scheme == "postgres" || scheme == "postgresql":
		return "", errors.New("open store: an address of PostgreSQL is postgres://HOST/DATABASE, with two slashes")
	case !named || rest == "" || strings.ContainsAny(scheme, "= @"): // "host=... password=..." is not repeated
		return "", errors.New("open store: the address names no engine: use sqlite:PATH, postgres://HOST/DATABASE, or --data DIR for a folder")
	default:
		return "", fmt.Errorf("open store: unknown engine %q: use sqlite:PATH or postgres://HOST/DATABASE", scheme)
	}
}
