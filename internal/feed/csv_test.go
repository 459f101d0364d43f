package feed

import (
	"strings"
	"testing"

	"spoor/internal/ioc"
)

func TestCSVParse(t *testing.T) {
	t.Parallel()
	first, last := date(t, "2026-01-02 03:04:05"), date(t, "2026-01-03 03:04:05")
	runCases(t, csvParser{}, []parseCase{
		{
			name: "our own columns",
			input: "id,type,value,confidence,first_seen,last_seen,source_article,source_feed,category,tags\r\n" +
				"0,domain,fox.example,high,2026-01-02T03:04:05Z,2026-01-03T03:04:05Z,https://blog.example/fox,Fox News,vendor,c2;fox\r\n" +
				"1,mitre-attack,T1071,low,,,The fox,Fox News,vendor,\r\n" +
				"2,domain,'-fox.example,medium,,,,,,'=x\r\n",
			items: []Item{
				{
					Where: "line 2", Type: ioc.Domain, Raw: "fox.example", Confidence: ioc.High, FirstSeen: first, LastSeen: last,
					Article: &Article{URL: "https://blog.example/fox", Publisher: "Fox News"}, Tags: []string{"c2", "fox"},
				},
				{Where: "line 3", Type: ioc.MITREAttack, Raw: "T1071", Confidence: ioc.Low, Article: &Article{Title: "The fox", GUID: "The fox", Publisher: "Fox News"}},
				{Where: "line 4", Type: ioc.Domain, Raw: "-fox.example", Confidence: ioc.Medium, Tags: []string{"=x"}},
			},
		},
		{
			name:  "other names, semicolons",
			input: "Indicator;Indicator Type;Score;TLP;Description;Port;Malware Family;Techniques;Reference\n192.0.2.1;ip-dst;80;TLP:AMBER;\"a; b\";443 8443;Red Fox;T1071,T1095;https://blog.example/a\n",
			items: []Item{{
				Where: "line 2", Type: ioc.IPv4, Raw: "192.0.2.1", Confidence: ioc.High, TLP: ioc.Amber, Context: "a; b", Ports: []uint16{443, 8443},
				Families: []string{"red-fox"}, Techniques: []string{"T1071", "T1095"}, Article: &Article{URL: "https://blog.example/a"},
			}},
		},
		{name: "tabs and a commented header", input: "# value\tcomment\nfox.example\tx, y\n", items: []Item{{Where: "line 2", Raw: "fox.example", Context: "x, y"}}},
		{
			name: "a list of samples as MalwareBazaar writes it",
			input: "####\n# MalwareBazaar recent malware samples (CSV) #\n####\n#\n" +
				`# "first_seen_utc","sha256_hash","md5_hash","sha1_hash","reporter","file_name","file_type_guess","mime_type","signature","imphash","tlsh"` + "\n" +
				`"2026-01-02 03:04:05", "` + strings.Repeat("1", 64) + `", "` + strings.Repeat("2", 32) + `", "` + strings.Repeat("3", 40) + `", "fox", "in, voice.exe", "exe", "application/x-dosexec", "Red Fox", "` + strings.Repeat("4", 32) + `", "T1AB"` + "\n" +
				`"2026-01-02 03:04:05", "` + strings.Repeat("5", 64) + `", "", "", "fox", "a", "elf", "x", "n/a", "n/a", ""` + "\n# Number of entries: 2\n",
			items: []Item{
				{Where: "line 6", Type: ioc.MD5, Raw: strings.Repeat("2", 32), FirstSeen: first, Families: []string{"red-fox"}},
				{Where: "line 6", Type: ioc.SHA1, Raw: strings.Repeat("3", 40), FirstSeen: first, Families: []string{"red-fox"}},
				{Where: "line 6", Type: ioc.SHA256, Raw: strings.Repeat("1", 64), FirstSeen: first, Families: []string{"red-fox"}},
				{Where: "line 7", Type: ioc.SHA256, Raw: strings.Repeat("5", 64), FirstSeen: first},
			},
		},
		{name: "one column", input: "domain\nfox.example\n\n", items: []Item{{Where: "line 2", Type: ioc.Domain, Raw: "fox.example"}}},
		{
			name:  "a column for each type",
			input: "md5,domain,filename,cveID\n" + strings.Repeat("a", 32) + ",fox.example,a.exe,CVE-2026-0001\n,,b.exe,\n",
			items: []Item{
				{Where: "line 2", Type: ioc.Domain, Raw: "fox.example"},
				{Where: "line 2", Type: ioc.MD5, Raw: strings.Repeat("a", 32)},
				{Where: "line 2", Type: ioc.CVE, Raw: "CVE-2026-0001"},
			},
			skips: []Skip{{Where: "line 3", Reason: ReasonBrokenRow}},
		},
		{name: "a type that is not ours", input: "type,value\nfilename,invoice.exe\n", skips: []Skip{{Where: "line 2", Reason: ReasonUnknownType}}},
		{
			name:  "cell over several lines",
			input: "value,note\nfox.example,\"one\ntwo \"\"three\"\"\"\nb.example,x\n",
			items: []Item{{Where: "line 2", Raw: "fox.example", Context: "one\ntwo \"three\""}, {Where: "line 4", Raw: "b.example", Context: "x"}},
		},
		{
			name:  "unbalanced quote does not swallow the file",
			input: "value,note\na.example,\"open\n" + strings.Repeat("b.example,x\n", 40) + "c.example,\"y\"\n",
			items: append(repeat(40, "b.example", "x", 3), Item{Where: "line 43", Raw: "c.example", Context: "y"}),
			skips: []Skip{{Where: "line 2", Reason: ReasonBrokenRow}},
		},
		{
			name:  "unbalanced quote at the end",
			input: "value,note\na.example,\"open\nb.example,x\n",
			items: []Item{{Where: "line 3", Raw: "b.example", Context: "x"}},
			skips: []Skip{{Where: "line 2", Reason: ReasonBrokenRow}},
		},
		{
			name:  "wrong number of columns",
			input: "value,note\na.example\nb.example,x,y\nc.example,z,,\n",
			items: []Item{{Where: "line 4", Raw: "c.example", Context: "z"}},
			skips: []Skip{{Where: "line 2", Reason: ReasonBrokenRow}, {Where: "line 3", Reason: ReasonBrokenRow}},
		},
		{
			name:  "too many columns",
			input: "value,note\na.example" + strings.Repeat(",", 10_000) + "\nb.example,x\n",
			items: []Item{{Where: "line 3", Raw: "b.example", Context: "x"}},
			skips: []Skip{{Where: "line 2", Reason: ReasonTooManyColumns}},
		},
		{name: "header of 10,000 columns", input: "value" + strings.Repeat(",c", 10_000) + "\nfox.example\n", err: "more than 1000 columns"},
		{name: "row instead of a header", input: "192.0.2.1,ip\n", err: "no usable header"},
		{name: "unknown header", input: "alpha,beta\n1,2\n", err: "sought a column named value, ioc"},
		{name: "empty", err: "no rows"},
	})
}

// repeat is n rows of one value from a line on.
func repeat(n int, raw, context string, line int) []Item {
	var items []Item
	for i := range n {
		items = append(items, Item{Where: lineName(line + i), Raw: raw, Context: context})
	}
	return items
}

func TestCSVSharesArticles(t *testing.T) {
	t.Parallel()
	got := collect(t, csvParser{}, "", "value,reference\na.example,https://blog.example/a\nb.example,https://blog.example/a\nc.example,https://blog.example/c\n")
	if len(got.items) != 3 || got.items[0].Article != got.items[1].Article || got.items[1].Article == got.items[2].Article {
		t.Errorf("items = %+v, want the first two to share an article", got.items)
	}
}

func FuzzCSV(f *testing.F) {
	fuzzParser(f, csvParser{}, samples()["csv"], "ip;domain\n\"1\n\n\";2\n'=a;\"b\"\"\"\n", "#value|tags\na|b;c\n\"")
}
