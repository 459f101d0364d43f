package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
	"spoor/internal/store/postgres"
)

// The bare statements: what a client that knows the tables would send for the
// same rows in the same order with the same number, each in one round trip.
const (
	bareColumns = `r.id, r.type, r.ioc_value_normalized, r.value, f.confidence, f.origin, f.tlp, f.labels, d.name, d.category, r.article_id, a.title, a.url,
	r.first_seen, r.last_seen, r.added_at, r.updated_at, r.seq, r.ports, r.context`
	bareFrom = ` JOIN facets f ON f.id = r.facet_id JOIN feeds d ON d.id = f.feed_id LEFT JOIN articles a ON a.id = r.article_id `

	bareExact = `SELECT count(*) OVER (), ` + bareColumns + ` FROM records r` + bareFrom + `WHERE r.ioc_value_normalized = $1 ORDER BY r.last_seen DESC, r.id LIMIT 100`
	// bareRelated takes the article of the first match and leaves out the value
	// itself; that related values are distinct, and that another article may
	// have to fill up, is left to the client.
	bareRelated = `SELECT 0::bigint, ` + bareColumns + ` FROM records r` + bareFrom + `WHERE r.article_id = $1 AND r.ioc_value_normalized <> $2
	ORDER BY r.confidence DESC, r.last_seen DESC, r.id LIMIT 10`
	bareContains = `WITH m AS MATERIALIZED (
	SELECT indicator_id, id, ioc_value_normalized AS key, last_seen, added_seq FROM records WHERE ioc_value_normalized LIKE $1 ORDER BY added_seq DESC LIMIT 10001
), page AS (
	SELECT indicator_id, id, last_seen, octet_length(key) AS size,
		NOT (starts_with(key, $2) OR strpos(key, '.' || $2) > 0 OR strpos(key, '/' || $2) > 0 OR strpos(key, ':' || $2) > 0 OR strpos(key, '@' || $2) > 0) AS inside
	FROM (SELECT * FROM m ORDER BY added_seq DESC LIMIT 10000) AS capped ORDER BY inside, size, last_seen DESC, id LIMIT 100
)
SELECT (SELECT count(*) FROM m), ` + bareColumns + ` FROM page p JOIN records r ON r.indicator_id = p.indicator_id AND r.id = p.id` + bareFrom + `ORDER BY p.inside, p.size, p.last_seen DESC, p.id`
)

// bareRow takes every column.
type bareRow struct {
	total, seq                              int64
	id                                      uuid.UUID
	kind, confidence, origin, tlp           int16
	key, labels, feed, category             string
	value, title, address, ports, context   *string
	article                                 *uuid.UUID
	firstSeen, lastSeen, addedAt, updatedAt time.Time
}

// bare asks one statement on one connection.
type bare struct{ conn *pgx.Conn }

func (b bare) ask(ctx context.Context, sql string, args ...any) ([]bareRow, error) {
	rows, err := b.conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("ask postgres: %w", err)
	}
	defer rows.Close()
	var all []bareRow
	for rows.Next() {
		var r bareRow
		if err := rows.Scan(&r.total, &r.id, &r.kind, &r.key, &r.value, &r.confidence, &r.origin, &r.tlp, &r.labels, &r.feed, &r.category, &r.article, &r.title, &r.address,
			&r.firstSeen, &r.lastSeen, &r.addedAt, &r.updatedAt, &r.seq, &r.ports, &r.context); err != nil {
			return nil, fmt.Errorf("read row of postgres: %w", err)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// search answers as the product does, by hand.
func (b bare) search(ctx context.Context, c class, q string, key string) (matches, related []bareRow, err error) {
	custom := pgx.QueryExecModeCacheDescribe // planned for each pattern
	if c.contains {
		matches, err = b.ask(ctx, bareContains, custom, pattern(q), q)
		return matches, nil, err
	}
	if matches, err = b.ask(ctx, bareExact, key); err != nil {
		return nil, nil, err
	}
	if len(matches) == 0 {
		matches, err = b.ask(ctx, bareContains, custom, pattern(key), key)
		return matches, nil, err
	}
	if c.params != "" { // without related
		return matches, nil, nil
	}
	for i := range matches {
		if matches[i].article != nil {
			related, err = b.ask(ctx, bareRelated, *matches[i].article, key)
			break
		}
	}
	return matches, related, err
}

// inProcess compares the product's search with the bare statements, both from
// this process, one connection each, over the socket.
func (e *engineRun) inProcess(ctx context.Context, all []class) (err error) {
	st, err := postgres.Open(ctx, postgres.Options{DSN: e.dsn})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	conn, err := pgx.Connect(ctx, e.dsn)
	if err != nil {
		return fmt.Errorf("connect to postgres: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	s := search.New(st, time.Now)
	fmt.Fprint(e.stdout, "In this process, one at a time: search ÷ the bare statements through pgx:\n\n| class | search p50 µs | bare p50 µs | ratio | p99 µs | bare p99 µs | answers that differ |\n|---|---|---|---|---|---|---|\n")
	for _, c := range all {
		e.say("in process: %s", c.name)
		if err := e.compareBare(ctx, c, s, bare{conn}); err != nil {
			return fmt.Errorf("compare %s: %w", c.name, err)
		}
	}
	_, err = fmt.Fprintln(e.stdout)
	return err
}

// How many of a class are asked in a round: look-ups, and needles.
const (
	inProcessQueries = 1000
	inProcessNeedles = 100
)

func (e *engineRun) compareBare(ctx context.Context, c class, s *search.Searcher, b bare) error {
	limit := inProcessQueries
	if c.contains {
		limit = inProcessNeedles
	}
	queries := c.queries[:min(limit, len(c.queries))]
	var p50, p99 [2][]time.Duration
	var ratios []float64
	differ := 0
	for round := range e.rounds + 1 { // round 0 warms both and compares the answers
		var legs [2]leg
		for i, q := range queries {
			var a search.Answer
			var matches []bareRow
			ask := [2]func() error{
				func() (err error) { a, err = s.Search(ctx, queryOf(c, q)); return err },
				func() (err error) { matches, _, err = b.search(ctx, c, q, keyOf(q)); return err },
			}
			for turn := range ask {
				who := (turn + i) % 2
				began := time.Now()
				if err := ask[who](); err != nil {
					return err
				}
				legs[who].latencies = append(legs[who].latencies, time.Since(began))
			}
			if round == 0 && !sameAnswer(a, matches) {
				differ++
			}
		}
		if round == 0 {
			continue
		}
		for i := range legs {
			legs[i].sort()
			p50[i], p99[i] = append(p50[i], legs[i].percentile(50)), append(p99[i], legs[i].percentile(99))
		}
		ratios = append(ratios, float64(legs[0].percentile(50))/float64(legs[1].percentile(50)))
	}
	_, err := fmt.Fprintf(e.stdout, "| %s | %.0f | %.0f | %.2f | %.0f | %.0f | %d of %d |\n", c.name, micro(median(p50[0])), micro(median(p50[1])), median(ratios),
		micro(median(p99[0])), micro(median(p99[1])), differ, len(queries))
	return err
}

func queryOf(c class, q string) search.Query {
	out := search.Query{Text: q, Visibility: store.Visibility{MaxTLP: ioc.Red}, Window: store.Window{Limit: 100}, Related: c.params == ""}
	if c.contains {
		out.Match = search.Contains
	}
	return out
}

// keyOf is what the bare client looks for: it is given the key.
func keyOf(q string) string {
	if i, err := ioc.Identify(q); err == nil {
		return i.Key
	}
	return q
}

// sameAnswer compares ids and number. The bare client knows no near-miss rule:
// where it finds some and the product none, the rule has spoken.
func sameAnswer(a search.Answer, matches []bareRow) bool {
	if a.Stage == search.StageNone {
		return true
	}
	if len(matches) != len(a.Matches) || len(matches) > 0 && min(matches[0].total, store.Cap) != int64(a.Total) {
		return false
	}
	for i := range matches {
		if matches[i].id != a.Matches[i].ID {
			return false
		}
	}
	return true
}
