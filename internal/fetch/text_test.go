package fetch

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func newBody(mediaType, charset, body string) *Result {
	return &Result{MediaType: mediaType, Charset: charset, Size: int64(len(body)), Body: memory{bytes.NewReader([]byte(body))}}
}

// wide writes ASCII as UTF-16, most significant byte first.
func wide(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(0)
		b.WriteByte(s[i])
	}
	return b.String()
}

// narrow is the same with the least significant byte first.
func narrow(s string) string { return strings.TrimPrefix(wide(s), "\x00") + "\x00" }

func TestText(t *testing.T) {
	t.Parallel()
	xml := func(label string) string { return `<?xml version="1.0" encoding="` + label + `"?>` }
	long := strings.Repeat("a", 3000)
	cases := []struct {
		name, mediaType, charset, body, want string
	}{
		{"empty", "text/plain", "", "", ""},
		{"ASCII", "text/plain", "", "abc", "abc"},
		{"UTF-8 by its bytes", "text/plain", "", "für", "für"},
		{"UTF-8 far inside", "text/plain", "", long + "für", long + "für"},
		{"neither", "text/plain", "", "f\xfcr", "für"},
		{"neither, far inside", "text/plain", "", long + "f\xfcr", long + "für"},
		{"header", "text/plain", "windows-1251", "\xef\xf0\xe8", "при"},
		{"header in capitals", "text/plain", " KOI8-R ", "\xd0\xd2\xc9", "при"},
		{"header, two bytes", "text/plain", "shift_jis", "\x93\xfa\x96\x7b", "日本"},
		{"header unknown", "text/plain", "x-klingon", "für", "für"},
		{"header refused", "text/plain", "iso-2022-kr", "abc", "abc"},
		{"UTF-7 is none", "text/plain", "utf-7", "+ADw-script", "+ADw-script"},
		{"header says UTF-8, broken", "text/plain", "utf-8", "f\xfcr", "f\ufffdr"},
		{"mark over header", "text/plain", "windows-1251", "\xef\xbb\xbffür", "für"},
		{"marks", "text/plain", "", "\xef\xbb\xbf\xef\xbb\xbfabc", "abc"},
		{"UTF-16 with mark", "text/plain", "utf-8", "\xfe\xff" + wide("abc"), "abc"},
		{"UTF-16 with the other mark", "text/plain", "", "\xff\xfe" + narrow("abc"), "abc"},
		{"half a character of UTF-16", "text/plain", "", "\xff\xfe" + narrow("abc") + "d", "abc\ufffd"},
		{"header says UTF-16, is not", "text/plain", "utf-16", "abc", "abc"},
		{"header says UTF-16", "text/plain", "utf-16be", wide("abc"), "abc"},
		{"markup in UTF-16 without mark", "application/xml", "", wide(xml("UTF-16") + "<a/>"), xml("UTF-8") + "<a/>"},
		{"markup in the other UTF-16", "application/xml", "", narrow("<a/>"), "<a/>"},
		{"declaration", "application/xml", "", xml("windows-1251") + "\xef\xf0\xe8", xml("UTF-8") + "при"},
		{"declaration in single quotes", "text/xml", "", "<?xml version='1.0' encoding = 'KOI8-R' ?>\xd0", "<?xml version='1.0' encoding = 'UTF-8' ?>п"},
		{"declaration after a break", "text/xml", "", "\n" + xml("iso-8859-2") + "\xb1", "\n" + xml("UTF-8") + "ą"},
		{"declaration without label", "text/xml", "", `<?xml version="1.0"?>für`, `<?xml version="1.0"?>für`},
		{"header over declaration", "text/xml", "utf-8", xml("windows-1251") + "für", xml("UTF-8") + "für"},
		{"header that cannot be", "text/xml", "utf-8", xml("windows-1251") + "\xef\xf0\xe8", xml("UTF-8") + "при"},
		{"header of all pages over UTF-8", "text/xml", "iso-8859-1", xml("UTF-8") + "für", xml("UTF-8") + "für"},
		{"header for ASCII over UTF-8", "text/plain", "us-ascii", long + "für", long + "für"},
		{"header of another alphabet over UTF-8", "text/html", "koi8-r", "при", "при"},
		{"header, and half of what may be UTF-8", "text/plain", "iso-8859-1", "\xc3", "Ã"},
		{"declared UTF-16, is not", "text/xml", "", xml("UTF-16") + "für", xml("UTF-8") + "für"},
		{"declared unknown", "text/xml", "", xml("x-none") + "für", xml("UTF-8") + "für"},
		{"declared later", "text/xml", "", "<a>" + xml("KOI8-R") + "für", "<a>" + xml("KOI8-R") + "für"},
		{"meta", "text/html", "", `<meta charset=windows-1251>` + "\xef", `<meta charset=windows-1251>п`},
		{"older meta", "text/html", "", `<meta http-equiv=Content-Type content="text/html; charset=koi8-r">` + "\xd0", `<meta http-equiv=Content-Type content="text/html; charset=koi8-r">п`},
		{"meta without type", "", "", `<html><meta charset=windows-1251>` + "\xef", `<html><meta charset=windows-1251>п`},
		{"meta in a list", "text/csv", "", `<meta charset=windows-1251>` + "für", `<meta charset=windows-1251>für`},
		{"header over meta", "text/html", "koi8-r", `<meta charset=windows-1251>` + "\xd0", `<meta charset=windows-1251>п`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := newBody(c.mediaType, c.charset, c.body).Text()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(iotest.OneByteReader(r))
			if err != nil || string(got) != c.want {
				t.Errorf("got %.200q, %v, want %.200q", got, err, c.want)
			}
		})
	}
}

// TestTextTwice: readers do not disturb each other or the body.
func TestTextTwice(t *testing.T) {
	t.Parallel()
	res := newBody("text/plain", "windows-1252", "f\xfcr")
	first, _ := res.Text()
	second, _ := res.Text()
	for i, r := range []io.Reader{res.Body, first, second} {
		got, err := io.ReadAll(r)
		if want := []string{"f\xfcr", "für", "für"}[i]; err != nil || string(got) != want {
			t.Errorf("reader %d: got %q, %v, want %q", i, got, err, want)
		}
	}
}

// FuzzText: what comes out is UTF-8, and stays what it is when it is read
// again.
func FuzzText(f *testing.F) {
	f.Add("text/html", "", []byte("<meta charset=koi8-r>\xd0"))
	f.Add("", "utf-16", []byte(wide("<?xml version='1.0' encoding='utf-16'?>")))
	f.Add("text/xml", "gb18030", []byte("\xef\xbb\xbf<?xml encoding='a' encoding=\"b\"?>\x84\x31"))
	f.Add("text/plain", "big5", []byte("\xff\xfe\x00"))
	f.Fuzz(func(t *testing.T, mediaType, charset string, body []byte) {
		text := func(charset string, body []byte) []byte {
			r, err := newBody(mediaType, charset, string(body)).Text()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !utf8.Valid(got) {
				t.Fatalf("got %q, %v", got, err)
			}
			return got
		}
		once := text(charset, body)
		if twice := text("utf-8", once); !bytes.Equal(once, twice) {
			t.Fatalf("got %q, then %q", once, twice)
		}
	})
}
