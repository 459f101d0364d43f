package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/api"
	"spoor/client"
	"spoor/internal/ioc"
)

// client returns a client of the server, as other programs have it.
func (r *running) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(r.base, r.key(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serveSample starts a server that has the sample.
func serveSample(t *testing.T, e engine) *running {
	t.Helper()
	if e == onFile {
		return serve(t, "--sample")
	}
	at := e.fresh(t)
	must(t, at.after("import", "sample")...)
	return serve(t, at...)
}

// ask searches and wants an answer, whether it finds something or not.
func ask(t *testing.T, c *client.Client, p client.SearchParams) api.SearchData {
	t.Helper()
	answer, err := c.Search(t.Context(), p)
	if err != nil {
		t.Fatalf("search for %q: %v", p.Q, err)
	}
	return answer.Data
}

// TestEverySpellingFindsTheSample goes the whole way: sample files, import,
// server, search.
func TestEverySpellingFindsTheSample(t *testing.T) {
	t.Parallel()
	onEngines(t, everySpellingFindsTheSample)
}

func everySpellingFindsTheSample(t *testing.T, e engine) {
	t.Helper()
	r := serveSample(t, e)
	c := r.client(t)
	spellings := map[string][]string{
		"192.0.2.44":            {"192.0.2.44", "192.0.2[.]44", "192[.]0[.]2[.]44", " 192.0.2.44 ", "192.0.2.44:443", "192.0.2.44/32", "::ffff:192.0.2.44", "[::ffff:c000:22c]", "\"192.0.2.44\"", "192(.)0(.)2(.)44"},
		"2001:db8:1a2b::2":      {"2001:db8:1a2b::2", "2001:DB8:1A2B::2", "[2001:db8:1a2b::2]", "2001:0db8:1a2b:0000:0000:0000:0000:0002", "2001:db8:1a2b::2%eth0", "2001[:]db8[:]1a2b[:][:]2"},
		"lantern-relay.example": {"lantern-relay.example", "LANTERN-RELAY.EXAMPLE", "lantern-relay[.]example", "lantern-relay.example.", "lantern-relay[dot]example", "lantern-relay dot example", "<lantern-relay.example>", "*.lantern-relay.example", "http://lantern-relay.example/"},
		"https://cdn-status.example/lantern/check.php": {"https://cdn-status.example/lantern/check.php", "hxxps://cdn-status[.]example/lantern/check.php", "HXXPS://CDN-STATUS[.]EXAMPLE/lantern/check.php", "https://cdn-status.example:443/lantern/./check.php#x", "hxxps[://]cdn-status[.]example/lantern/check[.]php", "cdn-status.example/lantern/check.php"},
		"parcel-desk@depot-notice.example":             {"parcel-desk@depot-notice.example", "Parcel-Desk[at]depot-notice[.]example", "parcel-desk[@]depot-notice[.]example"},
		"CVE-2031-20871":                               {"CVE-2031-20871", "cve-2031-20871", "CVE\u20132031\u201320871"},
		"T1486":                                        {"T1486", "t1486"},
	}
	for want, queries := range spellings {
		for _, q := range queries {
			answer := ask(t, c, client.SearchParams{Q: q})
			values := map[string]bool{}
			for _, m := range answer.Matches {
				values[m.Value] = true
			}
			if !answer.Found || answer.Meta.Stage != "exact" || !values[want] {
				t.Errorf("search for %q: stage %s, values %v, want %s exactly", q, answer.Meta.Stage, values, want)
			}
		}
	}
}

// TestEveryRecordOfTheSampleIsFound lists all and searches each, as it is,
// defanged and upper-cased, with its article and at most ten related.
func TestEveryRecordOfTheSampleIsFound(t *testing.T) {
	t.Parallel()
	onEngines(t, everyRecordOfTheSampleIsFound)
}

func everyRecordOfTheSampleIsFound(t *testing.T, e engine) {
	t.Helper()
	r := serveSample(t, e)
	c := r.client(t)
	list, err := c.List(t.Context(), client.ListParams{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Data) < 100 || len(list.Data) != list.Meta.Total {
		t.Fatalf("list: %d records of %d, want all of more than 100", len(list.Data), list.Meta.Total)
	}
	types := map[string]bool{}
	for _, want := range list.Data {
		types[want.Type] = true
		typ, err := ioc.ParseType(want.Type)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{want.Value, ioc.Defang(typ, want.Value), strings.ToUpper(want.Value)} {
			answer := ask(t, c, client.SearchParams{Q: q, Type: want.Type})
			var got *api.Record
			for i := range answer.Matches {
				if answer.Matches[i].ID == want.ID {
					got = &answer.Matches[i]
				}
			}
			if got == nil {
				t.Errorf("search for %q does not find the record %s", q, want.ID)
				continue
			}
			if diff := cmp.Diff(want, *got); diff != "" {
				t.Errorf("search for %q: list and search differ (-list +search):\n%s", q, diff)
			}
			if n := len(answer.RelatedIOCs); n > 10 || want.Source.ArticleID != nil && n == 0 {
				t.Errorf("search for %q: %d related", q, n)
			}
		}
	}
	for _, typ := range ioc.Types() {
		if !types[typ.String()] {
			t.Errorf("the sample has no %s", typ)
		}
	}
}

func TestContainsInTheSample(t *testing.T) {
	t.Parallel()
	onEngines(t, containsInTheSample)
}

func containsInTheSample(t *testing.T, e engine) {
	t.Helper()
	r := serveSample(t, e)
	c := r.client(t)
	cases := map[string]struct {
		q, match string
		value    string // one of the matches; "" is nothing found
		stage    string
	}{
		"part of a name":            {"kite-pages", "", "mybank.kite-pages.example", "contains"},
		"part of a path":            {"/bins/tallow", "", "http://192.0.2.200/bins/tallow.mips", "contains"},
		"parent of a name":          {"mirror.heron-drop.example", "", "mirror.heron-drop.example", "exact"},
		"address is no prefix":      {"192.0.2.2", "", "", "none"},
		"address as text":           {"192.0.2.20", "contains", "192.0.2.200", "contains"},
		"piece of a host is no hit": {"status.example", "", "", "none"},
		"percent is literal":        {"100%", "contains", "", "none"},
		"exact only":                {"kite-pages", "exact", "", "none"},
	}
	for name, want := range cases {
		answer := ask(t, c, client.SearchParams{Q: want.q, Match: want.match})
		found := false
		for _, m := range answer.Matches {
			found = found || m.Value == want.value
		}
		if answer.Meta.Stage != want.stage || answer.Found != (want.value != "") || found != (want.value != "") {
			t.Errorf("%s: search for %q: stage %s, found %v with %q %v; want stage %s", name, want.q,
				answer.Meta.Stage, answer.Found, want.value, found, want.stage)
		}
	}
}

// TestSearchCommandAnswersLikeTheAPI compares the bytes of three ways to ask.
func TestSearchCommandAnswersLikeTheAPI(t *testing.T) {
	t.Parallel()
	onEngines(t, searchCommandAnswersLikeTheAPI)
}

func searchCommandAnswersLikeTheAPI(t *testing.T, e engine) {
	t.Helper()
	at, dir := e.fresh(t), t.TempDir()
	must(t, at.after("import", "sample")...)
	conf := filepath.Join(dir, "spoor.yaml")
	text := "public_url: https://feed.example\nsource_name: Tëst <Feed> & Co\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := serve(t, at.after("--config", conf)...)
	key, client := r.key(t), httpClient(t)
	keyFile := filepath.Join(dir, "key")
	if err := os.WriteFile(keyFile, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		q      string
		params []string
		flags  []string
		status int
	}{
		"exact":        {q: "lantern-relay[.]example"},
		"contains":     {q: "tallow"},
		"many":         {q: "example", params: []string{"match", "contains", "limit", "5", "offset", "3"}, flags: []string{"--match", "contains", "--limit", "5", "--offset", "3"}},
		"typed":        {q: "heron-drop.example", params: []string{"type", "url"}, flags: []string{"--type", "url"}},
		"no related":   {q: "203.0.113.7", params: []string{"include_related", "false"}, flags: []string{"--no-related"}},
		"explained":    {q: "lantern-relay[.]example", params: []string{"explain", "true"}, flags: []string{"--explain"}},
		"then":         {q: "203.0.113.7", params: []string{"as_of", "2020-01-01"}, flags: []string{"--as-of", "2020-01-01"}, status: statusNotFound},
		"nothing":      {q: "absent.example", status: statusNotFound},
		"odd letters":  {q: "a<b>&\u2028\"\\", status: statusNotFound},
		"empty window": {q: "203.0.113.7", params: []string{"offset", "50"}, flags: []string{"--offset", "50"}},
	}
	for name, c := range cases {
		status, body := r.get(t, client, key, searchPath, query(c.q, c.params...))
		if status != http.StatusOK {
			t.Errorf("%s: status %d: %s", name, status, body)
			continue
		}
		want := steady(t, body)
		for way, args := range map[string][]string{
			"store":  at.after("search", "--json", "--config", conf),
			"server": {"search", "--config", conf, "--server", r.base, "--key-file", keyFile},
		} {
			got := spoor(t, "", slices.Concat(args, c.flags, []string{c.q})...)
			if got.status != c.status {
				t.Errorf("%s, %s: exit status %d, want %d\n%s", name, way, got.status, c.status, got.stderr)
			}
			if diff := cmp.Diff(want, steady(t, []byte(got.stdout))); diff != "" {
				t.Errorf("%s, %s: output differs from the API's body (-api +command):\n%s", name, way, diff)
			}
		}
	}
}

func TestSearchServerErrors(t *testing.T) {
	t.Parallel()
	r := serve(t, "--data", t.TempDir())
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, wrong := write("good", r.key(t)), write("wrong", "sk_live_nonsense")
	cases := map[string]struct {
		args   []string
		status int
		want   string
	}{
		"no key":           {[]string{"--server", r.base}, statusUsage, "SPOOR_KEY"},
		"wrong key":        {[]string{"--server", r.base, "--key-file", wrong}, statusFailed, "'spoor keys create'"},
		"empty key file":   {[]string{"--server", r.base, "--key-file", write("empty", "\n")}, statusFailed, "holds no key"},
		"no key file":      {[]string{"--server", r.base, "--key-file", filepath.Join(dir, "absent")}, statusFailed, "read key"},
		"no server":        {[]string{"--server", "http://127.0.0.1:1", "--key-file", good}, statusFailed, "is a spoor server running there"},
		"no address":       {[]string{"--server", "feed.example", "--key-file", good}, statusUsage, "https://feed.example"},
		"no scheme":        {[]string{"--server", "127.0.0.1:8080", "--key-file", good}, statusUsage, "give scheme and host"},
		"server and store": {[]string{"--server", r.base, "--data", dir}, statusUsage, "[data server]"},
		"key for a store":  {[]string{"--data", dir, "--key-file", good}, statusUsage, "needs no key"},
		"nothing there":    {[]string{"--server", r.base, "--key-file", good}, statusNotFound, ""},
	}
	for name, c := range cases {
		got := spoor(t, "", append(append([]string{"search"}, c.args...), "192.0.2.10")...)
		if got.status != c.status || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%s: status %d, want %d; standard error %q, want %q in it", name, got.status, c.status, got.stderr, c.want)
		}
	}
}

func TestKeyExposed(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]bool{
		"http://127.0.0.1:80": false, "http://[::1]:80": false, "http://localhost:8080": false,
		"https://feed.example": false, "http://feed.example": true, "http://192.0.2.1": true,
	} {
		if got := keyExposed(base); got != want {
			t.Errorf("%s: got %v, want %v", base, got, want)
		}
	}
}
