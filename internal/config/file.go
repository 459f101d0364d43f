package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// decode lays a file's settings over c and returns the line of each setting
// that the file gives, by key. Nothing is changed when the file is not valid.
func decode(path string, text []byte, c *Config) (map[string]int, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, yamlError(path, err)
	}
	if len(file.Docs) > 1 {
		return nil, fmt.Errorf("%w: %s: a second document begins after ---: settings are one document", ErrInvalid, path)
	}
	lines := map[string]int{}
	if len(file.Docs) == 1 && file.Docs[0].Body != nil {
		if err := settingLines(path, file.Docs[0].Body, "", lines); err != nil {
			return nil, err
		}
	}
	if len(lines) == 0 { // the library would take "nothing" for the zero value
		return lines, nil
	}
	next := *c
	if err := yaml.UnmarshalWithOptions(text, &next, yaml.Strict()); err != nil {
		return nil, valueError(path, err, lines)
	}
	*c = next
	return lines, nil
}

// settingLines walks the mapping at node, whose keys begin with prefix, and
// refuses what is no setting: a misspelt name must never be passed over.
func settingLines(path string, node ast.Node, prefix string, lines map[string]int) error {
	var pairs []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	case *ast.CommentGroupNode:
		return nil
	default:
		return fmt.Errorf("%w: %s:%d: expected settings as name: value", ErrInvalid, path, node.GetToken().Position.Line)
	}
	for _, p := range pairs {
		key := prefix + p.Key.GetToken().Value
		line := p.Key.GetToken().Position.Line
		switch {
		case isGroup(key):
			if _, empty := p.Value.(*ast.NullNode); empty {
				return fmt.Errorf("%w: %s:%d: %s has no settings below it: fill it in or remove the line", ErrInvalid, path, line, key)
			}
			if err := settingLines(path, p.Value, key+".", lines); err != nil {
				return err
			}
		case isSetting(key):
			lines[key] = line
		default:
			return fmt.Errorf("%w: %s:%d: unknown setting %q%s", ErrInvalid, path, line, key, suggestion(key))
		}
	}
	return nil
}

func isSetting(key string) bool {
	for _, s := range Settings() {
		if s.Key == key {
			return true
		}
	}
	return false
}

func isGroup(key string) bool {
	for _, s := range Settings() {
		if strings.HasPrefix(s.Key, key+".") {
			return true
		}
	}
	return false
}

func suggestion(key string) string {
	names := make([]string, 0, 64)
	for _, s := range Settings() {
		names = append(names, s.Key)
	}
	if near := nearest(key, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; 'spoor config' lists all settings"
}

// yamlError turns the library's error, which comes with an excerpt of the
// file, into one line: the excerpt may hold a secret.
func yamlError(path string, err error) error {
	var y yaml.Error
	if !errors.As(err, &y) {
		return fmt.Errorf("%w: %s: %w", ErrInvalid, path, err)
	}
	line := 0
	if t := y.GetToken(); t != nil && t.Position != nil {
		line = t.Position.Line
	}
	return fmt.Errorf("%w: %s:%d: %s", ErrInvalid, path, line, y.GetMessage())
}

// valueError is yamlError for a value of the wrong kind, which the library
// tells in words of Go: it names the setting that stands on that line.
func valueError(path string, err error, lines map[string]int) error {
	var y *yaml.TypeError
	if !errors.As(err, &y) || y.GetToken() == nil || y.GetToken().Position == nil {
		return yamlError(path, err)
	}
	line := y.GetToken().Position.Line
	for _, s := range Settings() {
		if lines[s.Key] == line {
			return fmt.Errorf("%w: %s:%d: %s is no %s", ErrInvalid, path, line, s.Key, expected(s.Kind))
		}
	}
	return yamlError(path, err)
}

// nearest returns the candidate that is at most two slips away from name, or
// "". One slip is a letter too many, too few, or another one.
func nearest(name string, candidates []string) string {
	best, at := "", 3
	for _, c := range candidates {
		if d := distance(name, c); d < at {
			best, at = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance, in bytes: the names are ASCII.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
