package feed

import (
	"strings"
	"testing"

	"spoor/internal/ioc"
)

func TestThreatfoxParse(t *testing.T) {
	t.Parallel()
	first, last := date(t, "2026-01-02 03:04:05"), date(t, "2026-01-03 03:04:05")
	runCases(t, threatfoxParser{}, []parseCase{
		{
			name: "answer of the API",
			input: `{"query_status": "ok", "data": [{"id": "7", "ioc": "192.0.2.1:8080", "threat_type": "botnet_cc", "threat_type_desc": "control server",
				"ioc_type": "ip:port", "malware": "win.red_fox", "malware_printable": "Red Fox", "malware_alias": "Vulpes,Reynard", "confidence_level": 100,
				"first_seen": "2026-01-02 03:04:05 UTC", "last_seen": "2026-01-03 03:04:05 UTC", "reference": "https://blog.example/fox", "reporter": "me", "tags": ["C2", "exe"]}]}`,
			items: []Item{{
				Where: "data[0]", Type: ioc.IPv4, Raw: "192.0.2.1:8080", Confidence: ioc.High, FirstSeen: first, LastSeen: last, Context: "control server",
				Article: &Article{URL: "https://blog.example/fox"}, Tags: []string{"botnet_cc", "c2", "exe", "vulpes", "reynard"}, Families: []string{"red-fox"},
			}},
		},
		{
			name: "full export",
			input: `{"7": [{"ioc_value": "fox.example", "ioc_type": "domain", "malware": "win.red_fox", "malware_printable": "Unknown malware", "first_seen_utc": "2026-01-02 03:04:05",
				"last_seen_utc": null, "confidence_level": "60", "reference": "None", "tags": "a,b"}], "8": [{"ioc_value": "` + strings.Repeat("a", 64) + `", "ioc_type": "sha256_hash"}]}`,
			items: []Item{
				{Where: "7[0]", Type: ioc.Domain, Raw: "fox.example", Confidence: ioc.Medium, FirstSeen: first, Tags: []string{"a", "b"}},
				{Where: "8[0]", Type: ioc.SHA256, Raw: strings.Repeat("a", 64)},
			},
		},
		{
			name:  "data keyed by id",
			input: `{"query_status":"ok","data":{"7":[{"ioc":"http://fox.example/","ioc_type":"url"}],"8":{"ioc":"a@fox.example","ioc_type":"envelope_from"},"9":null}}`,
			items: []Item{
				{Where: "data.7[0]", Type: ioc.URL, Raw: "http://fox.example/"},
				{Where: "data.8", Type: ioc.Email, Raw: "a@fox.example"},
			},
		},
		{
			name:  "mirror with defanged values",
			input: `{"updated":1,"source":"mirror","iocs":[{"ioc":"fox[.]example","type":"domain","malware":"php.shin_fox","confidence":50,"first_seen":"2026-01-02 03:04:05 UTC"},{"ioc":"[2001:db8::1]:443","type":"ip:port","malware":"Fox","confidence":25}]}`,
			items: []Item{
				{Where: "iocs[0]", Type: ioc.Domain, Raw: "fox[.]example", Confidence: ioc.Medium, FirstSeen: first, Families: []string{"shin-fox"}},
				{Where: "iocs[1]", Type: ioc.IPv6, Raw: "[2001:db8::1]:443", Confidence: ioc.Low, Families: []string{"fox"}},
			},
		},
		{
			name: "broken rows cost only themselves",
			input: `{"data":[{"ioc":"a.example"},{"ioc":1.5,},{"ioc":"b.example"]},{"ioc":""},7,{"ioc":"x","ioc_type":"sha3_384_hash"},` +
				"{\"ioc\":\"c\xff\"},{\"ioc\":\"open\n},{\"ioc\":\"d.example\"}]}",
			items: []Item{{Where: "data[0]", Raw: "a.example"}, {Where: "data[8]", Raw: "d.example"}},
			skips: []Skip{
				{Where: "data[1]", Reason: ReasonBrokenRow}, {Where: "data[2]", Reason: ReasonBrokenRow}, {Where: "data[3]", Reason: ReasonBrokenRow},
				{Where: "data[4]", Reason: ReasonBrokenRow}, {Where: "data[5]", Reason: ReasonUnknownType}, {Where: "data[6]", Reason: ReasonBrokenRow},
				{Where: "data[7]", Reason: ReasonBrokenRow},
			},
		},
		{
			name:  "too deep",
			input: `[{"ioc":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `},{"ioc":"a.example"}]`,
			items: []Item{{Where: "[1]", Raw: "a.example"}},
			skips: []Skip{{Where: "[0]", Reason: ReasonTooDeep}},
		},
		{name: "truncated", input: `{"data":[{"ioc":"a.example"},{"ioc":"b.exa`, items: []Item{{Where: "data[0]", Raw: "a.example"}}, err: "ends in the middle"},
		{name: "nothing found", input: `{"query_status":"no_result","data":"Your search did not yield any results"}`},
		{name: "refused by the service", input: `{"query_status":"unknown_auth_key"}`, err: "unknown_auth_key"},
		{name: "rubbish after the end", input: `{"data":[{"ioc":"a.example"}]} x`, items: []Item{{Where: "data[0]", Raw: "a.example"}}, err: "after the end"},
		{name: "rubbish for a member", input: `{"data":[], 7}`, err: "instead of a member name"},
		{name: "no colon", input: `{"data" []}`, err: "instead of a colon"},
		{name: "empty", input: " \n", err: "empty"},
		{name: "not JSON", input: "<html>", err: "begins with"},
	})
}

func FuzzThreatfox(f *testing.F) {
	fuzzParser(f, threatfoxParser{}, samples()["threatfox"], `{"1":[{"ioc":"a","tags":"x;y","confidence":0.5}],"iocs":{"2":{"ioc":"\ud800"}}}`, `[{"a":{"b":[1,{}]}},}]`)
}
