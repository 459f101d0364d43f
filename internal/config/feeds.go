package config

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Feed is one source of the feeds file. The doc tags are its reference. What a
// feed of the built-in catalogue does not set here stays as it is there.
type Feed struct {
	Name       string        `yaml:"name" doc:"name of the feed on the command line and here; of one of the built-in catalogue to change that"`
	Title      string        `yaml:"title,omitempty" doc:"name of the feed in records and answers of the API; the name when not set"`
	URL        string        `yaml:"url,omitempty" doc:"where it is: https://, http://, or file:// below feeds.root, which may be a folder"`
	Enabled    *bool         `yaml:"enabled,omitempty" doc:"false keeps it from being run; by default true, unless it needs a key that is not there"`
	Category   string        `yaml:"category,omitempty" doc:"kind of source, as in the API; community when not set"`
	Format     string        `yaml:"format,omitempty" doc:"how it is read, see docs/feeds.md; recognised when not set"`
	Interval   time.Duration `yaml:"interval,omitempty" doc:"time between two runs; 1h when not set"`
	Confidence string        `yaml:"confidence,omitempty" doc:"standing of the source, high, medium or low: what its values are worth when it does not say; medium when not set"`
	TLP        string        `yaml:"tlp,omitempty" doc:"marking of what carries none of its own; clear when not set"`
	Tags       []string      `yaml:"tags,omitempty" doc:"tags for all its records"`
	Industries []string      `yaml:"industries,omitempty" doc:"sectors that it is about, for all its records"`
	Pages      string        `yaml:"pages,omitempty" doc:"when the pages that a news feed announces are fetched: auto (only a teaser is there), always, never"`
	MaxChange  float64       `yaml:"max_change,omitempty" doc:"factor by which a copy may shrink or grow before it is held; 5 when not set, -1 for any"`
	KeyHeader  string        `yaml:"key_header,omitempty" doc:"header that carries the feed's key"`
	KeyEnv     string        `yaml:"key_env,omitempty" doc:"environment variable that holds the key"`
	KeyFile    string        `yaml:"key_file,omitempty" doc:"file that holds the key"`
	NeedsKey   bool          `yaml:"needs_key,omitempty" doc:"it gives nothing without a key: it is not run before there is one"`
	About      string        `yaml:"about,omitempty" doc:"what it is, for people"`
}

// On reports whether the feed is to run, and why not.
func (f Feed) On(key string) (on bool, why string) {
	switch {
	case f.Enabled != nil && !*f.Enabled:
		return false, "disabled"
	case f.NeedsKey && key == "" && f.KeyEnv != "":
		return false, "needs a key: set " + f.KeyEnv
	case f.NeedsKey && key == "":
		return false, "needs a key: set key_env or key_file"
	}
	return true, ""
}

// Key reads the feed's key from where it is; empty when there is none.
func (f Feed) Key(getenv func(string) string) (string, error) {
	if f.KeyFile != "" {
		text, err := os.ReadFile(f.KeyFile)
		if err != nil {
			return "", fmt.Errorf("read key of feed %q: %w", f.Name, err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	if f.KeyEnv == "" {
		return "", nil
	}
	return strings.TrimSpace(getenv(f.KeyEnv)), nil
}

//go:embed catalogue.yaml
var catalogueText []byte

// Catalogue returns the built-in feeds.
func Catalogue() []Feed {
	feeds, err := ParseFeeds("catalogue.yaml", catalogueText)
	if err != nil {
		panic("config: built-in catalogue: " + err.Error()) // a test parses it
	}
	return feeds
}

// maxFeedsFile bounds the feeds file.
const maxFeedsFile = 4 << 20

// LoadFeeds reads the feeds file, which need not be there, and lays it over the
// catalogue, if that is wanted: feeds in the order of the catalogue, then of
// the file. A feed of the catalogue that the file names is there in any case. Its errors are ErrInvalid, or say why the file cannot be read.
func LoadFeeds(path string, catalogue bool) ([]Feed, error) {
	known := Catalogue()
	var all []Feed
	if catalogue {
		all = known
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own file
	if errors.Is(err, fs.ErrNotExist) || path == "" {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read feeds: %w", err)
	}
	if len(text) > maxFeedsFile {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrInvalid, path, maxFeedsFile)
	}
	own, err := ParseFeeds(path, text)
	if err != nil {
		return nil, err
	}
	return overlay(path, all, known, own)
}

// NearestFeed returns the name of the feed that a mistyped name was meant to
// be, or an empty text.
func NearestFeed(name string, feeds []Feed) string {
	var names []string
	for _, f := range feeds {
		names = append(names, f.Name)
	}
	return nearest(name, names)
}

// ParseFeeds reads a feeds file: one mapping with the list "feeds". Its errors
// are ErrInvalid and name the line.
func ParseFeeds(path string, text []byte) ([]Feed, error) {
	items, err := feedNodes(path, text)
	if err != nil || len(items) == 0 {
		return nil, err
	}
	var file struct {
		Feeds []Feed `yaml:"feeds"`
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return nil, yamlError(path, err)
	}
	seen := map[string]bool{}
	for i, f := range file.Feeds {
		line := items[i].GetToken().Position.Line
		if f.Name == "" {
			return nil, fmt.Errorf("%w: %s:%d: the feed has no name", ErrInvalid, path, line)
		}
		if seen[f.Name] {
			return nil, fmt.Errorf("%w: %s:%d: feed %q is there twice", ErrInvalid, path, line, f.Name)
		}
		seen[f.Name] = true
		if err := f.Check(); err != nil {
			return nil, fmt.Errorf("%w: %s:%d: feed %q: %w", ErrInvalid, path, line, f.Name, err)
		}
	}
	return file.Feeds, nil
}

// feedNodes returns the entries of a feeds file, whose keys are all known.
func feedNodes(path string, text []byte) ([]ast.Node, error) {
	list, err := feedList(path, text)
	if err != nil || list == nil {
		return nil, err
	}
	for _, item := range list.Values {
		for _, p := range mappingOf(item) {
			key := p.Key.GetToken().Value
			if !slices.ContainsFunc(FeedSettings(), func(s Setting) bool { return s.Key == key }) {
				return nil, fmt.Errorf("%w: %s:%d: unknown setting %q%s", ErrInvalid, path, p.Key.GetToken().Position.Line, key, feedSuggestion(key))
			}
		}
	}
	return list.Values, nil
}

// feedList returns the list of a feeds file; nil when there is none.
func feedList(path string, text []byte) (*ast.SequenceNode, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, yamlError(path, err)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, nil
	}
	if len(file.Docs) > 1 {
		return nil, fmt.Errorf("%w: %s: a second document begins after ---: feeds are one document", ErrInvalid, path)
	}
	var list *ast.SequenceNode
	for _, p := range mappingOf(file.Docs[0].Body) {
		if p.Key.GetToken().Value != "feeds" {
			return nil, fmt.Errorf("%w: %s:%d: unknown word %q: the file holds one list, feeds", ErrInvalid, path, p.Key.GetToken().Position.Line, p.Key.GetToken().Value)
		}
		switch v := p.Value.(type) {
		case *ast.SequenceNode:
			list = v
		case *ast.NullNode:
			return nil, nil
		}
	}
	if list == nil {
		if _, comments := file.Docs[0].Body.(*ast.CommentGroupNode); comments {
			return nil, nil
		}
		return nil, fmt.Errorf("%w: %s: expected a list named feeds", ErrInvalid, path)
	}
	return list, nil
}

func mappingOf(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func feedSuggestion(key string) string {
	var names []string
	for _, s := range FeedSettings() {
		names = append(names, s.Key)
	}
	if near := nearest(key, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; a feed has: " + strings.Join(names, ", ")
}

// Check says what cannot be meant, as far as that needs no knowledge of feeds.
func (f Feed) Check() error {
	oneOf := func(what, value string, allowed ...string) error {
		if value != "" && !slices.Contains(allowed, value) {
			return fmt.Errorf("%s is %q: use one of %s", what, value, strings.Join(allowed, ", "))
		}
		return nil
	}
	switch {
	case f.KeyEnv != "" && f.KeyFile != "":
		return errors.New("key_env and key_file are both set: use one")
	case f.URL != "" && (f.KeyEnv != "" || f.KeyFile != "") && f.KeyHeader == "":
		return errors.New("key_header is not set: which header carries the key?")
	case hasPassword(f.URL):
		return errors.New("url holds a user or password: put the key into key_file or key_env, and its header into key_header")
	case f.Interval < 0:
		return errors.New("interval is negative")
	case strings.ContainsAny(f.KeyHeader, " :\r\n\t"):
		return errors.New("key_header is no name of a header")
	}
	return errors.Join(
		oneOf("confidence", f.Confidence, "low", "medium", "high"),
		oneOf("tlp", f.TLP, "clear", "green", "amber", "amber+strict", "red"),
		oneOf("pages", f.Pages, "auto", "always", "never"))
}

// hasPassword reports whether an address carries who asks, which every log and
// list would show.
func hasPassword(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.User != nil
}

// overlay puts the operator's feeds over those that run without being named.
// One without a url is meant to be that of the catalogue, which knows it.
func overlay(path string, base, known, own []Feed) ([]Feed, error) {
	all := slices.Clone(base)
	for _, f := range own {
		named := func(b Feed) bool { return b.Name == f.Name }
		if i := slices.IndexFunc(all, named); i >= 0 {
			all[i] = Over(all[i], f)
			continue
		}
		if i := slices.IndexFunc(known, named); i >= 0 && f.URL == "" {
			f = Over(known[i], f)
		}
		if f.URL == "" {
			return nil, fmt.Errorf("%w: %s: feed %q has no url, and the catalogue has no feed of that name", ErrInvalid, path, f.Name)
		}
		all = append(all, f)
	}
	shown := map[string]string{}
	for _, f := range all {
		if err := f.Check(); err != nil { // now that it is whole
			return nil, fmt.Errorf("%w: %s: feed %q: %w", ErrInvalid, path, f.Name, err)
		}
		title := cmp.Or(f.Title, f.Name)
		if other, twice := shown[title]; twice {
			return nil, fmt.Errorf("%w: %s: feeds %q and %q would both be %q in records: give one another title", ErrInvalid, path, other, f.Name, title)
		}
		shown[title] = f.Name
	}
	return all, nil
}
