package extract

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// pdfWriter makes small documents.
type pdfWriter struct {
	objects []string // the body of object i+1
	trailer string   // more of it
}

func (w *pdfWriter) add(format string, args ...any) int {
	w.objects = append(w.objects, fmt.Sprintf(format, args...))
	return len(w.objects)
}

func (w *pdfWriter) stream(dict, data string) int {
	return w.add("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

// String returns the document, with a table of cross-references that is wrong.
func (w *pdfWriter) String() string {
	var out strings.Builder
	out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	for i, body := range w.objects {
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	fmt.Fprintf(&out, "xref\n0 1\n0000000000 65535 f\ntrailer\n<< /Root 1 0 R /Size %d %s >>\nstartxref\n9\n%%%%EOF\n", len(w.objects)+1, w.trailer)
	return out.String()
}

const helvetica = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"

// pdfOf makes a document of one page for each content.
func pdfOf(font string, contents ...string) *pdfWriter {
	w := &pdfWriter{}
	w.add("<< /Type /Catalog /Pages 2 0 R >>")
	var kids []string
	for i := range contents {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+2*i))
	}
	w.add("<< /Type /Pages /Kids [%s] /Count %d /Resources << /Font << /F1 3 0 R >> >> >>", strings.Join(kids, " "), len(kids))
	w.add("%s", font)
	for _, c := range contents {
		w.add("<< /Type /Page /Parent 2 0 R /Contents %d 0 R >>", len(w.objects)+2)
		w.stream("", c)
	}
	return w
}

func deflate(t testing.TB, s string) string {
	t.Helper()
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRenderPDFText(t *testing.T) {
	t.Parallel()
	digest := "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	widths := "<< /Type /Font /Subtype /TrueType /BaseFont /X /FirstChar 32 /LastChar 34 /Widths [250 500 500] /Encoding /WinAnsiEncoding >>"
	tests := []struct{ name, font, content, want string }{
		{"one line", helvetica, "BT /F1 12 Tf 72 700 Td (evil[.]example) Tj ET", "evil[.]example\n"},
		{"escapes", helvetica, `BT /F1 12 Tf (a\(b\)\\c\056\
d \344) Tj ET`, "a(b)\\c.d ä\n"},
		{"nested parentheses", helvetica, "BT /F1 12 Tf (a(b)c) Tj ET", "a(b)c\n"},
		{"hex", helvetica, "BT /F1 12 Tf <6576 696c2E> Tj ET", "evil.\n"},
		{"lines", helvetica, "BT /F1 12 Tf 14 TL 72 700 Td (a) Tj T* (b) Tj (c) ' 0 -14 Td (d) Tj ET", "a\nb\nc\nd\n"},
		{"paragraphs", helvetica, "BT /F1 12 Tf 72 700 Td (a) Tj 0 -40 Td (b) Tj ET", "a\n\nb\n"},
		{"digest over two lines", helvetica, "BT /F1 10 Tf 12 TL 72 700 Td (" + digest[:40] + ") Tj T* (" + digest[40:] + ") Tj ET", digest[:40] + "\n" + digest[40:] + "\n"},
		{"kerned word", helvetica, "BT /F1 12 Tf 72 700 Td [(ev) 20 (il) -15 ([.]example)] TJ ET", "evil[.]example\n"},
		{"space by distance", helvetica, "BT /F1 12 Tf 72 700 Td [(evil) -300 (example)] TJ ET", "evil example\n"},
		{"cells", helvetica, "BT /F1 12 Tf 72 700 Td (a) Tj ET BT /F1 12 Tf 200 700 Td (b) Tj ET BT /F1 12 Tf 1 0 0 1 72 686 Tm (c) Tj ET", "a\tb\nc\n"},
		{"pieces of a word", widths, `BT /F1 10 Tf 72 700 Td (!) Tj ET BT /F1 10 Tf 77 700 Td (") Tj ET BT /F1 10 Tf 84 700 Td (!) Tj ET`, "!\" !\n"},
		{"superscript", helvetica, "BT /F1 12 Tf 72 700 Td (a) Tj 4 Ts /F1 7 Tf 6.2 3 Td (1) Tj ET", "a 1\n"},
		{"scaled by a matrix", helvetica, "0.1 0 0 0.1 0 0 cm BT /F1 120 Tf 720 7000 Td (a) Tj 0 -140 Td (b) Tj ET", "a\nb\n"},
		{"upside down", helvetica, "1 0 0 -1 0 800 cm BT /F1 12 Tf 1 0 0 -1 72 100 Tm (a) Tj 1 0 0 -1 72 114 Tm (b) Tj ET", "a\nb\n"},
		{"rotated", helvetica, "BT /F1 12 Tf 0 1 -1 0 100 100 Tm (a) Tj 0 1 -1 0 114 100 Tm (b) Tj ET", "a\nb\n"},
		{"differences", "<< /Type /Font /Subtype /Type1 /Encoding << /Differences [65 /bracketleft /period /bracketright /fi /uni0041 /g12] >> >>", "BT /F1 12 Tf (xABCxDE) Tj ET", "x[.]xfiA\n"},
		{"picture inside", helvetica, "BT /F1 12 Tf (a) Tj ET BI /W 1 ID \x00(Tj EI\x01( EI BT /F1 12 Tf 0 -14 Td (b) Tj ET", "a\nb\n"},
		{"broken operators", helvetica, "Tj TJ ' \" Tf Td ]>>} Q Q BT /F1 12 Tf (a) Tj ET", "a\n"},
		{"text never closed", helvetica, "BT /F1 12 Tf (a) Tj (b", "a\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, render(t, pdfOf(tt.font, tt.content).String(), PDF).Text); diff != "" {
				t.Errorf("Render (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRenderPDFStructure(t *testing.T) {
	t.Parallel()
	show := func(s string) string { return "BT /F1 12 Tf 72 700 Td (" + s + ") Tj ET" }
	tests := []struct {
		name, want string
		make       func() string
	}{
		{"pages", "a\n\nb\n", func() string { return pdfOf(helvetica, show("a"), show("b")).String() }},
		{"content in parts", "ab\n", func() string {
			w := pdfOf(helvetica, "")
			w.objects[3] = fmt.Sprintf("<< /Type /Page /Contents [%d 0 R %d 0 R] >>", w.stream("", "BT /F1 12 Tf (a"+"b)"), w.stream("", "Tj ET"))
			return w.String()
		}},
		{"deflated", "a\n", func() string {
			w := pdfOf(helvetica, "")
			w.objects[4] = ""
			w.objects[3] = fmt.Sprintf("<< /Type /Page /Contents %d 0 R >>", w.stream("/Filter /FlateDecode", deflate(t, show("a"))))
			return w.String()
		}},
		{"deflated, cut, length a lie", "a\n", func() string {
			z := deflate(t, show("a")+strings.Repeat(" ", 100))
			w := pdfOf(helvetica, "")
			w.objects[4] = "<< /Filter [/FlateDecode] /Length 99999999999 >>\nstream\r\n" + z[:len(z)-6] + "\nendstream"
			return w.String()
		}},
		{"filters one over the other", "a\n", func() string {
			w := pdfOf(helvetica, "")
			w.objects[4] = fmt.Sprintf("<< /Filter [/ASCIIHexDecode /FlateDecode] >>\nstream\n%x>\nendstream", deflate(t, show("a")))
			return w.String()
		}},
		{"objects in a stream", "a\n", func() string {
			w := &pdfWriter{}
			one, two := "<< /Type /Catalog /Pages 12 0 R >>", "<< /Type /Pages /Kids [13 0 R] /Count 1 >>"
			three := "<< /Type /Page /Contents 1 0 R /Resources << /Font << /F1 14 0 R >> >> >>"
			w.stream("", show("a"))
			head := fmt.Sprintf("11 0 12 %d 13 %d 14 %d ", len(one)+1, len(one)+len(two)+2, len(one)+len(two)+len(three)+3)
			w.stream(fmt.Sprintf("/Type /ObjStm /N 4 /First %d /Filter /FlateDecode", len(head)), deflate(t, head+one+"\n"+two+"\n"+three+"\n"+helvetica))
			w.stream("/Type /XRef /Root 11 0 R /W [1 1 1] /Size 99999999999999", "")
			return strings.Replace(w.String(), "/Root 1 0 R", "", 1)
		}},
		{"a later version of an object", "b\n", func() string {
			s := pdfOf(helvetica, show("a")).String()
			return s + fmt.Sprintf("5 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n", len(show("b")), show("b"))
		}},
		{"form", "a\n", func() string {
			w := pdfOf(helvetica, "/X1 Do")
			w.objects[3] = fmt.Sprintf("<< /Type /Page /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> /XObject << /X1 %d 0 R >> >> >>", w.stream("/Subtype /Form", show("a")))
			return w.String()
		}},
		{"the word stream in a text", "a\n", func() string {
			w := pdfOf(helvetica, show("a"))
			w.objects[2] = strings.Replace(helvetica, "/Type /Font", "/Type /Font /Note (a stream of words)", 1)
			return w.String()
		}},
		{"cut before the trailer", "a\n", func() string {
			s := pdfOf(helvetica, show("a"), show("b")).String()
			return s[:strings.Index(s, "(b)")]
		}},
		{"codes of two bytes", "evil[.]example\n", func() string {
			w := pdfOf("<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /DescendantFonts [<< /DW 500 /W [1 [600] 2 9 500] >>] /ToUnicode 6 0 R >>",
				"BT /F1 12 Tf 72 700 Td <000100020003000400100011001200200021002200230024002500200026> Tj ET")
			w.stream("", "/CIDInit /ProcSet findresource begin 1 begincodespacerange <0000> <ffff> endcodespacerange 4 beginbfchar <0001> <0065> <0002> <0076>"+
				" <0003> <0069> <0004> <006c> endbfchar 2 beginbfrange <0010> <0012> [<005b> <002e> <005d>] <0020> <0020> <0065> endbfrange"+
				" 5 beginbfchar <0021> <0078> <0022> <0061> <0023> <006D> <0024> <0070> <0025> <006C> endbfchar 1 beginbfchar <0026> <200B> endbfchar")
			return w.String()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, render(t, tt.make(), PDF).Text); diff != "" {
				t.Errorf("Render (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRenderPDFAbout(t *testing.T) {
	t.Parallel()
	w := pdfOf(helvetica, "BT /F1 12 Tf (see https://a.example/text) Tj ET")
	w.objects[3] = "<< /Type /Page /Contents 5 0 R /Annots [<< /A << /URI (https://a.example/link) >> >> << /A << /URI (javascript:x) >> >>] >>"
	w.trailer = fmt.Sprintf("/Info %d 0 R", w.add("<< /Title <FEFF00540068006500200064006500ED> /CreationDate (D:20260305110000+01'00') >>"))
	got := render(t, w.String(), PDF)
	want := Document{
		Title: "The deí", Text: "see https://a.example/text\n", Published: time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC),
		Links: []string{"https://a.example/link", "https://a.example/text"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Render (-want +got):\n%s", diff)
	}
	w.objects[len(w.objects)-1] = "<< /Title (Microsoft Word - report.docx) >>"
	if got := render(t, w.String(), PDF); got.Title != "" || !got.Published.IsZero() {
		t.Errorf("title %q, published %v; want none: it is the name of a file", got.Title, got.Published)
	}
}

func TestRenderPDFHostile(t *testing.T) {
	t.Parallel()
	show := "BT /F1 12 Tf (a) Tj ET"
	bomb := deflate(t, strings.Repeat(deflate(t, strings.Repeat("x", 64<<20)), 1))
	many := func(n int, f func(i int) string) string {
		var out strings.Builder
		for i := range n {
			out.WriteString(f(i))
		}
		return out.String()
	}
	tests := []struct {
		name string
		want error
		doc  func() string
	}{
		{"only a header", ErrDamaged, func() string { return "%PDF-1.7\n" }},
		{"not at all", ErrDamaged, func() string { return "%PDF-" + strings.Repeat("x", 1<<20) }},
		{"encrypted", ErrEncrypted, func() string {
			w := pdfOf(helvetica, show)
			w.trailer = "/Encrypt << /Filter /Standard >>"
			return w.String()
		}},
		{"no pages", ErrDamaged, func() string { return "%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj" }},
		{"no text", ErrNoText, func() string { return pdfOf(helvetica, "0 0 m 1 1 l S").String() }},
		{"fonts that say nothing", ErrNoText, func() string {
			return pdfOf("<< /Subtype /Type0 /Encoding /Identity-H >>", "BT /F1 12 Tf <00010002> Tj ET").String()
		}},
		{"page tree in a circle", nil, func() string {
			w := pdfOf(helvetica, show)
			w.objects[1] = "<< /Type /Pages /Kids [2 0 R 2 0 R 4 0 R 4 0 R] /Resources << /Font << /F1 3 0 R >> >> >>"
			return w.String()
		}},
		{"references in a circle", nil, func() string {
			w := pdfOf(helvetica, show)
			w.add("%d 0 R", len(w.objects)+1)
			w.objects[3] = fmt.Sprintf("<< /Type /Page /Contents 5 0 R /Annots %d 0 R /Parent 4 0 R >>", len(w.objects))
			return w.String()
		}},
		{"stream whose length is itself", nil, func() string {
			w := pdfOf(helvetica, show)
			w.objects[4] = "<< /Length 5 0 R >>\nstream\n" + show + "\nendstream"
			return w.String()
		}},
		{"object stream in itself", nil, func() string {
			w := pdfOf(helvetica, show)
			w.stream("/Type /ObjStm /N 3 /First 12 /Extends 6 0 R", "6 0 6 0 5 99     ")
			return w.String()
		}},
		{"table that says so", ErrDamaged, func() string {
			return "%PDF-1.7\n3 0 obj\n<< /Type /XRef /W [1 1 1] /Size 4 /Root 1 0 R /Length 12 >>\nstream\n\x00\x00\x00\x02\x02\x00\x02\x02\x00\x01\x09\x00\nendstream\nendobj\nstartxref\n9\n%%EOF\n"
		}},
		{"form that draws itself", nil, func() string {
			w := pdfOf(helvetica, show+" /X Do")
			w.objects[3] = "<< /Type /Page /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> /XObject << /X 6 0 R >> >> >>"
			w.stream("/Subtype /Form", show+" /X Do /X Do /X Do /X Do")
			return w.String()
		}},
		{"forms without end", ErrTooLarge, func() string {
			w := pdfOf(helvetica, show+" /X Do")
			w.objects[3] = "<< /Type /Page /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> /XObject << /X 6 0 R >> >> >>"
			w.stream("/Subtype /Form", strings.Repeat("/X Do ", 1000))
			return w.String()
		}},
		{"deep arrays", nil, func() string {
			w := pdfOf(helvetica, show+strings.Repeat("[", 1<<20))
			w.add("%s", strings.Repeat("[", 1<<20))
			w.add("%s", strings.Repeat("<</a", 1<<20))
			return w.String()
		}},
		{"codes without number", ErrTooLarge, func() string {
			w := pdfOf(strings.Replace(helvetica, "/Type /Font", "/Type /Font /ToUnicode 6 0 R", 1), show)
			w.stream("", "9223372036854775807 beginbfchar endbfchar 1 beginbfrange <0000> <ffffffff> <0000> <00> <ff> 7 endbfrange"+strings.Repeat(" <0000> <ffff> <0041> endbfrange", 1000))
			return w.String()
		}},
		{"huge widths", ErrTooLarge, func() string {
			return pdfOf("<< /Subtype /Type0 /DescendantFonts [<< /W ["+strings.Repeat("0 99999999999 7 ", 1000)+"] >>] >>", show).String()
		}},
		{"bomb", ErrTooLarge, func() string {
			w := pdfOf(helvetica, show)
			w.objects[3] = "<< /Type /Page /Contents [" + strings.Repeat("6 0 R ", 300) + "] >>"
			w.stream("/Filter [/FlateDecode /FlateDecode]", bomb)
			return w.String()
		}},
		{"predictor of a wide row", nil, func() string {
			w := pdfOf(helvetica, show)
			w.stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 99999999999 >>", deflate(t, "1 0 1"))
			return w.String()
		}},
		{"many pages", ErrTooLarge, func() string {
			return pdfOf(helvetica, make([]string, maxPDFPages+1)...).String()
		}},
		{"many objects", ErrTooLarge, func() string {
			return "%PDF-1.7\n" + many(maxPDFObjects+2, func(i int) string { return fmt.Sprintf("%d 0 obj\n", i) })
		}},
		{"many words", nil, func() string {
			return pdfOf(helvetica, show+strings.Repeat(" obj stream endstream trailer endobj", 1<<16)).String()
		}},
		{"numbers that are none", nil, func() string {
			return pdfOf(helvetica, "1e999 -- .. 0 0 0 cm BT /F1 1e300 Tf 1e300 1e300 1e300 1e300 1e300 1e300 Tm (a) Tj /F1 -1 Tf NaN Inf Td (b) Tj ET").String()
		}},
		{"too large", ErrTooLarge, func() string { return "%PDF-1.7\n" + strings.Repeat(" ", MaxPDF) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			source := tt.doc()
			start := time.Now()
			doc, err := Render(strings.NewReader(source), PDF)
			if !errors.Is(err, tt.want) {
				t.Errorf("Render: error = %v; want %v", err, tt.want)
			}
			if tt.want == nil && !strings.Contains(doc.Text, "a") {
				t.Errorf("text %.40q lost its letter", doc.Text)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("Render took %v", took)
			} else {
				t.Logf("took %v", took)
			}
		})
	}
}

// TestPDFToCandidates goes the whole way: a table of digests and names.
func TestPDFToCandidates(t *testing.T) {
	t.Parallel()
	digest := "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	doc := render(t, pdfOf(helvetica, "BT /F1 16 Tf 72 740 Td (Indicators) Tj /F1 10 Tf 12 TL 0 -30 Td (SHA-256) Tj 120 0 Td (Host) Tj -120 -14 Td ("+digest+
		") Tj 420 0 Td (evil[.]example) Tj -420 -14 Td (hxxp://192.0.2[.]7/a) Tj ET").String(), PDF)
	found, err := Text(context.Background(), doc.Text, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range found {
		got = append(got, c.Indicator.Value)
	}
	if diff := cmp.Diff([]string{digest, "evil.example", "http://192.0.2.7/a"}, got); diff != "" {
		t.Errorf("candidates (-want +got):\n%s\ntext:\n%s", diff, doc.Text)
	}
}

func FuzzRenderPDF(f *testing.F) {
	f.Add(pdfOf(helvetica, "BT /F1 12 Tf 14 TL 72 700 Td [(a) -300 (b)] TJ T* <6162> Tj ET").String())
	w := pdfOf("<< /Subtype /Type0 /ToUnicode 6 0 R /DescendantFonts [<< /W [1 [600] 2 9 500] >>] >>", "/X Do BI ID EI")
	w.stream("", "1 beginbfrange <0000> <0009> [<0041>] endbfrange 1 beginbfchar <00> <0041> endbfchar")
	w.stream("/Type /ObjStm /N 1 /First 4", "9 0 << >>")
	f.Add(w.String())
	f.Add("1 0 obj<</Type/Page/Contents 2 0 R>>endobj 2 0 obj<</Filter[/LZWDecode/RunLengthDecode/ASCII85Decode]/DecodeParms<</Predictor 15>>>>stream\n\x80\x0b\x60\x50endstream")
	f.Fuzz(func(t *testing.T, source string) {
		doc, err := renderPDF([]byte(source))
		if err != nil {
			if errors.Is(err, ErrDamaged) && strings.Contains(err.Error(), "runtime error") {
				t.Errorf("panic: %v", err)
			}
			return
		}
		if !utf8.ValidString(doc.Text) || !utf8.ValidString(doc.Title) || strings.Contains(doc.Text, "\x00") {
			t.Errorf("Render returned text that is not fit to keep")
		}
	})
}
