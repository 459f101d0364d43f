package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func newPages(t *testing.T) *Pages {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func hostileArticle() Article {
	day := time.Date(2026, 5, 15, 8, 21, 30, 0, time.UTC)
	return Article{
		SourceName: "Test & Feed",
		Article: store.Article{
			ID: uuid.MustParse("c59a6bb4-f69a-4b90-babe-ca1afcda3514"), Feed: store.Feed{Name: "<b>feed</b>", Category: store.News},
			Title: `<script>alert(1)</script> at http://evil.example/x`, URL: "https://news.example/a?b=<i>",
			OtherURLs: []string{"javascript:alert(1)", "https://other.example/"}, Publisher: "Example News",
			Summary: "Seen at evil.example and 192.0.2.10.", Tags: []string{"c2"}, TLP: ioc.Green, Published: day,
		},
		List: store.List{Total: 2, Records: []store.Record{
			{Type: ioc.URL, Value: `http://evil.example/"><img src=x>`, Confidence: ioc.High, LastSeen: day, Ports: []uint16{443, 8443}},
			{Type: ioc.IPv4, Value: "192.0.2.10", Confidence: ioc.Low, LastSeen: day, Warnings: []store.Warning{{List: "l", Reason: "a <well> known address"}}},
		}},
	}
}

func TestArticleIsSafe(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := newPages(t)
	if err := p.Article(&b, hostileArticle()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, bad := range []string{"<script", "<img", "<i>", "<b>feed", "href", "src=x>", "http://", "https://", "evil.example", "192.0.2.10", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, want := range []string{
		"hxxp[://]evil[.]example/", "192[.]0[.]2[.]10", "Example News", "2026-05-15 08:21 UTC", "443, 8443",
		"news[.]example", "other[.]example", "c59a6bb4-f69a-4b90-babe-ca1afcda3514", "a &lt;well&gt; known address",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

// TestPolicyAllowsTheStyle: the browser hashes what stands between the tags.
func TestPolicyAllowsTheStyle(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := newPages(t)
	if err := p.Article(&b, hostileArticle()); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindSubmatch(b.Bytes())
	if m == nil {
		t.Fatal("no style")
	}
	sum := sha256.Sum256(m[1])
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(p.Policy(), want) {
		t.Errorf("policy %q lacks %s", p.Policy(), want)
	}
	if strings.Contains(p.Policy(), "unsafe") || !strings.HasPrefix(p.Policy(), "default-src 'none'") {
		t.Errorf("policy %q", p.Policy())
	}
}

func TestArticleSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	a := hostileArticle()
	a.List.Total, a.List.LowerBound, a.List.Next = store.Cap, true, &store.Position{}
	var b bytes.Buffer
	p := newPages(t)
	if err := p.Article(&b, a); err != nil {
		t.Fatal(err)
	}
	if want := "2 of more than 10000 indicators"; !strings.Contains(b.String(), want) {
		t.Errorf("the page lacks %q:\n%s", want, b.String())
	}
	b.Reset()
	if err := p.Article(&b, Article{Article: store.Article{ID: a.Article.ID}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Article without a title", "No indicators of this article"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the empty page lacks %q:\n%s", want, b.String())
		}
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := newPages(t).Problem(&b, Problem{Status: 401, Code: "missing_api_key", Message: `Use "<key>".`, RequestID: "req_1"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"401", "missing_api_key", "&lt;key&gt;", "req_1", "curl"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, b.String())
		}
	}
}
