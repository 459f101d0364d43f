package benign

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
)

// TestBuiltinFiles reads our own files as Builtin does, and wants each name
// once and every provider's customers to be strangers.
func TestBuiltinFiles(t *testing.T) {
	t.Parallel()
	files, err := builtinFiles.ReadDir("builtin")
	if err != nil || len(files) != len(builtinLists)+1 {
		t.Errorf("%d files, %v, want one a list and tenants.txt", len(files), err)
	}
	seen := map[string]string{}
	for _, l := range builtinLists {
		text, err := builtinFiles.ReadFile("builtin/" + l.name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.compile(newBuilder(), string(text)); err != nil {
			t.Errorf("%s: %v", l.name, err)
		}
		heading := ""
		for line := range lines(string(text)) {
			if says, ok := strings.CutPrefix(line, "= "); ok {
				heading = says
				continue
			}
			if other, ok := seen[line]; ok {
				t.Errorf("%s is in %s and in %s", line, other, l.name)
			}
			seen[line] = l.name
			if !strings.ContainsAny(line, ".:") && !l.tops && len(line) < 32 {
				t.Errorf("%s: %s is one label", l.name, line)
			}
			if strings.Contains(heading, "names and sites for anyone") && ownedFrom("customer."+line) != 0 {
				t.Errorf("%s: a name below it is taken for the provider's: add it to tenants.txt", line)
			}
		}
	}
	if n := len(seen); n < 500 || n > 1000 {
		t.Errorf("%d entries, want a short list", n)
	}
	for line := range lines(tenantsText) {
		if ind, err := ioc.Normalise(ioc.Domain, line); err != nil || ind.Value != line {
			t.Errorf("tenants.txt: %q: %v", line, err)
		}
	}
}

func TestBuiltinCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"one.top", "= x\n10.0.0.1/8", "= x\nOne.top", "= x\nsome words", "= x\n0.0.0.0/0", "= x\na@one.top"} {
		if err := (builtinList{name: "x"}).compile(newBuilder(), text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestOwnedFrom(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, owned string }{
		{"one.top", "one.top"},
		{"a.b.one.top", "one.top"},
		{"a.one.co.uk", "one.co.uk"},
		{"a.one.github.io", "one.github.io"},
		{"a.one.sharepoint.com", "one.sharepoint.com"},
		{"sharepoint.com", "sharepoint.com"},
		{"github.io", ""},
		{"co.uk", ""},
		{"a.b.unknown-top", "b.unknown-top"},
		{"a.b.ck", "a.b.ck"},
		{"ec2-192-0-2-1.compute-1.amazonaws.com", "ec2-192-0-2-1.compute-1.amazonaws.com"},
		{"a.mysql.database.azure.com", "a.mysql.database.azure.com"},
		{"a.www.ck", "www.ck"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.name[ownedFrom(c.name):]; got != c.owned {
				t.Errorf("got %q, want %q", got, c.owned)
			}
		})
	}
}

// TestKnownKinds wants every list of the table to have a class that proves
// something.
func TestKnownKinds(t *testing.T) {
	t.Parallel()
	for k, c := range classes {
		if c.strength < Weak || c.strength > Strong {
			t.Errorf("class %d has strength %v", k, c.strength)
		}
		if c.strength != Strong && c.says == "" {
			t.Errorf("class %d does not say why it is not strong", k)
		}
	}
	for name := range known {
		if strings.TrimSpace(name) != name || name == "" {
			t.Errorf("%q", name)
		}
	}
}

// TestTable compares a table with a map.
func TestTable(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	table, want := newTable(), map[string]setID{}
	for range 20_000 {
		key := fmt.Sprint(r.IntN(9_000))
		id := setID(1 + r.IntN(1000))
		*table.set(key) = id
		want[key] = id
	}
	table.trim()
	if table.len() != len(want) {
		t.Errorf("%d entries, want %d", table.len(), len(want))
	}
	for i := range 12_000 {
		if got, want := table.get(fmt.Sprint(i)), want[fmt.Sprint(i)]; got != want {
			t.Fatalf("%d: got %d, want %d", i, got, want)
		}
	}
	if table.get("") != 0 || newTable().get("") != 0 || newTable().get("x") != 0 {
		t.Error("a key that is not there has a set")
	}
}

func TestLiterals(t *testing.T) {
	t.Parallel()
	cases := []struct {
		expression string
		want       []string
	}{
		{`^Abuse@`, []string{"abuse@"}},
		{`/^(security|abuse)@/i`, []string{"abuse", "security"}},
		{`(x+)?mail(er)*\.top`, []string{"mail"}},
		{`(longer){2,3}[a-z]`, []string{"longerlonger"}},
		{`a.b`, nil},
		{`[a-z]+`, nil},
		{`one|t`, nil},
		{`(abc)?`, nil},
		{`bücher`, nil},
	}
	for _, c := range cases {
		t.Run(c.expression, func(t *testing.T) {
			t.Parallel()
			_, got, err := parseExpression(c.expression)
			if err != nil {
				t.Fatal(err)
			}
			// An expression repeated may be split in several ways.
			if c.expression == `(longer){2,3}[a-z]` && slices.Equal(got, []string{"longer"}) {
				return
			}
			if diff := cmp.Diff(got, c.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNeedles compares one pass over a value with a search for each text.
func TestNeedles(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab/."[r.IntN(4)]
		}
		return string(b)
	}
	ly := &newBuilder().ly
	var texts []string
	for i := range 40 {
		text := word(3 + r.IntN(6))
		texts = append(texts, text)
		ly.lists = append(ly.lists, list{name: fmt.Sprintf("%02d", i), strength: Strong})
		ly.needle.add(pattern{text: text, list: uint32(i), types: setOf(ioc.URL)})
	}
	for i := range ly.lists {
		ly.lists[i].rank = i
	}
	for range 2000 {
		ind := ioc.Indicator{Type: ioc.URL, Key: word(r.IntN(40))}
		var want []string
		for i, text := range texts {
			if strings.Contains(ind.Key, text) && len(want) < maxVerdicts {
				want = append(want, fmt.Sprintf("%02d", i))
			}
		}
		var f findings
		ly.needle.judge(&f, ly, &ind)
		var got []string
		for _, v := range f.verdicts() {
			got = append(got, v.List)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Fatalf("%q: %s", ind.Key, diff)
		}
		ind.Type = ioc.Domain
		if ly.needle.judge(&f, ly, &ind); len(got) == 0 && f.n != 0 {
			t.Fatal("a text is looked for in a value of a type it is not about")
		}
	}
}

// TestExpressionBounds fills a layer with expressions, and asks it for a value
// that repeats what they all look for.
func TestExpressionBounds(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	b.begin(list{name: "x", strength: Strong})
	c := compiler{b: b, types: setOf(ioc.URL), report: &ListReport{}}
	blind, full := 0, 0
	for i := range 3 * maxBlind {
		if c.expression(fmt.Sprintf(`[a-z]{%d}`, 100+i)) == leftMany {
			blind++
		}
	}
	for i := range maxExpression + 100 {
		if c.expression(fmt.Sprintf(`need.*x{%d}$`, 1+i%900)) == leftMany {
			full++
		}
	}
	if blind != 2*maxBlind || full != 100+maxBlind {
		t.Errorf("left out %d and %d expressions", blind, full)
	}
	ly := b.layer()
	value := "http://a.top/" + strings.Repeat("need", 200)
	ind := ioc.Indicator{Type: ioc.URL, Value: value, Key: value}
	start := time.Now()
	var f findings
	ly.judge(&f, &ind)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("a value that repeats what %d expressions need took %v", maxExpression, took)
	}
}
