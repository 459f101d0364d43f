package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/postgres/pgtest"
	"spoor/internal/store/sqlite"
)

// TestWeekKilled does the week with servers that are processes of their own,
// and kills one at random moments while it works: the end is the same. There is
// one server on a file, two on one file, and two on a database, where each feed
// is run by one of them at a time. SPOOR_KILLS says how often; 3 when unset.
func TestWeekKilled(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		servers int
		place   func(*testing.T) string
	}{
		{"one on a file", 1, func(t *testing.T) string { t.Helper(); return filepath.Join(memoryDir(t), "week.db") }},
		{"two on a file", 2, func(t *testing.T) string { t.Helper(); return filepath.Join(memoryDir(t), "week.db") }},
		{"two on a database", 2, func(t *testing.T) string { t.Helper(); return pgtest.DSN(t) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeek(t, weekDays(1))
			w.synthetic()
			k := &killing{week: w, place: tt.place(t), random: rand.New(rand.NewPCG(w.g.seed, 1)), left: kills(t)} //nolint:gosec // moments
			k.run(tt.servers)
		})
	}
}

func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SPOOR_KILLS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("SPOOR_KILLS: %v", err)
	}
	return n
}

// killing is a week with servers that are killed.
type killing struct {
	*week
	place  string
	random *rand.Rand
	// left is how many kills are still to come, done how many there were.
	left, done int
	control    *httptest.Server
	arrivals   map[string]chan chan string
	servers    []*server
}

// stride is how far the clock goes at once: farther than the claim of a server
// that was killed holds.
const stride = 15 * time.Minute

// server is one process.
type server struct {
	name string
	cmd  *exec.Cmd
	out  *bytes.Buffer
	done chan error
	// arrived gets a channel for the next time each time it has done its work.
	arrived chan chan string
	waiting chan string
}

func (k *killing) run(servers int) {
	t, real := k.t, time.Now()
	t.Helper()
	k.control = httptest.NewServer(http.HandlerFunc(k.serve))
	defer k.control.Close()
	k.arrivals = map[string]chan chan string{}
	for i := range 10_000 { // the names of all servers that there will be
		k.arrivals[fmt.Sprintf("server-%d", i)] = make(chan chan string)
	}
	for range servers {
		k.servers = append(k.servers, k.start())
	}
	defer k.stop()
	st := openPlace(t, k.place, k.clock.Now)
	k.await(nil)
	steps := 0
	for k.clock.Now().Before(k.end) || k.left > 0 || !k.settled(st) {
		if steps++; k.clock.Now().Sub(k.end) > 96*time.Hour {
			t.Fatalf("the feeds do not come to rest: it is %s, %d kills are left, states %+v", k.clock.Now(), k.left, k.states(st))
		}
		if !k.clock.Now().Before(k.end) && k.left == 0 {
			k.g.rest()
		}
		k.clock.add(stride)
		k.tick()
		k.step(steps)
	}
	t.Logf("%d steps and %d kills in %s", steps, k.done, time.Since(real).Round(time.Millisecond))
	k.stop()
	k.check(st)
	k.checkManners()
	k.checkPauses(st, k.done*defaultParallel)
	k.checkStates(st)
	k.tell()
}

// step has the servers do what is due, and kills one of them at it now and
// then.
func (k *killing) step(n int) {
	now := k.clock.Now().Format(time.RFC3339Nano)
	for _, s := range k.servers {
		s.waiting <- now
		s.waiting = nil
	}
	var victim *server
	if k.left > 0 && n%3 == 0 {
		victim = k.servers[k.random.IntN(len(k.servers))]
	}
	k.await(victim)
}

// await returns when all servers have done their work. The victim is killed
// unless it is faster.
func (k *killing) await(victim *server) {
	t := k.t
	t.Helper()
	if victim != nil {
		moment := time.Duration(k.random.Int64N(int64(60 * time.Millisecond)))
		select {
		case victim.waiting = <-victim.arrived:
		case <-time.After(moment):
			k.left--
			k.done++
			k.kill(victim)
		}
	}
	for _, s := range k.servers {
		if s.waiting != nil {
			continue
		}
		select {
		case s.waiting = <-s.arrived:
		case err := <-s.done:
			t.Fatalf("%s ended: %v\n%s", s.name, err, s.out)
		case <-time.After(90 * time.Second):
			t.Fatalf("%s does not come to an end", s.name)
		}
	}
	k.g.quiet()
}

// kill kills a server, and starts another in its place.
func (k *killing) kill(victim *server) {
	t := k.t
	t.Helper()
	if err := victim.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-victim.done
	// It had the claim on what it did. No other server gets that now, and the
	// feeds of this step are run in the next one.
	for i, s := range k.servers {
		if s == victim {
			k.servers[i] = k.start()
		}
	}
}

// start starts a server.
func (k *killing) start() *server {
	t := k.t
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{name: fmt.Sprintf("server-%d", k.done), out: &bytes.Buffer{}, done: make(chan error, 1)}
	if len(k.servers) == 1 && k.done == 0 {
		s.name = "server-9999" // the second
	}
	s.arrived = k.arrivals[s.name]
	s.cmd = exec.Command(exe, "-test.run=^TestWeekServer$", "-test.timeout=20m") //nolint:noctx // ends with the control
	s.cmd.Env = append(os.Environ(), "SPOOR_WEEK_CONTROL="+k.control.URL, "SPOOR_WEEK_NAME="+s.name, "SPOOR_WEEK_PLACE="+k.place, "SPOOR_WEEK_ROOT="+k.root)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	return s
}

// stop ends the servers.
func (k *killing) stop() {
	for _, s := range k.servers {
		if s.waiting != nil {
			s.waiting <- "stop"
		} else {
			_ = s.cmd.Process.Kill() // the test has failed
		}
		if err := <-s.done; err != nil && s.waiting != nil {
			k.t.Errorf("%s: %v\n%s", s.name, err, s.out)
		}
	}
	k.servers = nil
}

// serve tells a server what to do.
func (k *killing) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/sources" {
		_, _ = io.WriteString(w, jsonText(k.g.sources()))
		return
	}
	next := make(chan string)
	select {
	case k.arrivals[r.URL.Query().Get("name")] <- next:
	case <-r.Context().Done():
		return
	}
	select {
	case text := <-next:
		_, _ = io.WriteString(w, text)
	case <-r.Context().Done():
	}
}

// checkStates compares what is remembered of the feeds with what one calm look
// at each leaves.
func (k *killing) checkStates(st store.FeedKeeper) {
	t := k.t
	t.Helper()
	calm := openPlace(t, filepath.Join(memoryDir(t), "calm.db"), k.clock.Now)
	po, get, err := weekPoller(calm, k.clock.Now, k.root, "calm", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer get.Close()
	var want, got []store.FeedState
	for _, src := range k.g.sources() {
		rep, err := po.Poll(t.Context(), src, false)
		if err != nil || rep.Stats.Status != store.RunOK {
			t.Fatalf("calm look at %s: %+v, %v", src.Name, rep.Stats, err)
		}
		s := rep.State
		want = append(want, store.FeedState{Feed: src.Name, ETag: s.ETag, LastModified: s.LastModified, Digest: s.Digest, Cursor: s.Cursor, Seen: s.Seen, Items: s.Items})
	}
	for _, s := range k.states(st) {
		if src := slices.IndexFunc(k.g.sources(), func(x Source) bool { return x.Name == s.Feed }); s.LastRun.Before(k.end) || src < 0 {
			t.Errorf("state %+v", s)
		}
		got = append(got, store.FeedState{Feed: s.Feed, ETag: s.ETag, LastModified: s.LastModified, Digest: s.Digest, Cursor: s.Cursor, Seen: s.Seen, Items: s.Items})
	}
	byName := func(a, b store.FeedState) int { return strings.Compare(a.Feed, b.Feed) }
	slices.SortFunc(want, byName)
	slices.SortFunc(got, byName)
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("states (-got +want):\n%s", diff)
	}
}

// openPlace opens the store there, a file or a database.
func openPlace(t *testing.T, place string, now func() time.Time) store.Store {
	t.Helper()
	var st store.Store
	var err error
	if strings.HasSuffix(place, ".db") {
		st, err = sqlite.Open(t.Context(), sqlite.Options{Path: place, Now: now})
	} else {
		st, err = postgres.Open(t.Context(), postgres.Options{DSN: place, Now: now})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// TestWeekServer is a server of TestWeekKilled, and nothing by itself.
func TestWeekServer(t *testing.T) { //nolint:paralleltest // a process of its own
	control := os.Getenv("SPOOR_WEEK_CONTROL")
	if control == "" {
		t.Skip("a part of TestWeekKilled")
	}
	name, now := os.Getenv("SPOOR_WEEK_NAME"), newClock()
	var sources []Source
	if err := json.Unmarshal(ask(t, control+"/sources"), &sources); err != nil {
		t.Fatal(err)
	}
	st := openPlace(t, os.Getenv("SPOOR_WEEK_PLACE"), now.Now)
	log := newDiary()
	po, get, err := weekPoller(st, now.Now, os.Getenv("SPOOR_WEEK_ROOT"), name, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	defer get.Close()
	var s *Scheduler
	for {
		text := string(ask(t, control+"/next?name="+url.QueryEscape(name)))
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			break // "stop"
		}
		now.set(at)
		if s == nil {
			s = NewScheduler(po, st, ScheduleOptions{Sources: func() []Source { return sources }, Process: name, Now: now.Now, Logger: slog.New(log)})
		}
		for next := at; !next.After(at); {
			next = s.Start(t.Context())
			s.Wait()
		}
	}
	http.DefaultClient.CloseIdleConnections()
	for _, line := range log.other {
		t.Errorf("logged: %s", line)
	}
}

// ask waits for an answer of the control.
func ask(t *testing.T, at string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
