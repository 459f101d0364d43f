package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spoor/internal/benign"
	"spoor/internal/ioc"
)

// TestAllowActsOnRunningServers holds that what is allowed leaves the block
// list of a server at once, and comes back when it is taken off the list.
func TestAllowActsOnRunningServers(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		at := e.fresh(t)
		file := filepath.Join(t.TempDir(), "list.txt")
		if err := os.WriteFile(file, []byte("evil.example\ncorp.example\nwww.corp.example\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		must(t, at.after("import", "--format", "list", file)...)
		r := serve(t, at...)
		key, client := r.key(t), httpClient(t)
		blocked := func() string {
			t.Helper()
			status, body := r.get(t, client, key, "/api/v1/iocs", url.Values{"format": {"txt"}})
			if status != http.StatusOK {
				t.Fatalf("status %d: %s", status, body)
			}
			return string(body)
		}
		warned := func() bool {
			t.Helper()
			_, body := r.get(t, client, key, searchPath, query("corp.example"))
			return strings.Contains(string(body), `"list":"`+allowList+`"`)
		}
		if got := blocked(); strings.Count(got, "corp.example") != 2 || warned() {
			t.Fatalf("before: warned %t\n%s", warned(), got)
		}
		must(t, at.after("allow", "add", "corp.example", "--reason", "ours")...)
		if got := blocked(); strings.Contains(got, "corp.example") || !strings.Contains(got, "evil.example") || !warned() {
			t.Errorf("allowed: warned %t\n%s", warned(), got)
		}
		must(t, at.after("allow", "remove", "corp.example")...)
		if got := blocked(); strings.Count(got, "corp.example") != 2 || warned() {
			t.Errorf("removed: warned %t\n%s", warned(), got)
		}
	})
}

// TestPartOfAnEntry holds that every value that an entry covers has the part in
// its key, so that the records to judge anew are all found.
func TestPartOfAnEntry(t *testing.T) {
	t.Parallel()
	values := []string{
		"corp.example", "a.b.corp.example", "198.51.100.7", "198.51.1.7", "198.0.0.1", "2001:db8::7", "2001:db8:0:1::",
		"https://corp.example/App/x?q=1", "http://CORP.example:80/App", "https://a.corp.example/", "http://198.51.100.7/x", "http://[2001:db8::7]/",
		"me@corp.example", "me@a.corp.example", "CVE-2026-12345", "T1059.001", strings.Repeat("ab", 32),
	}
	entries := []string{
		"corp.example", "*.corp.example", "@corp.example", "https://*.corp.example/", "https://corp.example/App", "http://corp.example/App/",
		"198.51.100.7", "198.51.100.0/24", "198.51.96.0/20", "198.0.0.0/8", "198.51.100.7/32", "2001:db8::/32", "2001:DB8::7", "::ffff:198.51.100.0/120",
		"http://198.51.100.7/", "me@corp.example", "cve-2026-12345", "t1059.001", strings.Repeat("AB", 32),
	}
	covered := 0
	for _, text := range entries {
		entry, err := benign.ParseEntry(text, "")
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		lists, err := new(benign.Lists).With([]benign.Entry{entry})
		if err != nil {
			t.Fatal(err)
		}
		hits := 0
		for _, value := range values {
			ind, err := ioc.Identify(value)
			if err != nil {
				t.Fatalf("%s: %v", value, err)
			}
			verdicts := lists.Judge(ind)
			if len(verdicts) == 0 {
				continue
			}
			hits++
			if part := partOf(entry.Value); !strings.Contains(ind.Key, part) {
				t.Errorf("%s covers %s, whose key %s has no %q", text, value, ind.Key, part)
			}
			if verdicts[0].List != allowList {
				t.Errorf("%s: list %q, want %q", text, verdicts[0].List, allowList)
			}
		}
		if hits == 0 {
			t.Errorf("%s covers none of the values", text)
		}
		covered += hits
	}
	if covered <= len(entries) {
		t.Errorf("only %d pairs were compared", covered)
	}
}

// TestAllowKeepsTheEntry holds that an entry is kept in its one spelling, with
// reason and date.
func TestAllowKeepsTheEntry(t *testing.T) {
	t.Parallel()
	st := openAt(t, place{"--data", t.TempDir()})
	a := &app{stdout: newOutput(), now: func() time.Time { return time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC) }}
	entry, err := benign.ParseEntry("corp[.]example", "ours")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.allow(t.Context(), st, []benign.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	list, err := st.Allowed(t.Context())
	if err != nil || len(list) != 1 || list[0].Value != "corp.example" || list[0].Reason != "ours" || list[0].AddedAt.IsZero() {
		t.Errorf("list %+v, %v", list, err)
	}
}

// FuzzPartOf is TestPartOfAnEntry for any entry and any value.
func FuzzPartOf(f *testing.F) {
	f.Add("corp.example", "https://www.corp.example/a?b")
	f.Add("https://corp.example/app/", "http://corp.example/app/x")
	f.Add("198.51.100.0/22", "198.51.101.7")
	f.Add("2001:db8::/32", "2001:db8::5")
	f.Add("@corp.example", "me@mail.corp.example")
	f.Fuzz(func(t *testing.T, text, value string) {
		entry, err := benign.ParseEntry(text, "")
		if err != nil {
			return
		}
		lists, err := new(benign.Lists).With([]benign.Entry{entry})
		if err != nil {
			t.Fatalf("%q was read, and is no entry: %v", entry.Value, err)
		}
		// What an entry is itself it covers, so that there is something to compare.
		for _, v := range []string{value, entry.Value, "https://" + entry.Value + "/x", "x." + entry.Value} {
			ind, err := ioc.Identify(v)
			if err != nil || len(lists.Judge(ind)) == 0 {
				continue
			}
			if part := partOf(entry.Value); !strings.Contains(ind.Key, part) {
				t.Errorf("%q covers %q, whose key %q has no %q", entry.Value, v, ind.Key, part)
			}
		}
	})
}
