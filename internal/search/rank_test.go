package search_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/search"
	"spoor/internal/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRank keeps the rank of the hit that the asker meant, for a fixed list of
// queries, in a golden file: a change in what search finds first shows there.
func TestRank(t *testing.T) {
	t.Parallel()
	st := engine(t)
	write(t, st, corpus())
	var b strings.Builder
	b.WriteString("# query | meant | stage | rank of total\n")
	for _, c := range []struct{ text, meant string }{
		{"evil.example", "evil.example"},
		{"hxxp://evil[.]example", "evil.example"},
		{"hxxp[:]//evil[.]example/gate[.]php", "http://evil.example/gate.php"},
		{"evil.example:8080", "http://evil.example:8080/"},
		{"evil", "evil.example"},
		{"notevil", "notevil.example"},
		{"gate.php", "http://evil.example/gate.php"}, // reads as a domain: only match=contains finds it
		{"/gate.php", "http://evil.example/gate.php"},
		{"login", "login.bank.example"},
		{"index.php?id=7", "https://b.evil.example/Login/Index.php?Id=7"},
		{"bank.example", "login.bank.example"},
		{".bank.example", "login.bank.example"},
		{"onlyurl.example", "http://onlyurl.example/x"},
		{"192.0.2.22", "192.0.2.22"},
		{"192.0.2.23", "http://192.0.2.23/a"},
		{"192.0.2.", "192.0.2.2"},
		{"2001:db8::", "2001:db8::1"},
		{"2001:DB8:0::2", "http://[2001:db8::2]:8080/x"},
		{"0123456789AB", "0123456789abcdef0123456789abcdef"},
		{"CVE-2024", "CVE-2024-1234"},
		{"cve-2024-1234", "CVE-2024-1234"},
		{"T1566", "T1566.002"},
		{"who@", "who@evil.example"},
		{"wp-includes", "http://c.example/wp-includes/login.js"},
		{"münchen.example", "http://xn--mnchen-3ya.example/bier"},
		{"lo", "login.bank.example"},
		{"secret.example", "http://secret.example/open"},
	} {
		a := find(t, st, search.Query{Text: c.text, Window: store.Window{Limit: 100}})
		rank := "not found"
		if i := slices.Index(values(a.Matches), c.meant); i >= 0 {
			rank = fmt.Sprint(i + 1)
		}
		fmt.Fprintf(&b, "%s | %s | %s | %s of %d\n", c.text, c.meant, a.Stage, rank, a.Total)
	}
	const golden = "testdata/rank.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(want)); diff != "" {
		t.Errorf("ranks changed (-got +want); if that is meant, run with -update:\n%s", diff)
	}
}
