package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// Local returns the path of a file source, and whether it is a folder. It has
// the same limits as Get: below the root, and no link that leads out of it. A
// folder is best walked with os.OpenRoot, which keeps these limits below it.
func (f *Fetcher) Local(rawURL string) (name string, isDir bool, err error) {
	u, err := parseSource(rawURL)
	if err != nil {
		return "", false, fmt.Errorf("find file source: %w", err)
	}
	if u.Scheme != "file" {
		return "", false, fmt.Errorf("find file source %s: %w: no file URL", shown(u), ErrInvalidURL)
	}
	root, rel, err := f.below(u)
	if err != nil {
		return "", false, fmt.Errorf("find file source %s: %w", shown(u), err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	info, err := root.Stat(rel)
	if err != nil {
		return "", false, fmt.Errorf("find file source %s: %w", shown(u), explain(err))
	}
	if err := readable(info); err != nil && !errors.Is(err, ErrFolder) {
		return "", false, fmt.Errorf("find file source %s: %w", shown(u), err)
	}
	return filepath.Join(f.o.Root, rel), info.IsDir(), nil
}

// below opens the root and returns where in it the URL leads.
func (f *Fetcher) below(u *url.URL) (*os.Root, string, error) {
	switch {
	case f.o.Root == "":
		return nil, "", forbid("no file is read until feeds.root names the folder of file sources")
	case u.Host != "" && !strings.EqualFold(u.Host, "localhost"):
		return nil, "", forbid("file on host %q; write file:///path", clip(u.Host))
	case u.RawQuery != "" || u.ForceQuery:
		return nil, "", fmt.Errorf("%w: a question mark in a file's name is written %%3F", ErrInvalidURL)
	case !path.IsAbs(u.Path):
		return nil, "", fmt.Errorf("%w: write file:///path, from the root of the file system on", ErrInvalidURL)
	}
	rel, err := filepath.Rel(f.o.Root, filepath.FromSlash(u.Path))
	if err != nil || !filepath.IsLocal(rel) {
		return nil, "", forbid("file outside feeds.root (%s)", f.o.Root)
	}
	root, err := os.OpenRoot(f.o.Root)
	if err != nil {
		return nil, "", fmt.Errorf("open feeds.root: %w", err)
	}
	return root, rel, nil
}

// file gets a file source.
func (g *get) file(ctx context.Context) (*Result, error) {
	if !g.req.Configured {
		return nil, forbid("a file source that is not in the configuration")
	}
	root, rel, err := g.f.below(g.first)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // nothing was written
	// Opening a device may do something, so it is asked for what it is before;
	// opening a pipe that took its place meanwhile must not wait for a writer.
	if info, err := root.Stat(rel); err != nil {
		return nil, explain(err)
	} else if err := readable(info); err != nil {
		return nil, err
	}
	file, err := root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, explain(err)
	}
	defer func() { _ = file.Close() }() // only read from
	info, err := file.Stat()
	if err != nil {
		return nil, explain(err)
	}
	if err := readable(info); err != nil {
		return nil, err
	}
	if info.Size() > g.limit {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, info.Size(), g.limit)
	}
	return g.read(ctx, file, info)
}

// read copies the file: what is parsed later is what the digest is of,
// whatever happens to the file meanwhile.
func (g *get) read(ctx context.Context, file *os.File, info fs.FileInfo) (*Result, error) {
	res := &Result{URL: g.first.String(), Name: fileName(g.first.Path)}
	res.LastModified = fmt.Sprintf("%d bytes at %d", info.Size(), info.ModTime().UnixNano())
	known := g.req.Known
	if known.Digest != "" && known.LastModified == res.LastModified {
		res.Digest = known.Digest
		return res, ErrUnchanged
	}
	s := &spool{dir: g.f.o.TempDir, limit: g.limit}
	if err := s.fill(ctx, file); err != nil {
		s.discard()
		return nil, err
	}
	res.Received = s.size
	if err := s.into(res, known); err != nil {
		if errors.Is(err, ErrUnchanged) {
			return res, err
		}
		return nil, err
	}
	return res, nil
}

// readable returns why a file cannot be read, or nil.
func readable(info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return ErrFolder
	case !info.Mode().IsRegular():
		return forbid("neither a file nor a folder")
	}
	return nil
}

// explain says what a refusal of the root means; its error names no path that
// the URL has not.
func explain(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if strings.Contains(err.Error(), "path escapes from parent") {
		return forbid("a link leads out of feeds.root")
	}
	return err
}
