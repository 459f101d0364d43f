//go:build unix

package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/postgres/pgtest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// address names the servers in one URL. The password is asked for by none of
// them, and must be said by nobody.
func address(servers ...*pgtest.Cluster) string {
	hosts := make([]string, len(servers))
	for i, s := range servers {
		hosts[i] = s.Address()
	}
	return "postgres://" + pgtest.Superuser + ":" + password + "@" + strings.Join(hosts, ",") + "/postgres"
}

const password = "hush-hush"

// domains returns observations of n names of their own.
func domains(from, n int) []store.Observation {
	all := make([]store.Observation, n)
	for i := range all {
		name := fmt.Sprintf("n%d.example", from+i)
		all[i].Indicator = ioc.Indicator{Type: ioc.Domain, Value: name, Key: name}
	}
	return all
}

func startRun(t testing.TB, st *postgres.Store) store.Run {
	t.Helper()
	r, err := st.StartRun(t.Context(), store.RunSpec{Feed: store.Feed{Name: "Names", Category: store.ThreatIntel}, Source: "test", Now: time.Now()})
	must(t, err)
	return r
}

// say writes a run of one batch.
func say(t testing.TB, st *postgres.Store, batch []store.Observation) {
	t.Helper()
	r := startRun(t, st)
	out, err := r.Write(t.Context(), batch)
	must(t, err)
	if out.New != len(batch) {
		t.Fatalf("%+v of %d new names", out, len(batch))
	}
	must(t, r.Finish(t.Context(), store.RunStats{}))
}

// find looks for one name within 5 seconds, and reports how many records it
// has.
func find(ctx context.Context, st *postgres.Store, name string) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err = st.View(ctx, func(s store.Snapshot) error {
		m, err := s.Exact(ctx, store.ExactQuery{Keys: []store.TypedKey{{Type: ioc.Domain, Key: name}}, Window: store.Window{Limit: 10}})
		n = m.Total
		return err
	})
	return n, err
}

// list reads the latest records within 5 seconds.
func list(ctx context.Context, st *postgres.Store) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err = st.View(ctx, func(s store.Snapshot) error {
		l, err := s.List(ctx, store.Filter{}, store.Page{Limit: 20})
		n = l.Total
		return err
	})
	return n, err
}

func health(t testing.TB, st *postgres.Store) store.Health {
	t.Helper()
	h, err := st.Health(t.Context())
	must(t, err)
	text := fmt.Sprintf("%+v", h)
	if strings.Contains(text, password) || strings.Contains(text, "postgres://") {
		t.Errorf("a secret in %s", text)
	}
	return h
}

// waitState waits until the replica of that number is in the state.
func waitState(t testing.TB, st *postgres.Store, i int, want store.ReplicaState) (r store.Replica) {
	t.Helper()
	eventually(t, fmt.Sprintf("replica %d is %s", i, want), func() bool {
		r = health(t, st).Replicas[i]
		return r.State == want
	})
	if (r.Problem == "") != (want == store.ReplicaOK) {
		t.Errorf("replica %d is %s, problem %q", i, want, r.Problem)
	}
	return r
}

// commits returns how many transactions the server has ended in the database.
func commits(t testing.TB, c *pgtest.Cluster) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN("template1"))
	must(t, err)
	defer conn.Close(context.Background())
	must(t, conn.QueryRow(t.Context(), `SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'`).Scan(&n))
	return n
}

// signal sends the signal to all processes of the server.
func signal(t testing.TB, c *pgtest.Cluster, s syscall.Signal) {
	t.Helper()
	top := c.Pid()
	must(t, syscall.Kill(top, s))
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Skip("no /proc here")
	}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if parent, _ := strconv.Atoi(fields[1]); parent == top {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			must(t, err)
			_ = syscall.Kill(pid, s) // it may have ended
		}
	}
}

// reading reads all the time with so many readers until the returned function
// is called, which says how it went.
func reading(t testing.TB, st *postgres.Store, readers int) (stop func() tally) {
	t.Helper()
	var wg sync.WaitGroup
	done := make(chan struct{})
	var mu sync.Mutex
	var all tally
	for i := range readers {
		wg.Go(func() {
			last := time.Now()
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				var err error
				began := time.Now()
				if (n+i)%4 == 0 {
					_, err = list(context.Background(), st)
				} else {
					_, err = find(context.Background(), st, "n1.example")
				}
				mu.Lock()
				all.reads++
				all.longest = max(all.longest, time.Since(began))
				if err != nil {
					all.errs = append(all.errs, err)
				} else {
					all.gap = max(all.gap, time.Since(last))
					last = time.Now()
				}
				mu.Unlock()
			}
		})
	}
	return func() tally {
		close(done)
		wg.Wait()
		return all
	}
}

// tally is how reads went: longest is the slowest of them, gap the longest
// that a reader was without an answer.
type tally struct {
	reads        int
	errs         []error
	longest, gap time.Duration
}

func (c tally) String() string {
	return fmt.Sprintf("%d reads, %d failed, the slowest took %v, longest gap %v", c.reads, len(c.errs), c.longest.Round(time.Millisecond), c.gap.Round(time.Millisecond))
}

// TestReplicas walks one primary and two replicas through what may happen to
// them, one after the other.
func TestReplicas(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartCluster(t)
	a, b := primary.Standby(t, "a"), primary.Standby(t, "b")
	alone := openAt(t, postgres.Options{DSN: primary.DSN("postgres")})
	if h := health(t, alone); h.Replication != store.Asynchronous || !h.Writable || h.Replicas != nil {
		t.Errorf("health of a primary with standbys: %+v", h)
	}
	say(t, alone, domains(0, 100))
	must(t, a.WaitCaughtUp(t.Context()))
	must(t, b.WaitCaughtUp(t.Context()))
	open := func(t testing.TB, lag time.Duration, servers ...*pgtest.Cluster) *postgres.Store {
		return openAt(t, postgres.Options{DSN: address(primary), ReadDSN: address(servers...), MaxLag: lag})
	}
	st := open(t, 2*time.Second, a, b)
	s := scene{primary: primary, a: a, b: b, alone: alone, st: st, open: open}
	t.Run("share", s.share)
	t.Run("lag", s.lag)
	t.Run("settled", s.settled)
	t.Run("schedule", s.schedule)
	t.Run("kill", s.kill)
	t.Run("silent", s.silent)
	t.Run("no primary", s.noPrimary)
}

type scene struct {
	primary, a, b *pgtest.Cluster
	alone, st     *postgres.Store
	open          func(t testing.TB, lag time.Duration, servers ...*pgtest.Cluster) *postgres.Store
}

func (s scene) wait(t *testing.T) {
	t.Helper()
	waitState(t, s.st, 0, store.ReplicaOK)
	waitState(t, s.st, 1, store.ReplicaOK)
}

// share: each of two replicas does half of the work and the primary none, so
// that two do twice what one does.
func (s scene) share(t *testing.T) {
	s.wait(t)
	const reads = 600
	load := func(o postgres.Options) (commit [3]int64, views []int64) {
		before := [...]int64{commits(t, s.primary), commits(t, s.a), commits(t, s.b)}
		st, err := postgres.Open(t.Context(), o)
		must(t, err)
		for i := range health(t, st).Replicas {
			waitState(t, st, i, store.ReplicaOK)
		}
		for range reads {
			if n, err := find(t.Context(), st, "n1.example"); n != 1 || err != nil {
				t.Fatalf("%d records, %v", n, err)
			}
		}
		for _, r := range health(t, st).Replicas {
			views = append(views, r.Views)
		}
		must(t, st.Close()) // a server counts what a connection did at its end
		eventually(t, "the reads are counted", func() bool {
			commit = [...]int64{commits(t, s.primary) - before[0], commits(t, s.a) - before[1], commits(t, s.b) - before[2]}
			return commit[0]+commit[1]+commit[2] >= reads
		})
		return commit, views
	}
	solo, _ := load(postgres.Options{DSN: s.primary.DSN("postgres")})
	shared, views := load(postgres.Options{DSN: address(s.primary), ReadDSN: address(s.a, s.b)})
	for i, n := range views {
		if n < reads*4/10 || n > reads*6/10 {
			t.Errorf("replica %d answered %d of %d reads", i, n, reads)
		}
	}
	one, primary, a, b := solo[0], shared[0], shared[1], shared[2]
	for name, n := range map[string]int64{"a": a, "b": b} {
		if n < reads*4/10 || n > reads*6/10 {
			t.Errorf("%d of %d transactions at %s", n, reads, name)
		}
	}
	ratio := float64(one) / float64(max(a, b))
	t.Logf("%d reads: one server alone %d transactions; with two replicas %d and %d, the primary %d: a server as busy answers %.2f times as many", reads, one, a, b, primary, ratio)
	if ratio < 1.8 || primary > reads/5 {
		t.Errorf("ratio %.2f, %d transactions at the primary", ratio, primary)
	}
}

// lag: a replica that falls behind is skipped, said to be behind, and used
// again when it is not.
func (s scene) lag(t *testing.T) {
	s.wait(t)
	must(t, s.a.Pause(t.Context()))
	say(t, s.alone, domains(1000, 10))
	r := waitState(t, s.st, 0, store.ReplicaLagging)
	if r.Lag < 2*time.Second || r.Lag > 20*time.Second {
		t.Errorf("lag %v", r.Lag)
	}
	for range 20 {
		if n, err := find(t.Context(), s.st, "n1001.example"); n != 1 || err != nil {
			t.Fatalf("%d records, %v", n, err)
		}
	}
	h := health(t, s.st)
	if h.Replicas[0].Views != r.Views || h.Replicas[1].State != store.ReplicaOK {
		t.Errorf("afterwards %+v, before %+v", h.Replicas, r)
	}
	// Whoever comes later does not know since when, and does not use it either.
	if late := health(t, s.open(t, time.Hour, s.a, s.b)).Replicas[0]; late.State != store.ReplicaLagging || late.Problem == "" {
		t.Errorf("seen by a new server: %+v", late)
	}
	must(t, s.a.Resume(t.Context()))
	waitState(t, s.st, 0, store.ReplicaOK)
}

// schedule: what is due, and what is allowed, is asked at the primary: a
// replica that lags knows of neither.
func (s scene) schedule(t *testing.T) {
	s.wait(t)
	st := s.open(t, time.Hour, s.a, s.b)
	must(t, s.a.Pause(t.Context()))
	must(t, s.b.Pause(t.Context()))
	want := store.FeedState{Feed: "Names", ETag: "e", Failures: 3, Status: store.RunFailed}
	must(t, s.alone.SaveFeedState(t.Context(), want))
	must(t, s.alone.Allow(t.Context(), store.Allowed{Value: "v", Reason: "r", AddedAt: time.Unix(1.7e9, 0).UTC()}))
	say(t, s.alone, domains(5000, 10))
	got, err := st.FeedState(t.Context(), "Names")
	must(t, err)
	all, err := st.FeedStates(t.Context())
	must(t, err)
	list, err := st.Allowed(t.Context())
	must(t, err)
	runs, err := st.Runs(t.Context(), "Names", 1)
	must(t, err)
	newest, err := s.alone.Runs(t.Context(), "Names", 1)
	must(t, err)
	if got.ETag != "e" || len(all) != 1 || all[0].Failures != 3 || len(list) != 1 || list[0].Reason != "r" || len(runs) != 1 || runs[0].ID != newest[0].ID {
		t.Errorf("past replicas that lag: %+v, %+v, %+v, %+v", got, all, list, runs)
	}
	// So is what is judged.
	n, err := st.Rejudge(t.Context(), "n5003.", func(*store.Record) []store.Warning { return []store.Warning{{List: "l"}} })
	if n != 1 || err != nil {
		t.Errorf("%d records judged anew, %v", n, err)
	}
	must(t, s.a.Resume(t.Context()))
	must(t, s.b.Resume(t.Context()))
	waitState(t, s.st, 0, store.ReplicaOK)
	waitState(t, s.st, 1, store.ReplicaOK)
}

// settled: what a replica does not show yet is dated no earlier than it says.
func (s scene) settled(t *testing.T) {
	s.wait(t)
	st := s.open(t, time.Hour, s.a)
	waitState(t, st, 0, store.ReplicaOK)
	must(t, s.a.Pause(t.Context()))
	say(t, s.alone, domains(2000, 10))
	var settled time.Time
	seen := map[uuid.UUID]bool{}
	all := func(st *postgres.Store, record func(store.Record)) {
		must(t, st.View(t.Context(), func(v store.Snapshot) error {
			var err error
			if settled, err = v.Settled(t.Context()); err != nil {
				return err
			}
			l, err := v.List(t.Context(), store.Filter{}, store.Page{Limit: 1000})
			for _, r := range l.Records {
				record(r)
			}
			return err
		}))
	}
	all(st, func(r store.Record) { seen[r.ID] = true })
	said, missing := settled, 0
	all(s.alone, func(r store.Record) {
		if !seen[r.ID] {
			missing++
			if said.IsZero() || r.UpdatedAt.Before(said) {
				t.Errorf("%s, dated %v, is not shown, and settled is %v", r.Key, r.UpdatedAt, said)
			}
		}
	})
	if missing != 10 {
		t.Errorf("%d records missing: the replica was to lack 10", missing)
	}
	if views := health(t, st).Replicas[0].Views; views == 0 {
		t.Error("the replica was not read")
	}
	must(t, s.a.Resume(t.Context()))
}

// kill: no read fails when a replica dies, nor when all of them have.
func (s scene) kill(t *testing.T) {
	s.wait(t)
	stop := reading(t, s.st, 4)
	must(t, s.a.Kill())
	waitState(t, s.st, 0, store.ReplicaDown)
	must(t, s.b.Stop(t.Context(), pgtest.Immediate))
	waitState(t, s.st, 1, store.ReplicaDown)
	if n, err := find(t.Context(), s.st, "n1.example"); n != 1 || err != nil {
		t.Errorf("without replicas: %d records, %v", n, err)
	}
	must(t, s.a.Start(t.Context()))
	must(t, s.b.Start(t.Context()))
	s.wait(t)
	c := stop()
	t.Log("two replicas killed one after the other: ", c)
	if len(c.errs) > 0 {
		t.Error(errors.Join(c.errs...))
	}
}

// silent: a replica that takes connections and says nothing is noticed; reads
// go elsewhere before they run out of time.
func (s scene) silent(t *testing.T) {
	s.wait(t)
	signal(t, s.a, syscall.SIGSTOP)
	goOn := sync.OnceFunc(func() { signal(t, s.a, syscall.SIGCONT) })
	defer goOn()
	stop := reading(t, s.st, 4)
	if r := waitState(t, s.st, 0, store.ReplicaDown); r.Problem != "does not answer" {
		t.Errorf("problem %q", r.Problem)
	}
	first := stop()
	stop = reading(t, s.st, 4)
	time.Sleep(2 * time.Second) // while it stays silent
	later := stop()
	t.Logf("a replica went silent: %v; once noticed: %v", first, later)
	if err := errors.Join(append(first.errs, later.errs...)...); err != nil {
		t.Error(err)
	}
	if first.longest > 4*time.Second || later.longest > time.Second || later.reads < 20 {
		t.Errorf("%v; once noticed: %v", first, later)
	}
	goOn()
	waitState(t, s.st, 0, store.ReplicaOK)
}

// noPrimary: without the server that takes writes, what was written can still
// be read, and callers are let in.
func (s scene) noPrimary(t *testing.T) {
	s.wait(t)
	key := store.Key{ID: uuid.Must(uuid.NewV7()), Account: "team", Hash: sha256.Sum256([]byte("k")), Prefix: "sk_live_abcd", Tier: "free", CreatedAt: time.Now()}
	must(t, s.alone.AddKey(t.Context(), key))
	must(t, s.a.WaitCaughtUp(t.Context()))
	must(t, s.b.WaitCaughtUp(t.Context()))
	look := func(t *testing.T, problem string) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		asked := time.Now()
		if k, err := s.st.KeyByHash(ctx, key.Hash); err != nil || k.ID != key.ID || time.Since(asked) > time.Second {
			t.Errorf("key after %v: %v, %v", time.Since(asked), k.ID, err)
		}
		if n, err := find(t.Context(), s.st, "n1.example"); n != 1 || err != nil {
			t.Errorf("%d records, %v", n, err)
		}
		began := time.Now()
		h := health(t, s.st)
		if h.Writable || h.Problem != problem || time.Since(began) > 4*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), h)
		}
		for i, r := range h.Replicas {
			if r.State != store.ReplicaOK {
				t.Errorf("replica %d: %+v", i, r)
			}
		}
	}
	must(t, s.primary.Kill())
	look(t, "does not accept connections")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := s.st.RevokeKey(ctx, key.ID, time.Now()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a write: %v", err)
	}
	must(t, s.primary.Start(t.Context()))
	eventually(t, "the primary answers", func() bool { return health(t, s.st).Writable })
	must(t, s.st.RevokeKey(t.Context(), key.ID, time.Now()))
	if h := health(t, s.st); !h.Writable || h.Problem != "" {
		t.Errorf("back again: %+v", h)
	}
	// Reads go on as well when it takes connections and says nothing.
	signal(t, s.primary, syscall.SIGSTOP)
	defer signal(t, s.primary, syscall.SIGCONT)
	began := time.Now()
	for time.Since(began) < 4*time.Second {
		if n, err := find(t.Context(), s.st, "n1.example"); n != 1 || err != nil {
			t.Fatalf("%d records, %v", n, err)
		}
	}
	look(t, "does not answer")
}
