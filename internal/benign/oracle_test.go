package benign

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weppos/publicsuffix-go/publicsuffix"

	"spoor/internal/ioc"
)

// oracleList is a warning list as it stands in its file.
type oracleList struct {
	name     string
	doc      document
	class    class
	prefixes []netip.Prefix // of entries that are addresses or ranges, else invalid
	names    []string       // of entries that are host names, else ""
}

func oracleLists(t *testing.T) []oracleList {
	t.Helper()
	paths, err := filepath.Glob("../../../shared/data/misp-warninglists/lists/*/list.json")
	if err != nil || len(paths) == 0 {
		t.Skip("SKIPPED: no real input at ../../../shared/data/misp-warninglists")
	}
	var all []oracleList
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		l := oracleList{name: filepath.Base(filepath.Dir(path))}
		if err := json.Unmarshal(text, &l.doc); err != nil {
			t.Fatal(err)
		}
		l.class = classify(l.name, l.doc.Name)
		for _, e := range l.doc.Entries {
			p, err := netip.ParsePrefix(e)
			if addr, err2 := netip.ParseAddr(e); err != nil && err2 == nil {
				addr = addr.Unmap()
				p = netip.PrefixFrom(addr, addr.BitLen())
			}
			name := ""
			if ind, err := ioc.Normalise(ioc.Domain, e); err == nil {
				name = ind.Value
			}
			l.prefixes, l.names = append(l.prefixes, p), append(l.names, name)
		}
		all = append(all, l)
	}
	return all
}

// covers says in the plainest way whether the list covers the value.
func (l *oracleList) covers(ind ioc.Indicator) bool {
	host, bare, email := "", true, ind.Type == ioc.Email
	switch ind.Type {
	case ioc.Domain, ioc.IPv4, ioc.IPv6:
		host = ind.Value
	case ioc.Email:
		_, host, _ = strings.Cut(ind.Value, "@")
	case ioc.URL:
		rest := ind.Value[strings.Index(ind.Value, "://")+3:]
		host, rest, _ = strings.Cut(rest, "/")
		bare = rest == ""
		if i := strings.LastIndexByte(host, ':'); i > strings.IndexByte(host, ']') {
			host = host[:i]
		}
		host = strings.Trim(host, "[]")
	}
	addr, _ := netip.ParseAddr(host)
	about := strings.Join(l.doc.Matching, " ")
	for i, e := range l.doc.Entries {
		switch {
		case l.doc.Type == "regex":
			e = strings.TrimSuffix(strings.TrimPrefix(e, "/"), "/i")
			if email && strings.Contains(about, "email") && regexp.MustCompile("(?i)"+e).MatchString(ind.Value) {
				return true
			}
		case l.prefixes[i].IsValid():
			if addr.IsValid() && l.prefixes[i].Contains(addr) && strings.Contains(about, "ip") && (bare || l.class.urls) {
				return true
			}
		case l.names[i] != "" && host != "" && l.doc.Type != "cidr":
			if email != strings.Contains(about, "email") && email || !email && !bare && !l.class.urls {
				continue
			}
			alone := l.doc.Type == "string" && e[0] != '.' && e[0] != '*' && !email
			if host == l.names[i] || !alone && below(host, l.names[i]) && (l.class.across || sameOwner(host, l.names[i])) {
				return true
			}
		default:
			if host == "" && strings.EqualFold(e, ind.Value) {
				return true
			}
		}
	}
	return false
}

func below(name, above string) bool {
	rest, ok := strings.CutSuffix(name, above)
	return ok && strings.HasSuffix(rest, ".")
}

// sameOwner says that no public suffix or provider's name lies between a name
// and one above it, trying every name between.
func sameOwner(name, above string) bool {
	suffix := func(s string) bool {
		rule := publicsuffix.DefaultList.Find(s, &publicsuffix.FindOptions{})
		return rule != nil && rule.Decompose("x." + s)[1] == s
	}
	if suffix(name) {
		rule := publicsuffix.DefaultList.Find(name, &publicsuffix.FindOptions{})
		return rule.Type != publicsuffix.WildcardType
	}
	for s := name; len(s) > len(above); {
		_, s, _ = strings.Cut(s, ".")
		if _, tenant := tenants()[s]; tenant || suffix(s) {
			return false
		}
	}
	return true
}

// drawn returns values of all kinds around what the lists hold, and their
// neighbours.
func drawn(lists []oracleList, r *rand.Rand) []ioc.Indicator {
	seen := map[ioc.Indicator]bool{}
	var all []ioc.Indicator
	add := func(s string) {
		if ind, err := ioc.Identify(s); err == nil && !seen[ind] {
			ind.Port = 0
			seen[ind] = true
			all = append(all, ind)
		}
	}
	for _, l := range lists {
		for range 2 {
			i := r.IntN(len(l.doc.Entries))
			e := l.doc.Entries[i]
			switch p := l.prefixes[i]; {
			case p.IsValid():
				add(p.Addr().String())
				add(p.Addr().Prev().String())
				if p.Addr().Is4() {
					add(fmt.Sprintf("http://%s:8080/", p.Addr()))
					add(fmt.Sprintf("http://%s/a", p.Addr()))
				}
			case l.names[i] != "":
				name := l.names[i]
				for _, s := range []string{name, "a." + name, "a.b." + name, "x" + name, name + ".attacker.top", "http://" + name + "/",
					"https://c." + name + "/d?e", "joe@" + name, "abuse@f." + name} {
					add(s)
				}
				if _, above, ok := strings.Cut(name, "."); ok {
					add(above)
				}
			default:
				add(e)
				if len(e) > 1 {
					add(e[1:] + "0")
				}
			}
		}
	}
	return all
}

// TestOracle compares the verdicts of all real lists with the plainest reading
// of their files.
func TestOracle(t *testing.T) {
	t.Parallel()
	all := oracleLists(t)
	lists, _, err := Load(context.Background(), "../../../shared/data/misp-warninglists", Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 9))
	values := drawn(all, r)
	r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	values = values[:150] // each is compared with half a million entries
	hits := 0
	for _, ind := range values {
		var want []list
		for i := range all {
			if all[i].covers(ind) {
				want = append(want, list{name: all[i].name, strength: all[i].class.strength})
			}
		}
		slices.SortFunc(want, func(a, b list) int {
			return cmp.Or(cmp.Compare(b.strength, a.strength), strings.Compare(a.name, b.name))
		})
		got := lists.Judge(ind)
		if len(want) > 0 {
			hits++
		}
		if lists.Known(ind) != (len(want) > 0 && want[0].strength == Strong) {
			t.Errorf("%s: known is %v", ind.Value, lists.Known(ind))
		}
		want = want[:min(len(want), maxVerdicts)]
		if !slices.EqualFunc(got, want, func(v Verdict, l list) bool { return v.List == l.name && v.Strength == l.strength }) {
			t.Errorf("%s: got %+v, want %+v", ind.Value, got, want)
		}
	}
	t.Logf("%d values, %d of them on a list", len(values), hits)
	if hits < len(values)/10 || hits > len(values)*9/10 {
		t.Error("the values do not test both answers")
	}
}
