package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spoor/internal/fetch"
	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/sqlite"
)

// week is a time in which feeds are polled and publishers misbehave.
type week struct {
	t          *testing.T
	g          *gazette
	clock      *clock
	begin, end time.Time
	root       string
}

// weekDays is how long a week is: a whole one with SPOOR_FULL.
func weekDays(short int) int {
	if os.Getenv("SPOOR_FULL") != "" {
		return 7
	}
	return short
}

func newWeek(t *testing.T, days int) *week {
	t.Helper()
	c := newClock()
	w := &week{t: t, clock: c, begin: c.Now(), end: c.Now().AddDate(0, 0, days), root: t.TempDir()}
	w.g = newGazette(t, seedOf(t), c.Now)
	return w
}

// synthetic publishes papers of every format.
func (w *week) synthetic() {
	w.t.Helper()
	for i, make := range []func(host string, begin, end time.Time) *paper{
		newNames, newHaus, newFox, newCatalogue, newTrail, newTable, newFeodo, newBundle, newCollection, newEvents,
		newHeron, newEgret, newIbis, newStork, newCrane,
	} {
		// Two papers share a host here and there, and its rests with it.
		w.g.add(make(w.g.host(fmt.Sprint(i*2/3)), w.begin, w.end))
	}
	w.g.add(w.newDrop())
}

// newDrop is a folder of this machine where files turn up.
func (w *week) newDrop() *paper {
	dir := filepath.Join(w.root, "drop")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	p := &paper{list: rhythm{first: 4, every: 9 * time.Hour, undated: true}.printings(w.begin, w.end)}
	p.src = source("drop", "file://"+filepath.ToSlash(dir), "")
	p.src.Interval = 3 * time.Hour
	p.claims = func(x printing) []claim {
		return []claim{{typ: ioc.Domain, value: fmt.Sprintf("d%d.drop.example", x.n)}}
	}
	return p
}

// tick is what happens on this machine until now: files turn up in the folder,
// and for a while there is one that cannot be read.
func (w *week) tick() {
	w.t.Helper()
	i := slices.IndexFunc(w.g.papers, func(p *paper) bool { return p.src.Name == "drop" })
	if i < 0 {
		return
	}
	now, p := w.clock.Now(), w.g.papers[i]
	for _, x := range p.list {
		if !x.at.After(now) {
			w.put(fmt.Sprintf("%d.txt", x.n), p.claims(x)[0].value+"\n")
		}
	}
	broken := filepath.Join(w.root, "drop", "broken.json")
	if now.After(w.begin.Add(20*time.Hour)) && now.Before(w.begin.Add(40*time.Hour)) && now.Before(w.end) {
		w.put("broken.json", `{"type":"bundle","objects":[`)
	} else if err := os.Remove(broken); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
}

// put puts a file into the folder at once, unless it is there.
func (w *week) put(name, text string) {
	w.t.Helper()
	at := filepath.Join(w.root, "drop", name)
	if _, err := os.Stat(at); err == nil {
		return
	}
	part := filepath.Join(w.root, name)
	if err := os.WriteFile(part, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(part, at); err != nil {
		w.t.Fatal(err)
	}
}

// diary keeps what the log says of the runs.
type diary struct {
	slog.Handler
	mu    sync.Mutex
	runs  map[string]int
	other []string
}

func newDiary() *diary { return &diary{Handler: slog.DiscardHandler, runs: map[string]int{}} }

func (d *diary) Enabled(context.Context, slog.Level) bool { return true }

func (d *diary) Handle(_ context.Context, r slog.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	about := map[string]string{}
	r.Attrs(func(a slog.Attr) bool { about[a.Key] = a.Value.String(); return true })
	if r.Message == "feed run ended" {
		d.runs[about["feed"]]++
	} else {
		d.other = append(d.other, r.Message+": "+about["feed"]+": "+about["error"])
	}
	return nil
}

// weekPoller returns what polls in the week, under the agent's name.
func weekPoller(st FeedStore, now func() time.Time, root, agent string, log *slog.Logger) (*Poller, *fetch.Fetcher, error) {
	get, err := fetch.New(fetch.Options{
		UserAgent: agent, AllowHosts: []string{"127.0.0.1"}, Root: root, Pause: -1, Retries: -1,
		Timeout: 20 * time.Second, Stall: 400 * time.Millisecond, MaxBytes: 4 << 20, Now: now,
	})
	if err != nil {
		return nil, nil, err
	}
	return NewPoller(New(st, Options{Now: now, Logger: log}), st, get), get, nil
}

// TestWeek polls sources of every format for a week on a clock that is moved:
// at the end the store holds what was published, each once, whatever the
// servers did meanwhile.
func TestWeek(t *testing.T) {
	t.Parallel()
	w := newWeek(t, weekDays(2))
	w.synthetic()
	w.polled(func(st store.Store, log *diary) {
		w.check(st)
		w.checkRuns(st, log)
		w.checkManners()
		w.checkPauses(st, 0)
	})
}

// memoryDir is a folder in memory where there is one: some thousand
// transactions wait for the disk longer than for anything else.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "spoor-week-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// polled polls until the end, and then until every feed has had a good run, and
// has the outcome checked.
func (w *week) polled(check func(store.Store, *diary)) {
	t := w.t
	t.Helper()
	real := time.Now()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(memoryDir(t), "week.db"), Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	log := newDiary()
	po, get, err := weekPoller(st, w.clock.Now, w.root, "week", slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	defer get.Close()
	s := NewScheduler(po, st, ScheduleOptions{Sources: w.g.sources, Process: "week", Now: w.clock.Now, Logger: slog.New(log)})
	words := map[Health]int{}
	steps := 0
	for w.clock.Now().Before(w.end) || !w.settled(st) {
		if steps++; steps > 50_000 || w.clock.Now().Sub(w.end) > 72*time.Hour {
			t.Fatalf("the feeds do not come to rest: %d steps, it is %s", steps, w.clock.Now())
		}
		if !w.clock.Now().Before(w.end) {
			w.g.rest()
		}
		w.tick()
		w.step(s)
		w.health(st, words)
	}
	t.Logf("%d days in %s: %d steps, health %v", int(w.end.Sub(w.begin).Hours()/24), time.Since(real).Round(time.Millisecond), steps, words)
	if words[Degraded] == 0 {
		t.Errorf("no feed was ever degraded: %v", words)
	}
	check(st, log)
	w.tell()
}

// step runs what is due, and moves the clock to what is due next.
func (w *week) step(s *Scheduler) {
	s.Start(w.t.Context())
	s.Wait()
	if next := s.Start(w.t.Context()); next.After(w.clock.Now()) {
		w.clock.set(next)
	}
	s.Wait()
}

// settled reports whether every feed has had a good run since all was quiet.
func (w *week) settled(st store.FeedKeeper) bool {
	states, err := st.FeedStates(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	good, calm := 0, w.g.calmed()
	for _, s := range states {
		if !calm.IsZero() && s.LastRun.After(calm) && (s.Status == store.RunOK || s.Status == store.RunUnchanged) {
			good++
		}
	}
	return good == len(w.g.papers)
}

// health counts the words that the feeds have now.
func (w *week) health(st store.FeedKeeper, words map[Health]int) {
	states, err := st.FeedStates(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range states {
		word, why := Judge(s, 6*time.Hour, w.clock.Now())
		words[word]++
		if word != Healthy && strings.TrimSpace(why) == "" {
			w.t.Fatalf("%s is %s without a reason: %+v", s.Feed, word, s)
		}
		if word == Healthy && (s.Failures > 0 || s.Held != nil || s.Status == store.RunPartial) {
			w.t.Fatalf("%s is healthy with %+v", s.Feed, s)
		}
	}
}

// tell writes what has happened.
func (w *week) tell() {
	faults, hits := map[fault]int{}, 0
	for _, a := range w.g.requests() {
		faults[a.fault]++
		if a.code == 304 {
			hits++
		}
	}
	w.t.Logf("%d requests, %d answered 304; by fault: %v", len(w.g.requests()), hits, faults)
}
