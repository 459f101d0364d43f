package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"spoor/internal/auth"
	"spoor/internal/ingest"
	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/server"
	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/postgres/pgtest"
	"spoor/internal/store/sqlite"
	"spoor/internal/store/storetest"
)

// TestEnginesAnswerAlike puts the same input into both engines and asks both
// the same: the answers have to be the same bytes. One clock stands still for
// both, so that no time has to be left out of the comparison, and both make
// the same request ids. What is imported and how much is asked depends on
// SPOOR_FULL (make check-full): the whole of the real set and 10,000 queries,
// or a slice of it and 600. SPOOR_SEED repeats a run.
func TestEnginesAnswerAlike(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SPOOR_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("SPOOR_SEED: %v", err)
		}
		seed = n
	}
	var (
		in  input
		dsn string
	)
	if os.Getenv("SPOOR_FULL") == "" {
		in, dsn = smallInput(t), pgtest.SocketDSN(t)
	} else {
		in, dsn = wholeInput(t), largeServer(t)
	}
	t.Logf("SPOOR_SEED=%d", seed)
	tw := newTwins(t, dsn, seed)
	said := tw.fill(t, in)
	q := newQuestions(seed, said, tw.keys)
	began := time.Now()
	for q.asked < in.queries && tw.different < maxDifferent {
		tw.ask(t, q.next())
		if q.asked%1000 == 0 {
			t.Logf("%d queries, %d answers differ", q.asked, tw.different)
		}
	}
	t.Logf("%d queries in %s; %v", q.asked, time.Since(began).Round(time.Millisecond), tw)
	if tw.different > 0 {
		t.Errorf("%d answers differ", tw.different)
	}
	for _, status := range []int{200, 304, 400, 401, 403, 404, 405, 406, 429} {
		if tw.statuses[status] == 0 {
			t.Errorf("no answer had status %d: the questions have become poorer", status)
		}
	}
	if found := tw.statuses[200] - tw.nothing; found < in.queries/3 {
		t.Errorf("only %d of %d answers held something", found, q.asked)
	}
}

// largeServer returns the address of a server for the whole set, which is
// more than memory may hold.
func largeServer(t *testing.T) string {
	t.Helper()
	c, err := pgtest.Start(t.Context(), pgtest.Options{Settings: []string{"fsync=off", "shared_buffers=2GB", "max_wal_size=8GB"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close cluster: %v", err)
		}
	})
	return c.SocketDSN("postgres")
}

// maxDifferent is how many differences are shown before the test gives up.
const maxDifferent = 5

// twins are two whole servers that differ in the engine only.
type twins struct {
	servers map[string]*twin
	keys    map[string]string // name to text
	clock   time.Time
	// What was answered: by status, with nothing in it, and differently.
	statuses  map[int]int
	nothing   int
	different int
	bytes     int64
	took      map[string]time.Duration
	slowest   map[string]slow
}

// slow is what took an engine longest.
type slow struct {
	took   time.Duration
	target string
}

type twin struct {
	store   store.Store
	handler http.Handler
}

// present is the moment at which everything is asked.
func present() time.Time { return time.Date(2026, 5, 17, 12, 0, 30, 0, time.UTC) }

// rationed is a tier whose day is over soon; the others of auth.Tiers are not
// rationed here, but bound in rows and look-back.
const rationedPerDay = 25

func newTwins(t *testing.T, dsn string, seed uint64) *twins {
	t.Helper()
	tw := &twins{servers: map[string]*twin{}, statuses: map[int]int{}, took: map[string]time.Duration{}, slowest: map[string]slow{}, clock: present()}
	now := func() time.Time { return tw.clock }
	small, err := sqlite.Open(t.Context(), sqlite.Options{Path: t.TempDir() + "/spoor.db", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	large, err := postgres.Open(t.Context(), postgres.Options{DSN: dsn, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	tiers := auth.Tiers()
	tiers[0].RequestsPerMinute, tiers[0].RequestsPerDay = 0, rationedPerDay
	tiers[1].RequestsPerMinute = 0
	for name, st := range map[string]store.Store{"sqlite": small, "postgres": large} {
		t.Cleanup(func() {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
		srv, err := server.New(server.Options{
			PublicURL: "https://feed.example", SourceName: "Tëst <Feed> & Co", AllowedHosts: []string{"example.com"},
			QueryDeadline: time.Minute, Now: now, Random: rand.NewChaCha8([32]byte{1}), Version: "test",
		}, server.Deps{
			Store: st, Searcher: search.New(st, now), Authenticator: auth.New(st, tiers, now),
			Limiter: auth.NewLimiter(st, "test", time.Minute, now),
		})
		if err != nil {
			t.Fatal(err)
		}
		tw.servers[name] = &twin{store: st, handler: srv.Handler()}
	}
	tw.addKeys(t, seed)
	return tw
}

// addKeys makes keys of every right and gives them to both.
func (tw *twins) addKeys(t *testing.T, seed uint64) {
	t.Helper()
	tw.keys = map[string]string{"none": "", "nonsense": "sk_live_nonsense"}
	random := rand.NewChaCha8([32]byte{0: byte(seed), 1: byte(seed >> 8)})
	sees := func(m ioc.TLP) store.Visibility { return store.Visibility{MaxTLP: m} }
	for _, k := range []struct {
		name string
		spec auth.Spec
	}{
		{"all", auth.Spec{}},
		{"clear", auth.Spec{Visibility: sees(ioc.Clear)}},
		{"green", auth.Spec{Visibility: sees(ioc.Green)}},
		{"amber", auth.Spec{Visibility: sees(ioc.Amber)}},
		{"pro", auth.Spec{Tier: auth.Pro, Visibility: sees(ioc.AmberStrict)}},
		{"free", auth.Spec{Tier: auth.Free}},
		{"articles only", auth.Spec{Scopes: []auth.Scope{auth.ReadArticles}}},
		{"expired", auth.Spec{ExpiresAt: present().Add(-time.Hour)}},
		{"revoked", auth.Spec{}},
	} {
		text, key, err := auth.NewKey(random, k.spec, present().Add(-24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		tw.keys[k.name] = text
		for _, s := range tw.servers {
			if err := s.store.AddKey(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if k.name != "revoked" {
				continue
			}
			if err := s.store.RevokeKey(t.Context(), key.ID, present().Add(-time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// fill puts the input into both stores, step by step at the same time, and
// returns what was said in it.
func (tw *twins) fill(t *testing.T, in input) *sayings {
	t.Helper()
	heard, counts := map[string]*sayings{}, map[string][]string{}
	for name, s := range tw.servers {
		heard[name], counts[name] = newSayings(s.store, in.seed), make([]string, len(in.steps))
	}
	for i, step := range in.steps {
		tw.clock = present().Add(-step.ago)
		now := func() time.Time { return tw.clock }
		var took [2]time.Duration
		var wg errgroup.Group
		for n, name := range []string{"sqlite", "postgres"} {
			wg.Go(func() (err error) {
				began := time.Now()
				counts[name][i], err = step.into(t.Context(), heard[name], now)
				took[n] = time.Since(began)
				return err
			})
		}
		if err := wg.Wait(); err != nil {
			t.Fatal(err)
		}
		tw.took["sqlite"] += took[0]
		tw.took["postgres"] += took[1]
	}
	if diff := cmp.Diff(counts["sqlite"], counts["postgres"]); diff != "" {
		t.Fatalf("the imports count differently (-sqlite +postgres):\n%s", diff)
	}
	for name, s := range tw.servers {
		for _, o := range heard[name].list[:20] { // a number that is gone is not given out again
			if err := s.store.DeleteRecord(t.Context(), o.id); err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("%s: delete %s: %v", name, o.value, err)
			}
		}
	}
	t.Logf("%d observations; %v", heard["sqlite"].seen, tw.took)
	clear(tw.took)
	tw.clock = present()
	return heard["sqlite"]
}

// question is one request; follow, if any, gets the answer.
type question struct {
	method, target string
	header         http.Header
	follow         func(answer)
}

// answer is what of an answer has to be the same.
type answer struct {
	status int
	header string
	etag   string
	body   []byte
}

// ask asks both and compares.
func (tw *twins) ask(t *testing.T, q question) {
	t.Helper()
	one, two := tw.answer(t, "sqlite", q), tw.answer(t, "postgres", q)
	tw.statuses[one.status]++
	tw.bytes += int64(len(one.body))
	if one.status == http.StatusOK && (bytes.Contains(one.body, []byte(`"found":false`)) || bytes.Contains(one.body, []byte(`"data":[]`))) {
		tw.nothing++
	}
	if one.status >= http.StatusInternalServerError {
		t.Errorf("%s %s: status %d: %s", q.method, q.target, one.status, one.body)
	}
	if one.status != two.status || one.header != two.header || !bytes.Equal(one.body, two.body) {
		tw.different++
		t.Errorf("%s %s (key %s): answers differ\n%s", q.method, q.target, tw.keyName(q), difference(one, two))
	}
	if q.follow != nil {
		q.follow(one)
	}
}

func (tw *twins) keyName(q question) string {
	for name, text := range tw.keys {
		if text != "" && strings.HasSuffix(q.header.Get("Authorization"), text) {
			return name
		}
	}
	return "none"
}

func (tw *twins) answer(t *testing.T, name string, q question) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), q.method, "http://example.com"+q.target, http.NoBody)
	r.Header = q.header.Clone()
	w := httptest.NewRecorder()
	began := time.Now()
	tw.servers[name].handler.ServeHTTP(w, r)
	took := time.Since(began)
	tw.took[name] += took
	if took > tw.slowest[name].took {
		tw.slowest[name] = slow{took, q.target}
	}
	res := w.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var header strings.Builder
	if err := res.Header.Write(&header); err != nil {
		t.Fatal(err)
	}
	return answer{status: res.StatusCode, header: header.String(), etag: res.Header.Get("ETag"), body: body}
}

// difference shows where two answers part.
func difference(one, two answer) string {
	if one.status != two.status || one.header != two.header {
		return fmt.Sprintf("sqlite   %d\n%s%s\npostgres %d\n%s%s",
			one.status, one.header, one.body[:min(len(one.body), 500)], two.status, two.header, two.body[:min(len(two.body), 500)])
	}
	at := 0
	for at < min(len(one.body), len(two.body)) && one.body[at] == two.body[at] {
		at++
	}
	around := func(b []byte) []byte { return b[max(0, at-300):min(len(b), at+300)] }
	return fmt.Sprintf("%d and %d bytes, the same up to byte %d\nsqlite   …%s…\npostgres …%s…", len(one.body), len(two.body), at, around(one.body), around(two.body))
}

// String says what was answered.
func (tw *twins) String() string {
	var statuses []int
	for s := range tw.statuses {
		statuses = append(statuses, s)
	}
	slices.Sort(statuses)
	var b strings.Builder
	for _, s := range statuses {
		fmt.Fprintf(&b, "status %d: %d, ", s, tw.statuses[s])
	}
	return fmt.Sprintf("%snothing in %d, %d MB, %v, slowest %v", b.String(), tw.nothing, tw.bytes>>20, tw.took, tw.slowest)
}

// input is what both stores are filled with, in steps at different times.
type input struct {
	steps   []step
	seed    uint64
	queries int
}

// step is a part of the input, so long before the present. into writes it
// and returns its counts. Both engines may be at it at the same time.
type step struct {
	ago  time.Duration
	into func(ctx context.Context, st writable, now func() time.Time) (counts string, err error)
}

// files is the step that imports these.
func files(ago time.Duration, batch int, paths ...string) step {
	return step{ago, func(ctx context.Context, st writable, now func() time.Time) (string, error) {
		sum, err := ingest.New(st, ingest.Options{Now: now, BatchSize: batch}).Import(ctx, ingest.Request{Paths: paths}, nil)
		return fmt.Sprint(sum.Read, sum.New, sum.Updated, sum.Unchanged, sum.Merged, sum.Skipped.Total()), err
	}}
}

// made is the step that writes n generated rows, with every marking, warning
// and kind of source.
func made(ago time.Duration, n int, seed uint64) step {
	return step{ago, func(ctx context.Context, st writable, now func() time.Time) (string, error) {
		run, err := st.StartRun(ctx, store.RunSpec{Feed: storetest.GeneratedFeed(), Source: "generated", Now: now()})
		if err != nil {
			return "", err
		}
		var sum store.Outcome
		for part := range slices.Chunk(storetest.Generate(n, seed), 500) {
			outcome, err := run.Write(ctx, part)
			if err != nil {
				return "", err
			}
			sum.Add(outcome)
		}
		return fmt.Sprint(sum), run.Finish(ctx, store.RunStats{})
	}}
}

// judged is the step that warns of one in so many of the records whose key
// holds the part, and of no other of them.
func judged(ago time.Duration, part string, oneIn uint32) step {
	return step{ago, func(ctx context.Context, st writable, _ func() time.Time) (string, error) {
		n, err := st.Rejudge(ctx, part, func(r *store.Record) []store.Warning {
			if crc32.ChecksumIEEE([]byte(r.Key))%oneIn > 0 {
				return nil
			}
			return []store.Warning{{List: "known good", Reason: "holds " + part}}
		})
		return fmt.Sprint(n), err
	}}
}

// pairs is a query string of names and values.
func pairs(more ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v.Encode()
}
