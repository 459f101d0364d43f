package main

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spoor/internal/feed"
	"spoor/internal/ioc"
)

// generatedSet is a set as it would be read back, without a store.
func generatedSet(t *testing.T, rows int) *set {
	t.Helper()
	g := newGenerator(7)
	s := &set{keys: map[string]bool{}}
	for range rows {
		v := g.next()
		kind, err := ioc.ParseType(v.kind)
		if err != nil {
			t.Fatal(err)
		}
		i, err := ioc.Normalise(kind, v.value)
		if err != nil {
			t.Fatalf("normalise %s: %v", v.value, err)
		}
		s.entries = append(s.entries, entry{kind: i.Type, key: i.Key, value: i.Value})
		s.keys[i.Key] = true
	}
	return s
}

func TestClasses(t *testing.T) {
	t.Parallel()
	s := generatedSet(t, 60_000)
	r := rand.New(rand.NewPCG(1, 1))
	all := append(exactClasses(s, r), containsClasses(s, r)...)
	contains := 0
	for _, c := range all {
		seen := map[string]bool{}
		for _, q := range c.queries {
			if seen[q] {
				t.Errorf("%s: %q is asked twice", c.name, q)
			}
			seen[q] = true
			if c.contains {
				checkNeedle(t, s, c, q)
			} else if s.keys[strings.ToLower(q)] != (c.want == found) {
				t.Errorf("%s: %q is in the set: %v", c.name, q, c.want != found)
			}
		}
		if c.contains {
			contains++
			if len(c.queries) != needles {
				t.Errorf("%s: got %d needles, want %d", c.name, len(c.queries), needles)
			}
		}
	}
	if contains != 12 {
		t.Errorf("got %d classes of contains, want 12", contains)
	}
}

// checkNeedle wants a needle to be part of some key if its class says so. Only
// every twentieth is looked for: there is no index here.
func checkNeedle(t *testing.T, s *set, c class, needle string) {
	t.Helper()
	if c.want == anything || len(needle)%20 == 0 {
		return
	}
	for _, e := range s.entries {
		if strings.Contains(e.key, needle) {
			if c.want == notFound {
				t.Errorf("%s: %q is in %q", c.name, needle, e.key)
			}
			return
		}
	}
	if c.want == found {
		t.Errorf("%s: %q is in no key", c.name, needle)
	}
}

func TestGenerateIsRepeatableAndReadable(t *testing.T) {
	t.Parallel()
	const rows = 5000
	dir := t.TempDir()
	var texts []string
	for i, seed := range []uint64{3, 3, 4} {
		path := filepath.Join(dir, string(rune('a'+i))+".csv")
		if err := generate(path, rows, seed); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] {
		t.Error("the same seed wrote different rows")
	}
	if texts[0] == texts[2] {
		t.Error("another seed wrote the same rows")
	}
	format, ok := feed.Detect("a.csv", []byte(texts[0][:4096]))
	if !ok {
		t.Fatal("the format is not recognised")
	}
	items, articles := 0, map[string]bool{}
	err := format.Parser.Parse(context.Background(), strings.NewReader(texts[0]), feed.Source{Name: "a.csv"}, feed.Sink{
		Item: func(i feed.Item) error {
			items++
			articles[i.Article.URL] = true
			return nil
		},
		Skip: func(s feed.Skip) error {
			t.Errorf("skipped: %+v", s)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if items != rows || len(articles) != (rows+rowsPerArticle-1)/rowsPerArticle {
		t.Errorf("got %d items in %d articles", items, len(articles))
	}
}

func TestDerivedNeedles(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	cases := []struct{ name, got, want string }{
		{"two octets", octets("192.0.2.10", 2), "192.0."},
		{"three octets", octets("192.0.2.10", 3), "192.0.2."},
		{"parent", parentDomain("a.b.evil.example"), ".evil.example"},
		{"no parent", parentDomain("evil.example"), ""},
		{"segment", pathSegment(r, "http://evil.example/panel/gate.php"), "/panel/"},
		{"no segment", pathSegment(r, "http://evil.example/"), ""},
		{"end", last("http://evil.example/a/long/path/to/it.php", 22), "le/a/long/path/to/it.php"[2:]},
		{"too short for an end", last("http://evil.example/a", 22), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		})
	}
}

func TestPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, needle, want string }{
		{"anywhere", "evil", `%evil%`}, {"two characters", "ev", `ev%`}, {"wildcards are literal", `a%b_c\d`, `%a\%b\_c\\d%`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := pattern(c.needle); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
