package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"spoor/internal/fetch"
	"spoor/internal/store"
)

// document reads one document that was fetched, packed or not.
func (p *pass) document(ctx context.Context, res *fetch.Result) error {
	magic := make([]byte, 4)
	n, err := io.ReadFull(res.Body, magic)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read copy: %w", err)
	}
	if _, err := res.Body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read copy: %w", err)
	}
	in := &input{stream: stream{name: res.Name}, named: true}
	if isContainer(magic[:n]) || bytes.HasPrefix(magic[:n], []byte("%PDF")) {
		return p.open(ctx, in, res.Body, res.Size)
	}
	text, err := res.Text()
	if err != nil {
		return fmt.Errorf("decode copy: %w", err)
	}
	return p.open(ctx, in, text, -1)
}

// folder reads a source that is a folder of this machine: all of it, when
// anything in it has changed. A file that cannot be read is a problem of that
// file, and a reason to look again.
func (r *poll) folder(ctx context.Context, path string) (store.RunStatus, error) {
	digest, bytes, err := folderDigest(ctx, path)
	if err != nil {
		return store.RunFailed, err
	}
	if digest == r.was.Digest && !r.accept {
		return store.RunUnchanged, nil
	}
	open := func(p *pass) error { return p.namedFolder(ctx, path) }
	dry := r.rehearsal()
	if err := open(dry); err != nil {
		return store.RunFailed, err
	}
	if bad := brokenFiles(dry, path); dry.sum.Files.Read == 0 && len(bad) > 0 {
		return store.RunFailed, errors.New(bad[0])
	}
	r.bytes += bytes
	if status := r.gate(dry.items, digest); status == store.RunHeld {
		return status, nil
	}
	if err := open(r.pass); err != nil {
		return store.RunFailed, err
	}
	r.is.ETag, r.is.LastModified, r.is.Digest = "", "", digest
	if r.problems = brokenFiles(r.pass, path); len(r.problems) > 0 {
		r.is.Digest = ""
	}
	return store.RunOK, nil
}

// brokenFiles says which files below a folder could not be read, and why.
func brokenFiles(p *pass, folder string) []string {
	var list []string
	for _, at := range p.sum.Files.Failed.Places {
		name, err := filepath.Rel(folder, at.Where)
		if err != nil || name == "." {
			name = filepath.Base(folder)
		}
		list = append(list, name+": "+at.Detail)
	}
	return list
}

// folderDigest is the same as long as no file of a folder is added, removed or
// written, going by names, sizes and times.
func folderDigest(ctx context.Context, path string) (digest string, size int64, err error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return "", 0, fmt.Errorf("open folder: %w", explain(err))
	}
	defer func() { _ = root.Close() }() // only read from
	var list bytes.Buffer
	var walk func(dir string) error
	t := tree{fsys: root.FS()}
	walk = func(dir string) error {
		entries, err := t.entries(dir)
		if err != nil {
			return fmt.Errorf("read folder: %w", explain(err))
		}
		for _, e := range entries {
			name := filepath.ToSlash(filepath.Join(dir, e.Name()))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if leftOut(e) != "" {
				continue
			}
			if e.IsDir() {
				if err := walk(name); err != nil {
					return err
				}
				continue
			}
			info, err := e.Info()
			if err != nil {
				return fmt.Errorf("read folder: %w", explain(err))
			}
			size += info.Size()
			fmt.Fprintf(&list, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	}
	if err := walk("."); err != nil {
		return "", 0, err
	}
	return textDigest(list.String()), size, nil
}
