package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/postgres/pgtest"
	"spoor/internal/store/sqlite"
	"spoor/internal/store/storetest"
)

// source returns an embedded store with n records of several feeds, types and
// articles, of which some learnt more later, some were deleted, and keys.
func source(t *testing.T, n int) *sqlite.Store {
	t.Helper()
	ctx := t.Context()
	s, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "spoor.db"), Readers: 2, Now: storetest.Clock()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // test data
	for pass := range 3 {
		for f := range 2 {
			feed := store.Feed{Name: fmt.Sprintf("feed %d", f), Category: store.Community}
			run, err := s.StartRun(ctx, store.RunSpec{Feed: feed, Source: "test", Now: time.Unix(1.7e9, 0)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := run.Write(ctx, statements(random, feed, n/2, pass)); err != nil {
				t.Fatal(err)
			}
			if pass == 2 && f == 1 {
				break // a run that never ended
			}
			if err := run.Finish(ctx, store.RunStats{Read: int64(n), New: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, r := range newest(t, s, 3) {
		if err := s.DeleteRecord(ctx, r.ID); err != nil {
			t.Fatal(err)
		}
	}
	warn := func(r *store.Record) []store.Warning {
		return []store.Warning{{List: "of " + r.Key[len(r.Key)-9:len(r.Key)-8], Reason: "r"}}
	}
	if n, err := s.Rejudge(ctx, "h1", warn); err != nil || n == 0 {
		t.Fatalf("%d records judged anew, %v", n, err)
	}
	schedule(t, s)
	for i := range 3 {
		k := store.Key{
			ID: uuid.New(), Account: fmt.Sprintf("account %d", i/2), Name: "k", Hash: [32]byte{byte(i)}, Prefix: "sk_live_abcd", Tier: "free",
			Scopes: []string{"read:iocs"}, AllowedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, MaxTLP: ioc.Amber,
			CreatedAt: time.Unix(1.6e9+int64(i), 0).UTC(), ExpiresAt: time.Unix(1.9e9, 0).UTC(),
		}
		if err := s.AddKey(ctx, k); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := s.RevokeKey(ctx, k.ID, time.Unix(1.65e9, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

// schedule gives a store what the schedule remembers, and an allow list.
func schedule(t *testing.T, s store.Store) {
	t.Helper()
	at := time.Unix(1.7e9, 0).UTC()
	for i := range 3 {
		state := store.FeedState{Feed: fmt.Sprintf("feed %d", i), ETag: `"e"`, Seen: []uint64{1 << 63, uint64(i)}, NextRun: at, Status: store.RunOK}
		if i == 2 {
			state.Held = &store.HeldCopy{Digest: "00", Items: 3, Since: at}
		}
		if err := s.SaveFeedState(t.Context(), state); err != nil {
			t.Fatal(err)
		}
		if err := s.Allow(t.Context(), store.Allowed{Value: fmt.Sprintf("h%d.example", i), Reason: "ours", AddedAt: at}); err != nil {
			t.Fatal(err)
		}
	}
	run, err := s.StartRun(t.Context(), store.RunSpec{Feed: store.Feed{Name: "feed 0"}, Now: at})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Finish(t.Context(), store.RunStats{
		Read: 3, Skipped: 3, Dropped: map[string]int64{"range": 3}, Bytes: 12, Items: 3, Took: time.Second, Status: store.RunPartial, Error: "cut off",
	}); err != nil {
		t.Fatal(err)
	}
}

// statements returns what a feed says in a pass: in later ones some of it is
// new, and some of what is known has more to it.
func statements(random *rand.Rand, feed store.Feed, n, pass int) []store.Observation {
	articles := make([]*store.Article, 20)
	for i := range articles {
		address := fmt.Sprintf("https://reports.example/%d", i)
		articles[i] = &store.Article{
			ID: store.ArticleID(feed.Name, address), Feed: feed, Title: fmt.Sprintf("Report %d", i), URL: address,
			Summary: "ünïcode", Tags: []string{"t"}, Published: time.Unix(1.5e9, 0).UTC(), Fetched: time.Unix(1.6e9, 0).UTC(),
		}
	}
	batch := make([]store.Observation, n)
	for at := range batch {
		i := at + pass*n/10
		key := fmt.Sprintf("h%d.%c.example", i, 'a'+i%7)
		o := store.Observation{
			Indicator: ioc.Indicator{Type: ioc.Domain, Value: key, Key: key}, Origin: store.OriginFeed,
			Confidence: ioc.Confidence(1 + i%3), TLP: ioc.TLP(1 + i%5), //nolint:gosec // small
			Tags: []string{fmt.Sprintf("tag %d", i%11)}, Families: []string{fmt.Sprintf("family %d", i%5)},
		}
		if i%4 == 0 {
			o.Indicator = ioc.Indicator{Type: ioc.URL, Value: "http://" + key + "/Path", Key: "http://" + key + "/path"}
			o.Article, o.Origin, o.Context = articles[i%20], store.OriginArticle, "seen in %_\\ text"
		}
		if i%3 == 0 {
			o.FirstSeen = time.Unix(1.4e9+int64(i), 0).UTC()
		}
		if pass > 0 && random.IntN(4) == 0 {
			o.Tags, o.Ports = append(o.Tags, fmt.Sprintf("pass %d", pass)), []uint16{uint16(8000 + pass)}
			o.LastSeen = time.Unix(1.65e9+int64(pass), 0).UTC()
			o.Warnings = []store.Warning{{List: "l", Reason: "r"}}
			o.ValidUntil, o.Evidence = time.Unix(1.7e9+int64(i), 0).UTC(), store.EvidenceListed
			if i%2 == 0 {
				o.Confidence = 0
			}
		}
		batch[at] = o
	}
	return batch
}

func newest(t *testing.T, s store.Store, n int) []store.Record {
	t.Helper()
	var l store.List
	err := s.View(t.Context(), func(v store.Snapshot) (err error) {
		l, err = v.List(t.Context(), store.Filter{Visibility: store.Visibility{MaxTLP: ioc.Red}}, store.Page{Limit: n})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return l.Records
}

// moved moves all of the source and confirms it.
func moved(t *testing.T, from *sqlite.Store, to *postgres.Store) store.Ledger {
	t.Helper()
	var l store.Ledger
	err := from.Dump(t.Context(), func(d store.Dump) (err error) {
		l, err = store.Move(t.Context(), d, to, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := to.ConfirmMove(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// everything returns all records of a store in the order of its list, with
// their sightings and articles, and its keys and feeds.
func everything(t *testing.T, s store.Store) map[string]any {
	t.Helper()
	all := map[string]any{}
	page := store.Page{Limit: 300}
	var records []store.Record
	var sightings [][]store.Sighting
	articles := map[uuid.UUID]store.Article{}
	for more := true; more; {
		err := s.View(t.Context(), func(v store.Snapshot) error {
			l, err := v.List(t.Context(), store.Filter{Visibility: store.Visibility{MaxTLP: ioc.Red}}, page)
			if err != nil {
				return err
			}
			records = append(records, l.Records...)
			for _, r := range l.Records {
				said, err := v.Sightings(t.Context(), r.ID)
				if err != nil {
					return err
				}
				sightings = append(sightings, said)
				if r.Article != nil {
					if articles[r.Article.ID], err = v.Article(t.Context(), r.Article.ID); err != nil {
						return err
					}
				}
			}
			page.After, more = l.Next, l.Next != nil
			all["counts"], err = v.Counts(t.Context())
			all["seq"] = v.Seq()
			if err == nil {
				all["feeds"], err = v.Feeds(t.Context())
			}
			if err == nil {
				all["settled"], err = v.Settled(t.Context())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all["states"], err = s.FeedStates(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all["allowed"], err = s.Allowed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all["runs"], err = s.Runs(t.Context(), "", 100); err != nil {
		t.Fatal(err)
	}
	all["records"], all["sightings"], all["articles"], all["keys"] = records, sightings, articles, keys
	return all
}

// diff compares without telling nil from empty: an engine may give either.
func diff(a, b any) string {
	return cmp.Diff(a, b, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }))
}

// TestMove: what was moved is the same in everything that can be asked, and
// the store is sound and goes on from there.
func TestMove(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	from, to := source(t, 2000), openAt(t, postgres.Options{DSN: dsn, Now: storetest.Clock()})
	before := indexesOf(t, dsn)
	ledger := moved(t, from, to)
	if got, err := to.Ledger(t.Context()); err != nil || got != ledger {
		t.Errorf("ledger: got %v, %v\nwant %v", got, err, ledger)
	}
	if ledger.OpenRuns != 1 || ledger.RevokedKeys != 1 || ledger.Sightings == ledger.Records || ledger.Deletions != 3 ||
		ledger.FeedStates != 3 || ledger.Allowed != 3 {
		t.Errorf("the source is too simple to prove much: %v", ledger)
	}
	if d := diff(everything(t, to), everything(t, from)); d != "" {
		t.Errorf("what is there (-moved +source):\n%s", d)
	}
	if err := to.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := to.Usable(t.Context()); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(indexesOf(t, dsn), before); d != "" {
		t.Errorf("indexes (-after +before):\n%s", d)
	}
	// The same said to both afterwards comes to the same.
	var out [2]store.Outcome
	var seq [2]any
	for i, s := range []store.Store{from, to} {
		run, err := s.StartRun(t.Context(), store.RunSpec{Feed: store.Feed{Name: "feed 1"}, Now: time.Unix(1.7e9, 0)})
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(5, 5)) //nolint:gosec // test data
		if out[i], err = run.Write(t.Context(), statements(random, store.Feed{Name: "feed 1", Category: store.Community}, 1500, 3)); err != nil {
			t.Fatal(err)
		}
		seq[i] = everything(t, s)["seq"]
	}
	if out[0] != out[1] || seq[0] != seq[1] || out[0].Updated == 0 || out[0].New == 0 {
		t.Errorf("the same said again: source %+v at %v, moved %+v at %v", out[0], seq[0], out[1], seq[1])
	}
}

// TestMoveResumed breaks a move off after each of its parts: the next attempt
// goes on there and comes to the same.
func TestMoveResumed(t *testing.T) {
	t.Parallel()
	from := source(t, 500)
	want := everything(t, from)
	for parts := 1; parts <= 4; parts++ {
		t.Run(fmt.Sprint(parts), func(t *testing.T) {
			t.Parallel()
			to := open(t, storetest.Clock())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			err := from.Dump(t.Context(), func(d store.Dump) error {
				_, err := store.Move(ctx, d, to, func(int64, int64) {
					if n++; n == parts {
						cancel()
					}
				})
				return err
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want Canceled", err)
			}
			if err := to.Usable(t.Context()); !errors.Is(err, store.ErrMoving) {
				t.Errorf("half moved: %v, want ErrMoving", err)
			}
			moved(t, from, to)
			if d := diff(everything(t, to), want); d != "" {
				t.Errorf("what is there (-moved +source):\n%s", d)
			}
			if err := to.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestMovePooled moves through a pooler, which lends a connection for one
// transaction at a time.
func TestMovePooled(t *testing.T) {
	t.Parallel()
	from, to := source(t, 500), openAt(t, postgres.Options{DSN: pgtest.PgBouncer(t, pgtest.DSN(t)), Now: storetest.Clock()})
	moved(t, from, to)
	if d := diff(everything(t, to), everything(t, from)); d != "" {
		t.Errorf("what is there (-moved +source):\n%s", d)
	}
}

// TestMoveBroken breaks all connections off again and again while a store
// comes over: every part is there once.
func TestMoveBroken(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	from, to := source(t, 1500), openAt(t, postgres.Options{DSN: dsn, Now: storetest.Clock()})
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	stop, broken := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { broken <- n }()
		for ; n < 8; time.Sleep(50 * time.Millisecond) {
			select {
			case <-stop:
				return
			default:
			}
			tag, err := c.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			if err != nil {
				t.Error(err)
				return
			}
			if tag.RowsAffected() > 0 {
				n++
			}
		}
	}()
	moved(t, from, to)
	close(stop)
	if n := <-broken; n == 0 {
		t.Error("no connection was broken off")
	}
	if d := diff(everything(t, to), everything(t, from)); d != "" {
		t.Errorf("what is there (-moved +source):\n%s", d)
	}
	if err := to.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestMoveTwice: a move that has ended may be asked for again, and changes
// nothing.
func TestMoveTwice(t *testing.T) {
	t.Parallel()
	from, to := source(t, 500), open(t, storetest.Clock())
	moved(t, from, to)
	want := everything(t, to)
	moved(t, from, to)
	if d := diff(everything(t, to), want); d != "" {
		t.Errorf("after the second time (-got +want):\n%s", d)
	}
	run, err := to.StartRun(t.Context(), store.RunSpec{Feed: store.Feed{Name: "f"}, Now: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Finish(t.Context(), store.RunStats{}); err != nil {
		t.Fatal(err)
	}
	err = from.Dump(t.Context(), func(d store.Dump) error { _, err := store.Move(t.Context(), d, to, nil); return err })
	if !errors.Is(err, store.ErrOccupied) {
		t.Errorf("move into what was used since: %v, want ErrOccupied", err)
	}
	if err := to.AbandonMove(t.Context()); !errors.Is(err, store.ErrOccupied) {
		t.Errorf("abandon what has ended: %v, want ErrOccupied", err)
	}
}

// TestMoveRefusals: a target takes in one store, in one state, from one
// process at a time.
func TestMoveRefusals(t *testing.T) {
	t.Parallel()
	from := source(t, 500)
	ledger := func(s *sqlite.Store) (l store.Ledger) {
		err := s.Dump(t.Context(), func(d store.Dump) (err error) { l, err = d.Ledger(t.Context()); return err })
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	began, other := ledger(from), ledger(from)
	other.Seq++
	t.Run("a run", func(t *testing.T) {
		t.Parallel()
		to := open(t, storetest.Clock())
		if _, err := to.StartRun(t.Context(), store.RunSpec{Feed: store.Feed{Name: "f"}, Now: time.Unix(1, 0)}); err != nil {
			t.Fatal(err)
		}
		if _, err := to.BeginMove(t.Context(), began); !errors.Is(err, store.ErrOccupied) {
			t.Errorf("got %v, want ErrOccupied", err)
		}
	})
	t.Run("a key", func(t *testing.T) {
		t.Parallel()
		to := open(t, storetest.Clock())
		if err := to.AddKey(t.Context(), store.Key{ID: uuid.New(), Account: "a", CreatedAt: time.Unix(1, 0)}); err != nil {
			t.Fatal(err)
		}
		if _, err := to.BeginMove(t.Context(), began); !errors.Is(err, store.ErrOccupied) {
			t.Errorf("got %v, want ErrOccupied", err)
		}
	})
	t.Run("another state", func(t *testing.T) {
		t.Parallel()
		to := open(t, storetest.Clock())
		if _, err := to.BeginMove(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if _, err := to.BeginMove(t.Context(), began); !errors.Is(err, store.ErrChanged) {
			t.Errorf("got %v, want ErrChanged", err)
		}
		if err := to.AbandonMove(t.Context()); err != nil {
			t.Fatal(err)
		}
		moved(t, from, to)
		if _, err := to.BeginMove(t.Context(), other); !errors.Is(err, store.ErrOccupied) {
			t.Errorf("got %v, want ErrOccupied", err)
		}
	})
	t.Run("two processes", func(t *testing.T) {
		t.Parallel()
		to := open(t, storetest.Clock())
		if _, err := to.BeginMove(t.Context(), began); err != nil {
			t.Fatal(err)
		}
		first := store.Part{End: store.Moved{Runs: 1}}
		for range 2 { // a repetition is no second process
			if err := to.LoadMove(t.Context(), first); err != nil {
				t.Fatal(err)
			}
		}
		if err := to.LoadMove(t.Context(), store.Part{End: store.Moved{Runs: 2}}); !errors.Is(err, store.ErrMoving) {
			t.Errorf("got %v, want ErrMoving", err)
		}
	})
}

// TestMoveAbandoned: whatever breaks off the abandoning of a move leaves a store
// that is refused until it has its indexes, and that can be moved into.
func TestMoveAbandoned(t *testing.T) {
	t.Parallel()
	from := source(t, 500)
	cases := []struct {
		name string
		next func(t *testing.T, to *postgres.Store)
	}{
		{"abandon again", func(t *testing.T, to *postgres.Store) {
			t.Helper()
			if err := to.AbandonMove(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"move again", func(t *testing.T, to *postgres.Store) { t.Helper(); moved(t, from, to) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			to := openAt(t, postgres.Options{DSN: dsn, Now: storetest.Clock()})
			before := indexesOf(t, dsn)
			if _, err := to.BeginMove(t.Context(), store.Ledger{Seq: 1, Counts: store.Counts{Records: 5}}); err != nil {
				t.Fatal(err)
			}
			beside(t, dsn, `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken off'; END $$;
				CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION refuse()`)
			if err := to.AbandonMove(t.Context()); err == nil {
				t.Fatal("abandoned without indexes")
			}
			if err := to.Usable(t.Context()); !errors.Is(err, store.ErrMoving) {
				t.Errorf("half abandoned: %v, want ErrMoving", err)
			}
			if err := to.ConfirmMove(t.Context()); !errors.Is(err, store.ErrChanged) {
				t.Errorf("confirm what was abandoned: %v, want ErrChanged", err)
			}
			beside(t, dsn, `DROP EVENT TRIGGER refuse; DROP FUNCTION refuse`)
			c.next(t, to)
			if err := to.Usable(t.Context()); err != nil {
				t.Error(err)
			}
			if d := cmp.Diff(indexesOf(t, dsn), before); d != "" {
				t.Errorf("indexes (-after +before):\n%s", d)
			}
		})
	}
}

// TestConfirmMoveWithoutIndex: a store that lacks an index is not confirmed.
func TestConfirmMoveWithoutIndex(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	from, to := source(t, 100), openAt(t, postgres.Options{DSN: dsn, Now: storetest.Clock()})
	err := from.Dump(t.Context(), func(d store.Dump) error { _, err := store.Move(t.Context(), d, to, nil); return err })
	if err != nil {
		t.Fatal(err)
	}
	beside(t, dsn, `DROP INDEX records_key`)
	if err := to.ConfirmMove(t.Context()); !errors.Is(err, store.ErrMoving) {
		t.Errorf("got %v, want ErrMoving", err)
	}
	moved(t, from, to) // makes it
}

// TestMoveTwiceElsewhere: a move is known again by what the source holds, not
// by the time zone in which it tells its times.
func TestMoveTwiceElsewhere(t *testing.T) {
	t.Parallel()
	from, to := source(t, 100), open(t, storetest.Clock())
	ledger := moved(t, from, to)
	ledger.UpdatedAt = ledger.UpdatedAt.In(time.FixedZone("elsewhere", 3600))
	if _, err := to.BeginMove(t.Context(), ledger); err != nil {
		t.Error(err)
	}
}

// beside runs statements beside the store.
func beside(t *testing.T, dsn, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if _, err := c.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

// indexesOf returns the definitions of all indexes.
func indexesOf(t *testing.T, dsn string) map[string]string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	rows, err := c.Query(t.Context(), `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var name, def string
	if _, err := pgx.ForEachRow(rows, []any{&name, &def}, func() error { all[name] = def; return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}
