//go:build unix

package postgres_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
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

// TestFailover: under load the primary ends and its standby is promoted. The
// store goes on without being opened anew, and has all that it acknowledged.
func TestFailover(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*pgtest.Cluster) error{
		"kill":      (*pgtest.Cluster).Kill,
		"immediate": func(c *pgtest.Cluster) error { return c.Stop(context.Background(), pgtest.Immediate) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failover(t, end)
		})
	}
}

func failover(t *testing.T, end func(*pgtest.Cluster) error) {
	primary := pgtest.StartCluster(t)
	standby := primary.Standby(t, "s1")
	st := openAt(t, postgres.Options{DSN: address(primary, standby), ReadDSN: address(primary, standby)})
	if h := health(t, st); h.Replication != store.Asynchronous {
		t.Errorf("before synchronous_standby_names is set: %+v", h)
	}
	say(t, st, domains(0, 100))
	must(t, primary.Set(t.Context(), "synchronous_standby_names=nobody"))
	for h := health(t, st); h.Writable || h.Problem == ""; h = health(t, st) {
		time.Sleep(20 * time.Millisecond) // until the setting has arrived
	}
	must(t, primary.Set(t.Context(), "synchronous_standby_names=s1"))
	waitSynchronous(t, primary)
	if h := health(t, st); h.Replication != store.Synchronous {
		t.Errorf("with synchronous_standby_names: %+v", h)
	}
	writesWait(t, st, standby)
	waitState(t, st, 0, store.ReplicaOK)
	waitState(t, st, 1, store.ReplicaOK)

	stop := reading(t, st, 4)
	writers := []*recorder{record(t, st, 1_000_000), record(t, st, 2_000_000)}
	for _, w := range writers {
		w.wait(t, 5)
	}
	must(t, end(primary))
	ended := time.Now()
	time.Sleep(500 * time.Millisecond) // as long as whoever promotes takes to notice
	must(t, standby.Promote(t.Context()))
	promoted := time.Now()
	for _, w := range writers {
		w.wait(t, 10)
	}
	waitState(t, st, 0, store.ReplicaDown)
	reads := stop()
	var out store.Outcome
	acknowledged := 100
	for _, w := range writers {
		w.stop()
		gap := w.resumed(ended)
		t.Logf("a writer: %d batches, %d errors, first acknowledged %v after the end of the primary, %v after the promotion", w.batches(), len(w.errs), gap.Round(time.Millisecond), (gap - promoted.Sub(ended)).Round(time.Millisecond))
		if err := errors.Join(w.errs...); err != nil {
			t.Error(err)
		}
		if gap-promoted.Sub(ended) > 10*time.Second {
			t.Errorf("writes went on %v after the promotion", gap-promoted.Sub(ended))
		}
		out.Add(w.out)
		acknowledged += len(w.names)
	}
	t.Log("reads: ", reads)
	for _, err := range reads.errs {
		t.Log(err)
	}
	if len(reads.errs)*100 > reads.reads || reads.longest > 4*time.Second || reads.gap > 4*time.Second {
		t.Errorf("too many reads failed, or took too long: %v", reads)
	}
	if out != (store.Outcome{New: acknowledged - 100}) {
		t.Errorf("%+v of %d names", out, acknowledged-100)
	}
	verify(t, openAt(t, postgres.Options{DSN: standby.DSN("postgres")}), acknowledged, writers...)
	if h := health(t, st); !h.Writable || h.Replication != store.NoReplication {
		t.Errorf("afterwards: %+v", h)
	}
}

// waitSynchronous waits until the primary counts on its standby.
func waitSynchronous(t *testing.T, c *pgtest.Cluster) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN("postgres"))
	must(t, err)
	defer conn.Close(context.Background())
	eventually(t, "the standby is synchronous", func() bool {
		n := 0
		must(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'`).Scan(&n))
		return n == 1
	})
}

// writesWait checks that a write is not acknowledged before the standby has it.
func writesWait(t *testing.T, st *postgres.Store, standby *pgtest.Cluster) {
	t.Helper()
	signal(t, standby, syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	err := st.AddKey(ctx, key("waits"))
	signal(t, standby, syscall.SIGCONT)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a write without its standby: %v", err)
	}
}

func key(text string) store.Key {
	return store.Key{ID: uuid.Must(uuid.NewV7()), Account: "team", Hash: sha256.Sum256([]byte(text)), Prefix: "sk_live_abcd", Tier: "free", CreatedAt: time.Now()}
}

// verify checks that the store has just those records.
func verify(t *testing.T, st *postgres.Store, records int, writers ...*recorder) {
	t.Helper()
	must(t, st.View(t.Context(), func(s store.Snapshot) error {
		n, err := s.Counts(t.Context())
		if n.Records != int64(records) || n.Sightings != int64(records) {
			t.Errorf("%+v, acknowledged %d records", n, records)
		}
		for _, w := range writers {
			for names := w.names; len(names) > 0 && err == nil; {
				some := names[:min(len(names), 500)]
				names = names[len(some):]
				keys := make([]store.TypedKey, len(some))
				for i, name := range some {
					keys[i] = store.TypedKey{Type: ioc.Domain, Key: name}
				}
				var m store.Matches
				m, err = s.Exact(t.Context(), store.ExactQuery{Keys: keys, Window: store.Window{Limit: 1000}})
				if m.Total != len(some) {
					t.Errorf("%d of %d acknowledged names are there", m.Total, len(some))
				}
			}
		}
		return err
	}))
	must(t, st.Check(t.Context()))
}

// recorder writes batches of new names all the time and remembers what was
// acknowledged.
type recorder struct {
	done    chan struct{}
	stopped sync.WaitGroup

	mu    sync.Mutex
	names []string
	out   store.Outcome
	at    []time.Time // of each acknowledgement
	errs  []error
}

func record(t *testing.T, st *postgres.Store, from int) *recorder {
	t.Helper()
	w := &recorder{done: make(chan struct{})}
	run := startRun(t, st)
	w.stopped.Go(func() {
		for {
			select {
			case <-w.done:
				return
			case <-time.After(5 * time.Millisecond):
			}
			batch := domains(from, 20)
			from += len(batch)
			w.write(run, batch)
		}
	})
	return w
}

func (w *recorder) write(run store.Run, batch []store.Observation) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := run.Write(ctx, batch)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.errs = append(w.errs, err)
		return
	}
	for i := range batch {
		w.names = append(w.names, batch[i].Indicator.Key)
	}
	w.out.Add(out)
	w.at = append(w.at, time.Now())
}

func (w *recorder) batches() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.at)
}

// wait waits for so many more batches.
func (w *recorder) wait(t *testing.T, more int) {
	t.Helper()
	have := w.batches()
	eventually(t, "batches are written", func() bool { return w.batches() >= have+more })
}

// resumed returns how long after that moment a batch was acknowledged that was
// not on its way before.
func (w *recorder) resumed(after time.Time) time.Duration {
	longest := time.Duration(0)
	for i, at := range w.at {
		if at.After(after) && i > 0 {
			longest = max(longest, at.Sub(w.at[i-1]))
		}
	}
	return longest
}

func (w *recorder) stop() {
	close(w.done)
	w.stopped.Wait()
}

// TestBrokenCommit: the connection breaks when the end of a write is on its
// way, so that the store cannot know whether it arrived.
func TestBrokenCommit(t *testing.T) {
	t.Parallel()
	for name, arrives := range map[string]bool{"commit arrives": true, "commit is lost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			brokenCommit(t, arrives)
		})
	}
}

func brokenCommit(t *testing.T, arrives bool) {
	dsn := pgtest.DSN(t)
	p := newProxy(t, dsn)
	st := openAt(t, postgres.Options{DSN: p.dsn})
	broken := func(what string, fn func() error) {
		t.Helper()
		p.cut(cut{when: "\x00COMMIT\x00", arrives: arrives})
		if err := fn(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if n := p.left(); n > 0 {
			t.Errorf("%s: the connection was not cut", what)
		}
	}
	first, second := key("first"), key("second")
	broken("first key", func() error {
		added, err := st.AddFirstKey(t.Context(), first)
		if !added {
			t.Error("the first key was not added")
		}
		return err
	})
	if added, err := st.AddFirstKey(t.Context(), second); added || err != nil {
		t.Errorf("a second first key: %t, %v", added, err)
	}
	broken("key", func() error { return st.AddKey(t.Context(), second) })
	broken("revoke", func() error { return st.RevokeKey(t.Context(), first.ID, time.Now()) })
	if keys, err := st.Keys(t.Context()); len(keys) != 2 || keys[0].RevokedAt.IsZero() || !keys[1].RevokedAt.IsZero() || err != nil {
		t.Errorf("keys %+v, %v", keys, err)
	}
	var run store.Run
	broken("start", func() (err error) {
		run, err = st.StartRun(t.Context(), store.RunSpec{Feed: store.Feed{Name: "Names"}, Source: "test", Now: time.Now()})
		return err
	})
	var out store.Outcome
	for i := range 3 {
		broken("write", func() error {
			o, err := run.Write(t.Context(), domains(50*i, 100)) // half of it was there
			out.Add(o)
			return err
		})
	}
	if out != (store.Outcome{New: 200, Merged: 100}) {
		t.Errorf("%+v", out)
	}
	broken("finish", func() error { return run.Finish(t.Context(), store.RunStats{Read: 300}) })
	id := store.RecordID("Names", uuid.Nil, ioc.Domain, "n7.example")
	broken("delete", func() error { return st.DeleteRecord(t.Context(), id) })
	if err := st.DeleteRecord(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("delete again: %v", err)
	}
	verify(t, st, 199)
}

// TestBrokenTwice: the connection breaks at the end of a write, and then once
// more before it is known what became of it.
func TestBrokenTwice(t *testing.T) {
	t.Parallel()
	p := newProxy(t, pgtest.DSN(t))
	st := openAt(t, postgres.Options{DSN: p.dsn})
	p.cut(cut{when: "\x00COMMIT\x00", arrives: true}, cut{when: "SELECT hash FROM api_keys"})
	if added, err := st.AddFirstKey(t.Context(), key("first")); !added || err != nil || p.left() > 0 {
		t.Errorf("first key: %t, %v, %d cuts left", added, err, p.left())
	}
	run := startRun(t, st)
	for i := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		p.cut(cut{when: "\x00COMMIT\x00", arrives: true, then: cancel})
		if out, err := run.Write(ctx, domains(200*i, 100)); !errors.Is(err, context.Canceled) {
			t.Errorf("a write that nobody waits for: %+v, %v", out, err)
		}
		cancel()
		// That one was written is no sign that the next one was.
		p.cut(cut{when: "\x00COMMIT\x00"})
		if out, err := run.Write(t.Context(), domains(200*i+100, 100)); out.New != 100 || err != nil || p.left() > 0 {
			t.Errorf("the next write: %+v, %v, %d cuts left", out, err, p.left())
		}
	}
	verify(t, st, 400)
}

// proxy forwards connections to a server, and cuts them where it is told to.
type proxy struct {
	dsn, target string
	listener    net.Listener
	open        sync.WaitGroup

	mu   sync.Mutex
	cuts []cut
}

// cut ends a connection when the client has the text executed: that arrives or
// not, and the answer never does.
type cut struct {
	when    string
	arrives bool
	then    func()
}

// newProxy stands between the store and a database, whose URL is then dsn.
// Statements are sent with their text each time.
func newProxy(t *testing.T, dsn string) *proxy {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	p := &proxy{target: u.Host}
	p.listener, err = net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	must(t, err)
	u.Host = p.listener.Addr().String()
	query := u.Query()
	query.Set("default_query_exec_mode", "cache_describe")
	u.RawQuery = query.Encode()
	p.dsn = u.String()
	p.open.Go(func() {
		for {
			client, err := p.listener.Accept()
			if err != nil {
				return
			}
			p.open.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() { _ = p.listener.Close() })
	return p
}

func (p *proxy) cut(cuts ...cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts = cuts
}

func (p *proxy) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.cuts)
}

// execute is the message that has a statement run, after those that say which
// one: they alone only have it described.
const execute = "E\x00\x00\x00\x09\x00\x00\x00\x00\x00"

// next returns the cut that is due with what the client sends.
func (p *proxy) next(sent []byte) (c cut, due bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.cuts) == 0 {
		return c, false
	}
	if _, after, said := bytes.Cut(sent, []byte(p.cuts[0].when)); !said || !bytes.Contains(after, []byte(execute)) {
		return c, false
	}
	c, p.cuts = p.cuts[0], p.cuts[1:]
	return c, true
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target) //nolint:noctx // at once
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool
	p.open.Go(func() { // answers
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil || deaf.Load() {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		c, due := p.next(buf[:n])
		if due && c.then != nil {
			defer c.then()
		}
		if due && !c.arrives {
			return
		}
		if due {
			deaf.Store(true)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
		if due {
			_, _ = io.Copy(io.Discard, client) // until the answer came
			return
		}
	}
}

// TestLostBatches: a run whose acknowledged batches are gone, as after the
// promotion of a standby that lacked them, ends instead of claiming them.
func TestLostBatches(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]string{"a batch": `UPDATE runs SET batches = 1`, "all of it": `DELETE FROM runs`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			st := openAt(t, postgres.Options{DSN: dsn})
			run := startRun(t, st)
			for i := range 2 {
				if _, err := run.Write(t.Context(), domains(10*i, 10)); err != nil {
					t.Fatal(err)
				}
			}
			conn, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
			if _, err := conn.Exec(t.Context(), lose); err != nil {
				t.Fatal(err)
			}
			if _, err := run.Write(t.Context(), domains(20, 10)); err == nil || !strings.Contains(err.Error(), "run the same again") {
				t.Errorf("write = %v, want that something was lost", err)
			}
		})
	}
}
