package ingest

import (
	"strings"
	"testing"
	"time"

	"spoor/internal/feed"
	"spoor/internal/store"
)

func TestArticleURL(t *testing.T) {
	t.Parallel()
	const page = "https://news.example/2024/heron/"
	tests := []struct {
		name, text, want string
	}{
		{"on its line", "= T\n\nThe blog post is available at " + page + ".\n", page},
		{"on a line of its own", "= T\n\nThe blog post is available at\n" + page + "\n", page},
		{"site first", "The report is on https://news.example[News] at\n" + page + "[Heron]\n", page},
		{"asciidoc link", "The white paper: " + page + "[\"Heron\"]\n", page},
		{"markdown link", "See [our analysis](" + page + ").\n", page},
		{"cue behind", "These come from " + page + "[Heron] blog post\n", page},
		{"in a list with its title", "See the articles:\n\n* " + page + "[Heron]\n* https://news.example/2023/other/[Other]\n", page},
		{"attribute first", "= T\n:vt-url: https://lookup.example/scan/\n\nThe report: " + page + "\n", page},
		{"no cue", "The loader downloads https://cdn.example/stage2.bin\n", ""},
		{"bare list item", "Read this report:\n\n* https://bad.example/x\n", ""},
		{"defanged host", "This report names https://bad[.]example/x\n", ""},
		{"defanged scheme", "This report names hxxps://bad.example/x\n", ""},
		{"code", "The report says `https://bad.example/x` and ++https://bad.example/y++\n", ""},
		{"table", "The report\n| https://bad.example/x\n", ""},
		{"literal block", "The report\n----\nhttps://bad.example/x\n----\n", ""},
		{"fenced block", "The report\n```\nhttps://bad.example/x\n```\n", ""},
		{"cue of another section", "The report follows.\n\n== Network\n\nhttps://bad.example/x\n", ""},
		{"address", "The report is at https://192.0.2.10/x\n", ""},
		{"front page with a port", "The report is at https://news.example:8443/\n", ""},
		{"far down", strings.Repeat("\n", introLines) + "The report is at " + page, ""},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := articleURL(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzArticleURL(f *testing.F) {
	f.Add("The report is at https://news.example/x[Heron] and ++https://bad.example/y++\n----\n")
	f.Add(":a: http\n* http://\n```\n|===\n")
	f.Fuzz(func(t *testing.T, text string) {
		link := articleURL(text)
		if link != "" && (!strings.Contains(text, link) || !leadsToPage(link)) {
			t.Errorf("%q is not a page of the text", link)
		}
	})
}

func TestArticleIdentity(t *testing.T) {
	t.Parallel()
	owner := store.Feed{Name: "Team", Category: store.Community}
	tests := []struct {
		name     string
		article  feed.Article
		digest   string
		identity string
		url      string
		guid     string
	}{
		{"canonical URL", feed.Article{URL: "HTTPS://News.Example:443/a/../b#c", GUID: "g"}, "", "https://news.example/b", "https://news.example/b", "g"},
		{"as written", feed.Article{URL: "https://news.example/b#c"}, "", "https://news.example/b", "https://news.example/b#c", ""},
		{"without a scheme", feed.Article{URL: "news.example/b"}, "", "http://news.example/b", "http://news.example/b", ""},
		{"defanged", feed.Article{URL: "hxxps://news[.]example/b"}, "", "https://news.example/b", "https://news.example/b", ""},
		{"not a web address", feed.Article{URL: "javascript:alert(1)"}, "", "javascript:alert(1)", "", "javascript:alert(1)"},
		{"GUID", feed.Article{GUID: "tag:1", Title: "T"}, "d", "tag:1", "", "tag:1"},
		{"digest", feed.Article{Title: "T"}, "d", "d", "", ""},
		{"title only", feed.Article{Title: "T"}, "", textDigest("T"), "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newArticle(owner, &tt.article, tt.digest, time.Unix(1e9, 0))
			if want := store.ArticleID("Team", tt.identity); a.ID != want {
				t.Errorf("id %v, want that of %q", a.ID, tt.identity)
			}
			if a.URL != tt.url || a.GUID != tt.guid || a.Digest != tt.digest {
				t.Errorf("got %+v", a)
			}
		})
	}
}
