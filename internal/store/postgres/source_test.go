package postgres

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// ours are the tables that a statement can walk.
func ours() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(?:FROM|JOIN|INTO|UPDATE|,) +(records|sightings|articles|facets|facet_labels|feeds|runs|accounts|api_keys|usage|usage_keys|leases|moves|clock|feed_states|allowed|writers)\b`)
}

// TestEveryStatementIsExplained reads the package's source: each statement in
// it on a table of ours is held to its plan, or is named here with the reason
// why not.
func TestEveryStatementIsExplained(t *testing.T) {
	t.Parallel()
	held := map[string]bool{}
	for _, st := range statements(t, nil) {
		held[st.sql] = true
	}
	exceptions := map[string]string{
		"candidateColumns":   "begins selectContaining and selectBeginning",
		"exactRecords":       "begins what byIndicator makes",
		"keyColumns":         "begins selectKeyByHash and selectKeys",
		"runColumns":         "begins selectRuns and selectRunsOfFeed",
		"selectStoreCounts":  "counts what is there, on purpose not by what was noted",
		"selectIsIndexed":    "Check switches other ways off: TestCheckFinds",
		"selectIdentities":   "Check reads all of it",
		"selectKeys":         "is asked for all keys",
		"list.go plan":       "TestListPlans",
		"check.go anonymous": "Check reads all of it",
	}
	used := map[string]bool{}
	for _, found := range sourceStatements(t) {
		if held[found.sql] || !ours().MatchString(found.sql) {
			continue
		}
		if exceptions[found.name] == "" {
			t.Errorf("%s: no test knows the plan of %s: add it to statements\n%s", found.at, found.name, found.sql)
		}
		used[found.name] = true
	}
	for name := range exceptions {
		if !used[name] {
			t.Errorf("the exception %s is not needed", name)
		}
	}
}

// sourced is a statement in the package's source.
type sourced struct{ name, sql, at string }

// sourceStatements returns all texts of the package that begin as statements
// do, constants put in where they are used.
func sourceStatements(t *testing.T) (all []sourced) {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	names, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	constants := map[string]ast.Expr{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i := range v.Values {
					constants[v.Names[i].Name] = v.Values[i]
				}
			}
			return true
		})
	}
	begins := regexp.MustCompile(`^\s*(?i:SELECT|INSERT|UPDATE|DELETE|WITH)\s`)
	for _, f := range files {
		file, function, name := set.File(f.Pos()).Name(), "", ""
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				function = n.Name.Name
			case *ast.ValueSpec:
				name = n.Names[0].Name
			case *ast.BlockStmt:
				name = ""
			case ast.Expr:
				text, ok := textOf(n, constants)
				if !ok || !begins.MatchString(text) {
					return true
				}
				if id, named := n.(*ast.Ident); named { // met where it is made
					_, known := constants[id.Name]
					return !known
				}
				at := cmp.Or(name, anonymous(file, function))
				all = append(all, sourced{name: at, sql: text, at: set.Position(n.Pos()).String()})
				return false
			}
			return true
		})
	}
	if len(all) < 50 {
		t.Fatalf("%d statements found", len(all))
	}
	return all
}

func anonymous(file, function string) string {
	if file == "check.go" {
		return file + " anonymous"
	}
	return file + " " + function
}

// textOf returns a text that an expression makes, with "…" for what is only
// known when it runs; false when it is none.
func textOf(e ast.Expr, constants map[string]ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		if value, known := constants[e.Name]; known && value != nil {
			return textOf(value, constants)
		}
	case *ast.ParenExpr:
		return textOf(e.X, constants)
	case *ast.BinaryExpr:
		left, ok := textOf(e.X, constants)
		if !ok || e.Op != token.ADD {
			return "", false
		}
		right, ok := textOf(e.Y, constants)
		if !ok {
			right = "…"
		}
		return left + right, true
	}
	return "", false
}
