package extract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
)

func read(t testing.TB, text string) Report {
	t.Helper()
	r, err := Read(t.Context(), text, Options{})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return r
}

func TestReadMentions(t *testing.T) {
	t.Parallel()
	const text = `# Report

The group uses T1566.001 (TA0001) and [CVE-2024-1111](https://nvd.nist.gov/vuln/detail/CVE-2024-2222), again T1566.001,
and [scripts](https://attack.mitre.org/techniques/T1059/001/), [tasks](https://attack.mitre.org/techniques/T1053).
The tool is S0154 (ATT&CK).
`
	got := read(t, text)
	if diff := cmp.Diff([]string{"T1053", "T1059", "T1059.001", "T1566.001"}, got.Techniques); diff != "" {
		t.Errorf("techniques (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"CVE-2024-1111", "CVE-2024-2222"}, got.CVEs); diff != "" {
		t.Errorf("CVEs (-want +got):\n%s", diff)
	}
}

func TestReadMarking(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       ioc.TLP
	}{
		{"none", "A report about tlp: red herrings", 0},
		{"first line", "TLP:AMBER\n\n# Report\n", ioc.Amber},
		{"emphasis", "**TLP: CLEAR**\n\n# Report\n", ioc.Clear},
		{"strict", "TLP:AMBER+STRICT | Report", ioc.AmberStrict},
		{"old word with a space", "Report, TLP: WHITE", ioc.Clear},
		{"last line", strings.Repeat("text ", 10_000) + "TLP:RED", ioc.Red},
		{"the stricter of two", "TLP:GREEN\nTLP:AMBER", ioc.Amber},
		{"far inside", strings.Repeat("text ", 10_000) + "TLP:RED" + strings.Repeat(" text", 10_000), 0},
		{"part of a word", "TLP:REDACTED", 0},
		{"French spacing", "Diffusion\nTLP : GREEN\n", ioc.Green},
		{"spoken about", "TLP:CLEAR\nThe first version of this note was shared as TLP:RED with the members, and only later with the public.", ioc.Clear},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := read(t, tt.text).TLP; got != tt.want {
				t.Errorf("TLP = %v; want %v", got, tt.want)
			}
		})
	}
}

func TestReadTeaser(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       bool
	}{
		{"ellipsis", "A new loader has been seen in the wild, and it is [&#8230;] […]", true},
		{"three dots", "A new loader has been seen...\n", true},
		{"read more", "A new loader. Read more", true},
		{"appeared first", "A new loader. The post New loader appeared first on A blog.", true},
		{"whole", "A new loader has been seen.", false},
		{"long", strings.Repeat("A new loader. ", 400) + "…", false},
		{"empty", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := read(t, tt.text).Teaser; got != tt.want {
				t.Errorf("Teaser = %v; want %v", got, tt.want)
			}
		})
	}
}

// TestLinks holds pages about an indicator to what is in their path.
func TestLinks(t *testing.T) {
	t.Parallel()
	const md5, sha1 = "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef01234567"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"sample", "See https://www.virustotal.com/gui/file/" + md5 + "/detection for more.", []string{md5}},
		{"sample, defanged", "See hxxps://www.virustotal[.]com/gui/file/" + md5 + ".", []string{md5}},
		{"search", "https://www.hybrid-analysis.com/search?query=" + md5, []string{md5}},
		{"page of any site", "A copy is at [a page](https://reports.example.org/file/" + md5 + ").", []string{md5}},
		{"task without a value", "hxxps://app.any[.]run/tasks/0b1c2d3e-0000-1111-2222-333344445555", []string{}},
		{"address", "[x](https://www.shodan.io/host/198.51.100.7)", []string{"198.51.100.7"}},
		{"name", "[x](https://www.virustotal.com/gui/domain/bad.example/relations)", []string{"bad.example"}},
		{"commit", "[x](https://github.com/example/tool/commit/" + sha1 + ")", []string{}},
		{"gist", "[x](https://gist.github.com/example/" + md5 + ")", []string{}},
		{"malicious", "hxxp://bad[.]example/" + md5 + "/x", []string{"http://bad.example/" + md5 + "/x"}},
		{"name of a page", "[x](https://news.example.org/2024/bad.example)", []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, values(read(t, tt.text).Candidates)); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlace holds heading, context and listing of candidates to where they
// stand.
func TestPlace(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 100)
	tests := []struct {
		name, text, heading, context string
		listed                       bool
	}{
		{"prose", "# Title\n\nOne. It asks bad[.]example first. Two.", "Title", "It asks bad[.]example first.", false},
		{"section", "## Network indicators\n\nIt asks bad[.]example first.", "Network indicators", "It asks bad[.]example first.", true},
		{"table", "== Files\n\n.Servers\n|===\n|bad[.]example |first\n|===\n", "Servers", "|bad[.]example |first", true},
		{"list with an introduction", "# T\n\nThe program asks these servers for its orders:\n\n- bad[.]example\n", "The program asks these servers for its orders", "- bad[.]example", true},
		{"abbreviation", "It asks, e.g. on Mondays, bad[.]example (a server). Two.", "", "It asks, e.g. on Mondays, bad[.]example (a server).", false},
		{"cut between words", long + "bad[.]example " + long, "", strings.TrimSpace(long[:28*5]) + " bad[.]example " + strings.TrimSpace(long[:28*5]), false},
		{"long heading", "# " + long + "\n\nbad[.]example is asked.", strings.TrimSpace(long[:24*5]), "bad[.]example is asked.", false},
		{"references", "# T\n\n## References\n\n- bad[.]example\n", "References", "- bad[.]example", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := read(t, tt.text).Candidates
			if len(got) != 1 {
				t.Fatalf("Read = %v; want one candidate", values(got))
			}
			type place struct {
				Heading, Context string
				Listed           bool
			}
			if diff := cmp.Diff(place{tt.heading, tt.context, tt.listed}, place{got[0].Heading, got[0].Context, got[0].Listed}); diff != "" {
				t.Errorf("candidate (-want +got):\n%s", diff)
			}
		})
	}
}
