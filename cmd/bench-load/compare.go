package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// comparison is what PostgreSQL did with the same rows.
type comparison struct {
	version string
	rows    int64
	// copyIndexed is COPY into a table that has its indexes, copyFirst COPY
	// and then the indexes, each until durable and analysed for neither.
	copyIndexed, copyFirst time.Duration
	bytes                  int64
	classes                []comparedClass
}

type comparedClass struct {
	name          string
	ours, theirs  time.Duration // median of the rounds' p50
	oursP99       time.Duration
	theirsP99     time.Duration
	ratio         float64 // median of the rounds' ratios of p50
	needles       int
	answers, diff int // answers compared, and those that were not equal
	firstDiff     string
}

// geometricMean of the classes' ratios.
func (c comparison) geometricMean() float64 {
	sum := 0.0
	for _, k := range c.classes {
		sum += math.Log(k.ratio)
	}
	return math.Exp(sum / float64(max(1, len(c.classes))))
}

// containsQuery answers what contract section 3 asks of contains: the 10,000
// most recently added matches, ranked by boundary, shorter key, last_seen and
// id, with their number. $1 is the pattern, $2 the needle, literal.
const containsQuery = `WITH m AS MATERIALIZED (
	SELECT rid, id, key, last_seen FROM records WHERE key LIKE $1 ORDER BY rid DESC LIMIT 10001
), page AS (
	SELECT rid, id, last_seen, octet_length(key) AS size,
		NOT (starts_with(key, $2) OR strpos(key, '.' || $2) > 0 OR strpos(key, '/' || $2) > 0
			OR strpos(key, ':' || $2) > 0 OR strpos(key, '@' || $2) > 0) AS inside
	FROM (SELECT rid, id, key, last_seen FROM m ORDER BY rid DESC LIMIT 10000) AS capped
	ORDER BY inside, size, last_seen DESC, id LIMIT 100
)
SELECT (SELECT count(*) FROM m), r.id::text, r.type, r.key, r.value, r.confidence, r.origin, r.tlp, r.feed_id, r.article_id,
	r.first_seen, r.last_seen, r.added_at, r.updated_at, r.seq, r.labels, r.ports, r.context, a.uuid::text, a.title, a.url
FROM page p JOIN records r ON r.rid = p.rid LEFT JOIN articles a ON a.id = r.article_id
ORDER BY p.inside, p.size, p.last_seen DESC, p.id`

// pattern escapes a needle for LIKE; two characters match from the beginning.
func pattern(needle string) string {
	p := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(needle) + "%"
	if len([]rune(needle)) < 3 {
		return p
	}
	return "%" + p
}

// compare loads the store's rows into PostgreSQL in both ways and asks the
// contains classes of both servers, taking turns.
func compare(ctx context.Context, o options, work, storePath, ours string, say func(string, ...any), queries []comparedQueries) (result comparison, err error) {
	recordsFile, articlesFile := filepath.Join(work, "records.copy"), filepath.Join(work, "articles.copy")
	if result.rows, err = dump(storePath, selectRecords, recordsFile, recordLine); err != nil {
		return result, err
	}
	if _, err = dump(storePath, selectArticles, articlesFile, articleLine); err != nil {
		return result, err
	}
	server, err := startPostgres(ctx, o.postgres, filepath.Join(work, "pg"))
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	conn, err := connectPostgres(ctx, server)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()

	l := loader{conn: conn, records: recordsFile, articles: articlesFile}
	say("postgres: COPY %d rows into the indexed table", result.rows)
	if result.copyIndexed, err = l.load(ctx, true); err != nil {
		return result, err
	}
	say("postgres: COPY %d rows, then the indexes", result.rows)
	if result.copyFirst, err = l.load(ctx, false); err != nil {
		return result, err
	}
	if err = l.settle(ctx, &result); err != nil {
		return result, err
	}
	for _, q := range queries {
		say("postgres: %s", q.name)
		c, err := q.run(ctx, o.rounds, ours, conn)
		if err != nil {
			return result, fmt.Errorf("compare %s: %w", q.name, err)
		}
		result.classes = append(result.classes, c)
	}
	return result, nil
}

type loader struct {
	conn              *pgx.Conn
	records, articles string
}

// load makes the tables anew and fills them; the time runs from the first row
// to the last index. The indexes that are ours alone go again afterwards.
func (l loader) load(ctx context.Context, indexFirst bool) (time.Duration, error) {
	setup := []string{`CREATE EXTENSION IF NOT EXISTS pg_trgm`, `DROP TABLE IF EXISTS records, articles`, createArticles, createRecords}
	indexes := append(recordIndexes(), ownIndexes()...)
	if indexFirst {
		setup = append(setup, indexes...)
	}
	if err := l.exec(ctx, append(setup, `CHECKPOINT`)...); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := l.copy(ctx, l.articles, `COPY articles FROM STDIN`); err != nil {
		return 0, err
	}
	if err := l.copy(ctx, l.records, `COPY records FROM STDIN`); err != nil {
		return 0, err
	}
	if !indexFirst {
		if err := l.exec(ctx, indexes...); err != nil {
			return 0, err
		}
	}
	took := time.Since(began)
	return took, l.exec(ctx, `DROP INDEX own_id, own_filter`)
}

func (l loader) copy(ctx context.Context, from, statement string) (err error) {
	file, err := os.Open(filepath.Clean(from))
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := l.conn.PgConn().CopyFrom(ctx, file, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

func (l loader) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := l.conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%.40s: %w", s, err)
		}
	}
	return nil
}

// settle measures the size on disk as the index-last load left it (the better
// case: GIN is packed), then vacuums, analyses and warms.
func (l loader) settle(ctx context.Context, result *comparison) error {
	if err := l.exec(ctx, `VACUUM ANALYZE articles`, `VACUUM ANALYZE records`); err != nil {
		return err
	}
	row := l.conn.QueryRow(ctx, `SELECT current_setting('server_version'), (pg_total_relation_size('records') + pg_total_relation_size('articles'))::bigint`)
	if err := row.Scan(&result.version, &result.bytes); err != nil {
		return fmt.Errorf("measure postgres: %w", err)
	}
	return l.exec(ctx, `CREATE EXTENSION IF NOT EXISTS pg_prewarm`,
		`SELECT pg_prewarm(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')`)
}

// comparedQueries is a class prepared for both servers.
type comparedQueries struct {
	class
	requests [][]byte
}

// row takes a record as PostgreSQL gives it: all of it, as ours does.
type row struct {
	total                                    int64
	id, key, labels                          string
	value, ports, context, article, title, u *string
	kind, confidence, origin, tlp            int16
	feed                                     int32
	articleID, seq                           int64
	first, last, added, updated              time.Time
}

// run asks both servers in turn. ours is the address of the server under test:
// a connection left idle while PostgreSQL loaded would have been closed.
func (q comparedQueries) run(ctx context.Context, rounds int, ours string, conn *pgx.Conn) (c comparedClass, err error) {
	c = comparedClass{name: q.name, needles: len(q.queries)}
	w, err := dialWire(ctx, ours)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if _, err := conn.Prepare(ctx, "contains", containsQuery); err != nil {
		return c, fmt.Errorf("prepare: %w", err)
	}
	var ratios []float64
	var p50, p50Theirs, p99, p99Theirs []time.Duration
	for round := range rounds + 1 { // round 0 warms both and compares the answers
		var a, b leg
		for i, needle := range q.queries {
			took, body, err := timed(w, q.requests[i])
			if err != nil {
				return c, err
			}
			theirTime, rows, err := ask(ctx, conn, needle)
			if err != nil {
				return c, err
			}
			a.latencies, b.latencies = append(a.latencies, took), append(b.latencies, theirTime)
			if round == 0 {
				if err := c.check(needle, body, rows); err != nil {
					return c, err
				}
			}
		}
		if round == 0 {
			continue
		}
		a.sort()
		b.sort()
		ratios = append(ratios, float64(a.percentile(50))/float64(b.percentile(50)))
		p50, p50Theirs = append(p50, a.percentile(50)), append(p50Theirs, b.percentile(50))
		p99, p99Theirs = append(p99, a.percentile(99)), append(p99Theirs, b.percentile(99))
	}
	c.ratio, c.ours, c.theirs = median(ratios), median(p50), median(p50Theirs)
	c.oursP99, c.theirsP99 = median(p99), median(p99Theirs)
	return c, nil
}

func timed(w *wire, req []byte) (time.Duration, []byte, error) {
	began := time.Now()
	a, err := w.do(req)
	took := time.Since(began)
	if err == nil && a.status != 200 {
		err = fmt.Errorf("status %d: %.200s", a.status, a.body)
	}
	return took, a.body, err
}

// ask runs the query and reads every column of every row.
func ask(ctx context.Context, conn *pgx.Conn, needle string) (time.Duration, []row, error) {
	began := time.Now()
	rows, err := conn.Query(ctx, "contains", pattern(needle), needle)
	if err != nil {
		return 0, nil, fmt.Errorf("query postgres: %w", err)
	}
	var all []row
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.total, &r.id, &r.kind, &r.key, &r.value, &r.confidence, &r.origin, &r.tlp, &r.feed, &r.articleID,
			&r.first, &r.last, &r.added, &r.updated, &r.seq, &r.labels, &r.ports, &r.context, &r.article, &r.title, &r.u); err != nil {
			return 0, nil, fmt.Errorf("read row of postgres: %w", err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return 0, nil, fmt.Errorf("query postgres: %w", err)
	}
	return time.Since(began), all, nil
}

// check compares the ids, their order and the count.
func (c *comparedClass) check(needle string, body []byte, theirs []row) error {
	var ours struct {
		Data struct {
			Matches []struct{ ID string }
			Meta    struct {
				TotalMatches      int64 `json:"total_matches"`
				TotalIsLowerBound bool  `json:"total_is_lower_bound"`
			}
		}
	}
	if err := json.Unmarshal(body, &ours); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	c.answers++
	var total int64
	if len(theirs) > 0 {
		total = theirs[0].total
	}
	same := len(ours.Data.Matches) == len(theirs) && ours.Data.Meta.TotalMatches == min(total, 10_000) &&
		ours.Data.Meta.TotalIsLowerBound == (total > 10_000)
	for i := 0; same && i < len(theirs); i++ {
		same = ours.Data.Matches[i].ID == theirs[i].id
	}
	if !same {
		c.diff++
		if c.firstDiff == "" {
			c.firstDiff = fmt.Sprintf("%q: %d rows of %d here, %d of %d in PostgreSQL", needle, len(ours.Data.Matches), ours.Data.Meta.TotalMatches, len(theirs), total)
		}
	}
	return nil
}
