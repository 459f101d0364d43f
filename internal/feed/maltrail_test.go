package feed

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is a list of values with their article's URLs, for short test cases.
type block struct {
	value string
	urls  string
}

func blocks(items []Item) []block {
	var out []block
	for _, item := range items {
		b := block{value: item.Raw}
		if item.Article != nil {
			b.urls = strings.Join(append([]string{item.Article.URL}, item.Article.OtherURLs...), " ")
		}
		out = append(out, b)
	}
	return out
}

func TestMaltrailBlocks(t *testing.T) {
	t.Parallel()
	const a, b, c = "https://blog.example/a", "https://blog.example/b", "https://blog.example/c"
	tests := []struct {
		name, input string
		want        []block
	}{
		{"before any reference", "x.example\n# Reference: " + a + "\ny.example\n", []block{{"x.example", ""}, {"y.example", a}}},
		{"several references are one block", "# Reference: " + a + "\n# Reference: " + b + "\n\nx.example\ny.example\n", []block{{"x.example", a + " " + b}, {"y.example", a + " " + b}}},
		{"the same reference twice", "# Reference: " + a + "\n# Reference: " + a + "\nx.example\n", []block{{"x.example", a}}},
		{"blank line between references", "# Reference: " + a + "\n\n# Reference: " + b + "\n\nx.example\n", []block{{"x.example", a + " " + b}}},
		{"reference after indicators begins a block", "# Reference: " + a + "\nx.example\n# Reference: " + b + "\ny.example\n", []block{{"x.example", a}, {"y.example", b}}},
		{
			"misspelt",
			"# Referecne: " + a + "\nx.example\n# Refereence: " + b + "\ny.example\n#ReferencE " + c + "\nz.example\n# Refeerence: " + a + "\nw.example\n",
			[]block{{"x.example", a}, {"y.example", b}, {"z.example", c}, {"w.example", a}},
		},
		{
			"odd punctuation",
			"# Reference; " + a + "\n# Reference: # Reference: " + b + "\n# Reference:m " + c + " (# 2025-01-02)\nx.example\n",
			[]block{{"x.example", a + " " + b + " " + c}},
		},
		{"broken schemes", "# Reference: ttps://blog.example/a\n# Reference: mhttps://blog.example/b\n# Reference: blog.example/c\nx.example\n", []block{{"x.example", a + " " + b + " " + c}}},
		{"indented", "  # Reference: " + a + "\n\tx.example  \n", []block{{"x.example", a}}},
		{"words that are no reference", "# Reference: " + a + "\n# refers to " + b + "\nx.example\n", []block{{"x.example", a}}},
		{"url continues the line above", "# Reference: " + a + "\n#            " + b + "\nx.example\n", []block{{"x.example", a + " " + b}}},
		{"forgotten word", "# Reference: " + a + "\nx.example\n\n# " + b + " (# 2025-01-02)\n# Reference: " + c + "\n\ny.example\n", []block{{"x.example", a}, {"y.example", b + " " + c}}},
		{"url that was commented out", "# Reference: " + a + "\nx.example\n# http://192.0.2.1\n# http://192.0.2.1/p\ny.example\n", []block{{"x.example", a}, {"y.example", a}}},
		{"reference without a url", "# Reference: " + a + "\nx.example\n# Reference: curl -vv\ny.example\n# Reference:\nz.example\n", []block{{"x.example", a}, {"y.example", ""}, {"z.example", ""}}},
		{"url after an empty reference", "# Reference:\n# Reference: " + a + "\nx.example\n", []block{{"x.example", a}}},
		{"generic ends", "# Reference: " + a + "\nx.example\n\n# Generic\n\ny.example\n", []block{{"x.example", a}, {"y.example", ""}}},
		{"generic ends before indicators", "# Reference: " + a + "\n\n# Generic trails\n\ny.example\n", []block{{"y.example", ""}}},
		{"misc ends", "# Reference: " + a + "\nx.example\n\n# Misc. (incidents)\n\ny.example\n", []block{{"x.example", a}, {"y.example", ""}}},
		{"heading ends", "# Reference: " + a + "\nx.example\n\n# APK\n\ny.example\n", []block{{"x.example", a}, {"y.example", ""}}},
		{"headings divide a report", "# Reference: " + a + "\n\n# First stage\n\nx.example\n\n# Second stage\n\ny.example\n\n# Generic\n\nz.example\n", []block{{"x.example", a}, {"y.example", a}, {"z.example", ""}}},
		{"fingerprint begins nothing", "# Reference: " + a + "\n# TITLE-HOST=Fox - Login\nx.example\n\n# BANNER_0_HASH-HOST=00ff\n\ny.example\n", []block{{"x.example", a}, {"y.example", a}}},
		{"note begins nothing", "# Reference: " + a + "\nx.example\n\n# Note: seen twice\n\ny.example\n\n# (note: again)\n\nz.example\n", []block{{"x.example", a}, {"y.example", a}, {"z.example", a}}},
		{"commented-out indicator", "# Reference: " + a + "\nx.example\n#good.example\ny.example\n", []block{{"x.example", a}, {"y.example", a}}},
		{"rule of signs", "# Reference: " + a + "\nx.example\n\n#####\n\ny.example\n", []block{{"x.example", a}, {"y.example", a}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := collect(t, maltrailParser{}, "", test.input)
			if diff := cmp.Diff(blocks(got.items), test.want, cmp.AllowUnexported(block{})); diff != "" || got.err != nil {
				t.Errorf("error %v, got - want +:\n%s", got.err, diff)
			}
		})
	}
}

func TestMaltrailBlockSharesItsArticle(t *testing.T) {
	t.Parallel()
	got := collect(t, maltrailParser{}, "", "# Reference: https://blog.example/a\nx.example\n# note\ny.example\n")
	if len(got.items) != 2 || got.items[0].Article != got.items[1].Article {
		t.Errorf("items = %+v, want two that share one article", got.items)
	}
}

func TestMaltrailParse(t *testing.T) {
	t.Parallel()
	fox := []string{"fox"}
	runCases(t, maltrailParser{}, []parseCase{
		{name: "empty"},
		{name: "only comments", input: "# Copyright\n\n#\n"},
		{
			name: "lines of every kind", source: "malware/fox.txt",
			input: "192.0.2.1:443\n198.51.100.0/24 # scanner fox\nfox.example/p#frag\n/gate.php\n/a b.apk\n[2001:db8::1]:80  # x # y\n",
			items: []Item{
				{Where: "line 1", Raw: "192.0.2.1:443", Families: fox},
				{Where: "line 2", Raw: "198.51.100.0/24", Context: "scanner fox", Families: fox},
				{Where: "line 3", Raw: "fox.example/p#frag", Families: fox},
				{Where: "line 4", Raw: "/gate.php", Families: fox},
				{Where: "line 5", Raw: "/a b.apk", Families: fox},
				{Where: "line 6", Raw: "[2001:db8::1]:80", Context: "x # y", Families: fox},
			},
		},
		{
			name:  "aliases",
			input: "# Aliases: Fox, Red Fox ransomware, CVE-2026-0001, https://x.example/1    (Reference: https://y.example/2)\nx.example\n",
			items: []Item{{Where: "line 2", Raw: "x.example", Families: []string{"fox", "red-fox-ransomware"}, Tags: []string{"cve-2026-0001"}}},
		},
		{
			name:  "patterns",
			input: "ih[0-9]{7}\\.fox\\.example\n(a|b).example\n^fox\\.example$\nfox[.]example\nhttp://x.example/{a|b}\nx.example/$a\n",
			items: []Item{
				{Where: "line 4", Raw: "fox[.]example"},
				{Where: "line 5", Raw: "http://x.example/{a|b}"},
				{Where: "line 6", Raw: "x.example/$a"},
			},
			skips: []Skip{{Where: "line 1", Reason: ReasonPattern}, {Where: "line 2", Reason: ReasonPattern}, {Where: "line 3", Reason: ReasonPattern}},
		},
		{
			name:  "NUL and invalid UTF-8 are left to ioc",
			input: "a\x00b.example\n\xff.example\n",
			items: []Item{{Where: "line 1", Raw: "a\x00b.example"}, {Where: "line 2", Raw: "\xff.example"}},
		},
		{
			name:  "no final newline, trailing space, CRLF",
			input: "a.example \r\nb.example\t",
			items: []Item{{Where: "line 1", Raw: "a.example"}, {Where: "line 2", Raw: "b.example"}},
		},
		{
			name:  "line too long",
			input: "a.example\n" + strings.Repeat("x", maxLine+1) + "\nb.example\n",
			items: []Item{{Where: "line 1", Raw: "a.example"}, {Where: "line 3", Raw: "b.example"}},
			skips: []Skip{{Where: "line 2", Reason: ReasonLineTooLong}},
		},
	})
}

func TestMaltrailAliasesDoNotReachBack(t *testing.T) {
	t.Parallel()
	got := collect(t, maltrailParser{}, "malware/fox.txt", "# Aliases: a1\nx.example\n# Aliases: b1\ny.example\n")
	want := [][]string{{"fox", "a1"}, {"fox", "a1", "b1"}}
	if diff := cmp.Diff([][]string{got.items[0].Families, got.items[1].Families}, want); diff != "" {
		t.Errorf("families, got - want +:\n%s", diff)
	}
}

func TestTrailName(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, tags, families string }{
		{"malware/emotet.txt", "", "emotet"},
		{"emotet.txt", "", "emotet"},
		{"trails/static/malware/Emotet.TXT", "", "emotet"},
		{`malware\emotet.txt`, "", "emotet"},
		{"malware/cobaltstrike-2.txt", "", "cobaltstrike"},
		{"malware/apt_apt28.txt", "apt", "apt28"},
		{"malware/apt_23.txt", "apt", "apt-23"},
		{"malware/android_fox.txt", "android", "fox"},
		{"malware/red_ransomware.txt", "ransomware", "red-ransomware"},
		{"malware/icarus _ransomware.txt", "ransomware", "icarus-ransomware"},
		{"malware/elf_ransomware.txt", "elf ransomware elf-ransomware", ""},
		{"malware/android_generic.txt", "android android-generic", ""},
		{"malware/generic_stealer.txt", "generic-stealer generic", ""},
		{"malware/sinkhole_fox.txt", "sinkhole-fox sinkhole", ""},
		{"malware/hacked_fox.txt", "hacked-fox hacked", ""},
		{"malicious/fox_c2.txt", "c2", "fox"},
		{"malicious/foxc2.txt", "c2", "foxc2"},
		{"malicious/sliver.txt", "", "sliver"},
		{"malicious/ek_fox-1.txt", "ek-fox malicious", ""},
		{"malicious/bad_proxy.txt", "bad-proxy malicious", ""},
		{"suspicious/port_proxy.txt", "port-proxy suspicious", ""},
		{"mass_scanner.txt", "mass-scanner", ""},
		{"mass_scanner_cidr.txt", "mass-scanner-cidr", ""},
		{"", "", ""},
		{"-", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tags, families := trailName(test.name)
			if got := strings.Join(tags, " "); got != test.tags {
				t.Errorf("tags = %q, want %q", got, test.tags)
			}
			if got := strings.Join(families, " "); got != test.families {
				t.Errorf("families = %q, want %q", got, test.families)
			}
		})
	}
}

// FuzzMaltrail also accounts for every line: what is neither blank nor a
// comment is one item or one skip.
func FuzzMaltrail(f *testing.F) {
	fuzzParser(f, maltrailParser{}, samples()["maltrail"],
		"# Aliases: a, b\n# Reference: x\n# Generic\n[a-z]{2}.example\n", "\xff\xfea\x00\n\x00")
}

func FuzzMaltrailAccounts(f *testing.F) {
	f.Add("# Reference: https://blog.example/a\r\n\r\nfox.example\r\n # c\n\x00\n")
	f.Fuzz(func(t *testing.T, input string) {
		if strings.HasPrefix(input, "\xff\xfe") || strings.HasPrefix(input, "\xfe\xff") {
			t.Skip("lines of UTF-16 are counted by FuzzMaltrail only")
		}
		want := 0
		for line := range strings.Lines(strings.TrimPrefix(input, "\uFEFF")) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				want++
			}
		}
		if got := collect(t, maltrailParser{}, "", input); len(got.items)+len(got.skips) != want || got.err != nil {
			t.Errorf("%d items + %d skips, error %v; want %d lines", len(got.items), len(got.skips), got.err, want)
		}
	})
}

func TestSlugs(t *testing.T) {
	t.Parallel()
	words := []string{"Red Fox", " None", "a;b", "C2", "c2", "", "x\x00y", strings.Repeat("z", maxTagLen+1)}
	if got, want := addTags(nil, words...), []string{"red-fox", "a-b", "c2", "x-y"}; !slices.Equal(got, want) {
		t.Errorf("addTags(%q) = %q, want %q", words, got, want)
	}
}
