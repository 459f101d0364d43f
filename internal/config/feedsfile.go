package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// editPatience is the longest that an edit waits for another one.
	editPatience = 5 * time.Second
	// editStale is the age from which the mark of an edit is that of a program
	// that was killed: an edit takes milliseconds.
	editStale = 30 * time.Second
	editPause = 10 * time.Millisecond
)

// editFeeds changes the file in one step: it is whole at any moment, of two
// edits at once none is lost, and what comes out has to hold the feeds that
// edit says.
func editFeeds(path string, edit func([]byte) ([]byte, []Feed, error)) error {
	path, err := followed(path)
	if err != nil {
		return fmt.Errorf("write feeds: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write feeds: %w", err)
	}
	done, err := claimFile(path)
	if err != nil {
		return err
	}
	defer done()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read feeds: %w", err)
	}
	next, feeds, err := edit(text)
	if err != nil {
		return err
	}
	if err := sameFeeds(path, next, feeds); err != nil {
		return err
	}
	return replaceFile(path, next)
}

// followed returns where a link leads, also one to a file that is not there
// yet: a link stays one.
func followed(path string) (string, error) {
	const maxLinks = 16
	for range maxLinks {
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil //nolint:nilerr // no link
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return "", fmt.Errorf("%s: too many links", path)
}

// claimFile keeps other edits away until done is called.
func claimFile(path string) (done func(), err error) {
	mark := path + ".lock"
	for began := time.Now(); ; time.Sleep(editPause) {
		f, err := os.OpenFile(mark, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_ = f.Close()                              // nothing was written
			return func() { _ = os.Remove(mark) }, nil // it grows stale, if it stays
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("write feeds: %w", err)
		}
		if info, err := os.Stat(mark); err == nil && time.Since(info.ModTime()) > editStale {
			_ = os.Remove(mark)
			continue
		}
		if time.Since(began) > editPatience {
			return nil, fmt.Errorf("write feeds: %s is being changed by another program: if it is not, remove %s", path, mark)
		}
	}
}

// replaceFile writes a file beside the old one, whose mode and owner it keeps,
// and puts it in its place.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write feeds: %w", err)
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
		keepOwner(f, info)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write feeds: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
