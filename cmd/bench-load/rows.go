package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// The tables of the PostgreSQL side: what section "PostgreSQL" of
// docs/storage.md describes, with the columns that an answer needs.
const (
	createArticles = `CREATE TABLE articles (
	id bigint PRIMARY KEY, uuid uuid NOT NULL, feed_id int NOT NULL, title text NOT NULL, url text NOT NULL, details text NOT NULL)`
	createRecords = `CREATE TABLE records (
	rid bigint PRIMARY KEY, id uuid NOT NULL, type smallint NOT NULL, key text COLLATE "C" NOT NULL, value text,
	confidence smallint NOT NULL, origin smallint NOT NULL, tlp smallint NOT NULL, feed_id int NOT NULL, article_id bigint NOT NULL,
	first_seen timestamptz NOT NULL, last_seen timestamptz NOT NULL, added_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
	seq bigint NOT NULL, labels text NOT NULL, ports text, context text)`
)

// recordIndexes are the documented ones.
func recordIndexes() []string {
	return []string{
		`CREATE INDEX ON records (key, type, feed_id, article_id)`,
		`CREATE INDEX ON records (article_id) WHERE article_id <> 0`,
		`CREATE INDEX ON records (updated_at, seq)`,
		`CREATE INDEX ON records USING gin (key gin_trgm_ops)`,
	}
}

const (
	selectRecords = `SELECT r.rid, r.id, f.type, r.key, r.value, f.confidence, f.origin, f.tlp, f.feed_id, r.article_id,
	datetime(r.first_seen, 'unixepoch') || 'Z', datetime(r.last_seen, 'unixepoch') || 'Z',
	datetime(r.added_at, 'unixepoch') || 'Z', datetime(r.updated_at, 'unixepoch') || 'Z', r.seq, f.labels, r.ports, r.context
	FROM records r JOIN facets f ON f.id = r.facet_id ORDER BY r.rid`
	selectArticles = `SELECT id, uuid, feed_id, title, url, details FROM articles ORDER BY id`
)

// dump writes the rows of the store as PostgreSQL's COPY reads them and
// returns their number. Writing them is no part of what is timed.
func dump(storePath, query, to string) (rows int64, err error) {
	file, err := os.Create(filepath.Clean(to))
	if err != nil {
		return 0, fmt.Errorf("dump rows: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	conn, err := sqlite.OpenConn(storePath, sqlite.OpenReadOnly)
	if err != nil {
		return 0, fmt.Errorf("dump rows: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	out := bufio.NewWriterSize(file, 1<<20)
	err = sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		rows++
		return copyLine(out, st)
	}})
	if err != nil {
		return 0, fmt.Errorf("dump rows: %w", err)
	}
	return rows, out.Flush()
}

// copyLine writes a row in COPY's text format: tabs between columns, \N for
// NULL, backslash before what is special.
func copyLine(out *bufio.Writer, st *sqlite.Stmt) error {
	for i := range st.ColumnCount() {
		if i > 0 {
			_ = out.WriteByte('\t')
		}
		switch st.ColumnType(i) {
		case sqlite.TypeNull:
			_, _ = out.WriteString(`\N`)
		case sqlite.TypeInteger:
			_, _ = out.WriteString(strconv.FormatInt(st.ColumnInt64(i), 10))
		case sqlite.TypeBlob: // an id
			id, err := io.ReadAll(st.ColumnReader(i))
			if err != nil {
				return err
			}
			_, _ = out.WriteString(hex.EncodeToString(id))
		default:
			_, _ = copyEscapes.WriteString(out, st.ColumnText(i))
		}
	}
	return out.WriteByte('\n') // a bufio.Writer keeps its first error until here
}

//nolint:gochecknoglobals // read-only
var copyEscapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
