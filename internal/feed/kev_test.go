package feed

import (
	"testing"

	"spoor/internal/ioc"
)

func TestKEVParse(t *testing.T) {
	t.Parallel()
	added := date(t, "2026-01-02 00:00:00")
	runCases(t, kevParser{}, []parseCase{
		{
			name: "row with links",
			input: `{"title": "ours", "count": 1, "vulnerabilities": [{"cveID": "CVE-2026-0001", "vendorProject": "Fox", "product": "Den", "vulnerabilityName": "Fox Den Burrow Vulnerability",
				"dateAdded": "2026-01-02", "shortDescription": "Den lets foxes in.", "knownRansomwareCampaignUse": "Known",
				"notes": "See: https:\/\/fox.example\/a ; https:\/\/fox.example\/b; (https://fox.example/c) https://fox.example/a", "cwes": ["CWE-59"]}]}`,
			items: []Item{{
				Where: "vulnerabilities[0]", Type: ioc.CVE, Raw: "CVE-2026-0001", FirstSeen: added,
				Context: "Fox Den Burrow Vulnerability: Den lets foxes in.", Tags: []string{"kev", "known-ransomware", "cwe-59"},
				Article: &Article{
					URL: "https://fox.example/a", OtherURLs: []string{"https://fox.example/b", "https://fox.example/c"}, GUID: "CVE-2026-0001",
					Title: "Fox Den Burrow Vulnerability", Publisher: "CISA", Summary: "Den lets foxes in.", Published: added,
				},
			}},
		},
		{
			name:  "the page of the CVE is the article, wherever it stands",
			input: `{"vulnerabilities":[{"cveID":"CVE-2026-0004","notes":"https://fox.example/bulletin ; https://vuln.example/detail/CVE-2026-0004"}]}`,
			items: []Item{{
				Where: "vulnerabilities[0]", Type: ioc.CVE, Raw: "CVE-2026-0004", Tags: []string{"kev"},
				Article: &Article{
					URL: "https://vuln.example/detail/CVE-2026-0004", OtherURLs: []string{"https://fox.example/bulletin"},
					GUID: "CVE-2026-0004", Publisher: "CISA",
				},
			}},
		},
		{
			name:  "bare row",
			input: `{"vulnerabilities":[{"cveID":"CVE-2026-0002","vendorProject":"Fox","product":"Den","knownRansomwareCampaignUse":"Unknown"}]}`,
			items: []Item{{
				Where: "vulnerabilities[0]", Type: ioc.CVE, Raw: "CVE-2026-0002", Context: "Fox Den", Tags: []string{"kev"},
				Article: &Article{GUID: "CVE-2026-0002", Publisher: "CISA"},
			}},
		},
		{
			name:  "broken rows cost only themselves",
			input: `{"vulnerabilities":[{"product":"x"},{"cveID":},{}]}`,
			skips: []Skip{{Where: "vulnerabilities[0]", Reason: ReasonBrokenRow}, {Where: "vulnerabilities[1]", Reason: ReasonBrokenRow}, {Where: "vulnerabilities[2]", Reason: ReasonBrokenRow}},
		},
		{name: "empty catalogue", input: `{"vulnerabilities":[]}`},
		{name: "another document", input: `{"Event":{"Attribute":[{"value":"fox.example"}]}}`, err: `no "vulnerabilities" list`},
		{name: "truncated", input: `{"vulnerabilities":[`, err: "ends in the middle"},
		{name: "empty", err: "empty"},
	})
}

func FuzzKEV(f *testing.F) {
	fuzzParser(f, kevParser{}, samples()["kev"], `{"vulnerabilities":{"a":{"cveID":1,"notes":"http://a;http://b","cwes":"x"}}}`)
}
