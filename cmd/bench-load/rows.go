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

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"spoor/internal/ioc"
	"spoor/internal/store"
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

// ownIndexes are counterparts of what the embedded engine keeps besides: the
// id that makes a record unique and is asked for, and what the filters of the
// list go by. They belong to a load with the same indexes; disk and searches
// are compared without them.
func ownIndexes() []string {
	return []string{
		`CREATE UNIQUE INDEX own_id ON records (id)`,
		`CREATE INDEX own_filter ON records (feed_id, type, updated_at, seq)`,
	}
}

const (
	// selectRecords has feed, article and value to make the id from, as the
	// contract does, and not what the engine keeps of it.
	selectRecords = `SELECT fd.name, a.uuid, r.rid, f.type, r.key, r.value, f.confidence, f.origin, f.tlp, f.feed_id, r.article_id,
	datetime(r.first_seen, 'unixepoch') || 'Z', datetime(r.last_seen, 'unixepoch') || 'Z',
	datetime(r.added_at, 'unixepoch') || 'Z', datetime(r.updated_at, 'unixepoch') || 'Z', r.seq, f.labels, r.ports, r.context
	FROM records r JOIN facets f ON f.id = r.facet_id JOIN feeds fd ON fd.id = f.feed_id LEFT JOIN articles a ON a.id = r.article_id ORDER BY r.rid`
	selectArticles = `SELECT id, uuid, feed_id, title, url, details FROM articles ORDER BY id`
)

// dump writes the rows of the store as PostgreSQL's COPY reads them and
// returns their number. Writing them is no part of what is timed.
func dump(storePath, query, to string, line func(*bufio.Writer, *sqlite.Stmt) error) (rows int64, err error) {
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
		if err := line(out, st); err != nil {
			return err
		}
		return out.WriteByte('\n') // a bufio.Writer keeps its first error until here
	}})
	if err != nil {
		return 0, fmt.Errorf("dump rows: %w", err)
	}
	return rows, out.Flush()
}

// articleLine writes a row of selectArticles as it is.
func articleLine(out *bufio.Writer, st *sqlite.Stmt) error { return copyColumns(out, st, 0) }

// recordLine writes a row of selectRecords with the id in the second place.
func recordLine(out *bufio.Writer, st *sqlite.Stmt) error {
	var article uuid.UUID
	st.ColumnBytes(1, article[:])
	value := st.ColumnText(4)
	if !st.ColumnIsNull(5) {
		value = st.ColumnText(5)
	}
	id := store.RecordID(st.ColumnText(0), article, ioc.Type(st.ColumnInt(3)), value) //nolint:gosec // one of eleven
	fmt.Fprintf(out, "%d\t%s\t", st.ColumnInt64(2), id)
	return copyColumns(out, st, 3)
}

// copyColumns writes the columns from one on in COPY's text format: tabs
// between them, \N for NULL, backslash before what is special.
func copyColumns(out *bufio.Writer, st *sqlite.Stmt, from int) error {
	for i := from; i < st.ColumnCount(); i++ {
		if i > from {
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
	return nil
}

//nolint:gochecknoglobals // read-only
var copyEscapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
