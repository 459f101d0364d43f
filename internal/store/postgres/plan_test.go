package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/postgres/pgtest"
	"spoor/internal/store/storetest"
)

// openAt opens the store at an address.
func openAt(t *testing.T, dsn string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{DSN: dsn, Now: storetest.Clock()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// openTest opens a fresh store.
func openTest(t *testing.T) *Store {
	t.Helper()
	return openAt(t, pgtest.DSNFrom(t, "store", func(dsn string) error {
		s, err := Open(context.Background(), Options{DSN: dsn})
		if err != nil {
			return err
		}
		return s.Close()
	}))
}

// connect opens a connection of the test's own.
func connect(t *testing.T, s *Store) *pgx.Conn {
	t.Helper()
	c, err := pgx.ConnectConfig(t.Context(), s.primary.pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// openLarge opens a store in which walking a table costs far more than any
// index: 30,000 records with what goes with them, which learnt more in a second
// run, and thousands of what else grows.
func openLarge(t *testing.T) *Store {
	t.Helper()
	return openAt(t, pgtest.DSNFrom(t, "large", func(dsn string) error {
		ctx := context.Background()
		s, err := Open(ctx, Options{DSN: dsn, Now: storetest.Clock()})
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }()
		all := storetest.Generate(25_000, 1)
		for _, batch := range [][]store.Observation{all, alike(4000, nil), alike(4000, articleOf(all)), repeated(all[:10_000])} {
			r, err := s.StartRun(ctx, store.RunSpec{Feed: storetest.GeneratedFeed(), Now: time.Unix(1.7e9, 0)})
			if err != nil {
				return err
			}
			if _, err := r.Write(ctx, batch); err != nil {
				return err
			}
			if err := r.Finish(ctx, store.RunStats{}); err != nil {
				return err
			}
		}
		for _, fill := range []string{
			`INSERT INTO feeds SELECT md5('feed ' || n)::uuid, 'feed ' || n, 'news' FROM generate_series(0, 39) n`,
			`INSERT INTO runs SELECT md5(n::text)::uuid, md5('feed ' || n % 40)::uuid, '', 'epoch'::timestamptz + n * '1 hour'::interval, CASE WHEN n % 500 > 0 THEN now() END, '', 1 FROM generate_series(1, 20000) n`,
			`INSERT INTO articles SELECT md5(n::text)::uuid, (SELECT id FROM feeds LIMIT 1), 'title', 'https://report.example/' || n, '{}' FROM generate_series(1, 20000) n`,
			`INSERT INTO accounts SELECT md5(n::text)::uuid, n::text, now() FROM generate_series(1, 20000) n`,
			`INSERT INTO api_keys SELECT sha256(n::text::bytea), md5(n::text)::uuid, md5((1 + n / 2)::text)::uuid, n, 'k', 'sk_live_', 'free', '[]', '[]', 5, now() FROM generate_series(1, 20000) n`,
			`INSERT INTO usage_keys SELECT id, '[]' FROM api_keys`,
			`INSERT INTO usage SELECT id, span, 60 * n, 1, 1 FROM api_keys, generate_series(1, 5) n, (VALUES (60), (86400)) AS s (span) WHERE made <= 5000`,
			`ANALYZE`,
		} {
			if _, err := s.primary.pool.Exec(ctx, fill); err != nil {
				return fmt.Errorf("%s: %w", fill, err)
			}
		}
		return nil
	}))
}

// alike returns domains of one facet, in one article or none.
func alike(n int, article *store.Article) []store.Observation {
	batch := make([]store.Observation, n)
	for i := range batch {
		value := fmt.Sprintf("host-%d.%c.example", i, 'a'+i%26)
		batch[i] = store.Observation{Indicator: ioc.Indicator{Type: ioc.Domain, Value: value, Key: value}, Origin: store.OriginFeed, Article: article}
	}
	return batch
}

func articleOf(all []store.Observation) *store.Article {
	i := slices.IndexFunc(all, func(o store.Observation) bool { return o.Article != nil })
	return all[i].Article
}

// repeated returns the same with something new in it.
func repeated(all []store.Observation) []store.Observation {
	all = slices.Clone(all)
	for i := range all {
		all[i].Tags = append(slices.Clip(all[i].Tags), "again")
	}
	return all
}

// growing are the tables that no statement may walk. Facets are a few thousand
// however many records there are, and the list's filters may go through them.
func growing() []string {
	return []string{"records", "sightings", "articles", "facet_labels", "runs", "accounts", "api_keys", "usage", "usage_keys"}
}

// step is one of a plan, in PostgreSQL's words.
type step struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Index    string `json:"Index Name"`
	Cond     string `json:"Index Cond"`
	// Rows is how many rows the planner expects.
	Rows  float64 `json:"Plan Rows"`
	Steps []step  `json:"Plans"`
}

// walk calls fn for the step and those below it.
func (p *step) walk(fn func(*step)) {
	fn(p)
	for i := range p.Steps {
		p.Steps[i].walk(fn)
	}
}

// explain returns a statement's plan: for its arguments, or, when the server
// made it for any arguments, generic.
func explain(t *testing.T, c *pgx.Conn, st statement, generic bool) step {
	t.Helper()
	sql, args := "EXPLAIN (FORMAT JSON) "+st.sql, st.args
	if generic {
		prepare := "SET plan_cache_mode = force_generic_plan; PREPARE asked AS " + st.sql
		if _, err := c.PgConn().Exec(t.Context(), prepare).ReadAll(); err != nil {
			t.Fatalf("prepare: %v", err)
		}
		defer func() {
			if _, err := c.PgConn().Exec(t.Context(), "RESET plan_cache_mode; DEALLOCATE asked").ReadAll(); err != nil {
				t.Errorf("forget: %v", err)
			}
		}()
		sql, args = "EXPLAIN (FORMAT JSON) EXECUTE asked", []any{pgx.QueryExecModeSimpleProtocol}
		if n := len(st.args); n > 0 {
			sql += "(" + strings.Repeat("NULL, ", n-1) + "NULL)"
		}
	}
	var text []byte
	if err := c.QueryRow(t.Context(), sql, args...).Scan(&text); err != nil {
		t.Fatalf("explain: %v", err)
	}
	var plans []struct{ Plan step }
	if err := json.Unmarshal(text, &plans); err != nil || len(plans) != 1 {
		t.Fatalf("read plan: %v, of %s", err, text)
	}
	return plans[0].Plan
}

// fewRows may be sorted: that can be quicker than to follow an index.
const fewRows = 500

// faults returns what is wrong with a plan: walks through what grows, and sorts
// of what an index has in order, for the sake of a part of it.
func (p *step) faults(allowed license) (found []string) {
	taken := -1.0 // of the rows of a sort
	p.walk(func(s *step) {
		name := s.Type + " of " + cmp.Or(s.Relation, s.Index)
		switch {
		case s.Type == "Limit":
			taken = s.Rows
		case s.Type == "Seq Scan" && slices.Contains(growing(), s.Relation) && allowed&scans == 0:
			found = append(found, name)
		case strings.HasSuffix(s.Type, "Sort") && allowed&sorts == 0 && s.Steps[0].Rows > fewRows && taken < s.Steps[0].Rows:
			found = append(found, fmt.Sprintf("%s of %g rows", s.Type, s.Steps[0].Rows))
		// Without a condition an index is walked from end to end.
		case s.Index != "" && s.Cond == "" && (s.Relation == "" || slices.Contains(growing(), s.Relation)) && allowed&walks == 0:
			found = append(found, name+" from end to end")
		}
	})
	return found
}

// TestPlans holds every statement to its index: none walks a table that grows,
// none sorts what an index has in order, neither when it is planned for its
// arguments nor when it is planned for any.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := openLarge(t)
	plain, inView := connect(t, s), connect(t, s)
	// As transactions of ours set it, here for the session.
	if _, err := inView.Exec(t.Context(), strings.ReplaceAll(byIndex, "true)", "false)")); err != nil {
		t.Fatal(err)
	}
	for name, st := range statements(t, s) {
		for _, mode := range []struct {
			name    string
			c       *pgx.Conn
			generic bool
		}{{"for its arguments", plain, false}, {"for any", plain, true}, {"in a view", inView, false}, {"in a view, for any", inView, true}} {
			if mode.generic && st.license&replanned != 0 || mode.c == plain && st.license&viewOnly != 0 {
				continue
			}
			t.Run(name+"/"+mode.name, func(t *testing.T) {
				plan := explain(t, mode.c, st, mode.generic)
				if found := plan.faults(st.license); len(found) > 0 {
					text, _ := json.MarshalIndent(plan, "", " ")
					t.Errorf("%s\n%s\n%s", strings.Join(found, ", "), st.sql, text)
				}
			})
		}
	}
}

// TestFaults: what TestPlans looks for is found where it is.
func TestFaults(t *testing.T) {
	t.Parallel()
	c := connect(t, openLarge(t))
	for name, sql := range map[string]string{
		"a walk":               `SELECT id FROM records WHERE context = 'x'`,
		"a walk along a index": `SELECT id FROM records WHERE context = 'x' ORDER BY added_seq LIMIT 10`,
		"a walk in a join":     `SELECT a.id FROM articles a JOIN facets f ON f.id = a.feed_id`,
		"a sort":               `SELECT id FROM records WHERE facet_id = (SELECT facet_id FROM records LIMIT 1) ORDER BY last_seen`,
	} {
		plan := explain(t, c, statement{sql: sql}, false)
		if len(plan.faults(0)) == 0 {
			t.Errorf("%s: nothing is found in %+v", name, plan)
		}
	}
}

// TestListPlans holds every filter of the list to facets: a filter may go
// through facets, of which there are few, and never through records.
func TestListPlans(t *testing.T) {
	t.Parallel()
	s := openLarge(t)
	c := connect(t, s)
	filters := map[string]store.Filter{
		"type":        {Types: []ioc.Type{ioc.IPv4}},
		"category":    {Categories: []store.Category{store.ThreatIntel}},
		"confidence":  {Confidences: []ioc.Confidence{ioc.High}},
		"industry":    {Industries: []string{"energy"}},
		"tag":         {Tags: []string{"c2"}},
		"tags":        {Tags: []string{"c2", "again", "no such"}},
		"unknown tag": {Tags: []string{"no such"}},
		"feed":        {Feeds: []string{"a"}},
		"origin":      {Origins: []store.Origin{store.OriginFeed}},
		"technique":   {Techniques: []string{"T1071"}},
		"unwarned":    {WithoutWarned: true},
		"marking":     {Visibility: store.Visibility{MaxTLP: ioc.Green}},
		"all of it": {
			Types: []ioc.Type{ioc.IPv4}, Categories: []store.Category{store.ThreatIntel}, Confidences: []ioc.Confidence{ioc.High},
			Industries: []string{"energy"}, Tags: []string{"c2"}, Feeds: []string{"a"}, Origins: []store.Origin{store.OriginFeed},
			Techniques: []string{"T1071"}, WithoutWarned: true, Since: time.Unix(1, 0), Until: time.Unix(2, 0), Article: uuid.Max,
		},
	}
	for name, f := range filters {
		t.Run(name, func(t *testing.T) {
			if f.MaxTLP == 0 {
				f.MaxTLP = ioc.Red
			}
			v := &snapshot{st: s, clock: clock{maxTLP: int16(ioc.Red)}}
			where, args := v.facetClauses(f)
			if len(where) == 0 {
				t.Fatal("the filter has no condition")
			}
			st := statement{sql: `SELECT f.id, f.records, f.last_seq FROM facets f WHERE f.records > 0 AND ` + strings.Join(where, " AND "), args: args}
			for _, generic := range []bool{false, true} {
				plan := explain(t, c, st, generic)
				if found := plan.faults(sorts); len(found) > 0 {
					text, _ := json.MarshalIndent(plan, "", " ")
					t.Errorf("generic %t: %s\n%s\n%s", generic, strings.Join(found, ", "), st.sql, text)
				}
			}
		})
	}
}

// TestPlansOfYoungTables fills a store that nobody has told the planner about,
// with connections that stay, and searches it as it grows: what was planned
// while the tables were empty walks none of them when they are not.
func TestPlansOfYoungTables(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	c := connect(t, s)
	r, err := s.StartRun(t.Context(), store.RunSpec{Feed: storetest.GeneratedFeed(), Now: time.Unix(1.7e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	const batch = 1000
	all := storetest.Generate(30*batch, 5)
	for n := 0; n < len(all); n += batch {
		if _, err := r.Write(t.Context(), all[n:n+batch]); err != nil {
			t.Fatal(err)
		}
		if n < 6*batch || n%(5*batch) == 0 {
			searchAll(t, s)
		}
	}
	before := rowsWalked(t, s, c)
	for range 10 {
		searchAll(t, s)
	}
	if _, err := r.Write(t.Context(), repeated(all[:10])); err != nil {
		t.Fatal(err)
	}
	after := rowsWalked(t, s, c)
	for table, n := range after {
		if walked := n - before[table]; walked > 0 {
			t.Errorf("%d rows of %s were walked", walked, table)
		}
	}
	if _, err := s.primary.pool.Exec(t.Context(), `SELECT count(*) FROM records WHERE context = 'x'`); err != nil {
		t.Fatal(err)
	}
	if n := rowsWalked(t, s, c)["records"] - after["records"]; n < 1000 {
		t.Errorf("of a walk only %d rows were noticed", n)
	}
}

// rowsWalked returns how many rows of each growing table were read by walking
// it, once every connection has told.
func rowsWalked(t *testing.T, s *Store, c *pgx.Conn) map[string]int64 {
	t.Helper()
	s.closing.Wait() // what ends views
	for _, idle := range s.primary.pool.AcquireAllIdle(t.Context()) {
		if _, err := idle.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`); err != nil {
			t.Fatal(err)
		}
		idle.Release()
	}
	rows, err := c.Query(t.Context(), `SELECT relname::text, seq_tup_read FROM pg_stat_user_tables WHERE relname = ANY($1)`, growing())
	if err != nil {
		t.Fatal(err)
	}
	walked := map[string]int64{}
	var table string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&table, &n}, func() error { walked[table] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	return walked
}

// searchAll asks everything that a reader can ask.
func searchAll(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	err := s.View(ctx, func(v store.Snapshot) error {
		l, err := v.List(ctx, store.Filter{Visibility: everything()}, store.Page{Limit: 20})
		if err != nil {
			return err
		}
		for _, f := range []store.Filter{
			{Types: []ioc.Type{ioc.IPv4}}, {Tags: []string{"c2"}}, {Feeds: []string{storetest.GeneratedFeed().Name}}, {Since: time.Unix(1, 0)},
			{Since: time.Unix(1, 0), Types: []ioc.Type{ioc.Domain}}, {Confidences: []ioc.Confidence{ioc.High}, Techniques: []string{"T1071"}},
		} {
			f.Visibility = everything()
			if _, err := v.List(ctx, f, store.Page{Limit: 20}); err != nil {
				return err
			}
		}
		for _, r := range l.Records[:5] {
			q := store.ExactQuery{Keys: []store.TypedKey{{Type: r.Type, Key: r.Key}}, Visibility: everything(), Window: store.Window{Limit: 20}}
			m, err := v.Exact(ctx, q)
			if err != nil {
				return err
			}
			if _, err := v.Related(ctx, store.RelatedQuery{Matches: m.Records, Limit: 20, Visibility: everything()}); err != nil {
				return err
			}
			if _, err := v.Record(ctx, r.ID); err != nil {
				return err
			}
			if _, err := v.Sightings(ctx, r.ID); err != nil {
				return err
			}
			if r.Article != nil {
				if _, err := v.Article(ctx, r.Article.ID); err != nil {
					return err
				}
			}
			needle := store.Needle{Text: r.Key[:min(len(r.Key), 12)]}
			if _, err := v.Contains(ctx, store.ContainsQuery{Needle: needle, Visibility: everything(), Window: store.Window{Limit: 20}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
