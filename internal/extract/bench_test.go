package extract

import (
	"regexp"
	"strings"
	"testing"
)

// benchText is about a megabyte of report: the corpus over and over, between
// paragraphs of plain prose, as reports are.
func benchText(b *testing.B) string {
	b.Helper()
	const prose = `
The operators moved slowly. For several weeks nothing was seen on the network except for short
connections at night, which the team took for backups until somebody compared the volumes. The second
stage is a small program that reads its settings from the registry, waits for a random time and then
asks its server what to do. It can list folders, start programs, read files and remove itself. None of
this is new; what is new is the patience. In the opinion of the authors the group has used the same
tools since 2019, with changes only where a product for protection had learned to see them.
`
	var text strings.Builder
	corpus := readCorpus(b)
	for i := 0; text.Len() < 1<<20; i++ {
		l := corpus[i%len(corpus)]
		doc, err := Render(strings.NewReader(l.body), l.kind)
		if err != nil {
			b.Fatal(err)
		}
		text.WriteString(doc.Text)
		text.WriteString(strings.Repeat(prose, 3))
	}
	return text.String()
}

func BenchmarkText(b *testing.B) {
	run := func(name, text string) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				found, err := Text(b.Context(), text, Options{})
				if err != nil {
					b.Fatal(err)
				}
				n = len(found)
			}
			b.ReportMetric(float64(len(text))/float64(n), "bytes/candidate")
		})
	}
	text := benchText(b)
	run("report", text)
	dense := ""
	for _, l := range readCorpus(b) {
		dense += l.body + "\n"
	}
	run("dense", strings.Repeat(dense, 40))
	run("parentheses", strings.Repeat("(", 10<<20))
	run("words", strings.Repeat("nothing here is an indicator of anything at all, ", 20_000))
}

// barText is what the bars are measured on: real reports where they are, else
// the synthetic one.
func barText(b *testing.B) string {
	b.Helper()
	if dir := esetFolder(); dir != "" {
		var all strings.Builder
		for _, r := range readReports(b) {
			all.WriteString(r.text)
		}
		return all.String()
	}
	b.Log("no real reports: on the synthetic one")
	return benchText(b)
}

// BenchmarkBar holds Text and Read to the bar beside one alternation of the
// same shapes in the standard library's engine, which judges nothing: compare
// the MB/s of one run, on one core (-cpu 1).
func BenchmarkBar(b *testing.B) {
	text := barText(b)
	run := func(name string, find func() (int, error)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if n, err := find(); n == 0 || err != nil {
					b.Fatalf("found %d, %v", n, err)
				}
			}
		})
	}
	run("Text", func() (int, error) {
		found, err := Text(b.Context(), text, Options{})
		return len(found), err
	})
	run("Read", func() (int, error) {
		said, err := Read(b.Context(), text, Options{})
		return len(said.Candidates), err
	})
	shapes := alternation()
	run("regexp", func() (int, error) {
		return len(shapes.FindAllStringIndex(text, -1)), nil
	})
}

// alternation is one pattern of the shapes that Text finds.
func alternation() *regexp.Regexp {
	dot := `(?:\.|\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|\\\.)`
	return regexp.MustCompile(`(?i)` + strings.Join([]string{
		`\b(?:h(?:xx|tt)ps?|ftps?|wss?|ldaps?)(?:://|\[:\]//|\[://\])[^\s<>"|` + "`" + `]+`,
		`\b[a-z0-9._%+-]+(?:@|\[@\]|\[at\]|\(at\))[a-z0-9-]+(?:` + dot + `[a-z0-9-]+)+`,
		`\b[0-9]{1,3}(?:` + dot + `[0-9]{1,3}){3}\b`,
		`\b(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}\b`,
		`\b[a-f0-9]{128}\b`, `\b[a-f0-9]{64}\b`, `\b[a-f0-9]{40}\b`, `\b[a-f0-9]{32}\b`,
		`\bCVE-[0-9]{4}-[0-9]{4,19}\b`,
		`\b(?:T[0-9]{4}(?:\.[0-9]{3})?|TA[0-9]{4}|[SGM][0-9]{4})\b`,
		`\b[a-z0-9_-]+(?:` + dot + `[a-z0-9_-]+)*` + dot + `[a-z]{2,24}\b`,
	}, "|"))
}

// BenchmarkAdversarial reads a megabyte of what makes careless scanners go
// back and forth.
func BenchmarkAdversarial(b *testing.B) {
	for name, piece := range adversarial {
		b.Run(name, func(b *testing.B) {
			text := strings.Repeat(piece, 1<<20/len(piece))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Text(b.Context(), text, Options{Limit: 1 << 30}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRender(b *testing.B) {
	page := ""
	for _, l := range readCorpus(b) {
		if l.kind == HTML {
			page += l.body
		}
	}
	page = strings.Repeat(page, 400)
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		if _, err := Render(strings.NewReader(page), HTML); err != nil {
			b.Fatal(err)
		}
	}
}
