package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	module = "spoor"
	// root is the module's root as seen from this package.
	root = "../.."
)

// file is one parsed Go file of the module.
type file struct {
	path  string // slash-separated, from the module root
	room  string // folder of path
	test  bool
	lines int
	gen   bool // generated: exempt from rules of style
	ast   *ast.File
	fset  *token.FileSet
}

// at returns "path:line" of a node, as editors understand it.
func (f *file) at(p token.Pos) string {
	return f.fset.Position(p).String()
}

// imports returns the import paths of the file with the place of each.
func (f *file) imports() map[string]token.Pos {
	paths := make(map[string]token.Pos, len(f.ast.Imports))
	for _, spec := range f.ast.Imports {
		paths[strings.Trim(spec.Path.Value, `"`)] = spec.Pos()
	}
	return paths
}

// parse parses one source text under the given name.
func parse(name, src string) (*file, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &file{
		path: name, room: path.Dir(name),
		test:  strings.HasSuffix(name, "_test.go"),
		lines: strings.Count(src, "\n"),
		gen:   ast.IsGenerated(tree),
		ast:   tree, fset: fset,
	}, nil
}

// tree parses every Go file of the module, once for all tests.
//
//nolint:gochecknoglobals // memoised read-only input of every test
var tree = sync.OnceValues(func() ([]*file, error) {
	var files []*file
	err := walk(func(name string) error {
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		f, err := parse(name, string(src))
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
})

// walk calls visit with every file of the module tree, leaving out what the go
// command leaves out (testdata, names that begin with a dot or underscore) and
// the folders of build output.
func walk(visit func(name string) error) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			base := d.Name()
			if name != "." && (base == "testdata" || name == "bin" || name == "dist" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		return visit(name)
	})
}

func goFiles(t *testing.T) []*file {
	t.Helper()
	files, err := tree()
	if err != nil {
		t.Fatalf("parse module: %v", err)
	}
	if len(files) == 0 {
		t.Fatal("found no Go file: is the root right?")
	}
	return files
}

// rule finds what is wrong with one file; an empty slice means nothing.
type rule func(f *file) []string

// enforce applies the rule to the whole module.
func enforce(t *testing.T, check rule) {
	t.Helper()
	t.Parallel()
	for _, f := range goFiles(t) {
		for _, v := range check(f) {
			t.Error(v)
		}
	}
}
