package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/postgres/pgtest"
	"spoor/internal/store/storetest"
)

// spoil does damage behind the store's back.
func spoil(t *testing.T, s *Store, damage string) {
	t.Helper()
	for sql := range strings.SplitSeq(damage, ";") {
		done, err := s.primary.pool.Exec(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if (done.Update() || done.Delete()) && done.RowsAffected() == 0 {
			t.Fatalf("%s: no row", sql)
		}
	}
}

// wholeStore puts some of everything into a store, and has it checked.
func wholeStore(dsn string) error {
	ctx := context.Background()
	s, err := Open(ctx, Options{DSN: dsn, Now: storetest.Clock()})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // never fails
	all := storetest.Generate(600, 3)
	r, err := s.StartRun(ctx, store.RunSpec{Feed: storetest.GeneratedFeed(), Now: time.Unix(1e9, 0)})
	if err != nil {
		return err
	}
	// The record made last has never learnt anything.
	for _, batch := range [][]store.Observation{all, repeated(all[:100]), domains(1, 0)} {
		if _, err := r.Write(ctx, batch); err != nil {
			return err
		}
	}
	return s.Check(ctx)
}

// TestCheckFinds damages one part at a time and expects Check to name it.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	const partial = `DROP INDEX records_trigram; CREATE INDEX records_trigram ON records USING gin (ioc_value_normalized gin_trgm_ops) WHERE added_seq < 0`
	for name, c := range map[string]struct{ damage, says string }{
		"article gone":        {`DELETE FROM articles WHERE id = (SELECT article_id FROM records WHERE article_id IS NOT NULL LIMIT 1)`, "names a missing article"},
		"facet's records":     {`UPDATE facets SET records = records + 1 WHERE id = (SELECT id FROM facets LIMIT 1)`, "counts its records wrong"},
		"facet's last change": {`UPDATE facets SET last_seq = 0`, "after its last change"},
		"facet's marking":     {`UPDATE facets SET tlp = tlp % 5 + 1 WHERE id = (SELECT facet_id FROM records LIMIT 1)`, "disagrees with its facet"},
		"facet of a record":   {`UPDATE records SET facet_id = gen_random_uuid() WHERE added_seq = (SELECT max(added_seq) FROM records)`, "names a missing facet"},
		"run of a record":     {`UPDATE records SET run_id = gen_random_uuid() WHERE added_seq = (SELECT max(added_seq) FROM records)`, "names a missing run"},
		"clock's number":      {`UPDATE clock SET seq = 3`, "ahead of the clock"},
		"clock's records":     {`UPDATE clock SET records = records + 1`, "counts 1 records wrong"},
		"clock's articles":    {`UPDATE clock SET articles = articles - 1`, "counts -1 articles wrong"},
		"clock's sightings":   {`UPDATE clock SET sightings = sightings + 2`, "counts 2 sightings wrong"},
		"record gone":         {`DELETE FROM sightings; DELETE FROM records WHERE added_seq = (SELECT max(added_seq) FROM records)`, "counts"},
		"sighting's record":   {`UPDATE sightings SET record_id = gen_random_uuid() WHERE seq = (SELECT max(seq) FROM sightings)`, "names missing record"},
		"sighting's facet":    {`UPDATE sightings SET facet_id = gen_random_uuid() WHERE seq = (SELECT max(seq) FROM sightings)`, "names a missing facet"},
		"indicator":           {`UPDATE records SET indicator_id = gen_random_uuid() WHERE id NOT IN (SELECT record_id FROM sightings) AND added_seq = (SELECT max(added_seq) FROM records)`, "the ids of record"},
		"key changed":         {`UPDATE records SET ioc_value_normalized = 'other.example' WHERE added_seq = (SELECT max(added_seq) FROM records)`, "the ids of record"},
		"state of a feed":     {`INSERT INTO feed_states VALUES ('f', '{')`, "state of feed"},
		"counts of a run":     {`UPDATE runs SET stats = 'none'`, "counts"},
		"number twice":        {`UPDATE records SET seq = (SELECT max(o.seq) FROM records o WHERE o.facet_id = records.facet_id) WHERE id = (SELECT r.id FROM records r JOIN records o ON o.facet_id = r.facet_id AND o.seq > r.seq LIMIT 1)`, "given twice"},
		"trigrams gone":       {`DROP INDEX records_trigram`, "is not there"},
		"trigrams of a part":  {partial, "is not there"},
		// What no order makes: an index that should have all and has not.
		"trigrams missing": {partial + `; UPDATE pg_index SET indpred = NULL WHERE indexrelid = 'records_trigram'::regclass`, "does not find record"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openAt(t, pgtest.DSNFrom(t, "checked", wholeStore))
			spoil(t, s, c.damage)
			if err := s.Check(t.Context()); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Check() = %v, want ErrCorrupt that says %q", err, c.says)
			}
		})
	}
}

// contains returns how many records a text is found in.
func contains(t *testing.T, s *Store, text string) int {
	t.Helper()
	var m store.Matches
	err := s.View(t.Context(), func(v store.Snapshot) (err error) {
		m, err = v.Contains(t.Context(), store.ContainsQuery{
			Needle: store.Needle{Text: text}, Visibility: store.Visibility{MaxTLP: ioc.Red}, Window: store.Window{Limit: 10},
		})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return m.Total
}

// TestReindex: the trigram index is made anew while reads and writes go on.
func TestReindex(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	r := startRun(t, s)
	if _, err := r.Write(t.Context(), domains(3000, 0)); err != nil {
		t.Fatal(err)
	}
	const oid = `SELECT 'records_trigram'::regclass::oid::text || ' ' || pg_relation_filenode('records_trigram')`
	c := connect(t, s)
	before := rowsOf(t, c, oid)[0][0]
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			if got := contains(t, s, "evil.ex"); got < 3000 {
				t.Errorf("%d records found while the index is made, want 3000 at least", got)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	wg.Go(func() {
		for n := 3000; ; n += 10 {
			if _, err := r.Write(t.Context(), domains(10, n)); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	if err := s.Reindex(t.Context()); err != nil {
		t.Error(err)
	}
	close(done)
	wg.Wait()
	if after := rowsOf(t, c, oid)[0][0]; after == before {
		t.Error("the index is the one there was")
	}
	if valid := rowsOf(t, c, `SELECT string_agg(indisvalid::text, ' ') FROM pg_index WHERE indrelid = 'records'::regclass AND NOT indisvalid`+` HAVING count(*) > 0`); len(valid) > 0 {
		t.Errorf("invalid indexes are left: %v", valid)
	}
	if got, want := int64(contains(t, s, "evil.ex")), count(t, s); got != want {
		t.Errorf("%d of %d records found", got, want)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// domains returns observations of n domains that the number tells apart.
func domains(n, from int) []store.Observation {
	batch := make([]store.Observation, n)
	for i := range batch {
		value := fmt.Sprintf("host-%d.evil.example", from+i)
		batch[i] = store.Observation{Indicator: ioc.Indicator{Type: ioc.Domain, Value: value, Key: value}, Origin: store.OriginFeed}
	}
	return batch
}

func startRun(t *testing.T, s *Store) store.Run {
	t.Helper()
	r, err := s.StartRun(t.Context(), store.RunSpec{Feed: store.Feed{Name: "f", Category: store.Community}, Now: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func count(t *testing.T, s *Store) int64 {
	t.Helper()
	var n store.Counts
	if err := s.View(t.Context(), func(v store.Snapshot) (err error) { n, err = v.Counts(t.Context()); return err }); err != nil {
		t.Fatal(err)
	}
	return n.Records
}
