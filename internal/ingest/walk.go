package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The reasons for which a file that was found in a folder or archive, and not
// asked for by name, is left out. A file asked for by name fails instead.
const (
	FileHidden  = "hidden"
	FileLink    = "symbolic_link"
	FileSpecial = "not_a_regular_file"
	FileLicence = "licence"
	FileEmpty   = "empty"
	FileUnknown = "unknown_format"
)

var (
	errEmpty       = errors.New("is empty; was it fetched to the end?")
	errUnnamedPage = errors.New("a web page came instead of a feed; if the page itself is the report, set the format html")
	errWebPage     = errors.New("a web page came instead of the feed; has it moved, or does it want a key?")
)

// input is one file on its way to being read.
type input struct {
	stream
	// named is set when it was asked for by name.
	named bool
	// about is the report that the file belongs to: the README beside it.
	about *report
	// made is set to the report that the file turns out to be.
	made *report
}

// named reads one path of the request. An error ends the import.
func (p *pass) named(ctx context.Context, name string) error {
	if name == "-" {
		return p.stdin(ctx)
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.fail(name, errors.New("does not exist; check the path"))
		return nil
	case err != nil:
		p.fail(name, explain(err))
		return nil
	case info.IsDir():
		return p.namedFolder(ctx, name)
	}
	file, err := openPatiently(ctx, name)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if err != nil {
		p.fail(name, explain(err))
		return nil
	}
	defer func() { _ = file.Close() }() // only read from
	size := int64(-1)
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	if size < 0 {
		return p.open(ctx, &input{stream: stream{name: name}, named: true}, newPatientReader(ctx, file), size)
	}
	return p.open(ctx, &input{stream: stream{name: name}, named: true}, file, size)
}

// openPatiently opens a file that was asked for by name. A named pipe is only
// open when somebody writes to it: like a read that waits, an open that still
// waits when the import is interrupted is left behind.
func openPatiently(ctx context.Context, name string) (*os.File, error) {
	type opened struct {
		file *os.File
		err  error
	}
	ready := make(chan opened)
	go func() {
		file, err := os.Open(name)
		select {
		case ready <- opened{file, err}:
		case <-ctx.Done():
			_ = file.Close() // only read from; nil when it did not open
		}
	}()
	select {
	case got := <-ready:
		return got.file, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pass) stdin(ctx context.Context) error {
	if p.req.Stdin == nil {
		p.fail("-", errors.New("there is no standard input to read"))
		return nil
	}
	return p.open(ctx, &input{stream: stream{name: "stdin"}, named: true}, newPatientReader(ctx, p.req.Stdin), -1)
}

// namedFolder reads a folder. Opening it as a root keeps every file that is
// opened later inside it, whatever happens to the folder meanwhile.
func (p *pass) namedFolder(ctx context.Context, name string) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		p.fail(name, explain(err))
		return nil
	}
	defer func() { _ = root.Close() }() // only read from
	return p.whole(ctx, tree{fsys: root.FS(), name: name})
}

// whole reads all of a named folder or archive, which has to hold something.
func (p *pass) whole(ctx context.Context, t tree) error {
	before := p.sum.Files.Read + p.sum.Files.Failed.Count
	if err := p.folder(ctx, t, "."); err != nil {
		return err
	}
	if p.sum.Files.Read+p.sum.Files.Failed.Count == before {
		p.fail(t.name, fmt.Errorf("holds nothing that can be imported; name the files and their format with --format (%s)", formNames()))
	}
	return nil
}

// tree is a folder, or an archive as one.
type tree struct {
	fsys fs.FS
	name string
	// archive is what the tree came out of; its budget is nil for a folder.
	archive stream
}

// label is how people call a path in the tree.
func (t tree) label(p string) string { return filepath.Join(t.name, filepath.FromSlash(p)) }

// entries lists a folder, sorted by name.
func (t tree) entries(dir string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(t.fsys, dir)
	if t.archive.budget != nil {
		for i := range all {
			all[i] = archived{all[i]}
		}
	}
	return all, err
}

// archived is an entry of an archive. Programs on Windows put backslashes into
// archives, which package zip reads as the slashes they should be, but leaves
// in the names that it lists.
type archived struct{ fs.DirEntry }

// Name returns the last element of the entry's path.
func (a archived) Name() string { return path.Base(strings.ReplaceAll(a.DirEntry.Name(), `\`, "/")) }

// folder reads what is in one folder of the tree, in the order of the names,
// but the README first: it says whose the lists beside it are.
func (p *pass) folder(ctx context.Context, t tree, dir string) error {
	entries, err := t.entries(dir)
	if err != nil {
		p.fail(t.label(dir), explain(err))
		return ctx.Err()
	}
	if i := slices.IndexFunc(entries, isReadme); i > 0 {
		readme := entries[i]
		copy(entries[1:i+1], entries[:i])
		entries[0] = readme
	}
	var about *report
	for i, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(dir, e.Name())
		switch reason := leftOut(e); {
		case reason != "":
			p.leave(reason, t.label(name))
		case e.IsDir():
			err = p.folder(ctx, t, name)
		default:
			in := &input{stream: t.archive, about: about}
			err = p.file(ctx, t, name, in)
			if i == 0 && isReadme(e) {
				about = in.made
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leftOut says why an entry of a folder is not looked at, or nothing. Links
// are not followed: what they lead to is in the folder anyway, or is none of
// its business; and so there are no loops. A pipe would wait for ever.
func leftOut(e fs.DirEntry) string {
	base := strings.ToUpper(strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	switch {
	case strings.HasPrefix(e.Name(), "."):
		return FileHidden
	case e.IsDir():
		return ""
	case e.Type()&fs.ModeSymlink != 0:
		return FileLink
	case !e.Type().IsRegular():
		return FileSpecial
	case base == "LICENSE", base == "LICENCE", base == "COPYING", base == "NOTICE":
		return FileLicence
	}
	return ""
}

func isReadme(e fs.DirEntry) bool {
	name := strings.ToLower(e.Name())
	return e.Type().IsRegular() && strings.TrimSuffix(name, path.Ext(name)) == "readme"
}

// file reads one file of a folder or archive.
func (p *pass) file(ctx context.Context, t tree, name string, in *input) error {
	in.name = t.label(name)
	file, err := t.fsys.Open(name)
	if err != nil {
		p.fail(in.name, explain(err))
		return nil
	}
	defer func() { _ = file.Close() }() // only read from
	if in.budget != nil {
		return p.settle(ctx, in, p.unpack(ctx, in, file))
	}
	info, err := file.Stat()
	if err != nil {
		p.fail(in.name, explain(err))
		return nil
	}
	return p.open(ctx, in, file, info.Size())
}

// open reads one input that lies on its own, of size bytes or -1.
func (p *pass) open(ctx context.Context, in *input, r io.Reader, size int64) error {
	m := &meter{r: r, size: size, total: &p.readBytes}
	defer m.done()
	if at, ok := r.(io.ReaderAt); ok && size >= 0 {
		m.at = at
		in.at, in.size = m, size
	}
	in.budget = &budget{limits: p.limits(), in: m.read, total: &p.unpacked}
	return p.settle(ctx, in, p.unpack(ctx, in, m))
}

// limits are those of the import, or of a run of a feed.
func (p *pass) limits() Limits {
	if p.src == nil || isFileURL(p.src.URL) {
		return p.in.limits
	}
	return p.in.limits.ofFetched()
}

// unpack reads what is in the input, which may be an archive of files.
func (p *pass) unpack(ctx context.Context, in *input, r io.Reader) error {
	onLeaf := func(ctx context.Context, s stream, r *bufio.Reader) error {
		in.stream = s
		return p.parse(ctx, in, r)
	}
	onArchive := func(ctx context.Context, s stream, entries fs.FS) error {
		t := tree{fsys: entries, name: s.name, archive: s}
		if in.named {
			return p.whole(ctx, t)
		}
		return p.folder(ctx, t, ".")
	}
	return unpack(ctx, in.stream, r, onLeaf, onArchive)
}

// settle decides what an error of one input means: whether it ends the import,
// or is counted.
func (p *pass) settle(ctx context.Context, in *input, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errStopped):
		return err
	case in.named:
		p.fail(in.name, explain(err))
	case errors.Is(err, errEmpty):
		p.leave(FileEmpty, in.name)
	case errors.Is(err, errUnknown):
		p.leave(FileUnknown, in.name)
	default:
		p.fail(in.name, explain(err))
	}
	return nil
}

// explain says what to do about errors whose text does not.
func explain(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		// The place is told beside the error already.
		err = at.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; allow this user to read it", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the file is cut short; what came before is imported", err)
	}
	return err
}

// measure adds up the sizes of what will be read, or returns -1 when that
// cannot be known. It keeps nothing: a folder may hold millions of files.
func measure(ctx context.Context, paths []string) int64 {
	var total int64
	for _, name := range paths {
		info, err := os.Stat(name)
		switch {
		case name == "-", err == nil && !info.IsDir() && !info.Mode().IsRegular():
			return -1
		case err != nil:
			continue // told when it is read
		case !info.IsDir():
			total += info.Size()
			continue
		}
		_ = filepath.WalkDir(name, func(_ string, e fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				return nil //nolint:nilerr // told when it is read
			case leftOut(e) != "" && e.IsDir() && e.Name() != filepath.Base(name):
				return fs.SkipDir
			case leftOut(e) != "" || e.IsDir():
				return nil
			}
			if info, err := e.Info(); err == nil {
				total += info.Size()
			}
			return nil
		})
	}
	return total
}
