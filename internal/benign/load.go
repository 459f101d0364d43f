package benign

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what Load reads; the lists of the MISP project come to 136 files,
// 14 MB and 440,000 entries, the largest file to 2 MB.
const (
	maxFiles     = 4096
	maxFileBytes = 64 << 20
	maxAllBytes  = 512 << 20
)

var (
	errNoLists   = errors.New("no warning list there: want DIR/NAME/list.json, DIR/lists/NAME/list.json or DIR/NAME.json")
	errSameName  = errors.New("another list has that name")
	errSize      = fmt.Errorf("larger than %d MB", maxFileBytes>>20)
	errAllSizes  = fmt.Errorf("all lists together are larger than %d MB", maxAllBytes>>20)
	errNoList    = errors.New("no warning list: it has no entries under \"list\"")
	errType      = errors.New("type is none of string, substring, hostname, cidr, regex")
	errAbout     = errors.New("about no type of indicator that is kept here")
	errIrregular = errors.New("no regular file")
)

// Options are what an operator may say about lists.
type Options struct {
	// Strengths replaces the strength that a list has by our own judgement, by
	// the list's name.
	Strengths map[string]Strength
}

// Load reads the warning lists below dir, in the layout of the MISP project
// (DIR/lists/NAME/list.json) or flat (DIR/NAME/list.json, DIR/NAME.json). What
// cannot be read or used costs that entry or that list and is in the report.
// An error means that dir holds no list at all, or that ctx ended.
func Load(ctx context.Context, dir string, options Options) (*Lists, Report, error) {
	files, err := listFiles(dir)
	if err != nil {
		return nil, Report{}, fmt.Errorf("read warning lists: %w", err)
	}
	b := newBuilder()
	var report Report
	budget, last := int64(maxAllBytes), ""
	for _, f := range files {
		l := ListReport{Name: f.name}
		if f.name == last {
			l.Err = errSameName
		} else {
			l.Err = loadFile(ctx, b, f, options, &l, &budget)
		}
		if err := ctx.Err(); err != nil {
			return nil, Report{}, fmt.Errorf("read warning lists: %w", err)
		}
		last = f.name
		report.Lists = append(report.Lists, l)
	}
	if report.Loaded() == 0 {
		err := errNoLists
		if len(report.Lists) > 0 {
			err = fmt.Errorf("%s: %w", report.Lists[0].Name, report.Lists[0].Err)
		}
		return nil, report, fmt.Errorf("read warning lists in %s: %w", dir, err)
	}
	return &Lists{base: b.layer()}, report, nil
}

// file is where a list is, and its name.
type file struct{ path, name string }

// listFiles finds the files of dir that should be lists, by name. It looks two
// folders deep and no further.
func listFiles(dir string) ([]file, error) {
	var files []file
	for _, folder := range []string{dir, filepath.Join(dir, "lists")} {
		entries, err := os.ReadDir(folder)
		if err != nil && (folder == dir || !errors.Is(err, fs.ErrNotExist)) {
			return nil, err
		}
		for _, e := range entries {
			path := filepath.Join(folder, e.Name())
			name, ok := strings.CutSuffix(e.Name(), ".json")
			switch {
			case ok && folder == dir && name == "list":
				files = append(files, file{path, filepath.Base(dir)})
			case ok && folder == dir:
				files = append(files, file{path, name})
			default:
				inner := filepath.Join(path, "list.json")
				if _, err := os.Stat(inner); err == nil {
					files = append(files, file{inner, e.Name()})
				}
			}
			if len(files) > maxFiles {
				return nil, fmt.Errorf("%s holds more than %d lists", dir, maxFiles)
			}
		}
	}
	slices.SortStableFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return files, nil
}

// document is a warning list as MISP writes it.
type document struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Entries  []string `json:"list"`
	Matching []string `json:"matching_attributes"`
}

// loadFile reads one list and compiles it. An error leaves the builder as it
// was.
func loadFile(ctx context.Context, b *builder, f file, options Options, l *ListReport, budget *int64) error {
	doc, err := readDocument(f.path, budget)
	if err != nil {
		return err
	}
	l.Title = oneLine(doc.Name, maxEntryShown)
	if l.Title == "" {
		l.Title = f.name
	}
	c := compiler{b: b, report: l, types: typesOf(doc.Matching), class: classify(f.name, doc.Name)}
	if c.types == 0 {
		return errAbout
	}
	if s, ok := options.Strengths[f.name]; ok {
		c.class.strength = s
	}
	read, ok := c.reader(doc.Type)
	if !ok {
		return fmt.Errorf("%w: %q", errType, oneLine(doc.Type, maxEntryShown))
	}
	says := fmt.Sprintf("is on %q", l.Title)
	if c.class.says != "" {
		says += ": " + c.class.says
	}
	b.begin(list{name: f.name, says: says, strength: c.class.strength, across: c.class.across})
	if err := c.compile(ctx, doc.Entries, read); err != nil {
		return err
	}
	l.Strength = c.class.strength
	return nil
}

// readDocument reads a file within what is left of the budget. Entries that
// are no strings come back empty.
func readDocument(path string, budget *int64) (document, error) {
	var doc document
	file, err := os.Open(path)
	if err != nil {
		return doc, fmt.Errorf("open list: %w", err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	info, err := file.Stat()
	if err != nil {
		return doc, fmt.Errorf("read list: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return doc, errIrregular
	case info.Size() > maxFileBytes:
		return doc, errSize
	case info.Size() > *budget:
		return doc, errAllSizes
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return doc, fmt.Errorf("read list: %w", err)
	}
	if len(text) > maxFileBytes {
		return doc, errSize
	}
	*budget -= int64(len(text))
	return parseDocument(text)
}

func parseDocument(text []byte) (document, error) {
	var doc document
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(text, &doc); err != nil && !errors.As(err, &wrong) {
		return doc, fmt.Errorf("read list: %w", err)
	}
	if len(doc.Entries) == 0 {
		return doc, errNoList
	}
	return doc, nil
}
