package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	maxFunctionLines = 80
	maxFileLines     = 600
)

func TestNoInit(t *testing.T)           { enforce(t, noInit) }
func TestFunctionLength(t *testing.T)   { enforce(t, functionLength) }
func TestFileLength(t *testing.T)       { enforce(t, fileLength) }
func TestPackageNames(t *testing.T)     { enforce(t, packageNames) }
func TestExportedComments(t *testing.T) { enforce(t, exportedComments) }
func TestErrorTexts(t *testing.T)       { enforce(t, errorTexts) }
func TestOpenWorkHasIssue(t *testing.T) { enforce(t, openWorkHasIssue) }

// TestPackageDocs wants one package comment a package, in any of its files.
func TestPackageDocs(t *testing.T) {
	t.Parallel()
	for _, v := range undocumented(goFiles(t)) {
		t.Error(v)
	}
}

func undocumented(files []*file) []string {
	documented := map[string]bool{}
	for _, f := range files {
		if !f.test {
			documented[f.room] = documented[f.room] || f.ast.Doc != nil
		}
	}
	var bad []string
	for room, ok := range documented {
		if !ok {
			bad = append(bad, room+": no package comment: say its purpose and what it does not do")
		}
	}
	slices.Sort(bad)
	return bad
}

func noInit(f *file) []string {
	var bad []string
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			bad = append(bad, fmt.Sprintf("%s: init: pass dependencies instead", f.at(fn.Pos())))
		}
	}
	return bad
}

// functionLength leaves tests out: a table of cases is data, not flow.
func functionLength(f *file) []string {
	if f.test || f.gen {
		return nil
	}
	var bad []string
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1; n > maxFunctionLines {
			bad = append(bad, fmt.Sprintf("%s: %s has %d lines, more than %d", f.at(fn.Pos()), fn.Name.Name, n, maxFunctionLines))
		}
	}
	return bad
}

func fileLength(f *file) []string {
	if f.gen || f.lines <= maxFileLines {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d lines, more than %d: which two ideas live in it?", f.path, f.lines, maxFileLines)}
}

func packageNames(f *file) []string {
	vague := []string{"util", "utils", "common", "helper", "helpers", "model", "models", "types", "pkg", "misc", "base", "shared", "lib"}
	name := strings.TrimSuffix(f.ast.Name.Name, "_test")
	for _, n := range []string{name, path.Base(f.room)} {
		if slices.Contains(vague, n) {
			return []string{fmt.Sprintf("%s: package %q says nothing: name what one gets", f.path, n)}
		}
	}
	if strings.ToLower(name) != name || strings.Contains(name, "_") {
		return []string{fmt.Sprintf("%s: package %q is not one lower-case word", f.path, name)}
	}
	return nil
}

// exportedComments wants a comment on every exported name: on the declaration
// or, for constants and variables, on the group or at the end of the line.
func exportedComments(f *file) []string {
	if f.test || f.gen {
		return nil
	}
	var bad []string
	missing := func(id *ast.Ident) {
		bad = append(bad, fmt.Sprintf("%s: exported %s has no comment", f.at(id.Pos()), id.Name))
	}
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
				missing(d.Name)
			}
		case *ast.GenDecl:
			for _, id := range uncommented(d) {
				missing(id)
			}
		}
	}
	return bad
}

func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return true
	}
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// uncommented returns the exported names of the declaration that no comment
// covers. A comment on a group of types does not speak for each of them.
func uncommented(d *ast.GenDecl) []*ast.Ident {
	var names []*ast.Ident
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			alone := !d.Lparen.IsValid() && d.Doc != nil
			if s.Name.IsExported() && s.Doc == nil && s.Comment == nil && !alone {
				names = append(names, s.Name)
			}
		case *ast.ValueSpec:
			if d.Doc != nil || s.Doc != nil || s.Comment != nil {
				continue
			}
			for _, id := range s.Names {
				if id.IsExported() {
					names = append(names, id)
				}
			}
		}
	}
	return names
}

// errorTexts keeps error texts to "verb object: cause": a chain of "failed to"
// repeats at every layer what the word error already said.
func errorTexts(f *file) []string {
	if f.test || f.gen {
		return nil
	}
	var bad []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		name := calleeName(call)
		lit, ok := call.Args[0].(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || name != "errors.New" && name != "fmt.Errorf" {
			return true
		}
		text := strings.Trim(lit.Value, "\"`")
		switch {
		case strings.Contains(text, "failed to"):
			bad = append(bad, fmt.Sprintf("%s: error text %q: verb, object, cause, without \"failed to\"", f.at(lit.Pos()), text))
		case strings.HasSuffix(text, ".") || strings.HasSuffix(text, `\n`):
			bad = append(bad, fmt.Sprintf("%s: error text %q ends like a sentence", f.at(lit.Pos()), text))
		}
		return true
	})
	return bad
}

func calleeName(call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return pkg.Name + "." + sel.Sel.Name
}

var (
	openWork  = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	withIssue = regexp.MustCompile(`\b(TODO|FIXME|XXX)\(#\d+\)`)
)

func openWorkHasIssue(f *file) []string {
	var bad []string
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			if openWork.MatchString(c.Text) && !withIssue.MatchString(c.Text) {
				bad = append(bad, fmt.Sprintf("%s: open work without an issue number", f.at(c.Pos())))
			}
		}
	}
	return bad
}
