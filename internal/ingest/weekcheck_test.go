package ingest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// kept is a record with what else the store has of it.
type kept struct {
	store.Record
	article   store.Article
	sightings []store.Sighting
}

// everything returns all records of a store.
func everything(t testing.TB, st store.Viewer) []kept {
	t.Helper()
	var all []kept
	err := st.View(t.Context(), func(s store.Snapshot) error {
		all = nil
		p := store.Page{Limit: 500, NoTotal: true}
		for {
			l, err := s.List(t.Context(), store.Filter{Visibility: store.Visibility{MaxTLP: ioc.Red}}, p)
			if err != nil {
				return err
			}
			for _, r := range l.Records {
				k := kept{Record: r}
				if r.Article != nil {
					if k.article, err = s.Article(t.Context(), r.Article.ID); err != nil {
						return err
					}
				}
				if k.sightings, err = s.Sightings(t.Context(), r.ID); err != nil {
					return err
				}
				all = append(all, k)
			}
			if l.Next == nil {
				return nil
			}
			p.After = l.Next
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// where is the path of an article's address, or its title.
func (k *kept) where() string {
	if k.Article == nil {
		return ""
	}
	if u, err := url.Parse(k.article.URL); err == nil && u.Path != "" {
		return u.Path
	}
	return k.article.Title
}

func claimKey(feed string, typ ioc.Type, value, where string) string {
	return fmt.Sprintf("%s %s %s under %q", feed, typ, value, where)
}

// check compares the store with what was published.
func (w *week) check(st store.Store) {
	t := w.t
	t.Helper()
	truth, articles := map[string]claim{}, map[string]bool{}
	for _, p := range w.g.papers {
		for _, c := range p.truth(w.end) {
			truth[claimKey(c.feed, c.typ, c.value, c.article)] = c
			if c.article != "" {
				articles[c.feed+" "+c.article] = true
			}
		}
	}
	all := everything(t, st)
	seen := map[string]bool{}
	found := map[uuid.UUID]bool{}
	for i := range all {
		k := &all[i]
		key := claimKey(k.Feed.Name, k.Type, k.Value, k.where())
		c, said := truth[key]
		switch {
		case !said:
			t.Errorf("nobody has said %s", key)
			continue
		case seen[key]:
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if k.Article != nil {
			found[k.Article.ID] = true
		}
		w.checkRecord(k, c)
	}
	for key, c := range truth {
		if !seen[key] {
			t.Errorf("lost: %s, said at %s", key, c.at)
		}
	}
	if len(found) != len(articles) {
		t.Errorf("%d articles of records, want %d", len(found), len(articles))
	}
	var counts store.Counts
	err := st.View(t.Context(), func(s store.Snapshot) (err error) {
		counts, err = s.Counts(t.Context())
		return err
	})
	if err != nil || counts.Records != int64(len(truth)) || counts.Articles != int64(len(articles)) {
		t.Errorf("%+v, %v, want %d records and %d articles", counts, err, len(truth), len(articles))
	}
	if err := st.Check(t.Context()); err != nil {
		t.Error(err)
	}
	t.Logf("%d records under %d articles, %d sightings", counts.Records, counts.Articles, counts.Sightings)
	for _, s := range w.states(st) {
		if word, why := Judge(s, 6*time.Hour, w.clock.Now()); word != Healthy || why != "" {
			t.Errorf("%s is %s in the end: %s", s.Feed, word, why)
		}
	}
}

func (w *week) states(st store.FeedKeeper) []store.FeedState {
	w.t.Helper()
	states, err := st.FeedStates(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return states
}

// checkRecord compares a record with what was said.
func (w *week) checkRecord(k *kept, c claim) {
	t, name := w.t, claimKey(c.feed, c.typ, c.value, c.article)
	t.Helper()
	if c.first.IsZero() {
		// Dated by the run that found it.
		if !k.FirstSeen.Equal(k.LastSeen) || k.FirstSeen.Before(c.at) && c.at.After(w.begin) || k.FirstSeen.Before(w.begin) || k.FirstSeen.After(w.clock.Now()) {
			t.Errorf("%s is not dated, was said at %s and is kept as of %s to %s", name, c.at, k.FirstSeen, k.LastSeen)
		}
	} else if !k.FirstSeen.Equal(c.first) || !k.LastSeen.Equal(c.last) {
		t.Errorf("%s is kept as of %s to %s, want %s to %s", name, k.FirstSeen, k.LastSeen, c.first, c.last)
	}
	for _, at := range []time.Time{k.FirstSeen, k.LastSeen, k.article.Published, k.article.Modified, k.article.Fetched} {
		if at.After(w.clock.Now().Add(tomorrow)) {
			t.Errorf("%s has the date %s", name, at)
		}
	}
	if c.title != "" && k.article.Title != c.title {
		t.Errorf("%s is under %q, want %q", name, k.article.Title, c.title)
	}
	if n := len(k.sightings); n == 0 || n > max(c.said, 1) {
		t.Errorf("%s was seen %d times: %+v", name, n, k.sightings)
	}
	if strings.Contains(k.Context, "\ufffd") {
		t.Errorf("%s has the context %q", name, k.Context)
	}
}

// checkRuns wants every run kept, with counts that add up, and every record
// new in one of them.
func (w *week) checkRuns(st store.Store, log *diary) {
	t := w.t
	t.Helper()
	made := map[string]int64{}
	for _, k := range everything(t, st) {
		made[k.Feed.Name]++
	}
	total := 0
	for _, p := range w.g.papers {
		name := p.src.Name
		runs, err := st.Runs(t.Context(), name, allRuns)
		if err != nil {
			t.Fatal(err)
		}
		if len(runs) != log.runs[name] {
			t.Errorf("%s: %d runs are kept, %d were logged", name, len(runs), log.runs[name])
		}
		total += len(runs)
		var fresh int64
		ends := map[store.RunStatus]int{}
		for _, r := range runs {
			s := r.Stats
			ends[s.Status]++
			if fresh += s.New; r.Finished.IsZero() || s.Status == "" || s.Read != s.New+s.Updated+s.Unchanged+s.Merged+s.Skipped {
				t.Errorf("%s: run %+v", name, r)
			}
			if (s.Status == store.RunFailed || s.Status == store.RunHeld || s.Status == store.RunPartial) == (s.Error == "") {
				t.Errorf("%s: %s with error %q", name, s.Status, s.Error)
			}
			if (s.Status == store.RunHeld || s.Status == store.RunUnchanged) && s.Read != 0 {
				t.Errorf("%s: %s, but %d were read", name, s.Status, s.Read)
			}
		}
		if fresh != made[name] {
			t.Errorf("%s: %d were new in some run, %d records are there", name, fresh, made[name])
		}
		w.checkEnds(p, ends)
	}
	for _, line := range log.other {
		t.Errorf("logged: %s", line)
	}
	t.Logf("%d runs", total)
}

// checkEnds wants no wrong answer to have passed for a good one.
func (w *week) checkEnds(p *paper, ends map[store.RunStatus]int) {
	small, wrong := 0, 0
	for _, a := range w.g.requests() {
		switch {
		case a.paper != p.src.Name || !a.front:
		case a.fault == faultShrunk:
			small++
		case !isWhole(a.fault):
			wrong++
		}
	}
	if ends[store.RunFailed] < wrong {
		w.t.Errorf("%s: %d wrong answers, runs ended %v", p.src.Name, wrong, ends)
	}
	if first := len(p.visible(w.begin, func(int) bool { return false })); first >= gateFloor && p.list[0].until.IsZero() && ends[store.RunHeld] != small {
		w.t.Errorf("%s: %d copies of a tenth, runs ended %v", p.src.Name, small, ends)
	}
}

// checkManners wants no host asked while it rests, no feed run by two at once,
// and no forbidden address reached.
func (w *week) checkManners() {
	t := w.t
	t.Helper()
	if n := w.g.reached.Load(); n != 0 {
		t.Errorf("%d connections to a forbidden address", n)
	}
	if len(w.g.overlaps) > 0 {
		t.Errorf("%d requests beside those of another process, the first: %s", len(w.g.overlaps), w.g.overlaps[0])
	}
	host := map[string]string{}
	for _, p := range w.g.papers {
		if u, err := url.Parse(p.src.URL); err == nil {
			host[p.src.Name] = u.Host
		}
	}
	log := w.g.requests()
	slices.SortStableFunc(log, func(a, b asked) int { return a.at.Compare(b.at) })
	rest, from := map[string]time.Time{}, map[string]asked{}
	for _, a := range log {
		h := a.agent + " " + host[a.paper] // each server knows what it was told
		if a.at.After(from[h].at) && a.at.Before(rest[h]) {
			t.Errorf("%s was asked for at %s, though the host wanted to rest from %s until %s", a.path, a.at, from[h].at, rest[h])
		}
		if until := a.at.Add(a.rest); a.rest > 0 && until.After(rest[h]) {
			rest[h], from[h] = until, a
		}
	}
}

// checkPauses wants no feed run sooner than its interval, or the pause after so
// many failures. A server that is killed forgets what it has just done: so many
// runs may have been repeated at once.
func (w *week) checkPauses(st store.FeedKeeper, lost int) {
	t := w.t
	t.Helper()
	var early []string
	for _, p := range w.g.papers {
		runs, err := st.Runs(t.Context(), p.src.Name, allRuns)
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(runs)
		failures, broken := 0, true // whether the last run has no end
		for i, r := range runs {
			least := p.src.Interval
			if failures > 0 {
				least = backoff(failures, p.src.Interval)
			}
			if i > 0 && !broken && r.Started.Sub(runs[i-1].Started) < least*9/10-time.Second {
				early = append(early, fmt.Sprintf("%s ran at %s, the time before at %s: %s", p.src.Name, r.Started, runs[i-1].Started, runs[i-1].Stats.Error))
			}
			if broken = r.Finished.IsZero(); broken {
				continue
			}
			if failures++; r.Stats.Status != store.RunFailed {
				failures = 0
			}
		}
	}
	if len(early) > lost {
		t.Errorf("%d runs came too early, at most %d may have:\n%s", len(early), lost, strings.Join(early, "\n"))
	}
}

// allRuns is more than there are.
const allRuns = 100_000
