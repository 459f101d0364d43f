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

// BackupOptions say what to copy where.
type BackupOptions struct {
	// From is the store's file, To the file to make. To's folder has to exist.
	From, To string
	// Replace lets the backup take the place of a file that is there, and of
	// the logs that SQLite left beside it.
	Replace bool
	// Progress is told how far it is, from the calling goroutine; may be nil.
	Progress func(Progress)
}

// Progress says how far a backup or a restore is.
type Progress struct {
	Stage Stage
	// Done and Total are bytes; Total is 0 where nobody knows.
	Done, Total int64
}

// Stage is what a backup or a restore is doing.
type Stage string

// The stages, in their order.
const (
	Copying  Stage = "copying"
	Checking Stage = "checking"
)

// Copy describes a copy of a store: what it holds, and of which moment it is.
type Copy struct {
	Bytes  int64
	Counts store.Counts
	// Seq is the store's at the moment of the copy.
	Seq int64
	// Schema is the number of the last migration that ran in it.
	Schema int64
}

// ErrNotStore says that a file is a database, and not a store of spoor.
var ErrNotStore = errors.New("not a store of spoor")

// Backup copies a store as it is at one moment, while any number of processes
// read and write it. The copy is written under a temporary name in To's
// folder, for its owner only, is on the disk and has passed Check before it
// gets its name; whatever goes wrong leaves nothing behind. A kill leaves the
// temporary file, which a later backup into that folder removes.
//
// How it copies. All pages are copied inside one read transaction, which fixes
// the moment. SQLite's backup starts over when its source changes under it;
// under a read transaction of its own connection the source does not change,
// whoever writes beside it, so a busy writer cannot keep it from ending. VACUUM
// INTO would do as well and make a smaller file, but reads every tree in key
// order, builds every index anew (minutes instead of seconds for a large
// store) and cannot say how far it is. A copy of pages also copies damage:
// that is why it is checked afterwards, and a damaged store has no backup.
//
// Writers do not wait. Meanwhile the write-ahead log cannot be started over,
// and so grows by what is written during the copy (not during the check);
// the first checkpoint after it brings it back to its usual size.
func Backup(ctx context.Context, o BackupOptions) (Copy, error) {
	fail := func(err error) (Copy, error) { return Copy{}, fmt.Errorf("back up store %s: %w", o.From, err) }
	if err := vacant(o.From, o.To, o.Replace); err != nil {
		return fail(err)
	}
	removeLeftovers(filepath.Dir(o.To))
	part, err := newPart(filepath.Dir(o.To))
	if err != nil {
		return fail(err)
	}
	defer removeStore(part)
	made, err := copyStore(ctx, uri(o.From), part, o.Progress)
	if err != nil {
		return fail(err)
	}
	if err := flushFile(part); err != nil {
		return fail(err)
	}
	tell(o.Progress, Progress{Stage: Checking})
	if err := verify(ctx, part, made); err != nil {
		return fail(fmt.Errorf("check the copy: %w", err))
	}
	if o.Replace {
		if err := removeBesides(o.To); err != nil {
			return fail(err)
		}
	}
	if err := place(part, o.To, o.Replace); err != nil {
		return fail(err)
	}
	if err := flushFolder(filepath.Dir(o.To)); err != nil {
		return fail(err)
	}
	return made, nil
}

// vacant refuses names that the copy must not take: that of a file which is
// there, or beside which there is a log that would be applied to the copy.
func vacant(from, to string, replace bool) error {
	source, err := os.Stat(from)
	if err != nil {
		source = nil // opening it says more
	}
	for _, suffix := range append([]string{""}, besides()...) {
		info, err := os.Stat(to + suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case info.IsDir():
			return fmt.Errorf("%s is a folder: %w", to+suffix, fs.ErrExist)
		case source != nil && os.SameFile(source, info):
			return fmt.Errorf("%s is the store itself: %w", to+suffix, fs.ErrExist)
		case !replace && (suffix == "" || info.Size() > 0):
			return fmt.Errorf("%s: %w", to+suffix, fs.ErrExist)
		}
	}
	return nil
}

// copyStore copies the store that the URI names into the empty file part and
// says what it held at that moment.
func copyStore(ctx context.Context, from, part string, progress func(Progress)) (made Copy, err error) {
	src, err := openConn(from, false)
	if err != nil {
		return made, translate(err)
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	err = src.read(ctx, func() error {
		// The moment is that of this first query.
		if made, err = describe(src); err != nil {
			return err
		}
		return copyPages(ctx, src, part, progress)
	})
	if err != nil {
		return made, err
	}
	info, err := os.Stat(part)
	if err != nil {
		return made, err
	}
	made.Bytes = info.Size()
	return made, nil
}

const selectStoreTables = `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('clock', 'records', 'goose_db_version')`

// describe reads what a copy is of; the connection has a read transaction.
func describe(c *conn) (d Copy, err error) {
	tables := int64(0)
	if _, err := c.query(selectStoreTables, func(st *sqlite.Stmt) error { tables = st.ColumnInt64(0); return nil }); err != nil {
		return d, err
	}
	if tables != 3 {
		return d, ErrNotStore
	}
	if _, err := c.query(selectVersion, func(st *sqlite.Stmt) error { d.Schema = st.ColumnInt64(0); return nil }); err != nil {
		return d, fmt.Errorf("read schema version: %w", err)
	}
	if newest := newestSchema(); d.Schema > newest {
		return d, fmt.Errorf("%w: version %d, this spoor knows %d", store.ErrSchema, d.Schema, newest)
	}
	v := &snapshot{conn: c}
	if err := v.clock.load(c); err != nil {
		return d, fmt.Errorf("read clock: %w", err)
	}
	d.Seq = v.clock.seq
	d.Counts, err = v.Counts(context.Background())
	return d, err
}

// pagesAtOnce is how many pages are copied between two looks at the context: 4
// MB, some milliseconds.
const pagesAtOnce = 1024

// copyPages copies what the connection's read transaction sees.
func copyPages(ctx context.Context, src *conn, part string, progress func(Progress)) (err error) {
	// What is half written has no name yet and is thrown away, so that neither
	// a journal nor waiting for the disk at every step is of any use.
	dst, err := openPart(part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	b, err := sqlite.NewBackup(dst, "main", src.Conn, "main")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	pageSize := int64(0)
	if err := src.transient("PRAGMA page_size", func(st *sqlite.Stmt) { pageSize = st.ColumnInt64(0) }); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		more, err := b.Step(pagesAtOnce)
		if err != nil {
			return fmt.Errorf("copy pages: %w", err)
		}
		total := int64(b.PageCount())
		tell(progress, Progress{Stage: Copying, Done: (total - int64(b.Remaining())) * pageSize, Total: total * pageSize})
		if !more {
			return nil
		}
	}
}

func openPart(part string) (*sqlite.Conn, error) {
	dst, err := sqlite.OpenConn(uri(part), sqlite.OpenReadWrite|sqlite.OpenURI)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: dst}
	for _, p := range []string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -16384"} {
		if err := c.transient(p, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %s: %w", part, p, err), dst.Close())
		}
	}
	return dst, nil
}

// verify opens the copy without changing it, compares it with what it is a
// copy of, and checks it from end to end. The copy of a store with an older
// schema is checked by SQLite only: Check knows the newest.
func verify(ctx context.Context, part string, want Copy) error {
	s, err := openUnchanging(part)
	if err != nil {
		return err
	}
	err = s.view(ctx, func(v *snapshot) error {
		got, err := describe(v.conn)
		if err != nil {
			return err
		}
		if got.Bytes = want.Bytes; got != want {
			return fmt.Errorf("%w: the copy holds %+v, the store %+v", store.ErrCorrupt, got, want)
		}
		if want.Schema != newestSchema() {
			return v.checkDatabase(ctx)
		}
		return nil
	})
	if err == nil && want.Schema == newestSchema() {
		err = s.Check(ctx)
	}
	return errors.Join(err, s.Close())
}

// openUnchanging opens a store that nobody else has and that is to stay byte
// for byte as it is: no lock, no log beside it. It can be read, not written.
func openUnchanging(path string) (*Store, error) {
	s := &Store{
		path: path, now: time.Now, closed: make(chan struct{}),
		readers: make(chan *conn, 1), keyReader: make(chan *conn), writer: make(chan *conn), facetWriter: newFacetWriter(),
	}
	c, err := openConn(uri(path)+"?immutable=1", false)
	if err != nil {
		return nil, translate(err)
	}
	s.all = append(s.all, c)
	s.readers <- c
	return s, nil
}

// partPattern names what is not finished.
const partPattern = ".spoor-*.partial"

// leftoverAge is how long nobody wrote to what a killed process left: no check
// of a copy takes as long.
const leftoverAge = 24 * time.Hour

// newPart makes an empty file in the folder, for its owner only.
func newPart(dir string) (string, error) {
	f, err := os.CreateTemp(dir, partPattern)
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// removeLeftovers removes what killed backups left in the folder. That it may
// not is no reason to fail.
func removeLeftovers(dir string) {
	old, err := filepath.Glob(filepath.Join(globless(dir), partPattern))
	if err != nil {
		return
	}
	for _, name := range old {
		if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > leftoverAge {
			removeStore(name)
		}
	}
}

// globless returns a folder whose name stands for itself in a pattern.
func globless(dir string) string {
	var b []rune
	for _, r := range dir {
		if r == '*' || r == '?' || r == '[' || r == '\\' && runtime.GOOS != "windows" {
			b = append(b, '\\')
		}
		b = append(b, r)
	}
	return string(b)
}

// removeStore removes a store's file and those beside it, as far as they are
// there.
func removeStore(path string) {
	for _, suffix := range append([]string{""}, besides()...) {
		_ = os.Remove(path + suffix) // mostly it is not there
	}
}

// removeBesides removes what is beside a file that is to be replaced, for
// good: nothing of it may be applied to what comes in its place.
func removeBesides(path string) error {
	removed := false
	for _, suffix := range besides() {
		err := os.Remove(path + suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		removed = removed || err == nil
	}
	if !removed {
		return nil
	}
	return flushFolder(filepath.Dir(path))
}

// besides are the endings of the files that SQLite keeps beside a database and
// applies to whatever has its name.
func besides() []string { return []string{"-wal", "-shm", "-journal"} }

// place gives a file its name. Without replace it never takes one that is
// there, not even one made this instant.
func place(from, to string, replace bool) error {
	if replace {
		return os.Rename(from, to)
	}
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if _, there := os.Lstat(to); there == nil {
		return fmt.Errorf("%s: %w", to, fs.ErrExist)
	}
	return os.Rename(from, to) // a file system without links
}

// flushFile waits until the file is on the disk.
func flushFile(path string) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// flushFolder waits until the names in the folder are on the disk. Windows has
// nothing like it.
func flushFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func tell(progress func(Progress), p Progress) {
	if progress != nil {
		progress(p)
	}
}

// newestSchema is the number of the last migration that this spoor knows.
func newestSchema() int64 {
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(steps) == 0 {
		return 0 // they are embedded
	}
	number := int64(0)
	_, _ = fmt.Sscanf(filepath.Base(steps[len(steps)-1]), "%d_", &number) // a test compares
	return number
}
