package postgres

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"spoor/internal/store"
	"spoor/internal/store/postgres/pgtest"
)

var update = flag.Bool("update", false, "write golden files anew") //nolint:gochecknoglobals // a flag

// rowsOf reads rows of texts.
func rowsOf(t *testing.T, c *pgx.Conn, sql string, args ...any) (all [][]string) {
	t.Helper()
	rows, err := c.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	all, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) ([]string, error) {
		one := make([]string, len(r.FieldDescriptions()))
		dest := make([]any, len(one))
		for i := range one {
			dest[i] = &one[i]
		}
		return one, r.Scan(dest...)
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return all
}

const (
	tablesOfSchema  = `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname NOT LIKE 'goose%' AND relname <> 'spoor_migration_lock' ORDER BY 1`
	columnsOfTable  = `SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attcollation <> y.typcollation THEN ' COLLATE ' || quote_ident(l.collname) ELSE '' END, CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`
	limitsOfTable   = `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::text::regclass AND contype <> 'n' ORDER BY contype DESC, conname`
	indexesOfTable  = `SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1::text::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) ORDER BY c.relname`
	othersOfSchema  = `SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal UNION ALL SELECT 'sequence ' || relname FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace AND relname NOT LIKE 'goose%' UNION ALL SELECT 'view ' || relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace UNION ALL SELECT 'generated column ' || attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attgenerated <> '' AND c.relnamespace = 'public'::regnamespace`
	extensionsThere = `SELECT extname::text FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1`
)

// dump writes what is in the database, for people to read.
func dump(t *testing.T, c *pgx.Conn) string {
	t.Helper()
	var b strings.Builder
	for _, x := range rowsOf(t, c, extensionsThere) {
		fmt.Fprintf(&b, "\nCREATE EXTENSION %s;\n", x[0])
	}
	for _, table := range rowsOf(t, c, tablesOfSchema) {
		var lines []string
		for _, f := range rowsOf(t, c, columnsOfTable, table[0]) {
			lines = append(lines, f[0]+" "+strings.Join(f[1:], ""))
		}
		for _, f := range rowsOf(t, c, limitsOfTable, table[0]) {
			lines = append(lines, f[0])
		}
		fmt.Fprintf(&b, "\nCREATE TABLE %s (\n    %s\n);\n", table[0], strings.Join(lines, ",\n    "))
		for _, x := range rowsOf(t, c, indexesOfTable, table[0]) {
			b.WriteString(strings.ReplaceAll(x[0], "public.", "") + ";\n")
		}
	}
	return b.String()
}

// TestSchemaDump keeps schema.sql what the migrations make, for people to read.
func TestSchemaDump(t *testing.T) {
	t.Parallel()
	got := "-- What the migrations make. Written by go test ./internal/store/postgres -run SchemaDump -update.\n" + dump(t, connect(t, openTest(t)))
	if *update {
		if err := os.WriteFile("schema.sql", []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, string(want)); diff != "" {
		t.Errorf("schema.sql is not what the migrations make (-made +file), run with -update:\n%s", diff)
	}
}

// TestPlainSchema: nothing in it does anything by itself, and no text is
// compared by the rules of a language.
func TestPlainSchema(t *testing.T) {
	t.Parallel()
	c := connect(t, openTest(t))
	for _, other := range rowsOf(t, c, othersOfSchema) {
		t.Errorf("there is a %s", other[0])
	}
	const byLanguage = `SELECT i.indexrelid::regclass::text || ', column ' || k.n FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid, unnest(i.indcollation) WITH ORDINALITY AS k (rules, n)
		WHERE c.relnamespace = 'public'::regnamespace AND k.rules NOT IN (0, (SELECT oid FROM pg_collation WHERE collname = 'C'))`
	for _, index := range rowsOf(t, c, byLanguage) {
		t.Errorf("index %s is not in the order of bytes", index[0])
	}
}

// pieces are the tables that another engine may cut into pieces, each with the
// column to cut by. The others are small, and copied whole.
func pieces() map[string]string {
	return map[string]string{
		"records": "indicator_id", "sightings": "indicator_id",
		"articles": "id", "feeds": "id", "facets": "id", "runs": "id", "accounts": "id",
		"api_keys": "hash", "usage": "key_id", "usage_keys": "key_id", "leases": "name",
		"facet_labels": "facet_id", "clock": "id", "moves": "id", "feed_states": "feed", "allowed": "value", "writers": "id",
	}
}

// TestUniqueByPiece: every rule of uniqueness can be kept by one piece of its
// table alone, and each table has a primary key.
func TestUniqueByPiece(t *testing.T) {
	t.Parallel()
	c := connect(t, openTest(t))
	for _, table := range rowsOf(t, c, tablesOfSchema) {
		if pieces()[table[0]] == "" {
			t.Errorf("what is table %s cut by?", table[0])
		}
	}
	const unique = `SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, i.indisprimary::text,
		(SELECT string_agg(a.attname, ' ' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum)
		FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace`
	primary := map[string]bool{}
	for _, f := range rowsOf(t, c, unique) {
		table, index, columns := f[0], f[1], strings.Fields(f[3])
		by, known := pieces()[table]
		if !known {
			continue // the migration library's
		}
		primary[table] = primary[table] || f[2] == "true"
		found := false
		for _, column := range columns {
			found = found || column == by
		}
		if !found {
			t.Errorf("%s, unique over %v, lacks %s, by which %s is cut", index, columns, by, table)
		}
	}
	for table := range pieces() {
		if !primary[table] {
			t.Errorf("%s has no primary key", table)
		}
	}
}

// migrationFiles returns the migrations' texts by file.
func migrationFiles(t *testing.T) map[string]string {
	t.Helper()
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d migrations: %v", len(names), err)
	}
	all := map[string]string{}
	for _, name := range names {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	return all
}

// statementOf returns a migration without its comments.
func statementOf(text string) string {
	return strings.TrimSpace(regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(text, ""))
}

// TestMigrationFiles: each is one statement, outside a transaction, that may be
// run again.
func TestMigrationFiles(t *testing.T) {
	t.Parallel()
	again := regexp.MustCompile(`^(CREATE (EXTENSION|TABLE|INDEX|UNIQUE INDEX)( CONCURRENTLY)? IF NOT EXISTS |DROP (TABLE|INDEX)( CONCURRENTLY)? IF EXISTS |ALTER TABLE (IF EXISTS )?\w+ (ADD COLUMN IF NOT EXISTS|DROP COLUMN IF EXISTS|ALTER COLUMN \w+ SET|SET) |ALTER INDEX (IF EXISTS )?\w+ SET |INSERT INTO [^;]+ ON CONFLICT \([^)]+\) DO NOTHING;$|UPDATE )`)
	for name, text := range migrationFiles(t) {
		if !strings.HasPrefix(text, "-- +goose NO TRANSACTION\n-- +goose Up\n") {
			t.Errorf("%s does not begin with NO TRANSACTION and Up", name)
		}
		if strings.Contains(text, "+goose Down") {
			t.Errorf("%s goes back", name)
		}
		sql := statementOf(text)
		if strings.Count(sql, ";") != 1 || !strings.HasSuffix(sql, ";") {
			t.Errorf("%s is not one statement", name)
		}
		if !again.MatchString(sql) {
			t.Errorf("%s may not be run again:\n%s", name, sql)
		}
	}
}

// TestMigrateTwice runs all migrations once more over a store that is in use:
// an engine that changes a schema in steps may have to.
func TestMigrateTwice(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	if _, err := startRun(t, s).Write(t.Context(), domains(10, 0)); err != nil {
		t.Fatal(err)
	}
	c := connect(t, s)
	before := dump(t, c)
	if _, err := c.Exec(t.Context(), `DELETE FROM goose_db_version WHERE version_id > 0`); err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), s.primary.pool.Config().ConnConfig, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dump(t, c), before); diff != "" {
		t.Errorf("schema (-after +before):\n%s", diff)
	}
	if got := count(t, s); got != 10 {
		t.Errorf("%d records, want 10", got)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOpenTogether starts several on one new database: all get a whole schema.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := Open(context.Background(), Options{DSN: dsn})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Check(context.Background()); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestOpenExisting: who looks for a store makes none.
func TestOpenExisting(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	if _, err := Open(t.Context(), Options{DSN: dsn, Existing: true}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("open what is not there: %v, want ErrNotFound", err)
	}
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if made := rowsOf(t, c, `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace`); len(made) > 0 {
		t.Errorf("it made %v", made)
	}
}
