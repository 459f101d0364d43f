package benign_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spoor/internal/benign"
	"spoor/internal/ioc"
)

// entriesOf returns up to n entries of a real list, drawn with r.
func entriesOf(tb testing.TB, r *rand.Rand, n int, name string) []string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(warningLists(tb), "lists", name, "list.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var doc struct {
		List []string `json:"list"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		tb.Fatal(err)
	}
	r.Shuffle(len(doc.List), func(i, j int) { doc.List[i], doc.List[j] = doc.List[j], doc.List[i] })
	return doc.List[:min(n, len(doc.List))]
}

// values are what BenchmarkJudge asks for: some thousand of each kind, so that
// the processor's caches hold the lists only as far as they do in service.
func values(tb testing.TB, lists *benign.Lists) map[string][]ioc.Indicator {
	const n = 4096
	r := rand.New(rand.NewPCG(7, 7))
	word := func(length int) string {
		b := make([]byte, length)
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[r.IntN(36)]
		}
		return string(b)
	}
	all := map[string][]ioc.Indicator{}
	add := func(kind string, want bool, value string) {
		ind, err := ioc.Identify(value)
		if err == nil && (lists.Judge(ind) != nil) == want {
			all[kind] = append(all[kind], ind)
		}
	}
	names := append(entriesOf(tb, r, n/2, "cloudflare-top100k"), entriesOf(tb, r, n/2, "dynamic-dns")...)
	for _, name := range names {
		name = strings.TrimPrefix(name, ".")
		add("domain/hit", true, name)
		add("domain/below", true, word(5)+"."+name)
		add("url/host", true, "https://"+name+"/")
	}
	for _, p := range append(entriesOf(tb, r, n/2, "public-dns-v4"), entriesOf(tb, r, n/2, "vpn-ipv4")...) {
		addr, _, _ := strings.Cut(p, "/")
		add("ipv4/hit", true, addr)
	}
	for _, p := range entriesOf(tb, r, n, "icloud-private-relay") {
		if addr, _, _ := strings.Cut(p, "/"); strings.Contains(addr, ":") {
			add("ipv6/hit", true, addr)
		}
	}
	for _, h := range entriesOf(tb, r, n, "ti-falsepositives") {
		add("hash/hit", true, h)
	}
	for _, name := range entriesOf(tb, r, n, "disposable-email") {
		add("email/hit", true, word(8)+"@"+name)
	}
	for range n {
		host := word(4+r.IntN(12)) + "." + word(3+r.IntN(8)) + "." + []string{"com", "net", "top", "co.uk"}[r.IntN(4)]
		add("domain/miss", false, host)
		add("url/miss", false, "http://"+host+"/"+word(6)+"/"+word(12)+".php?id="+word(8))
		add("email/miss", false, word(8)+"@"+host)
		add("ipv4/miss", false, netip.AddrFrom4([4]byte{byte(1 + r.IntN(223)), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}).String())
		add("ipv6/miss", false, fmt.Sprintf("2a%02x:%x::%x", r.IntN(256), 1+r.IntN(65535), 1+r.IntN(65535)))
		add("hash/miss", false, fmt.Sprintf("%016x%016x%016x%016x", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()))
		add("cve/miss", false, fmt.Sprintf("CVE-20%02d-%04d", r.IntN(26), 1+r.IntN(9999)))
	}
	return all
}

// BenchmarkJudge asks all 136 real lists and ours, with an operator's entries
// on top: verdicts in words, and whether a value is known.
func BenchmarkJudge(b *testing.B) {
	lists, err := loadAll(b).With([]benign.Entry{{Value: "corp.top"}, {Value: "198.18.0.0/16"}, {Value: "https://shop.top/app"}})
	if err != nil {
		b.Fatal(err)
	}
	all := values(b, lists)
	for _, kind := range []string{
		"domain/miss", "url/miss", "ipv4/miss", "ipv6/miss", "hash/miss", "email/miss", "cve/miss",
		"domain/hit", "domain/below", "url/host", "ipv4/hit", "ipv6/hit", "hash/hit", "email/hit",
	} {
		inds := all[kind]
		if len(inds) < 1000 {
			b.Fatalf("%s: %d values, want a thousand", kind, len(inds))
		}
		ask := func(name string, f func(ioc.Indicator)) {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					f(inds[i%len(inds)])
					i++
				}
			})
		}
		ask("judge", func(ind ioc.Indicator) { _ = lists.Judge(ind) })
		ask("known", func(ind ioc.Indicator) { _ = lists.Known(ind) })
	}
}

// TestAllocations wants a miss to allocate nothing, nor Known for a hit.
func TestAllocations(t *testing.T) {
	lists, err := benign.Builtin().With([]benign.Entry{{Value: "corp.top"}, {Value: "198.18.0.0/16"}, {Value: "https://shop.top/app"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{
		"attacker.top", "a.b.c.attacker.co.uk", "http://attacker.top/a/b/c?d=e", "http://203.0.112.1/a", "http://[2a00::1]/x",
		"203.0.112.1", "2a00::1", "a@attacker.top", "0123456789abcdef0123456789abcdef", "CVE-2024-0001", "T1059.001",
	} {
		ind := identify(t, value)
		if n := testing.AllocsPerRun(100, func() { _ = lists.Judge(ind) }); n != 0 {
			t.Errorf("%s: a miss allocates %v times", value, n)
		}
	}
	for _, value := range []string{"www.microsoft.com", "10.1.2.3", "corp.top", "https://shop.top/app/1", "http://x.local/y"} {
		ind := identify(t, value)
		if n := testing.AllocsPerRun(100, func() {
			if !lists.Known(ind) {
				t.Fatalf("%s is not known", value)
			}
		}); n != 0 {
			t.Errorf("%s: Known allocates %v times", value, n)
		}
	}
}
