package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

// Check implements store.Maintainer. It asks the server that takes writes, in
// one read transaction, and keeps nobody from writing.
func (s *Store) Check(ctx context.Context) error {
	v := s.onPrimary()
	return s.view(ctx, v, func(store.Snapshot) error {
		for _, part := range []struct {
			name  string
			check func(context.Context) error
		}{
			{"indexes", v.checkIndexes},
			{"references", v.checkReferences},
			{"facets", v.checkFacets},
			{"clock", v.checkClock},
			{"schedule", v.checkSchedule},
			{"records", v.checkRecords},
			{"trigram index", v.checkTrigrams},
		} {
			if err := part.check(ctx); err != nil {
				return fmt.Errorf("check %s: %w", part.name, err)
			}
		}
		return nil
	})
}

// checkIndexes asks PostgreSQL itself, where the extension amcheck is
// installed: every B-tree of ours, each entry and each row.
func (v *snapshot) checkIndexes(ctx context.Context) error {
	installed := false
	err := v.ask(ctx, `SELECT 1 FROM pg_extension WHERE extname = 'amcheck'`, func(pgx.Rows) error { installed = true; return nil })
	if err != nil || !installed {
		return err
	}
	const all = `SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am m ON m.oid = c.relam JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE m.amname = 'btree' AND c.relkind = 'i' AND n.nspname = current_schema()`
	err = v.ask(ctx, all, func(pgx.Rows) error { return nil })
	if code := codeOf(err); code == "XX002" || code == "XX001" {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return err
}

// nothing runs a query whose rows are disagreements, each an identity that
// format describes.
func (v *snapshot) nothing(ctx context.Context, format, query string) error {
	return v.ask(ctx, query, func(r pgx.Rows) error {
		var what string
		if err := r.Scan(&what); err != nil {
			return err
		}
		return fmt.Errorf("%w: "+format, store.ErrCorrupt, what)
	})
}

// disagreements is a list of what may not be.
type disagreement struct{ format, query string }

func (v *snapshot) noneOf(ctx context.Context, all []disagreement) error {
	for _, d := range all {
		if err := v.nothing(ctx, d.format, d.query); err != nil {
			return err
		}
	}
	return nil
}

// checkReferences looks for rows that name what is not there.
func (v *snapshot) checkReferences(ctx context.Context) error {
	return v.noneOf(ctx, []disagreement{
		{"record %s names a missing article", `SELECT r.id::text FROM records r WHERE r.article_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM articles a WHERE a.id = r.article_id) LIMIT 1`},
		{"record %s names a missing facet", `SELECT r.id::text FROM records r WHERE NOT EXISTS (SELECT 1 FROM facets f WHERE f.id = r.facet_id) LIMIT 1`},
		{"record %s names a missing run", `SELECT r.id::text FROM records r WHERE NOT EXISTS (SELECT 1 FROM runs n WHERE n.id = r.run_id) LIMIT 1`},
		{"a sighting names missing record %s", `SELECT s.record_id::text FROM sightings s WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.indicator_id = s.indicator_id AND r.id = s.record_id) LIMIT 1`},
		{"a sighting of record %s names a missing facet", `SELECT s.record_id::text FROM sightings s WHERE NOT EXISTS (SELECT 1 FROM facets f WHERE f.id = s.facet_id) LIMIT 1`},
	})
}

// checkFacets compares what facets say of their records with the records.
func (v *snapshot) checkFacets(ctx context.Context) error {
	return v.noneOf(ctx, []disagreement{
		{"facet %s counts its records wrong", `SELECT f.id::text FROM facets f LEFT JOIN (SELECT facet_id, count(*) AS n FROM records GROUP BY facet_id) r ON r.facet_id = f.id WHERE f.records <> coalesce(r.n, 0) LIMIT 1`},
		{"facet %s has records changed after its last change", `SELECT f.id::text FROM facets f JOIN records r ON r.facet_id = f.id WHERE r.seq > f.last_seq LIMIT 1`},
		{"record %s disagrees with its facet", `SELECT r.id::text FROM records r JOIN facets f ON f.id = r.facet_id WHERE r.confidence <> f.confidence OR r.type <> f.type OR r.tlp <> f.tlp LIMIT 1`},
	})
}

// checkClock looks for numbers that were never handed out, or twice, and
// compares the counts.
func (v *snapshot) checkClock(ctx context.Context) error {
	return v.noneOf(ctx, []disagreement{
		{"record %s is ahead of the clock", `SELECT r.id::text FROM records r, clock k WHERE r.seq > k.seq OR r.added_seq > r.seq OR r.updated_at > k.updated_at LIMIT 1`},
		{"sequence number %s was given twice", `SELECT seq::text FROM records GROUP BY seq HAVING count(*) > 1 LIMIT 1`},
		{"record %s is there twice", `SELECT id::text FROM records GROUP BY id HAVING count(*) > 1 LIMIT 1`},
		{"the clock counts %s records wrong", `SELECT (k.records - n.n)::text FROM clock k, (SELECT count(*) AS n FROM records) n WHERE k.records <> n.n`},
		{"the clock counts %s articles wrong", `SELECT (k.articles - n.n)::text FROM clock k, (SELECT count(*) AS n FROM articles) n WHERE k.articles <> n.n`},
		// A server of an older version that deletes a record leaves the count
		// higher: such a run is kept for longer.
		{"run %s has more sightings than it counts", `SELECT r.id::text FROM runs r LEFT JOIN (SELECT run_id, sum(n) AS n FROM (
			SELECT run_id, count(*) AS n FROM sightings GROUP BY run_id UNION ALL
			SELECT run_id, count(*) FROM records e WHERE NOT EXISTS (SELECT 1 FROM sightings s WHERE s.indicator_id = e.indicator_id AND s.record_id = e.id) GROUP BY run_id) a GROUP BY run_id) c
			ON c.run_id = r.id WHERE r.sightings < coalesce(c.n, 0) LIMIT 1`},
		{"the clock counts %s sightings wrong", `SELECT (k.sightings - k.records - n.n)::text FROM clock k, (SELECT count(*) - count(DISTINCT record_id) AS n FROM sightings) n WHERE k.sightings <> k.records + n.n`},
	})
}

// checkSchedule reads what the schedule remembers.
func (v *snapshot) checkSchedule(ctx context.Context) error {
	err := v.ask(ctx, selectFeedStates, func(r pgx.Rows) error { _, err := scanFeedState(r); return err })
	if err != nil {
		return err
	}
	return v.ask(ctx, `SELECT stats FROM runs WHERE stats IS NOT NULL`, func(r pgx.Rows) error {
		var stats string
		if err := r.Scan(&stats); err != nil {
			return err
		}
		_, err := column.ParseRunStats(stats)
		return err
	})
}

const selectIdentities = `SELECT r.indicator_id, r.id, r.type, r.ioc_value_normalized, coalesce(r.value, r.ioc_value_normalized), r.article_id, d.name
	FROM records r JOIN facets f ON f.id = r.facet_id JOIN feeds d ON d.id = f.feed_id`

// checkRecords makes every record's ids anew from what it says.
func (v *snapshot) checkRecords(ctx context.Context) error {
	return v.ask(ctx, selectIdentities, func(r pgx.Rows) error {
		var indicator, id uuid.UUID
		var article *[16]byte
		var typ int16
		var key, value, feed string
		if err := r.Scan((*[16]byte)(&indicator), (*[16]byte)(&id), &typ, &key, &value, &article, &feed); err != nil {
			return err
		}
		of := uuid.Nil
		if article != nil {
			of = *article
		}
		t := ioc.Type(typ) //nolint:gosec // checked by what follows
		if indicatorID(t, key) != indicator || store.RecordID(feed, of, t, value) != id {
			return fmt.Errorf("%w: the ids of record %s are not those of what it says", store.ErrCorrupt, id)
		}
		return nil
	})
}

const (
	// selectSample takes records from all over: ids are as good as random.
	selectSample = `SELECT indicator_id, id, ioc_value_normalized FROM records WHERE indicator_id >= $1 ORDER BY indicator_id, id LIMIT 4`
	// selectIsIndexed compares texts, for which there is no other index.
	selectIsIndexed = `SELECT EXISTS (SELECT 1 FROM records WHERE ioc_value_normalized LIKE $1 AND id::text = $2)`
	selectTrigrams  = `SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('records_trigram') AND indisvalid AND indisready AND indpred IS NULL`
)

// checkTrigrams asks the trigram index, and nothing else, for a sample of keys.
// That it has all rows cannot be asked of PostgreSQL; spoor check --reindex
// builds it anew.
func (v *snapshot) checkTrigrams(ctx context.Context) error {
	usable := false
	if err := v.ask(ctx, selectTrigrams, func(pgx.Rows) error { usable = true; return nil }); err != nil {
		return err
	}
	if !usable {
		return fmt.Errorf("%w: the index records_trigram is not there, or is not whole", store.ErrCorrupt)
	}
	type sample struct {
		id  uuid.UUID
		key string
	}
	var all []sample
	for i := range 64 {
		from := [16]byte{byte(i * 4)}
		if err := v.ask(ctx, selectSample, func(r pgx.Rows) error {
			var s sample
			var indicator [16]byte
			err := r.Scan(&indicator, (*[16]byte)(&s.id), &s.key)
			all = append(all, s)
			return err
		}, from); err != nil {
			return err
		}
	}
	for _, path := range []string{"enable_seqscan", "enable_indexscan", "enable_indexonlyscan"} {
		if _, err := v.conn.Exec(ctx, "SET LOCAL "+path+" = off"); err != nil {
			return err
		}
	}
	for _, s := range all {
		indexed := false
		q := question{sql: selectIsIndexed, args: []any{"%" + escape(s.key) + "%", s.id.String()}, replan: true}
		if err := v.query(ctx, q, func(r pgx.Rows) error { return r.Scan(&indexed) }); err != nil {
			return err
		}
		if !indexed {
			return fmt.Errorf("%w: the index does not find record %s by its key", store.ErrCorrupt, s.id)
		}
	}
	return nil
}

// reindex builds the index while reads and writes go on.
const reindex = `REINDEX INDEX CONCURRENTLY records_trigram`

// Reindex implements store.Maintainer.
func (s *Store) Reindex(ctx context.Context) error {
	_, err := s.primary.pool.Exec(ctx, reindex)
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("build trigram index: %w", translate(err))
	}
	return err
}
