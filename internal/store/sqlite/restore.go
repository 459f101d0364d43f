package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
)

// RestoreOptions say which backup to put where.
type RestoreOptions struct {
	// From is the backup, To the store's file. To's folder has to exist.
	From, To string
	// Replace lets the backup take the place of a store that is there, which is
	// kept beside it.
	Replace bool
	// Now dates what is kept; nil means time.Now.
	Now func() time.Time
	// Progress is told how far it is, from the calling goroutine; may be nil.
	Progress func(Progress)
}

// Restored describes what a restore made.
type Restored struct {
	Copy
	// Previous is where the store is now that was there before; empty when
	// there was none.
	Previous string
}

var (
	// ErrInUse says that another process has the store open.
	ErrInUse = errors.New("store is in use")
	// ErrLive says that a file is a store that was written and not closed:
	// what was written last is in the log beside it, and not in the file.
	ErrLive = errors.New("not a backup, but a store with a log beside it")
)

// Restore puts a backup in the place of a store. The backup is copied under a
// temporary name beside the store, its migrations run there, and Check has
// passed before anything that was there is touched; whatever goes wrong before
// leaves all as it was. Nobody may have the old store open (ErrInUse): who
// has would go on writing to the file that is put aside.
//
// The log of the old store is written into it, or where it is too damaged for
// that, put aside with it: SQLite would apply a log that it finds to whatever
// file has the name.
func Restore(ctx context.Context, o RestoreOptions) (Restored, error) {
	fail := func(err error) (Restored, error) { return Restored{}, fmt.Errorf("restore store %s: %w", o.To, err) }
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := closedStore(o.From); err != nil {
		return fail(fmt.Errorf("read backup %s: %w", o.From, err))
	}
	there, err := occupied(o)
	if err != nil {
		return fail(err)
	}
	if there {
		old, err := seize(o.To)
		if err != nil {
			return fail(err)
		}
		old.free() // that was to know early
	}
	part, err := newPart(filepath.Dir(o.To))
	if err != nil {
		return fail(err)
	}
	defer removeStore(part)
	made, err := unpack(ctx, o, part)
	if err != nil {
		return fail(fmt.Errorf("read backup %s: %w", o.From, err))
	}
	previous, err := swap(part, o)
	if err != nil {
		return fail(err)
	}
	if err := flushFolder(filepath.Dir(o.To)); err != nil {
		return fail(err)
	}
	return Restored{Copy: made, Previous: previous}, nil
}

// closedStore refuses a file that is not all of its store.
func closedStore(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: no regular file", ErrNotStore)
	}
	for _, suffix := range []string{"-wal", "-journal"} {
		if beside, err := os.Stat(path + suffix); err == nil && beside.Size() > 0 {
			return fmt.Errorf("%w (%s)", ErrLive, path+suffix)
		}
	}
	return nil
}

// occupied reports whether there is a store, or something that would be taken
// for a part of it, and whether that may be replaced.
func occupied(o RestoreOptions) (there bool, err error) {
	for _, suffix := range append([]string{""}, besides()...) {
		info, err := os.Stat(o.To + suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return false, err
		case info.IsDir():
			return false, fmt.Errorf("%s is a folder: %w", o.To+suffix, fs.ErrExist)
		case !o.Replace:
			return false, fmt.Errorf("%s: %w", o.To+suffix, fs.ErrExist)
		}
		if backup, err := os.Stat(o.From); err == nil && os.SameFile(backup, info) {
			return false, fmt.Errorf("%s is the backup itself: %w", o.To+suffix, fs.ErrExist)
		}
		there = there || suffix == ""
	}
	return there, nil
}

// unpack makes a store of the backup under the name part and checks it.
func unpack(ctx context.Context, o RestoreOptions, part string) (made Copy, err error) {
	if made, err = copyStore(ctx, uri(o.From)+"?immutable=1", part, o.Progress); err != nil {
		return made, err
	}
	tell(o.Progress, Progress{Stage: Checking})
	// Migrating what is damaged may end in any way.
	if made.Schema != newestSchema() {
		if err := checkPart(ctx, part); err != nil {
			return made, err
		}
	}
	s, err := Open(ctx, Options{Path: part, Readers: 1, Now: o.Now})
	if err != nil {
		return made, err
	}
	err = s.Check(ctx)
	if err == nil {
		err = s.view(ctx, func(v *snapshot) error {
			bytes := made.Bytes
			made, err = describe(v.conn)
			made.Bytes = bytes
			return err
		})
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return made, err
	}
	if err := closedStore(part); err != nil {
		return made, err
	}
	return made, flushFile(part)
}

// checkPart has SQLite check the pages of a copy.
func checkPart(ctx context.Context, part string) error {
	s, err := openUnchanging(part)
	if err != nil {
		return err
	}
	return errors.Join(s.view(ctx, func(v *snapshot) error { return v.checkDatabase(ctx) }), s.Close())
}

// hold is a store that no other process can open; conn is nil when it is too
// damaged to be held.
type hold struct{ conn *conn }

// seize takes a store for this process alone. ErrInUse says that another one
// has it.
func seize(path string) (*hold, error) {
	c, err := sqlite.OpenConn(uri(path), sqlite.OpenReadWrite|sqlite.OpenURI)
	if err != nil {
		return nil, translate(err)
	}
	c.SetBusyTimeout(busyTry)
	k := &conn{Conn: c}
	err = k.transient("PRAGMA locking_mode = EXCLUSIVE", nil)
	if err == nil {
		// The first access takes the lock. A connection in write-ahead mode
		// shares it for as long as it is open, even while it does nothing.
		err = k.transient("SELECT count(*) FROM sqlite_schema", nil)
	}
	if err == nil {
		return &hold{k}, nil
	}
	err = errors.Join(translate(err), c.Close())
	switch {
	case errors.Is(err, store.ErrBusy):
		return nil, ErrInUse
	case errors.Is(err, store.ErrCorrupt):
		return &hold{}, nil // being replaced is what it needs
	default:
		return nil, err
	}
}

// settle writes the log into the store and removes it.
func (h *hold) settle(path string) error {
	if h.conn == nil {
		return nil
	}
	err := translate(h.conn.transient("PRAGMA journal_mode = DELETE", nil))
	if err == nil {
		// Done with, and kept only because the lock is.
		if err = os.Remove(path + "-journal"); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	h.free()
	if errors.Is(err, store.ErrCorrupt) {
		return nil
	}
	return fmt.Errorf("write the log into the store: %w", err)
}

func (h *hold) free() {
	if h.conn != nil {
		_ = h.conn.Close() // nothing is left to write
		h.conn = nil
	}
}

// swap puts the store that was there aside and the new one in its place. The
// name is never free in between, so that nobody makes an empty store there.
func swap(part string, o RestoreOptions) (previous string, err error) {
	there, err := occupied(o)
	if err != nil {
		return "", err
	}
	aside := o.To + "." + o.Now().UTC().Format("20060102T150405Z")
	if there {
		old, err := seize(o.To)
		if err != nil {
			return "", err
		}
		defer old.free()
		if err := old.settle(o.To); err != nil {
			return "", err
		}
		if runtime.GOOS == "windows" { // it does not rename what is open
			old.free()
		}
		if err := keep(o.To, aside); err != nil {
			return "", err
		}
		previous = aside
	}
	// What is still beside it belongs to what was there.
	for _, suffix := range besides() {
		if err := os.Rename(o.To+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return previous, err
		}
	}
	return previous, place(part, o.To, there)
}

// keep gives a file a second name, or where there are no links, another one.
func keep(path, aside string) error {
	err := os.Link(path, aside)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, there := os.Lstat(aside); there == nil {
		return fmt.Errorf("%s: %w", aside, fs.ErrExist)
	}
	return os.Rename(path, aside)
}
