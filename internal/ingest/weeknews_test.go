package ingest

import (
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"

	"spoor/internal/ioc"
)

// newsPaper is a paper whose printings are reports.
func newsPaper(name, host string, every time.Duration, r rhythm, begin, end time.Time) *paper {
	p := rows(name, host, "news", every, r, begin, end)
	p.src.URL, p.front = host+"/"+name+"/feed", "/"+name+"/feed"
	p.wrongs, p.wrongsLater = wrongs(""), wrongs("page")
	p.odd = []fault{faultTag, faultTwice, faultVanish, faultCharset, faultUTF16}
	p.claims = func(x printing) []claim {
		path := reportPath(name, x)
		c := claim{typ: ioc.Domain, article: path, title: reportTitle(name, x), first: x.dated, last: x.dated, said: 2}
		c.value = reportValue(name, x, "a")
		list := []claim{c}
		if !x.changed.IsZero() && !x.old {
			c.value = reportValue(name, x, "more")
			list = append(list, c)
		}
		return list
	}
	return p
}

func reportPath(name string, x printing) string { return fmt.Sprintf("/%s/report-%d", name, x.n) }

func reportTitle(name string, x printing) string {
	return fmt.Sprintf("Отчёт %s %d", name, x.n)
}

func reportValue(name string, x printing, word string) string {
	return fmt.Sprintf("%s%d.%s-relay.example", word, x.n, name)
}

// report is the text of a report, longer than any teaser.
func reportText(name string, x printing) string {
	text := "<p>" + strings.Repeat("Группа changes its tools often and keeps its habits. ", 30) + "</p><p>The implant beacons to " +
		defangedDots(reportValue(name, x, "a")) + " every ten minutes.</p>"
	if !x.changed.IsZero() && !x.old {
		text += "<p>Update: it has moved to " + defangedDots(reportValue(name, x, "more")) + " since.</p>"
	}
	return text
}

func defangedDots(s string) string { return strings.ReplaceAll(s, ".", "[.]") }

// newHeron is RSS with the whole text, twenty hours of it; some items have no
// date, some have a GUID that another one has as well.
func newHeron(host string, begin, end time.Time) *paper {
	p := newsPaper("heron", host, time.Hour, rhythm{first: 10, every: 100 * time.Minute, keep: 40 * time.Hour, changes: 15 * time.Hour}, begin, end)
	undated(p.list, 4)
	p.write = func(_ time.Time, list []printing) document {
		var b strings.Builder
		b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Heron</title><link>https://heron.example/</link>`)
		for _, x := range list {
			fmt.Fprintf(&b, "<item><guid isPermaLink=\"false\">%d</guid><link>%s%s?utm_source=rss</link><title>%s</title>%s<content:encoded><![CDATA[%s]]></content:encoded></item>\n",
				x.n/2, host, reportPath("heron", x), reportTitle("heron", x), pubDate(x), reportText("heron", x))
		}
		b.WriteString("</channel></rss>\n")
		return document{mediaType: "application/rss+xml", text: b.String()}
	}
	return p
}

// undated takes the date from every so many.
func undated(list []printing, every int) {
	for i := range list {
		if i%every == 0 {
			list[i].dated = time.Time{}
		}
	}
}

func pubDate(x printing) string {
	if x.dated.IsZero() {
		return ""
	}
	return "<pubDate>" + x.dated.Format(time.RFC1123Z) + "</pubDate>"
}

// newEgret is RSS with teasers; the reports are on pages.
func newEgret(host string, begin, end time.Time) *paper {
	p := newsPaper("egret", host, 2*time.Hour, rhythm{first: 6, every: 150 * time.Minute, keep: 72 * time.Hour}, begin, end)
	p.write = func(_ time.Time, list []printing) document {
		var b strings.Builder
		b.WriteString(`<?xml version="1.0"?><rss version="2.0"><channel><title>Egret</title><link>` + host + `/egret/</link>`)
		for _, x := range list {
			fmt.Fprintf(&b, "<item><guid>%s%s</guid><title>%s</title>%s<description>A look at what the implant does [&amp;hellip;]</description></item>\n",
				host, reportPath("egret", x), reportTitle("egret", x), pubDate(x))
		}
		b.WriteString("</channel></rss>\n")
		return document{mediaType: "text/xml", text: b.String()}
	}
	p.page = func(now time.Time, r *http.Request) (document, bool) {
		for _, x := range p.visible(now, func(int) bool { return false }) {
			if r.URL.Path == reportPath("egret", x) {
				return document{mediaType: "text/html", text: "<!DOCTYPE html><html><head><meta charset=utf-8><title>" + reportTitle("egret", x) +
					"</title></head><body><nav><a href=/egret/>Home</a></nav><article><h1>" + reportTitle("egret", x) + "</h1>" + reportText("egret", x) + "</article></body></html>"}, true
			}
		}
		return document{}, false
	}
	return p
}

// newIbis is Atom whose clock is wrong now and then.
func newIbis(host string, begin, end time.Time) *paper {
	p := newsPaper("ibis", host, 3*time.Hour, rhythm{first: 8, every: 4 * time.Hour, changes: 20 * time.Hour}, begin, end)
	for i := range p.list {
		switch i % 4 {
		case 1:
			p.list[i].dated = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
		case 2:
			p.list[i].dated = p.list[i].at.Add(3 * time.Hour)
		}
	}
	p.write = func(now time.Time, list []printing) document {
		var b strings.Builder
		fmt.Fprintf(&b, `<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><id>urn:ibis</id><title>Ibis</title><updated>%s</updated>`, now.Format(time.RFC3339))
		for _, x := range list {
			at := x.dated.Format(time.RFC3339)
			fmt.Fprintf(&b, `<entry><id>urn:ibis:%d</id><link href="%s%s"/><title>%s</title><published>%s</published><updated>%s</updated><content type="html">%s</content></entry>`+"\n",
				x.n, host, reportPath("ibis", x), reportTitle("ibis", x), at, at, html.EscapeString(reportText("ibis", x)))
		}
		b.WriteString("</feed>\n")
		return document{mediaType: "application/atom+xml", text: b.String()}
	}
	said := p.claims
	p.claims = func(x printing) []claim {
		if x.dated.Year() == 2099 {
			x.dated = time.Time{}
		}
		return said(x)
	}
	return p
}

// newStork is RDF in windows-1251 without dates, sometimes called UTF-8.
func newStork(host string, begin, end time.Time) *paper {
	p := newsPaper("stork", host, 4*time.Hour, rhythm{first: 8, every: 6 * time.Hour, keep: 72 * time.Hour, undated: true}, begin, end)
	p.src.Pages = PagesNever
	p.odd = []fault{faultTag, faultTwice, faultVanish, faultCharset}
	p.write = func(_ time.Time, list []printing) document {
		var b strings.Builder
		b.WriteString(`<?xml version="1.0" encoding="windows-1251"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">` +
			`<channel rdf:about="x"><title>Аист</title><link>https://stork.example/</link></channel>`)
		for _, x := range list {
			fmt.Fprintf(&b, "<item rdf:about=\"%d\"><title>%s</title><link>%s%s</link><description>%s</description></item>\n",
				x.n, reportTitle("stork", x), host, reportPath("stork", x), html.EscapeString(reportText("stork", x)))
		}
		b.WriteString("</rdf:RDF>\n")
		return document{mediaType: "text/xml", charset: "windows-1251", text: b.String()}
	}
	return p
}

// newCrane is a JSON Feed.
func newCrane(host string, begin, end time.Time) *paper {
	p := newsPaper("crane", host, 5*time.Hour, rhythm{first: 5, every: 7 * time.Hour}, begin, end)
	p.odd = []fault{faultTag, faultTwice, faultVanish}
	p.write = func(_ time.Time, list []printing) document {
		var items []map[string]any
		for _, x := range list {
			items = append(items, map[string]any{
				"id": fmt.Sprint(x.n), "url": host + reportPath("crane", x), "title": reportTitle("crane", x),
				"content_html": reportText("crane", x), "date_published": x.dated.Format(time.RFC3339),
			})
		}
		return document{mediaType: "application/feed+json", text: jsonText(map[string]any{"version": "https://jsonfeed.org/version/1.1", "title": "Crane", "items": items})}
	}
	return p
}
