package feed

import (
	"context"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// rss wraps items in a feed of a site.
func rss(items ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"><channel>
 <title>Fox &amp; Hound</title><link>https://blog.example/news/</link>` + strings.Join(items, "\n") + `</channel></rss>`
}

func parseNewsText(t *testing.T, doc string) News {
	t.Helper()
	news, err := ParseNews(context.Background(), strings.NewReader(doc), Source{Name: "feed.xml"})
	if err != nil {
		t.Fatalf("ParseNews: %v", err)
	}
	return news
}

func TestParseNewsFormats(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)
	want := News{
		Title: "Fox", Link: "https://blog.example/",
		Entries: []Entry{{
			Article: Article{
				URL: "https://blog.example/a", Title: "The den", GUID: "id-1", Publisher: "Fox", Summary: "In short.",
				Published: day, Tags: []string{"red-fox"},
			},
			HTML: "<p>In short.</p>", Teaser: true,
		}},
	}
	tests := []struct{ name, doc, guid, published string }{
		{"rss 0.91", `<rss version="0.91"><channel><title>Fox</title><link>https://blog.example/</link><item><title>The den</title>
			<link>https://blog.example/a</link><description>&lt;p&gt;In short.&lt;/p&gt;</description></item></channel></rss>`, "", ""},
		{"rss 2.0", `<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x "y">]><rss version="2.0"><channel><title>Fox</title><link>https://blog.example/</link>
			<item><title>The den</title><link>a</link><guid isPermaLink="false">id-1</guid><pubDate>Thu, 05 Mar 2026 11:00:00 +0100</pubDate>
			<category>Red Fox</category><description><![CDATA[<p>In short.</p>]]></description></item></channel></rss>`, "id-1", "yes"},
		{"rdf", `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
			<channel><title>Fox</title><link>https://blog.example/</link></channel><item><title>The den</title><link>https://blog.example/a</link>
			<dc:date>2026-03-05T10:00:00Z</dc:date><dc:subject>Red Fox</dc:subject><description>&lt;p&gt;In short.&lt;/p&gt;</description></item></rdf:RDF>`, "", "yes"},
		{"atom", `<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://blog.example/"><title>Fox</title><link href="https://blog.example/"/>
			<entry><title>The den</title><id>tag:blog.example,2026:1</id><link href="a"/><published>2026-03-05T10:00:00Z</published><category term="Red Fox"/>
			<summary type="html">&lt;p&gt;In short.&lt;/p&gt;</summary></entry></feed>`, "tag:blog.example,2026:1", "yes"},
		{"json", `{"version":"https://jsonfeed.org/version/1.1","title":"Fox","home_page_url":"https://blog.example/","items":[{"id":"id-1","url":"https://blog.example/a",
			"title":"The den","content_html":"<p>In short.</p>","summary":"In short.","date_published":"2026-03-05T10:00:00Z","tags":["Red Fox"]}]}`, "id-1", "yes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := parseNewsText(t, tt.doc)
			w := want
			w.Entries = []Entry{want.Entries[0]}
			w.Entries[0].Article.GUID = tt.guid
			if tt.published == "" {
				w.Entries[0].Article.Published, w.Entries[0].Article.Tags = time.Time{}, nil
			}
			for i := range got.Entries {
				got.Entries[i].Article.Modified = time.Time{}
			}
			if diff := cmp.Diff(w, got); diff != "" {
				t.Errorf("ParseNews (-want +got):\n%s", diff)
			}
			if f, ok := Detect("feed.xml", []byte(tt.doc)); !ok || !f.News() {
				t.Errorf("Detect = %q, %v; want news", f.Name, ok)
			}
		})
	}
}

func TestNewsLinks(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, item, want string }{
		{"absolute", `<link>https://other.example/a?b=c&amp;d=%20e#f</link>`, "https://other.example/a?b=c&d=%20e#f"},
		{"relative", `<link>../a</link>`, "https://blog.example/a"},
		{"without scheme", `<link>//other.example/a</link>`, "https://other.example/a"},
		{"tracking", `<link>https://blog.example/a?utm_source=rss&amp;id=7&amp;UTM_Medium=x&amp;fbclid=y</link>`, "https://blog.example/a?id=7"},
		{"only tracking", `<link>https://blog.example/a?utm_source=rss</link>`, "https://blog.example/a"},
		{"tracking as fragment", `<link>https://blog.example/a#utm_source=rss</link>`, "https://blog.example/a"},
		{"guid as link", `<guid>https://blog.example/a</guid>`, "https://blog.example/a"},
		{"guid is none", `<guid isPermaLink="false">7</guid>`, ""},
		{"original of a counter", `<link>https://counter.example/~r/1</link><feedburner:origLink>https://blog.example/a</feedburner:origLink>`, "https://blog.example/a"},
		{"white space", "<link>\n https://blog.example/a \n</link>", "https://blog.example/a"},
		{"script", `<link>javascript:alert(1)</link><guid isPermaLink="false">7</guid>`, ""},
		{"mail", `<link>mailto:a@blog.example</link>`, ""},
		{"file", `<link>file:///etc/passwd</link>`, ""},
		{"too long", `<link>https://blog.example/` + strings.Repeat("a", maxLink) + `</link>`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			news := parseNewsText(t, rss("<item><title>x</title>"+tt.item+"</item>"))
			if len(news.Entries) != 1 || news.Entries[0].Article.URL != tt.want {
				t.Errorf("entries = %+v; want the link %q", news.Entries, tt.want)
			}
		})
	}
}

func TestNewsBase(t *testing.T) {
	t.Parallel()
	doc := `<rss version="2.0"><channel><title>x</title><item><link>/a</link></item></channel></rss>`
	news, err := ParseNews(context.Background(), strings.NewReader(doc), Source{URL: "https://blog.example/feeds/all.xml"})
	if err != nil || len(news.Entries) != 1 || news.Entries[0].Article.URL != "https://blog.example/a" {
		t.Errorf("ParseNews = %+v, %v; want the link resolved against where the feed came from", news, err)
	}
	if got := parseNewsText(t, doc); len(got.Entries) != 0 || len(got.Skipped) != 1 || got.Skipped[0].Reason != ReasonBrokenRow {
		t.Errorf("ParseNews without a base = %+v; want the entry skipped: nothing tells it", got)
	}
}

func TestNewsTitles(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, title, want string }{
		{"entity", "Fox &amp; Hound", "Fox & Hound"},
		{"escaped twice", "Fox &amp;amp; Hound &amp;#8217;s", "Fox & Hound ’s"},
		{"inline tags", "The &lt;em&gt;den&lt;/em&gt; of &lt;a href='x'>it&lt;/a&gt;", "The den of it"},
		{"words that look like tags", "Abusing &lt;iframe&gt; and a &lt; b", "Abusing <iframe> and a < b"},
		{"cdata", "<![CDATA[Fox & <b>Hound</b>]]>", "Fox & Hound"},
		{"white space", " The\n\t den ", "The den"},
		{"script", "&lt;script&gt;x&lt;/script&gt; in mail", "<script>x</script> in mail"},
		{"long", strings.Repeat("a", 2*maxText), strings.Repeat("a", maxText-len("…")) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			news := parseNewsText(t, rss("<item><title>"+tt.title+"</title><link>a</link></item>"))
			if got := news.Entries[0].Article.Title; got != tt.want {
				t.Errorf("title = %q; want %q", got, tt.want)
			}
		})
	}
}

func TestNewsDates(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 21, 9, 27, 32, 0, time.UTC)
	tests := []struct {
		name, date string
		want       time.Time
	}{
		{"standard", "Sat, 21 Mar 2026 10:27:32 +0100", at},
		{"named zone", "Sat, 21 Mar 2026 05:27:32 EDT", at},
		{"iso", "2026-03-21T09:27:32Z", at},
		{"german", "Sa, 21 März 2026 10:27:32 +0100", at},
		{"german with dots", "21. März 2026, 09:27:32 Uhr", at},
		{"french", "sam. 21 mars 2026 09:27:32", at},
		{"french weekday like a month", "mar. 21 mars 2026 09:27:32", at},
		{"spanish", "sáb, 21 mar. 2026 10:27:32 +0100", at},
		{"russian", "21 марта 2026 09:27:32", at},
		{"ukrainian", "21 березня 2026 09:27:32", at},
		{"polish", "sob., 21 marca 2026 09:27:32", at},
		{"chinese", "2026年3月21日 09:27:32", at},
		{"dots", "21.03.2026 09:27:32", at},
		{"zone at the clock", "21 März 2026 10:27:32+01:00", at},
		{"future", "Sat, 21 Mar 2076 10:27:32 +0100", time.Date(2076, 3, 21, 9, 27, 32, 0, time.UTC)},
		{"none", "", time.Time{}},
		{"words", "yesterday", time.Time{}},
		{"no such day", "31. Februar 2026", time.Time{}},
		{"before any feed", "Thu, 01 Jan 1970 00:00:00 GMT", time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			news := parseNewsText(t, rss("<item><link>a</link><pubDate>"+tt.date+"</pubDate></item>"))
			if got := news.Entries[0].Article.Published; !got.Equal(tt.want) {
				t.Errorf("published = %v; want %v", got, tt.want)
			}
		})
	}
}

func TestNewsContent(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("The fox came at night. ", 300)
	tests := []struct {
		name, item, wantHTML string
		teaser               bool
	}{
		{"content", "<description>short</description><content:encoded><![CDATA[<p>" + long + "</p>]]></content:encoded>", "<p>" + long + "</p>", false},
		{"empty content", "<description>short</description><content:encoded> </content:encoded>", "short", true},
		{"long description", "<description>" + long + "</description>", strings.TrimSpace(long), false},
		{"short description", "<description>short</description>", "short", true},
		{"cut description", "<description>" + long + " […]</description>", long + " […]", true},
		{"cut content", "<content:encoded><![CDATA[" + long + `<a href="x">Continue reading <span>→</span></a>]]></content:encoded>`, long + `<a href="x">Continue reading <span>→</span></a>`, true},
		{"wordpress sentence", "<content:encoded><![CDATA[" + long + "[…] <p>The post A appeared first on B.</p>]]></content:encoded>", long + "[…] <p>The post A appeared first on B.</p>", true},
		{"wordpress sentence, whole", "<content:encoded><![CDATA[" + long + "<p>The post A appeared first on B.</p>]]></content:encoded>", long + "<p>The post A appeared first on B.</p>", false},
		{"nothing", "", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := parseNewsText(t, rss("<item><link>a</link>"+tt.item+"</item>")).Entries[0]
			if e.HTML != tt.wantHTML || e.Teaser != tt.teaser {
				t.Errorf("HTML = %.80q…, teaser %v; want %.80q…, %v", e.HTML, e.Teaser, tt.wantHTML, tt.teaser)
			}
		})
	}
}

func TestNewsDuplicates(t *testing.T) {
	t.Parallel()
	news := parseNewsText(t, rss(
		`<item><title>1</title><link>a</link><guid isPermaLink="false">same</guid></item>`,
		`<item><title>2</title><link>b</link><guid isPermaLink="false">same</guid></item>`,
		`<item><title>3</title><link>HTTPS://BLOG.example/news/a?utm_source=x#top</link></item>`,
		`<item><title>4</title><guid isPermaLink="false">same</guid></item>`,
		`<item><title>5</title><guid isPermaLink="false">same</guid></item>`,
		`<item><title>6</title><description>x</description></item>`,
		`<item><title>6</title><description>x</description></item>`,
		`<item><title>6</title><description>y</description></item>`,
		`<item></item>`,
	))
	var titles, skipped []string
	for _, e := range news.Entries {
		titles = append(titles, e.Article.Title)
	}
	for _, s := range news.Skipped {
		skipped = append(skipped, s.Where+" "+s.Reason)
	}
	if diff := cmp.Diff([]string{"1", "2", "4", "6", "6"}, titles); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	want := []string{"entry 3 duplicate_entry", "entry 5 duplicate_entry", "entry 7 duplicate_entry", "entry 9 broken_row"}
	if diff := cmp.Diff(want, skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

func TestNewsEncodings(t *testing.T) {
	t.Parallel()
	utf16 := func(s string) string {
		out := "\xff\xfe"
		for _, r := range s {
			out += string([]byte{byte(r), byte(r >> 8)})
		}
		return out
	}
	feed := func(encoding, title string) string {
		return `<?xml version="1.0" encoding="` + encoding + `"?><rss version="2.0"><channel><item><title>` + title + `</title></item></channel></rss>`
	}
	tests := []struct{ name, doc string }{
		{"utf-8", feed("utf-8", "лиса")},
		{"utf-8 with mark", "\ufeff" + feed("utf-8", "лиса")},
		{"decoded before", feed("windows-1251", "лиса")},
		{"windows-1251", feed("windows-1251", "\xeb\xe8\xf1\xe0")},
		{"koi8-r", feed("KOI8-R", "\xcc\xc9\xd3\xc1")},
		{"utf-16", utf16(feed("utf-16", "лиса"))},
		{"utf-8 with a broken byte", feed("utf-8", "лиса") + "\xff"},
		{"no declaration, a broken byte", strings.TrimPrefix(feed("", "лиса"), `<?xml version="1.0" encoding=""?>`) + "\xff"},
		{"control characters", feed("utf-8", "ли\x0b\x00са")},
		{"blank lines before", "\r\n\n " + feed("utf-8", "лиса")},
		{"json", `{"version":"https:\/\/jsonfeed.org\/version\/1","items":[{"id":7,"title":"\u043b\u0438\u0441\u0430"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			news := parseNewsText(t, tt.doc)
			if len(news.Entries) != 1 || news.Entries[0].Article.Title != "лиса" {
				t.Errorf("entries = %+v; want one, лиса", news.Entries)
			}
		})
	}
}

func TestNewsWrongDeclaration(t *testing.T) {
	t.Parallel()
	doc := `<?xml version="1.0" encoding="UTF-8"?><rss><channel><item><title>caf` + "\xe9" + `</title></item></channel></rss>`
	if got := parseNewsText(t, doc).Entries[0].Article.Title; got != "café" {
		t.Errorf("title = %q; want café: it is Windows-1252, whatever it says", got)
	}
}

func TestParseNewsRefuses(t *testing.T) {
	t.Parallel()
	whole := rss(`<item><title>x</title><link>a</link></item>`)
	deep := strings.Repeat("<x:a>", 200_000)
	tests := []struct {
		name, doc string
		is        error
		says      string
	}{
		{"empty", " \n", ErrNotNews, "empty"},
		{"web page", "<!DOCTYPE html><html><body>moved</body></html>", ErrNotNews, "web page"},
		{"web page without doctype", "\n<HTML>", ErrNotNews, "web page"},
		{"web page in xml", `<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html xmlns="http://www.w3.org/1999/xhtml">`, ErrNotNews, "web page"},
		{"svg", "<svg xmlns='x'></svg>", ErrNotNews, `"svg"`},
		{"text", "hello", ErrNotNews, "no XML"},
		{"json", `{"a":1}`, ErrNotNews, "no JSON Feed"},
		{"json cut", `{"version":"https://jsonfeed.org/version/1","items":[{"id":`, nil, "ends early"},
		{"cut in a tag", whole[:len(whole)-30], nil, "ends early"},
		{"cut behind an item", whole[:strings.Index(whole, "</item>")+7], nil, "ends early"},
		{"cut at the end", strings.TrimSuffix(whole, "</channel></rss>"), nil, "ends early"},
		{"deep", `<rss version="2.0" xmlns:x="y"><channel><item>` + deep, ErrNewsTooLarge, "deeper"},
		{"deep behind a false end", `<rss version="2.0"><channel><item>` + strings.Repeat("<x:a></y>", 200) + deep, ErrNewsTooLarge, "deeper"},
		{"many items", `<rss version="2.0"><channel>` + strings.Repeat("<item/>", maxMarks+1), ErrNewsTooLarge, "elements"},
		{"many attributes", `<rss version="2.0"><channel><x` + strings.Repeat(" a=''", maxMarks+1) + `>`, ErrNewsTooLarge, "elements"},
		{"json with many items", `{"version":"https://jsonfeed.org/version/1","items":[` + strings.Repeat("{},", maxMarks) + `{}]}`, ErrNewsTooLarge, "members"},
		{"deep json", `{"version":"https://jsonfeed.org/version/1","items":` + strings.Repeat("[", 100_000), ErrNewsTooLarge, "deeper"},
		{"directive inside", `<rss version="2.0"><!X < > <![CDATA[ > >` + deep, nil, "inside the root"},
		{"second declaration", `<rss version="2.0"><?xml version="1.0" encoding="utf-16"?>` + deep, nil, "inside the root"},
		{"unknown encoding", "<?xml version='1.0' encoding='x-none'?><rss>\xff</rss>", nil, "unknown encoding"},
		{"too large", "<rss>" + strings.Repeat(" ", maxNews), ErrNewsTooLarge, "bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := ParseNews(context.Background(), strings.NewReader(tt.doc), Source{})
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("ParseNews error = %v; want %v, saying %q", err, tt.is, tt.says)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("ParseNews took %v", took)
			}
		})
	}
}

func TestNewsEntityBomb(t *testing.T) {
	t.Parallel()
	doc := `<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><rss version="2.0"><channel><item><title>&b;x</title></item></channel></rss>`
	if got := parseNewsText(t, doc).Entries[0].Article.Title; strings.Contains(got, "aa") {
		t.Errorf("title = %q; want the entity left alone", got)
	}
}

func TestNewsManyEntries(t *testing.T) {
	t.Parallel()
	var items []string
	for i := range maxEntries + 3 {
		items = append(items, fmt.Sprintf("<item><link>/%d</link></item>", i))
	}
	news := parseNewsText(t, rss(items...))
	if len(news.Entries) != maxEntries || len(news.Skipped) != 3 || news.Skipped[0].Reason != ReasonTooManyEntries {
		t.Errorf("entries = %d, skipped = %v; want %d and three too many", len(news.Entries), news.Skipped, maxEntries)
	}
}

func TestParseNewsStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ParseNews(ctx, strings.NewReader(rss("<item><link>a</link></item>")), Source{}); !errors.Is(err, context.Canceled) {
		t.Errorf("ParseNews of an ended context: error = %v; want context.Canceled", err)
	}
	broken := errors.New("broken")
	if _, err := ParseNews(context.Background(), iotest.ErrReader(broken), Source{}); !errors.Is(err, broken) {
		t.Errorf("ParseNews of a broken reader: error = %v; want it", err)
	}
}

func TestDetectNews(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, head string
		want             bool
	}{
		{"rss extension", "x.rss", rss(), true},
		{"no extension", "feed", "<?xml version='1.0'?><!-- made by x --><rss version='2.0'>", true},
		{"utf-16", "feed.xml", "\xfe\xff\x00<\x00r\x00s\x00s\x00>", true},
		{"atom 0.3", "feed.atom", `<feed version="0.3" xmlns="http://purl.org/atom/ns#">`, true},
		{"another feed element", "feed.xml", `<feed xmlns="https://other.example/">`, false},
		{"rdf of something else", "x.xml", `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://xmlns.com/foaf/0.1/">`, false},
		{"json feed", "x.json", `{"title":"x", "version" : "https://jsonfeed.org/version/1.1"`, true},
		{"json that quotes one", "x.json", `{"title":"\"version\":\"https://jsonfeed.org/version/1\""}`, false},
		{"sitemap", "x.xml", `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">`, false},
		{"web page", "x.xml", `<html><rss>`, false},
		{"markdown by name", "x.md", rss(), false},
		{"list in an xml file", "x.xml", "fox.example\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, ok := Detect(tt.file, []byte(tt.head))
			if got := ok && f.News(); got != tt.want {
				t.Errorf("Detect = %q, %v; want news %v", f.Name, ok, tt.want)
			}
		})
	}
}

// TestDataNews reads real feeds: each is whole, and so has to parse with all
// its entries, each with a link, a title and a date.
func TestDataNews(t *testing.T) {
	t.Parallel()
	dir := dataDir(t, "rss")
	files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no feeds in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if f, ok := Detect(file, data[:min(len(data), HeadSize)]); !ok || !f.News() {
				t.Errorf("Detect = %q, %v; want news", f.Name, ok)
			}
			news := parseNewsText(t, string(data))
			items := strings.Count(string(data), "<item") + strings.Count(string(data), "<entry")
			if len(news.Entries)+len(news.Skipped) != items || len(news.Entries) == 0 || news.Title == "" || news.Link == "" {
				t.Errorf("%d entries and %d skipped of %d; title %q, link %q", len(news.Entries), len(news.Skipped), items, news.Title, news.Link)
			}
			dated, teasers := 0, 0
			for _, e := range news.Entries {
				if e.Article.URL == "" || e.Article.Title == "" || e.HTML == "" {
					t.Errorf("entry lacks something: %+v", e)
				}
				if strings.Contains(e.Article.Title, "\uFFFD") || strings.Contains(e.Article.Title, "&") && strings.Contains(e.Article.Title, ";") {
					t.Errorf("title %q is not decoded", e.Article.Title)
				}
				if !e.Article.Published.IsZero() {
					dated++
				}
				if e.Teaser {
					teasers++
				}
			}
			t.Logf("%d entries, %d skipped, %d dated, %d teasers", len(news.Entries), len(news.Skipped), dated, teasers)
		})
	}
}

func FuzzParseNews(f *testing.F) {
	f.Add(rss(`<item><title>a &amp;amp; b</title><link>a?utm_x=1</link><pubDate>21 März 2026</pubDate><description>&lt;p>x</description></item>`))
	f.Add(`<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/x"><entry><title type="xhtml"><div>a</div></title><link href="../a"/><content type="html">&lt;b></content></entry></feed>`)
	f.Add(`{"version":"https://jsonfeed.org/version/1","items":[{"id":7,"tags":"x","content_text":"<a\n"}]}`)
	f.Add("\xff\xfe<\x00r\x00s\x00s\x00>\x00")
	f.Fuzz(func(t *testing.T, doc string) {
		news, err := ParseNews(context.Background(), strings.NewReader(doc), Source{URL: "https://blog.example/feed"})
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, e := range news.Entries {
			id := e.identity()
			if id == "" || seen[id] {
				t.Errorf("entry %+v has no identity of its own", e)
			}
			seen[id] = true
			if e.Article.URL != "" && !isURL(e.Article.URL) {
				t.Errorf("link %q is none", e.Article.URL)
			}
			for _, s := range []string{e.Article.Title, e.Article.Summary, e.HTML, e.Article.GUID} {
				if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
					t.Errorf("text %q is not fit to keep", s)
				}
			}
			if len(e.Article.Title) > maxText || len(e.Article.Summary) > maxText {
				t.Errorf("texts of %d and %d bytes are over the bound", len(e.Article.Title), len(e.Article.Summary))
			}
			if again := titleText(plainText(e.Article.Title)); !utf8.ValidString(again) {
				t.Errorf("title %q read again is %q", e.Article.Title, again)
			}
		}
	})
}

// rowFormats are the formats that hold indicators, and so have a Parser.
func rowFormats() []Format {
	return slices.DeleteFunc(Formats(), Format.News)
}

// TestParseNewsReopenedFormats wants a small feed of which an HTML parser would
// make gigabytes to be refused, or to stay small.
func TestParseNewsReopenedFormats(t *testing.T) {
	t.Parallel()
	formats := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `<font a="%d">`, i)
		}
		return b.String()
	}
	entry := func(attributes, content string) string {
		return `<feed xmlns="http://www.w3.org/2005/Atom" ` + attributes + `><title>Fox</title><entry><id>1</id><title>The den</title><content ` + content + `</content></entry></feed>`
	}
	blocks := "<p>" + formats(400) + strings.Repeat("</p><p>x", 2000)
	for name, doc := range map[string]string{
		"base":       entry(`xml:base="https://blog.example/"`, `type="html">`+html.EscapeString(blocks)),
		"other name": entry(`xmlns:y="http://www.w3.org/XML/1998/namespace" y:base="https://blog.example/"`, `type="html">`+html.EscapeString(blocks)),
		"base below": entry("", "xml:base\n = 'https://blog.example/' type=\"html\"><![CDATA["+blocks+"]]>"),
		"xhtml":      entry("", `type="xhtml"><div><p>`+formats(200)+strings.Repeat("<p/>x", 2000)+strings.Repeat("</font>", 200)+"</p></div>"),
		"large tags": entry("", `type="xhtml"><div><p><font a="`+strings.Repeat("a", 100<<10)+`">`+strings.Repeat("<p/>x", 2000)+"</font></p></div>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			news, err := ParseNews(t.Context(), strings.NewReader(doc), Source{})
			if err != nil && !errors.Is(err, ErrNewsTooLarge) {
				t.Fatal(err)
			}
			for _, e := range news.Entries {
				if len(e.HTML) > 2*len(doc) {
					t.Errorf("%d bytes of markup of a document of %d", len(e.HTML), len(doc))
				}
			}
		})
	}
	icons := entry("", `type="xhtml"><div>`+strings.Repeat(`<p><i class="icon"/>Some <b>bold</b> words.</p>`, 3000)+"</div>")
	if news, err := ParseNews(t.Context(), strings.NewReader(icons), Source{}); err != nil || len(news.Entries) != 1 {
		t.Errorf("ordinary XHTML: %d entries, %v", len(news.Entries), err)
	}
}
