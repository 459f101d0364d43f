package store_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// TestIDs pins the ids: they are part of the contract, and a store that was
// written yesterday has them.
func TestIDs(t *testing.T) {
	t.Parallel()
	article := store.ArticleID("Field Notes", "https://reports.example/1")
	for _, c := range []struct{ name, got, want string }{
		{"namespace", store.Namespace.String(), "4d1e1c1a-2fe1-530f-9ff0-1680bdb98fe2"},
		{"article", article.String(), "6b76ab47-2123-5e32-93c9-1870c70d78ef"},
		{"record of an article", store.RecordID("Field Notes", article, ioc.Domain, "evil.example").String(), "99dea98f-5cbb-5ca2-a0f0-0168b8e5b246"},
		{"record of a feed", store.RecordID("Field Notes", uuid.Nil, ioc.IPv4, "192.0.2.1").String(), "536fea32-2d85-5d4f-b493-909c0f7c467b"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, c.got, c.want)
		}
	}
}

// TestRecordIDIsVersion5 compares the hand-laid id with the library's.
func TestRecordIDIsVersion5(t *testing.T) {
	t.Parallel()
	article := store.ArticleID("f", "x")
	for _, value := range []string{"", "a.example", strings.Repeat("long", 500), "ünï"} {
		for _, feed := range []string{"", "f", strings.Repeat("feed ", 200)} {
			name := strings.Join([]string{feed, article.String(), "url", value}, "\x00")
			want := uuid.NewSHA1(store.Namespace, []byte(name))
			if got := store.RecordID(feed, article, ioc.URL, value); got != want {
				t.Errorf("feed of %d bytes, value of %d: got %s, want %s", len(feed), len(value), got, want)
			}
			if want.Version() != 5 || want.Variant() != uuid.RFC4122 {
				t.Errorf("%s is version %d", want, want.Version())
			}
		}
	}
}

func TestIDsDiffer(t *testing.T) {
	t.Parallel()
	a := store.ArticleID("f", "x")
	seen := map[uuid.UUID]string{a: "article"}
	for name, id := range map[string]uuid.UUID{
		"base":            store.RecordID("f", a, ioc.URL, "http://a.example/x"),
		"another feed":    store.RecordID("g", a, ioc.URL, "http://a.example/x"),
		"no article":      store.RecordID("f", uuid.Nil, ioc.URL, "http://a.example/x"),
		"another type":    store.RecordID("f", a, ioc.Domain, "http://a.example/x"),
		"case of a path":  store.RecordID("f", a, ioc.URL, "http://a.example/X"),
		"another article": store.ArticleID("f", "y"),
		"article of g":    store.ArticleID("g", "x"),
	} {
		if other, ok := seen[id]; ok {
			t.Errorf("%s has the id of %s", name, other)
		}
		seen[id] = name
	}
}
