package extract

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func render(t testing.TB, source string, kind Kind) Document {
	t.Helper()
	doc, err := Render(strings.NewReader(source), kind)
	if err != nil {
		t.Fatalf("Render: %v", err)
	}
	return doc
}

func TestRenderHTMLText(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, source, want string }{
		{"inline adds nothing", `a<b>b</b><i>c</i> <span>d</span>`, "abc d\n"},
		{"mark in bold", `evil<b>[.]</b>example`, "evil[.]example\n"},
		{"wbr adds nothing", `aa<wbr>bb&shy;cc&#8203;dd`, "aabbccdd\n"},
		{"br", `a<br>b<br/>c`, "a\nb\nc\n"},
		{"blocks", `<div>a</div><div>b<div>c</div></div>d`, "a\nb\nc\nd\n"},
		{"paragraphs", `<p>a<p>b</p>`, "a\n\nb\n"},
		{"headings", `<h1>a</h1>b<h3>c</h3>d`, "# a\n\nb\n\n### c\n\nd\n"},
		{"list", `<ul><li>a<li><p>b</p></li></ul>c`, "- a\n- b\n\nc\n"},
		{"breaks in cells", `<table><tr><td>a<br>b</td><td><p>c</p><p>d</p></td></tr><tr><td>e</table>`, "a\vb\tc\vd\ne\n"},
		{"cells", `<table><tr><th>a</th><th>b</th></tr><tr><td><p>c</p></td><td> d </td></tr></table>`, "a\tb\nc\td\n"},
		{"empty cells", `<table><tr><td></td><td>b<td></table>`, "\tb\t\n"},
		{"pre", "x<pre>a  b\n c</pre>y", "x\n\n```\na  b\n c\n```\n\ny\n"},
		{"skipped", `<script>a</script><style>b</style><nav>c<nav>d</nav></nav><aside>e</aside><footer>f</footer><noscript>g</noscript><template>h</template>i`, "i\n"},
		{"hidden", `<div hidden>a<div>b</div></div><p style="display: none">c</p><p>d</p>`, "d\n"},
		{"around the article", `<div class="share-buttons x">a</div><div id="cookie-banner">b<div>c</div></div><section role="complementary">d</section><ul class="breadcrumbs"><li>e</ul>f`, "f\n"},
		{"not around", `<body class="cookies-ok"><div class="no-sidebar">a</div><div class="content sharepoint">b</div><article id="related">c</article>`, "a\nb\n\nc\n"},
		{"hidden without end tag", `<p hidden>a<p>b`, "b\n"},
		{"nav never closed", `<body><nav>a</body>b`, "b\n"},
		{"entities", `a&amp;b&#x2e;c&nbsp;d&lt;e`, "a&b.c d<e\n"},
		{"white space", " a \n\t b ", "a b\n"},
		{"comment and doctype", `<!DOCTYPE html><!-- a -->b`, "b\n"},
		{"empty", "", "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, render(t, tt.source, HTML).Text); diff != "" {
				t.Errorf("Render (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRenderMeta(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 5, 14, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name, source string
		kind         Kind
		title        string
		published    time.Time
		links        []string
	}{
		{"html", `<title> A &amp; B </title><meta property="article:published_time" content="2024-05-14T00:00:00Z">
			<a href="https://a.example/x">x</a><a href="/y">y</a><a href="https://a.example/x">again</a>`, HTML,
			"A & B", day, []string{"https://a.example/x"}},
		{"html without title", `<h1>Head <em>line</em></h1><time datetime="2024-05-14">May</time>`, HTML, "Head line", day, nil},
		{"json-ld", `<script type="application/ld+json">{"datePublished": "2024-05-14T02:00:00+02:00"}</script>`, HTML, "", day, nil},
		{"asciidoc", "= The title\n:revdate: 2024-05-14\n\nSee https://a.example/x[text].", AsciiDoc, "The title", day, []string{"https://a.example/x"}},
		{"markdown", "# The title\n\n[x](https://a.example/x(1)), hxxps://no[.]example", Markdown, "The title", time.Time{}, []string{"https://a.example/x(1)"}},
		{"front matter", "---\ntitle: \"The title\"\ndate: 2024-05-14\n---\n", Markdown, "The title", day, nil},
		{"text", "no title\nhttps://a.example, https://b.example.", PlainText, "", time.Time{}, []string{"https://a.example", "https://b.example"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := render(t, tt.source, tt.kind)
			got.Text = ""
			want := Document{Title: tt.title, Published: tt.published, Links: tt.links}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Render (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRenderEncodings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, source string
		kind         Kind
	}{
		{"utf-8", "böse[.]example", PlainText},
		{"utf-8 with mark", "\xef\xbb\xbfböse[.]example", PlainText},
		{"utf-16 little endian", "\xff\xfeb\x00\xf6\x00s\x00e\x00[\x00.\x00]\x00e\x00x\x00a\x00m\x00p\x00l\x00e\x00", PlainText},
		{"utf-16 big endian", "\xfe\xff\x00b\x00\xf6\x00s\x00e\x00[\x00.\x00]\x00e\x00x\x00a\x00m\x00p\x00l\x00e", PlainText},
		{"windows-1252", "b\xf6se[.]example", PlainText},
		{"declared", "<meta charset=iso-8859-2>b\xf6se[.]example", HTML},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := strings.TrimSpace(render(t, tt.source, tt.kind).Text)
			if got != "böse[.]example" {
				t.Errorf("Render = %q; want %q", got, "böse[.]example")
			}
		})
	}
}

func TestRenderIsBounded(t *testing.T) {
	t.Parallel()
	if _, err := Render(io.LimitReader(zeros{}, MaxDocument+1), PlainText); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Render of more than the most: error = %v; want ErrTooLarge", err)
	}
	if _, err := Render(iotest.ErrReader(io.ErrUnexpectedEOF), HTML); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Render of a broken reader: error = %v; want io.ErrUnexpectedEOF", err)
	}
	tests := []struct{ name, source string }{
		{"deep", strings.Repeat("<div>", 1<<20) + "a"},
		{"deep and skipped", strings.Repeat("<nav>", 1<<20) + "</body>a"},
		{"never closed", strings.Repeat("<b><p><table><tr><td>", 1<<17) + "a"},
		{"huge attribute", `<p title="` + strings.Repeat("x", 8<<20) + `">a`},
		{"huge address", `<a href="https://` + strings.Repeat("x", 8<<20) + `">a</a>`},
		{"many attributes", "<p" + strings.Repeat(" a=b", 1<<20) + ">a"},
		{"attribute never closed", `a<p title="` + strings.Repeat("x", 1<<20)},
		{"angle brackets", strings.Repeat("<", 1<<20) + " a"},
		{"comments", strings.Repeat("<!--", 1<<20) + "-->a"},
		{"entities", strings.Repeat("&", 1<<20) + "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := render(t, tt.source, HTML)
			if !strings.Contains(doc.Text, "a") {
				t.Errorf("text of %d bytes lost its letter", len(doc.Text))
			}
			if len(doc.Links) != 0 {
				t.Errorf("links = %d; want none", len(doc.Links))
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestDetectKind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, head string
		want             Kind
		text             bool
	}{
		{"markdown", "a/b/REPORT.MD", "x", Markdown, true},
		{"asciidoc", "README.adoc", "", AsciiDoc, true},
		{"html", `C:\x\page.htm`, "", HTML, true},
		{"text", "x.txt", "# not a heading", PlainText, true},
		{"html by content", "page", "\n<!DOCTYPE HTML><html>", HTML, true},
		{"xhtml", "-", `<?xml version="1.0"?><html xmlns="x">`, HTML, true},
		{"asciidoc by content", "README", "= Title\n\ntext", AsciiDoc, true},
		{"markdown by content", "README", "# Title\n\ntext", Markdown, true},
		{"text by content", "-", "just words", PlainText, true},
		{"utf-16", "x", "\xff\xfea\x00", PlainText, true},
		{"empty", "", "", PlainText, true},
		{"pdf", "x.txt", "%PDF-1.7", PDF, true},
		{"pdf by name only", "x.pdf", "\x01", PlainText, false},
		{"archive", "x", "PK\x03\x04", PlainText, false},
		{"program", "x.md", "\x7fELF\x02", PlainText, false},
		{"zeros", "x.html", "a\x00b", PlainText, false},
		{"word", "report.docx", "", PlainText, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := DetectKind(tt.file, []byte(tt.head))
			if got != tt.want || ok != tt.text {
				t.Errorf("DetectKind = %v, %v; want %v, %v", got, ok, tt.want, tt.text)
			}
		})
	}
}

func FuzzRender(f *testing.F) {
	for _, l := range readCorpus(f) {
		f.Add(l.body, uint8(l.kind))
	}
	f.Fuzz(func(t *testing.T, source string, kind uint8) {
		doc, err := Render(strings.NewReader(source), Kind(kind%4))
		if err != nil {
			t.Fatalf("Render: %v", err)
		}
		if !utf8.ValidString(doc.Text) || !utf8.ValidString(doc.Title) {
			t.Errorf("Render returned broken UTF-8")
		}
	})
}
