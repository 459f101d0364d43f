package search_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/sqlite"
	"spoor/internal/store/storetest"
)

func epoch() time.Time { return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) }

// engine opens the embedded store, in memory where the machine has such a
// place: these tests wait for every commit otherwise.
func engine(tb testing.TB) store.Store {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "spoor")
	if err != nil {
		dir = tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	st, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(dir, "spoor.db"), Now: storetest.Clock()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := st.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return st
}

// row is one line of the corpus.
type row struct {
	value   string
	article string // "" is none
	family  string
	tlp     ioc.TLP
	day     int
}

// corpus is a small feed with everything that search has to tell apart.
func corpus() []row {
	return []row{
		{value: "evil.example", article: "heron", family: "greyheron", day: 1},
		{value: "evil.example", article: "wolf", day: 20},
		{value: "a.evil.example", article: "heron", day: 2},
		{value: "notevil.example", article: "lists", day: 3},
		{value: "my-evil.example", article: "lists", day: 3},
		{value: "evil.example.net.example", article: "lists", day: 3},
		{value: "http://evil.example/gate.php", article: "heron", day: 4},
		{value: "http://evil.example:8080/", day: 4},
		{value: "https://b.evil.example/Login/Index.php?Id=7", article: "wolf", day: 5},
		{value: "http://other.example/?u=evil.example", day: 5},
		{value: "who@evil.example", article: "wolf", day: 6},
		{value: "quiet.example", article: "heron", family: "greyheron", day: 6},
		{value: "http://onlyurl.example/x", article: "heron", day: 6},
		{value: "http://sub.onlyurl.example:81/", day: 7},
		{value: "http://notonlyurl.example/", day: 8},
		{value: "http://my-onlyurl.example/", day: 8},
		{value: "192.0.2.2", day: 7},
		{value: "192.0.2.22", article: "heron", day: 8},
		{value: "192.0.2.226", day: 9},
		{value: "http://192.0.2.23/a", day: 9},
		{value: "http://192.0.2.231/a", day: 9},
		{value: "2001:db8::1", article: "wolf", day: 9},
		{value: "2001:db8::2:5", day: 9},
		{value: "http://[2001:db8::2]:8080/x", day: 9},
		{value: "http://a.example/Path/Up", day: 10},
		{value: "http://a.example/path/up", day: 11},
		{value: "http://a.example/100%25_off", day: 11},
		{value: "http://xn--mnchen-3ya.example/bier", day: 12},
		{value: "login.bank.example", article: "lists", day: 12},
		{value: "secure-login.bank.example", article: "lists", family: "tinfox", day: 13},
		{value: "blogins.example", day: 14},
		{value: "http://c.example/wp-includes/login.js", day: 14},
		{value: "0123456789abcdef0123456789abcdef", article: "heron", day: 15},
		{value: "http://d.example/00112233445566778899aabbccddeeff", day: 15},
		{value: "http://d.example/f00112233445566778899aabbccddeeff", day: 15},
		{value: "CVE-2024-1234", article: "wolf", day: 16},
		{value: "CVE-2024-12345", day: 16},
		{value: "T1566.002", day: 17},
		{value: "secret.example", tlp: ioc.Red, article: "heron", day: 18},
		{value: "http://secret.example/open", day: 18},
		{value: "kin.example", family: "greyheron", day: 19},
	}
}

func feed() store.Feed { return store.Feed{Name: "Field Notes", Category: store.Research} }

// write imports the corpus into an engine or a model.
func write(tb testing.TB, st store.Store, rows []row) {
	tb.Helper()
	articles := map[string]*store.Article{}
	var batch []store.Observation
	for _, r := range rows {
		i, err := ioc.Identify(r.value)
		if err != nil {
			tb.Fatal(err)
		}
		at := epoch().AddDate(0, 0, r.day)
		o := store.Observation{
			Indicator: i, Confidence: ioc.Medium, TLP: r.tlp, Origin: store.OriginFeed, FirstSeen: at, LastSeen: at,
		}
		if r.family != "" {
			o.Families = []string{r.family}
		}
		if r.article != "" {
			if articles[r.article] == nil {
				url := "https://reports.example/" + r.article
				articles[r.article] = &store.Article{ID: store.ArticleID(feed().Name, url), Feed: feed(), Title: r.article, URL: url}
			}
			o.Origin, o.Article = store.OriginArticle, articles[r.article]
		}
		batch = append(batch, o)
	}
	load(tb, st, feed(), batch)
}

func load(tb testing.TB, st store.Store, f store.Feed, batch []store.Observation) {
	tb.Helper()
	ctx := context.Background()
	run, err := st.StartRun(ctx, store.RunSpec{Feed: f, Now: epoch()})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := run.Write(ctx, batch); err != nil {
		tb.Fatal(err)
	}
	if err := run.Finish(ctx, store.RunStats{}); err != nil {
		tb.Fatal(err)
	}
}
