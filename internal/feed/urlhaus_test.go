package feed

import (
	"strings"
	"testing"

	"spoor/internal/ioc"
)

const urlhausHead = "################\n# A dump of our own #\n#\n# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n"

func TestURLhausParse(t *testing.T) {
	t.Parallel()
	added := date(t, "2026-01-02 03:04:05")
	row := `"1","2026-01-02 03:04:05","http://192.0.2.1:80/i","online","2026-01-03 00:00:00","malware_download","32-bit,elf,Fox","https://urlhaus.example/1","me"` + "\n"
	item := Item{
		Where: "line 5", Type: ioc.URL, Raw: "http://192.0.2.1:80/i", FirstSeen: added, LastSeen: date(t, "2026-01-03 00:00:00"),
		Tags: []string{"malware_download", "32-bit", "elf", "fox"},
	}
	at := func(where string) Item { i := item; i.Where = where; return i }
	plain := strings.TrimPrefix(urlhausHead[strings.Index(urlhausHead, "# id"):], "# ")
	runCases(t, urlhausParser{}, []parseCase{
		{name: "commented header", input: urlhausHead + row, items: []Item{item}},
		{name: "plain header", input: plain + row, items: []Item{at("line 2")}},
		{name: "both headers", input: urlhausHead + plain + row, items: []Item{at("line 6")}},
		{name: "no header", input: row, items: []Item{at("line 1")}},
		{
			name:  "no tags, never online",
			input: urlhausHead + `"1","2026-01-02 03:04:05","http://fox.example/","offline","","malware_download","None","https://urlhaus.example/1","me"`,
			items: []Item{{Where: "line 5", Type: ioc.URL, Raw: "http://fox.example/", FirstSeen: added, Tags: []string{"malware_download"}}},
		},
		{
			name:  "quotes and commas in the URL",
			input: urlhausHead + `"1","","http://fox.example/?a=1,2&b=""c""","","","","","",""` + "\n",
			items: []Item{{Where: "line 5", Type: ioc.URL, Raw: `http://fox.example/?a=1,2&b="c"`}},
		},
		{
			name:  "broken rows cost only themselves",
			input: urlhausHead + row + `"2","2026` + "\n" + `"3"x` + "\n" + `"4","a","","","","","","",""` + "\n" + row,
			items: []Item{item, at("line 9")},
			skips: []Skip{{Where: "line 6", Reason: ReasonBrokenRow}, {Where: "line 7", Reason: ReasonBrokenRow}, {Where: "line 8", Reason: ReasonBrokenRow}},
		},
		{name: "truncated", input: urlhausHead + row + row[:60], items: []Item{item}, skips: []Skip{{Where: "line 6", Reason: ReasonBrokenRow}}},
		{name: "empty", err: "no rows"},
		{name: "something else", input: "<html>\n", err: "sought the columns"},
	})
}

func FuzzURLhaus(f *testing.F) {
	fuzzParser(f, urlhausParser{}, samples()["urlhaus"], "url,dateadded,threat\n\"a\nb\"\"\",\"\"x,c\n")
}
