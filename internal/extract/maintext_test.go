package extract

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

// labelledPage is a page of testdata/pages with what its article says and what
// stands around it, from the comment at its start.
type labelledPage struct {
	name, source string
	keep, drop   []string
}

func readPages(t testing.TB) []labelledPage {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "pages", "*.html"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	var pages []labelledPage
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := labelledPage{name: filepath.Base(file)}
		head, rest, ok := strings.Cut(string(data), "-->\n")
		if !ok {
			t.Fatalf("%s has no labels", file)
		}
		p.source = rest
		for line := range strings.Lines(head) {
			line = strings.TrimRight(line, "\n")
			if v, ok := strings.CutPrefix(line, "keep: "); ok {
				p.keep = append(p.keep, v)
			} else if v, ok := strings.CutPrefix(line, "drop: "); ok {
				p.drop = append(p.drop, v)
			}
		}
		pages = append(pages, p)
	}
	return pages
}

func mainText(t testing.TB, source string) Document {
	t.Helper()
	doc, err := MainText(context.Background(), strings.NewReader(source))
	if err != nil {
		t.Fatalf("MainText: %v", err)
	}
	return doc
}

// TestMainTextPages loses nothing of any page, and leaves out what is named
// beside its article.
func TestMainTextPages(t *testing.T) {
	t.Parallel()
	for _, p := range readPages(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			text := mainText(t, p.source).Text
			for _, v := range p.keep {
				if !strings.Contains(text, v) {
					t.Errorf("lost %q", v)
				}
			}
			for _, v := range p.drop {
				if strings.Contains(text, v) {
					t.Errorf("kept %q", v)
				}
			}
			if t.Failed() {
				t.Logf("text:\n%s", text)
			}
		})
	}
}

func TestMainTextKeepsTheHead(t *testing.T) {
	t.Parallel()
	doc := mainText(t, `<head><title>The den</title><meta property="article:published_time" content="2026-03-05T10:00:00Z"></head>
		<body><nav><a href="https://menu.example/">m</a></nav><article><h1>Den</h1><p>Words <a href="https://ref.example/">ref</a></p></article></body>`)
	if doc.Title != "The den" || !doc.Published.Equal(time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("title %q, published %v; want those of the page", doc.Title, doc.Published)
	}
	if len(doc.Links) != 1 || doc.Links[0] != "https://ref.example/" {
		t.Errorf("links = %q; want those of the article", doc.Links)
	}
}

func TestMainTextIsBounded(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, source string }{
		{"nothing", "a"},
		{"no body", "<frameset><frame></frameset><noframes>a</noframes>a"},
		{"deep", strings.Repeat("<div>", 100_000) + "a"},
		{"deep as far as goes", strings.Repeat("<div class=related><h1>x</h1>", 200) + strings.Repeat("<p>words of the article</p>", 20_000) + "a"},
		{"many blocks", strings.Repeat("<div class=related>b.example</div>", 100_000) + "a"},
		{"blocks that are kept", strings.Repeat("<div class=related>b[.]example</div>", 20_000) + "a"},
		{"formatting never closed", strings.Repeat("<p><b id=1><i id=2><u id=3>", 20_000) + "a"},
		{"table soup", strings.Repeat("<table><tr><td><div>", 100) + strings.Repeat("a<tr>", 50_000)},
		{"large", strings.Repeat("<p>words</p>", maxPage/12+1) + "a"},
		{"comments", `<div id="comments">b</div>a`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			if doc := mainText(t, tt.source); !strings.Contains(doc.Text, "a") {
				t.Errorf("text of %d bytes lost its letter", len(doc.Text))
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("MainText took %v", took)
			}
		})
	}
}

func TestMainTextErrors(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	source := "<article>" + strings.Repeat("<p>words of the article</p>", 10_000)
	if _, err := MainText(ctx, strings.NewReader(source)); !errors.Is(err, context.Canceled) {
		t.Errorf("MainText of an ended context: error = %v; want context.Canceled", err)
	}
	if _, err := MainText(context.Background(), iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("MainText of a broken reader: error = %v; want io.ErrUnexpectedEOF", err)
	}
	if _, err := MainText(context.Background(), io.LimitReader(zeros{}, MaxDocument+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("MainText of more than the most: error = %v; want ErrTooLarge", err)
	}
}

// FuzzMainText holds the promise: what the whole page means is in the main
// text, where no part of the page is what readers wrote.
func FuzzMainText(f *testing.F) {
	for _, p := range readPages(f) {
		f.Add(p.source)
	}
	f.Add(`<div class=related><aside>a[.]example</div><main><article>b[.]example</article></main>`)
	f.Fuzz(func(t *testing.T, source string) {
		doc := mainText(t, source)
		if !utf8.ValidString(doc.Text) {
			t.Errorf("MainText returned broken UTF-8")
		}
		if len(doc.Text) > 2*len(source)+1024 {
			t.Errorf("MainText made %d bytes of %d", len(doc.Text), len(source))
		}
	})
}

// TestMainTextLeavesOtherReports: what stands in the titles of other reports is
// theirs, defanged or not; a box of indicators beside the text is the report's.
func TestMainTextLeavesOtherReports(t *testing.T) {
	t.Parallel()
	words := "<p>" + strings.Repeat("The group changes its tools often and its habits never. ", 30) + "</p>"
	doc := mainText(t, "<html><body><article><h1>Heron</h1>"+words+"<p>It beacons to new[.]bad-relay[.]example.</p></article>"+
		"<aside><h3>Related posts</h3><a href=/a>How we found old[.]bad-relay[.]example</a></aside>"+
		"<aside><h3>Indicators</h3>boxed[.]bad-relay[.]example</aside></body></html>")
	for value, want := range map[string]bool{"new[.]bad-relay": true, "old[.]bad-relay": false, "boxed[.]bad-relay": true} {
		if got := strings.Contains(doc.Text, value); got != want {
			t.Errorf("%s in the text: %t, want %t", value, got, want)
		}
	}
}
