package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
)

// everything stands for all rooms in the import table.
const everything = "*"

// mayImport is the import table of ARCHITECTURE.md. A folder belongs to the
// longest room that is a prefix of it; a room may always import itself. A
// folder without a room is a violation: name its one purpose first.
//
//nolint:gochecknoglobals // read-only table
var mayImport = map[string][]string{
	"api":                            nil,
	"client":                         {"api"},
	"internal/ioc":                   nil,
	"internal/fetch":                 nil,
	"internal/config":                nil,
	"internal/archtest":              nil,
	"internal/extract":               {"internal/ioc"},
	"internal/benign":                {"internal/ioc"},
	"internal/feed":                  {"internal/ioc"},
	"internal/store":                 {"internal/ioc"},
	"internal/store/sqlite":          {"internal/store", "internal/store/column", "internal/ioc"},
	"internal/store/column":          {"internal/store", "internal/ioc"},
	"internal/store/postgres":        {"internal/store", "internal/store/column", "internal/ioc"},
	"internal/store/postgres/pgtest": nil,
	"internal/store/storetest":       {"internal/store", "internal/ioc"},
	"internal/export":                {"internal/store", "internal/ioc"},
	"internal/index":                 {"internal/store", "internal/ioc"},
	"internal/search":                {"internal/store", "internal/index", "internal/ioc"},
	"internal/auth":                  {"internal/store"},
	"internal/lookup":                {"internal/search", "internal/store", "internal/benign", "internal/ioc"},
	"internal/ingest":                {"internal/fetch", "internal/feed", "internal/extract", "internal/benign", "internal/store", "internal/ioc"},
	"internal/web":                   webMayImport,
	"internal/server":                append([]string{"api", "internal/web"}, webMayImport...),
	"cmd":                            {everything},
}

//nolint:gochecknoglobals // read-only part of mayImport
var webMayImport = []string{
	"internal/auth", "internal/search", "internal/lookup", "internal/export", "internal/extract",
	"internal/ingest", "internal/benign", "internal/store", "internal/ioc",
}

// testsMayImport is what test files of every room may import beyond the table:
// the vocabulary to write their cases in, a real engine in place of a mock, the
// suite that engines share, and the client that drives a server from outside.
//
//nolint:gochecknoglobals // read-only table
var testsMayImport = []string{"internal/ioc", "internal/store/sqlite", "internal/store/postgres", "internal/store/postgres/pgtest", "internal/store/storetest", "client"}

// engines are the folders that may hold drivers and SQL. bench-load is no part
// of the product: it asks PostgreSQL the same questions, to compare.
//
//nolint:gochecknoglobals // read-only table
var engines = []string{"internal/store/sqlite", "internal/store/postgres", "cmd/bench-load"}

func TestImportTable(t *testing.T)        { enforce(t, importTable) }
func TestDriversInEngines(t *testing.T)   { enforce(t, driversInEngines) }
func TestSQLInEngines(t *testing.T)       { enforce(t, sqlInEngines) }
func TestHTTPRooms(t *testing.T)          { enforce(t, httpRooms) }
func TestEnvironmentRooms(t *testing.T)   { enforce(t, environmentRooms) }
func TestAPIStandardLibrary(t *testing.T) { enforce(t, apiStandardLibrary) }

// TestTableNamesRooms finds a right-hand side that names no room: a typing
// error there would forbid more than ARCHITECTURE.md says.
func TestTableNamesRooms(t *testing.T) {
	t.Parallel()
	for room, allowed := range mayImport {
		for _, a := range allowed {
			if _, known := mayImport[a]; a != everything && !known {
				t.Errorf("%s may import %s, which is no room of the table", room, a)
			}
		}
	}
}

func importTable(f *file) []string {
	room, known := roomOf(f.room)
	if !known {
		return []string{fmt.Sprintf("%s: %q is no room of the import table: add it with its purpose, here and in ARCHITECTURE.md", f.path, f.room)}
	}
	var bad []string
	for p, pos := range f.imports() {
		target, ours := strings.CutPrefix(p, module+"/")
		if !ours || allowed(room, target, f.test) {
			continue
		}
		bad = append(bad, fmt.Sprintf("%s: %s may not import %s", f.at(pos), room, target))
	}
	sort.Strings(bad)
	return bad
}

func allowed(room, target string, test bool) bool {
	to, known := roomOf(target)
	if !known {
		return false
	}
	if to == room || slices.Contains(mayImport[room], to) || slices.Contains(mayImport[room], everything) {
		return true
	}
	return test && slices.Contains(testsMayImport, to)
}

// roomOf returns the longest room of the table that holds the folder.
func roomOf(folder string) (room string, known bool) {
	for r := range mayImport {
		if within(folder, r) && len(r) > len(room) {
			room = r
		}
	}
	return room, room != ""
}

// within reports whether folder is the room or lies in it.
func within(folder, room string) bool {
	return folder == room || strings.HasPrefix(folder, room+"/")
}

func withinAny(folder string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return within(folder, r) })
}

func driversInEngines(f *file) []string {
	if withinAny(f.room, engines) {
		return nil
	}
	drivers := []string{"database/sql", "modernc.org/sqlite", "zombiezen.com/go/sqlite", "github.com/jackc/pgx", "github.com/pressly/goose"}
	var bad []string
	for p, pos := range f.imports() {
		if withinAny(p, drivers) {
			bad = append(bad, fmt.Sprintf("%s: driver %s outside an engine", f.at(pos), p))
		}
	}
	return bad
}

// statement recognises SQL by its upper-case keywords (house style 10).
var statement = regexp.MustCompile(`\bSELECT\s[\s\S]*\bFROM\b|\bINSERT\s+(OR\s+\w+\s+)?INTO\b|\bUPDATE\s+\w+\s+SET\b|\bDELETE\s+FROM\b|\bCREATE\s+(UNIQUE\s+)?(TABLE|INDEX)\b|\bPRAGMA\s+\w`)

func sqlInEngines(f *file) []string {
	// A test may well search for a text that looks like an attack.
	if f.test || withinAny(f.room, engines) {
		return nil
	}
	var bad []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if ok && lit.Kind == token.STRING && statement.MatchString(lit.Value) {
			bad = append(bad, fmt.Sprintf("%s: SQL outside an engine", f.at(lit.Pos())))
		}
		return true
	})
	return bad
}

func httpRooms(f *file) []string {
	speakers := []string{"internal/fetch", "internal/server", "internal/web", "client", "cmd"}
	if f.test || withinAny(f.room, speakers) {
		return nil
	}
	var bad []string
	for p, pos := range f.imports() {
		if within(p, "net/http") {
			bad = append(bad, fmt.Sprintf("%s: %s outside %s", f.at(pos), p, strings.Join(speakers, ", ")))
		}
	}
	return bad
}

// environmentRooms spares pgtest, which no part of the product imports: which
// server its tests use, and whether a missing one fails them, is said to the
// test command, which has no other ear.
func environmentRooms(f *file) []string {
	if f.test || withinAny(f.room, []string{"internal/config", "cmd", "internal/store/postgres/pgtest"}) {
		return nil
	}
	readers := []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}
	var bad []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if ok && (pkg.Name == "os" || pkg.Name == "syscall") && slices.Contains(readers, sel.Sel.Name) {
			bad = append(bad, fmt.Sprintf("%s: the environment is read only in config and cmd", f.at(sel.Pos())))
		}
		return true
	})
	return bad
}

// apiStandardLibrary keeps the wire contract free of dependencies, so that a
// client written against it inherits none.
func apiStandardLibrary(f *file) []string {
	if f.test || !within(f.room, "api") {
		return nil
	}
	var bad []string
	for p, pos := range f.imports() {
		first, _, _ := strings.Cut(p, "/")
		if strings.Contains(first, ".") {
			bad = append(bad, fmt.Sprintf("%s: api imports %s: standard library only", f.at(pos), p))
		}
	}
	return bad
}
