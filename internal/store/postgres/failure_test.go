package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/storetest"
)

// everything sees all.
func everything() store.Visibility { return store.Visibility{MaxTLP: ioc.Red} }

// list returns the records that a filter lists.
func list(t *testing.T, s *Store, f store.Filter) []store.Record {
	t.Helper()
	f.Visibility = everything()
	var l store.List
	err := s.View(t.Context(), func(v store.Snapshot) (err error) {
		l, err = v.List(t.Context(), f, store.Page{Limit: 10})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return l.Records
}

// refusing makes the database refuse a row in the middle of a batch; the
// statement that lifts it is returned.
func refusing(t *testing.T, s *Store, table, when string) (lift string) {
	t.Helper()
	spoil(t, s, fmt.Sprintf(`CREATE INDEX refused ON %s ((1 / (CASE WHEN %s THEN 0 ELSE 1 END)))`, table, when))
	return `DROP INDEX refused`
}

// TestRefusedBatch: of a batch that fails in the middle nothing is left, and
// once it is accepted it goes in whole, in the same run.
func TestRefusedBatch(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string][2]string{
		"record":       {"records", `ioc_value_normalized = 'host-1500.evil.example'`},
		"changed":      {"records", `seq > 500 AND ioc_value_normalized = 'host-7.evil.example'`},
		"sighting":     {"sightings", `seq > 501`},
		"facet":        {"facets", `labels LIKE '%again%'`},
		"label":        {"facet_labels", `name = 'again'`},
		"count":        {"facets", `records > 600`},
		"clock itself": {"clock", `records > 600`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openTest(t)
			r := startRun(t, s)
			if _, err := r.Write(t.Context(), domains(500, 0)); err != nil {
				t.Fatal(err)
			}
			lift := refusing(t, s, refuse[0], refuse[1])
			batch := append(repeated(domains(20, 0)), domains(1500, 500)...)
			_, err := r.Write(t.Context(), batch)
			if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code != "22012" {
				t.Fatalf("write: %v, want the database's refusal", err)
			}
			if got := count(t, s); got != 500 {
				t.Errorf("%d records after the refused batch, want 500", got)
			}
			if left := list(t, s, store.Filter{Tags: []string{"again"}}); len(left) > 0 {
				t.Errorf("%d records of the refused batch are listed", len(left))
			}
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
			spoil(t, s, lift)
			out, err := r.Write(t.Context(), batch)
			if want := (store.Outcome{New: 1500, Merged: 20}); err != nil || out != want {
				t.Errorf("write it again = %+v, %v, want %+v", out, err, want)
			}
			if err := r.Finish(t.Context(), store.RunStats{}); err != nil {
				t.Error(err)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestInterruptedWrite ends the context in the middle of a batch.
func TestInterruptedWrite(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	r := startRun(t, s)
	interrupted := 0
	for i := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*20*time.Millisecond)
		_, err := r.Write(ctx, domains(20_000, 0))
		cancel()
		if err == nil {
			break // this machine writes 20,000 records within the time
		}
		interrupted++
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted write: %v, want DeadlineExceeded", err)
		}
		if got := count(t, s); got != 0 {
			t.Errorf("records after an interrupted batch = %d", got)
		}
	}
	if interrupted == 0 {
		t.Fatal("no write was interrupted")
	}
	if _, err := r.Write(t.Context(), domains(100, 30_000)); err != nil {
		t.Errorf("write after interruptions: %v", err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	whole(t, s)
}

// whole holds the pool to have come back: all its connections can be had, and
// none is in a transaction.
func whole(t *testing.T, s *Store) {
	t.Helper()
	s.closing.Wait() // what ends transactions
	most := s.primary.pool.Config().MaxConns
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range most {
		c, err := s.primary.acquire(ctx)
		if err != nil {
			t.Fatalf("of %d connections not all can be had: %v", most, err)
		}
		defer c.Release()
		if status := c.Conn().PgConn().TxStatus(); status != 'I' {
			t.Errorf("a connection is left in state %c", status)
		}
	}
}

// TestLongTexts: what is longer than a B-tree takes is kept, and found.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	random := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // reproducible
	long := func(n int) string {          // not to be compressed to nothing
		b := make([]byte, n)
		for i := range b {
			b[i] = 'a' + byte(random.IntN(26))
		}
		return string(b)
	}
	const much = 100_000
	feed := store.Feed{Name: "feed " + long(much), Category: store.Community}
	article := &store.Article{
		ID: store.ArticleID(feed.Name, "x"), Feed: feed, Title: long(much), URL: "https://report.example/" + long(much), Summary: long(much),
		Published: time.Unix(1e9, 0).UTC(), Fetched: time.Unix(1e9, 0).UTC(),
	}
	key := long(2048)
	o := store.Observation{
		Indicator: ioc.Indicator{Type: ioc.Domain, Value: strings.ToUpper(key), Key: key}, Origin: store.OriginArticle, Article: article,
		Tags: []string{long(much)}, Families: []string{long(much)}, Industries: []string{long(much)}, Techniques: []string{long(much)},
		Context: long(much), Warnings: []store.Warning{{List: long(much), Reason: long(much)}},
	}
	r, err := s.StartRun(t.Context(), store.RunSpec{Feed: feed, Source: long(much), Now: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := r.Write(t.Context(), []store.Observation{o}); err != nil || out.New != 1 {
		t.Fatalf("write = %+v, %v", out, err)
	}
	for name, f := range map[string]store.Filter{
		"all": {}, "tag": {Tags: o.Tags}, "industry": {Industries: o.Industries}, "technique": {Techniques: o.Techniques},
		"feed": {Feeds: []string{feed.Name}}, "article": {Article: article.ID},
	} {
		found := list(t, s, f)
		if len(found) != 1 {
			t.Errorf("%s: %d records, want 1", name, len(found))
			continue
		}
		got, want := found[0], o
		if got.Key != key || got.Value != want.Indicator.Value || got.Context != want.Context || got.Article.Title != article.Title || !slices.Equal(got.Families, want.Families) || cmp.Diff(got.Warnings, want.Warnings) != "" {
			t.Errorf("%s: something of it came back otherwise", name)
		}
	}
	if n := contains(t, s, key[1000:1100]); n != 1 {
		t.Errorf("a piece of the key is found %d times", n)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestHugeBatch writes 50,000 at once, half of them twice.
func TestHugeBatch(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	r := startRun(t, s)
	if out, err := r.Write(t.Context(), append(domains(25_000, 0), domains(25_000, 0)...)); err != nil || out != (store.Outcome{New: 25_000, Merged: 25_000}) {
		t.Errorf("write = %+v, %v", out, err)
	}
	if got := count(t, s); got != 25_000 {
		t.Errorf("%d records", got)
	}
	if n := contains(t, s, "host-24999."); n != 1 {
		t.Errorf("the last one is found %d times", n)
	}
}

// TestUseAfterClose: a closed store refuses, and does not hang.
func TestUseAfterClose(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for name, use := range map[string]func() error{
		"View":      func() error { return s.View(ctx, func(store.Snapshot) error { return nil }) },
		"StartRun":  func() error { _, err := s.StartRun(ctx, store.RunSpec{Feed: store.Feed{Name: "f"}}); return err },
		"KeyByHash": func() error { _, err := s.KeyByHash(ctx, [32]byte{1}); return err },
		"Check":     func() error { return s.Check(ctx) },
		"Lease":     func() error { _, err := s.Lease(ctx, "n", "h", time.Second); return err },
	} {
		began := time.Now()
		if err := use(); err == nil || errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 3*time.Second {
			t.Errorf("%s on a closed store: %v after %v", name, err, time.Since(began))
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestCloseWaits: Close returns after the views that are under way.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	viewed, closed := make(chan error, 1), make(chan struct{})
	go func() {
		viewed <- s.View(t.Context(), func(v store.Snapshot) error {
			v.Seq()
			close(inside)
			<-leave
			_, err := v.Feeds(t.Context())
			return err
		})
	}()
	<-inside
	go func() {
		_ = s.Close()
		close(closed)
	}()
	select {
	case <-closed:
		t.Error("Close did not wait for a view")
	case <-time.After(200 * time.Millisecond): // it has had the time to
	}
	close(leave)
	if err := <-viewed; err != nil {
		t.Errorf("the view under way: %v", err)
	}
	<-closed
}

// TestCancelledSearch: a search that nobody waits for any longer ends soon, on
// the server too, and its connection can be used again.
func TestCancelledSearch(t *testing.T) {
	t.Parallel()
	s := openLarge(t)
	query := store.ContainsQuery{Needle: store.Needle{Text: ";=;"}, Visibility: everything(), Window: store.Window{Limit: 10}}
	cancelled := 0
	for i := range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
		began := time.Now()
		err := s.View(ctx, func(v store.Snapshot) error { _, err := v.Contains(ctx, query); return err })
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled after %d ms: %v, want DeadlineExceeded", i, err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("cancelled after %d ms, it took %v", i, took)
		}
		if err != nil {
			cancelled++
		}
	}
	if cancelled == 0 {
		t.Error("no search was cancelled")
	}
	whole(t, s)
	c := connect(t, s)
	const busy = `SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client backend'`
	for began := time.Now(); rowsOf(t, c, busy)[0][0] != "0"; {
		if time.Since(began) > 10*time.Second {
			t.Fatal("searches that were cancelled go on on the server")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestDroppedTable: an error of the database says what it misses, at once.
func TestDroppedTable(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	r := startRun(t, s)
	if _, err := r.Write(t.Context(), domains(10, 0)); err != nil {
		t.Fatal(err)
	}
	spoil(t, s, `ALTER TABLE articles RENAME TO gone`)
	began := time.Now()
	_, err := r.Write(t.Context(), append(domains(10, 0), storetest.Generate(10, 1)...))
	if err == nil || !strings.Contains(err.Error(), "articles") || !strings.HasPrefix(err.Error(), "write batch: ") {
		t.Errorf("write: %v, want one that names the table", err)
	}
	err = s.View(t.Context(), func(v store.Snapshot) error { _, err := v.Article(t.Context(), uuid.Max); return err })
	if err == nil || !strings.Contains(err.Error(), "articles") || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("read: %v, want one that names the table", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	whole(t, s)
}

// TestManyReaders: more readers than connections all get their turn.
func TestManyReaders(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	if got := s.primary.pool.Config().MaxConns; got != 8 {
		t.Logf("the pool has %d connections", got)
	}
	if _, err := startRun(t, s).Write(t.Context(), domains(500, 0)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			for range 3 {
				if n := contains(t, s, fmt.Sprintf("host-%d.", i)); n != 1 {
					t.Errorf("reader %d: %d found", i, n)
				}
				if n := len(list(t, s, store.Filter{})); n != 10 {
					t.Errorf("reader %d: %d listed", i, n)
				}
			}
		})
	}
	wg.Wait()
	whole(t, s)
}

// TestNamedConditions: the conditions that a caller acts on have their names.
func TestNamedConditions(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]error{
		"55P03": store.ErrBusy, "53100": store.ErrFull, "53200": store.ErrFull, "25006": store.ErrReadOnly, "42501": store.ErrReadOnly,
		"XX001": store.ErrCorrupt, "XX002": store.ErrCorrupt, "57014": context.DeadlineExceeded,
		"57P01": store.ErrUnavailable, "57P03": store.ErrUnavailable, "08006": store.ErrUnavailable, "53300": store.ErrUnavailable,
	} {
		cause := &pgconn.PgError{Code: code}
		if err := translate(fmt.Errorf("ask: %w", cause)); !errors.Is(err, want) || !errors.Is(err, cause) {
			t.Errorf("%s = %v, want %v and its cause", code, err, want)
		}
	}
	if err := translate(&pgconn.PgError{Code: "42P01"}); errors.Is(err, store.ErrUnavailable) || passing(err) {
		t.Errorf("a missing table = %v, which will not pass", err)
	}
}
