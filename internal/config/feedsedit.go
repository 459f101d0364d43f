package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// AddFeed writes one more feed to the end of the feeds file, which is made when
// it is not there. What people wrote in it, comments included, stays.
func AddFeed(path string, f Feed) error {
	return editFeeds(path, func(text []byte) ([]byte, error) {
		return appendFeed(path, text, f)
	})
}

// EnableFeed sets whether a feed is run, in the feeds file: in its entry, or in
// a new one when it is one of the catalogue.
func EnableFeed(path, name string, on bool) error {
	return editFeeds(path, func(text []byte) ([]byte, error) {
		items, err := feedNodes(path, text)
		if err != nil {
			return nil, err
		}
		lines := bytes.SplitAfter(text, []byte("\n"))
		for _, item := range items {
			pairs := mappingOf(item)
			named := slices.ContainsFunc(pairs, func(p *ast.MappingValueNode) bool {
				return p.Key.GetToken().Value == "name" && p.Value.GetToken().Value == name
			})
			if !named {
				continue
			}
			value := fmt.Sprintf("enabled: %t", on)
			for _, p := range pairs {
				if at := p.Key.GetToken().Position; p.Key.GetToken().Value == "enabled" {
					lines[at.Line-1] = replaceFrom(lines[at.Line-1], at.Column-1, value)
					return bytes.Join(lines, nil), nil
				}
			}
			at := pairs[0].Key.GetToken().Position
			line := ensureNewline(lines[at.Line-1])
			lines[at.Line-1] = append(line, strings.Repeat(" ", at.Column-1)+value+"\n"...)
			return bytes.Join(lines, nil), nil
		}
		return appendFeed(path, text, Feed{Name: name, Enabled: &on})
	})
}

// replaceFrom puts text in the place of what stands from column on, but for a
// comment behind it.
func replaceFrom(line []byte, column int, text string) []byte {
	rest := line[column:]
	end := "\n"
	if i := bytes.Index(rest, []byte(" #")); i >= 0 {
		end = string(rest[i:])
	}
	return append(slices.Clone(line[:column]), text+end...)
}

func ensureNewline(line []byte) []byte {
	if bytes.HasSuffix(line, []byte("\n")) {
		return slices.Clone(line)
	}
	return append(slices.Clone(line), '\n')
}

func appendFeed(path string, text []byte, f Feed) ([]byte, error) {
	have, err := ParseFeeds(path, text)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(have, func(h Feed) bool { return h.Name == f.Name }) {
		return nil, fmt.Errorf("%w: %s has a feed %q already", ErrInvalid, path, f.Name)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%w: feed %q: %w", ErrInvalid, f.Name, err)
	}
	entry, err := yaml.MarshalWithOptions([]Feed{f}, yaml.IndentSequence(false))
	if err != nil {
		return nil, fmt.Errorf("write feed: %w", err)
	}
	indent := "  "
	if items, err := feedNodes(path, text); err == nil && len(items) > 0 {
		// The dash stands two before the first key.
		column := mappingOf(items[0])[0].Key.GetToken().Position.Column
		indent = strings.Repeat(" ", max(column-3, 0))
	}
	out := bytes.Clone(text)
	if len(out) > 0 {
		out = ensureNewline(out)
	}
	if !hasFeedsKey(out) {
		out = append(out, "feeds:\n"...)
	}
	for line := range strings.Lines(string(entry)) {
		out = append(out, indent+line...)
	}
	return out, nil
}

func hasFeedsKey(text []byte) bool {
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("feeds:")) {
			return true
		}
	}
	return false
}

// editFeeds changes the file in one step: it is whole at any moment, and what
// comes out has to be readable.
func editFeeds(path string, edit func([]byte) ([]byte, error)) error {
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own file
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read feeds: %w", err)
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	next, err := edit(text)
	if err != nil {
		return err
	}
	if _, err := ParseFeeds(path, next); err != nil {
		return fmt.Errorf("change feeds: %s is written in a way that cannot be changed here: edit it by hand: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write feeds: %w", err)
	}
	return replaceFile(path, next, mode)
}

// replaceFile writes a file beside the old one, and puts it in its place.
func replaceFile(path string, text []byte, mode fs.FileMode) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link stays one
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write feeds: %w", err)
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
