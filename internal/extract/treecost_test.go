package extract

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// dearPages are small pages with trees of gigabytes.
func dearPages() map[string]string {
	var fonts strings.Builder
	for i := range 400 {
		fmt.Fprintf(&fonts, "<font a=%d>", i)
	}
	return map[string]string{
		"formats reopened":         "<p>" + fonts.String() + strings.Repeat("</p><p>x", 50<<10),
		"formats with attributes":  "<p><b " + strings.Repeat("a ", 50<<10) + ">" + strings.Repeat("</p><p>x", 50<<10),
		"blocks in formats":        strings.Repeat("<b><p>", 500<<10),
		"many small elements":      strings.Repeat("<p>a ", 1<<20),
		"formats reopened in ends": "<p>" + fonts.String() + strings.Repeat("<i>x</p>", 50<<10),
	}
}

// TestMainTextOfDearPages wants a page that would cost gigabytes to be read
// without a tree, and whole.
func TestMainTextOfDearPages(t *testing.T) {
	t.Parallel()
	for name, markup := range dearPages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !isDearTree(markup) {
				t.Fatal("it is taken to be cheap")
			}
			began := time.Now()
			doc, err := MainText(context.Background(), strings.NewReader("<body>"+markup+"<p>It calls 198[.]51[.]100[.]7 again."))
			if err != nil || !strings.Contains(doc.Text, "198[.]51[.]100[.]7") {
				t.Errorf("%d bytes of text, %v", len(doc.Text), err)
			}
			if d := time.Since(began); d > 10*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// TestCheapTrees wants ordinary pages, careless ones too, to have their tree.
func TestCheapTrees(t *testing.T) {
	t.Parallel()
	for name, markup := range map[string]string{
		"long article":     strings.Repeat("<p class=\"text\">Some <b>bold</b> words with <a href=\"https://site.example/page\">a link</a>.</p>\n", 20_000),
		"never closed":     strings.Repeat("<p><b>Word <i>and <a href=x>link", 5_000),
		"picture in a tag": "<img src=\"data:image/png;base64," + strings.Repeat("A", 4<<20) + "\"><p>text",
		"long text":        "<pre>" + strings.Repeat("198[.]51[.]100[.]7\n", 300_000),
	} {
		if isDearTree(markup) {
			t.Errorf("%s: %d bytes are taken to be dear", name, len(markup))
		}
	}
}
