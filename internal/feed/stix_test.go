package feed

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"spoor/internal/ioc"
)

// stixBundle joins objects, written without their braces.
func stixBundle(objects ...string) string {
	return `{"type":"bundle","id":"bundle--1","objects":[{` + strings.Join(objects, "},{") + `}]}`
}

// stixIndicator is an indicator named by a letter, with that pattern.
func stixIndicator(name, pattern, more string) string {
	return fmt.Sprintf(`"type":"indicator","id":"indicator--%s","pattern_type":"stix","pattern":%q,"valid_from":"2026-01-02T03:04:05.678Z"%s`, name, pattern, more)
}

func stixRelation(from, kind, to, more string) string {
	return fmt.Sprintf(`"type":"relationship","id":"relationship--1","relationship_type":%q,"source_ref":%q,"target_ref":%q%s`, kind, from, to, more)
}

const (
	stixRed   = `,"object_marking_refs":["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]`
	stixGreen = `,"object_marking_refs":["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"]`
)

func TestSTIXPatternItems(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, pattern, items, skips string }{
		{"address", `[ipv4-addr:value = '192.0.2.1']`, "ipv4 192.0.2.1", ""},
		{"IPv6", `[ipv6-addr:value = '2001:db8::1']`, "ipv6 2001:db8::1", ""},
		{"all joined", `[domain-name:value = 'fox.example' AND url:value = 'http://fox.example/a'] FOLLOWEDBY [email-addr:value = 'a@fox.example']`, "domain fox.example, url http://fox.example/a, email a@fox.example", ""},
		{"set", `[domain-name:value IN ('a.example', ' b.example ', '')]`, "domain a.example, domain b.example", "broken_row"},
		{"hashes", `[file:hashes.MD5 = 'aa' OR file:hashes.'SHA-1' = 'bb' OR file:hashes.SHA256 = 'cc' OR file:hashes.'SHA-512' = 'dd' OR file:hashes.SSDEEP = 'ee']`, "md5 aa, sha1 bb, sha256 cc, sha512 dd", ""},
		{"file name beside a hash", `[file:name = 'a.exe' AND file:hashes.MD5 = 'aa']`, "md5 aa", ""},
		{"file name alone", `[file:name = 'a.exe']`, "", "unknown_type"},
		{"hash through a reference", `[process:binary_ref.hashes.MD5 = 'aa' OR file:content_ref.hashes.'SHA-1' = 'bb']`, "md5 aa, sha1 bb", ""},
		{"hash of a section", `[file:extensions.'windows-pebinary-ext'.sections[*].hashes.MD5 = 'aa']`, "", "unknown_type"},
		{"hash of a certificate", `[x509-certificate:hashes.'SHA-1' = 'aa']`, "", "unknown_type"},
		{"connection", `[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]`, "ipv4 192.0.2.1 [443]", ""},
		{"ports of one observation", `[ipv4-addr:value = '192.0.2.1' AND network-traffic:dst_port IN (80, 0, 443)] AND [ipv6-addr:value = '2001:db8::1']`, "ipv4 192.0.2.1 [80 443], ipv6 2001:db8::1", ""},
		{"connection to a name", `[network-traffic:dst_ref.value = 'fox.example' OR network-traffic:src_ref.value = '2001:db8::1']`, "domain fox.example, ipv6 2001:db8::1", ""},
		{"mail", `[email-message:from_ref.value = 'a@fox.example' AND email-message:subject = 'x']`, "email a@fox.example", ""},
		{"like", `[domain-name:value LIKE '%.example' OR domain-name:value = 'fox.example']`, "domain fox.example", "pattern"},
		{"range, matches, negation", `[ipv4-addr:value ISSUBSET '192.0.2.0/24' OR url:value MATCHES 'x' OR NOT url:value = 'a' OR url:value != 'b' OR EXISTS url:value]`, "", "pattern pattern pattern pattern pattern"},
		{"like over what is none of ours", `[file:name LIKE '%.exe']`, "", "unknown_type"},
		{"no pattern at all", `fox.example`, "", "broken_row"},
		{"empty", ` `, "", "broken_row"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := collect(t, stixParser{}, "", stixBundle(stixIndicator("a", test.pattern, "")))
			var items, skips []string
			for _, it := range got.items {
				text := it.Type.String() + " " + it.Raw
				if len(it.Ports) > 0 {
					text += fmt.Sprint(" ", it.Ports)
				}
				items = append(items, text)
			}
			for _, k := range got.skips {
				skips = append(skips, k.Reason)
			}
			if strings.Join(items, ", ") != test.items || strings.Join(skips, " ") != test.skips || got.err != nil {
				t.Errorf("items %q, skips %v, error %v; want %q, %q", items, got.skips, got.err, test.items, test.skips)
			}
		})
	}
}

func TestSTIXParse(t *testing.T) {
	t.Parallel()
	from := date(t, "2026-01-02 03:04:05")
	item := func(where, value string) Item {
		return Item{Where: where, Type: ioc.Domain, Raw: value, FirstSeen: from}
	}
	domain := func(name, more string) string {
		return stixIndicator(name, "[domain-name:value = '"+name+".example']", more)
	}
	runCases(t, stixParser{}, []parseCase{
		{
			name: "indicator with everything, relations before and behind",
			input: stixBundle(
				stixRelation("indicator--a", "indicates", "malware--1", ""),
				`"type":"report","id":"report--1","name":"Fox in the den","description":"What it did.","published":"2026-01-01T00:00:00Z","created_by_ref":"identity--1","report_types":["campaign"],
					"object_refs":["indicator--a","malware--1"],"external_references":[{"source_name":"mitre-attack","url":"https://attack.example/T1","external_id":"T1071"},{"source_name":"blog","url":"https://blog.example/fox"},{"url":"https://other.example/"}]`+stixGreen,
				domain("a", `,"name":"Fox","description":"control server","indicator_types":["malicious-activity"],"labels":["C2"],"confidence":80,"modified":"2026-01-03T00:00:00Z","valid_until":"2026-02-01T00:00:00Z",
					"kill_chain_phases":[{"kill_chain_name":"mitre-attack","phase_name":"command-and-control"},{"kill_chain_name":"other","phase_name":"x"}],"external_references":[{"source_name":"mitre-attack","external_id":"T1568"}]`),
				`"type":"malware","id":"malware--1","name":"Red Fox"`,
				`"type":"attack-pattern","id":"attack-pattern--1","name":"Web","external_references":[{"source_name":"capec","external_id":"CAPEC-1"},{"source_name":"mitre-attack","external_id":"T1071.001"}]`,
				stixRelation("malware--1", "uses", "attack-pattern--1", ""),
				stixRelation("malware--1", "attributed-to", "intrusion-set--1", ""),
				`"type":"intrusion-set","id":"intrusion-set--1","name":"Fancy Fox"`,
				`"type":"identity","id":"identity--1","name":"Example CERT"`,
			),
			items: []Item{{
				Where: "objects[2]", Type: ioc.Domain, Raw: "a.example", Confidence: ioc.High, TLP: ioc.Green, FirstSeen: from, LastSeen: date(t, "2026-01-03 00:00:00"),
				ValidUntil: date(t, "2026-02-01 00:00:00"), Context: "control server", Tags: []string{"malicious-activity", "c2", "command-and-control", "fancy-fox"},
				Families: []string{"red-fox"}, Techniques: []string{"T1568", "T1071.001"},
				Article: &Article{
					URL: "https://blog.example/fox", OtherURLs: []string{"https://other.example/"}, Title: "Fox in the den", GUID: "report--1", Publisher: "Example CERT",
					Summary: "What it did.", Published: date(t, "2026-01-01 00:00:00"), Tags: []string{"campaign"},
				},
			}},
		},
		{
			name: "markings",
			input: stixBundle(
				domain("a", stixRed), domain("b", `,"object_marking_refs":["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da","marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"]`),
				domain("c", `,"object_marking_refs":["marking-definition--own"]`), domain("d", `,"object_marking_refs":["marking-definition--two"]`), domain("e", `,"object_marking_refs":["marking-definition--elsewhere"]`),
				domain("f", `,"granular_markings":[{"marking_ref":"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003","selectors":["description"]}]`),
				domain("g", `,"object_marking_refs":["marking-definition--named"]`), domain("h", `,"object_marking_refs":"marking-definition--own"`),
				`"type":"marking-definition","id":"marking-definition--own","definition_type":"tlp","definition":{"tlp":"amber"}`,
				`"type":"marking-definition","id":"marking-definition--two","extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{"extension_type":"property-extension","tlp_2_0":"amber+strict"}}`,
				`"type":"marking-definition","id":"marking-definition--named","name":"TLP:RED"`,
				`"type":"marking-definition","id":"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1","definition":{"tlp":"clear"}`,
			),
			items: []Item{
				tlpItem(item("objects[0]", "a.example"), ioc.Red), tlpItem(item("objects[1]", "b.example"), ioc.Amber), tlpItem(item("objects[2]", "c.example"), ioc.Amber),
				tlpItem(item("objects[3]", "d.example"), ioc.AmberStrict), item("objects[4]", "e.example"), tlpItem(item("objects[5]", "f.example"), ioc.AmberStrict), tlpItem(item("objects[6]", "g.example"), ioc.Red),
			},
			skips: []Skip{{Where: "objects[7]", Reason: ReasonBrokenRow}},
		},
		{
			name: "a stricter name is left out, a report is not",
			input: stixBundle(
				domain("a", stixGreen), domain("b", ""),
				`"type":"threat-actor","id":"threat-actor--1","name":"Secret Fox"`+stixRed, `"type":"malware","id":"malware--1","name":"Red Fox"`+stixGreen, `"type":"tool","id":"tool--1","name":"Open Fox"`,
				stixRelation("indicator--a", "indicates", "threat-actor--1", ""), stixRelation("indicator--a", "indicates", "malware--1", ""), stixRelation("indicator--a", "indicates", "tool--1", stixRed),
				stixRelation("malware--1", "uses", "tool--1", stixRed), stixRelation("indicator--b", "indicates", "malware--1", ""), stixRelation("indicator--b", "indicates", "tool--1", ""),
				`"type":"report","id":"report--1","name":"Fox","object_refs":["indicator--b"]`+stixGreen,
			),
			items: []Item{
				{Where: "objects[0]", Type: ioc.Domain, Raw: "a.example", TLP: ioc.Green, FirstSeen: from, Families: []string{"red-fox"}},
				{Where: "objects[1]", Type: ioc.Domain, Raw: "b.example", TLP: ioc.Green, FirstSeen: from, Families: []string{"red-fox", "open-fox"}, Article: &Article{GUID: "report--1", Title: "Fox"}},
			},
		},
		{
			name: "revoked, and versions of it",
			input: stixBundle(
				domain("a", `,"modified":"2026-01-03T00:00:00Z"`), domain("a", `,"modified":"2026-01-04T00:00:00Z","revoked":true`), domain("a", `,"modified":"2026-01-05T00:00:00Z"`),
				`"type":"vulnerability","id":"vulnerability--1","name":"CVE-2026-0001","revoked":true`, `"type":"malware","id":"malware--1","name":"Gone","revoked":true`, stixRelation("indicator--a", "indicates", "malware--1", ""),
			),
			items: []Item{{Where: "objects[2]", Type: ioc.Domain, Raw: "a.example", FirstSeen: from, LastSeen: date(t, "2026-01-05 00:00:00")}},
			skips: []Skip{{Where: "objects[0]", Reason: ReasonWithdrawn}, {Where: "objects[1]", Reason: ReasonWithdrawn}, {Where: "objects[3]", Reason: ReasonWithdrawn}},
		},
		{
			name: "revoked, with nothing in its place",
			input: stixBundle(
				domain("a", `,"modified":"2026-01-03T00:00:00Z"`), domain("a", `,"modified":"2026-01-04T00:00:00Z","revoked":true,"valid_until":"2026-02-01T00:00:00Z"`),
				domain("b", `,"modified":"2026-01-04T00:00:00Z","revoked":true,"valid_until":"2026-01-03T00:00:00Z","labels":["c2"]`),
				domain("c", `,"revoked":true`),
				stixIndicator("d", "[domain-name:value = 'd.example' OR domain-name:value = 'e.example']", `,"modified":"2026-01-04T00:00:00Z","revoked":true`), domain("e", ""),
				`"type":"vulnerability","id":"vulnerability--1","name":"CVE-2026-0001","created":"2026-01-01T00:00:00Z","modified":"2026-01-04T00:00:00Z","revoked":true`,
			),
			items: []Item{
				gone(item("objects[1]", "a.example"), date(t, "2026-01-04 00:00:00")),
				{Where: "objects[2]", Type: ioc.Domain, Raw: "b.example", FirstSeen: from, LastSeen: date(t, "2026-01-04 00:00:00"), ValidUntil: date(t, "2026-01-03 00:00:00"), Tags: []string{"c2", "revoked"}},
				gone(item("objects[4]", "d.example"), date(t, "2026-01-04 00:00:00")), item("objects[5]", "e.example"),
				gone(Item{Where: "objects[6]", Type: ioc.CVE, Raw: "CVE-2026-0001", FirstSeen: date(t, "2026-01-01 00:00:00")}, date(t, "2026-01-04 00:00:00")),
			},
			skips: []Skip{{Where: "objects[0]", Reason: ReasonWithdrawn}, {Where: "objects[3]", Reason: ReasonWithdrawn}, {Where: "objects[4]", Reason: ReasonWithdrawn}},
		},
		{
			name: "vulnerabilities",
			input: stixBundle(
				`"type":"vulnerability","id":"vulnerability--1","name":"Fox Hole","description":"a hole","external_references":[{"source_name":"cve","external_id":"CVE-2026-0001"}],"created":"2026-01-02T03:04:05Z"`,
				`"type":"vulnerability","id":"vulnerability--2","name":"CVE-2026-0002"`, `"type":"vulnerability","id":"vulnerability--3","name":"Fox Hole"`,
				`"type":"malware","id":"malware--1","name":"Red Fox"`, stixRelation("malware--1", "exploits", "vulnerability--1", ""),
			),
			items: []Item{
				{Where: "objects[0]", Type: ioc.CVE, Raw: "CVE-2026-0001", FirstSeen: from, LastSeen: from, Context: "a hole", Families: []string{"red-fox"}},
				{Where: "objects[1]", Type: ioc.CVE, Raw: "CVE-2026-0002"},
			},
			skips: []Skip{{Where: "objects[2]", Reason: ReasonUnknownType}},
		},
		{
			name: "observables",
			input: stixBundle(
				domain("a", ""), `"type":"domain-name","id":"domain-name--1","value":"A.example"`, `"type":"domain-name","id":"domain-name--2","value":"b.example"`,
				`"type":"file","id":"file--1","name":"a.exe","hashes":{"SHA-256":"cc","MD5":"aa","SSDEEP":"x"}`, `"type":"file","id":"file--2","name":"b.exe"`, `"type":"mutex","id":"mutex--1","name":"x"`, `"type":"url","id":"url--1"`,
				`"type":"observed-data","id":"observed-data--1","first_observed":"2026-01-02T03:04:05Z","last_observed":"2026-01-03T00:00:00Z","object_refs":["domain-name--2"]`+stixGreen,
				`"type":"observed-data","id":"observed-data--2","first_observed":"2026-01-01T00:00:00Z","last_observed":"2026-01-02T00:00:00Z","object_refs":["domain-name--2"]`,
				`"type":"report","id":"report--1","name":"Fox","object_refs":["observed-data--1"]`, `"type":"malware","id":"malware--1","name":"Red Fox","sample_refs":["file--1"]`, `"type":"x-own","id":"x-own--1"`,
			),
			items: []Item{
				item("objects[0]", "a.example"),
				{
					Where: "objects[2]", Type: ioc.Domain, Raw: "b.example", Confidence: ioc.Low, TLP: ioc.Green, FirstSeen: date(t, "2026-01-01 00:00:00"), LastSeen: date(t, "2026-01-03 00:00:00"),
					Article: &Article{GUID: "report--1", Title: "Fox"},
				},
				{Where: "objects[3]", Type: ioc.MD5, Raw: "aa", Confidence: ioc.Low, Context: "a.exe", Families: []string{"red-fox"}},
				{Where: "objects[3]", Type: ioc.SHA256, Raw: "cc", Confidence: ioc.Low, Context: "a.exe", Families: []string{"red-fox"}},
			},
			skips: []Skip{{Where: "objects[4]", Reason: ReasonUnknownType}, {Where: "objects[5]", Reason: ReasonUnknownType}, {Where: "objects[6]", Reason: ReasonBrokenRow}},
		},
		{
			name: "STIX 2.0",
			input: `{"type":"bundle","id":"bundle--1","spec_version":"2.0","objects":[{"type":"indicator","id":"indicator--a","created":"2026-01-02T03:04:05Z","labels":["malicious-activity"],"pattern":"[domain-name:value = 'a.example']"},
				{"type":"observed-data","id":"observed-data--1","first_observed":"2026-01-02T03:04:05Z","last_observed":"2026-01-02T03:04:05Z","objects":{"1":{"type":"ipv4-addr","value":"192.0.2.1"},"0":{"type":"domain-name","value":"a.example"},"2":7,"3":{"type":"x"}}},
				{"type":"observed-data","id":"observed-data--2","revoked":true,"objects":{"0":{"type":"domain-name","value":"b.example"}}}]}`,
			items: []Item{
				{Where: "objects[0]", Type: ioc.Domain, Raw: "a.example", FirstSeen: from, LastSeen: from, Tags: []string{"malicious-activity"}},
				{Where: "objects[1].objects.1", Type: ioc.IPv4, Raw: "192.0.2.1", Confidence: ioc.Low, FirstSeen: from, LastSeen: from},
			},
			skips: []Skip{{Where: "objects[1].objects.2", Reason: ReasonBrokenRow}},
		},
		{
			name:  "an indicator's own reference",
			input: stixBundle(domain("a", `,"external_references":[{"source_name":"blog","url":"https://blog.example/a"}],"confidence":"50"`)),
			items: []Item{{Where: "objects[0]", Type: ioc.Domain, Raw: "a.example", Confidence: ioc.Medium, FirstSeen: from, Article: &Article{URL: "https://blog.example/a", OtherURLs: []string{}}}},
		},
		{
			name:  "other patterns",
			input: stixBundle(`"type":"indicator","id":"indicator--a","pattern_type":"yara","pattern":"rule a {}"`, `"type":"indicator","id":"indicator--b","pattern_type":"stix"`),
			skips: []Skip{{Where: "objects[0]", Reason: ReasonPattern}, {Where: "objects[1]", Reason: ReasonBrokenRow}},
		},
		{
			name: "broken objects cost only themselves",
			input: `{"objects":[{"type":,},{"type":"indicator","labels":{"a":1},"name":["x"],"hashes":7,"external_references":"x","pattern":"[domain-name:value = 'a.example']"},7,{"id":"x"},` +
				"{\"type\":\"url\",\"value\":\"\xff\"},{\"type\":\"open\n},{\"type\":\"indicator\",\"pattern\":\"[url:value = 'b']\",\"pattern\":\"[url:value = 'c']\"}]}",
			items: []Item{{Where: "objects[1]", Type: ioc.Domain, Raw: "a.example"}, {Where: "objects[6]", Type: ioc.URL, Raw: "c"}},
			skips: []Skip{{Where: "objects[0]", Reason: ReasonBrokenRow}, {Where: "objects[2]", Reason: ReasonBrokenRow}, {Where: "objects[3]", Reason: ReasonBrokenRow}, {Where: "objects[4]", Reason: ReasonBrokenRow}, {Where: "objects[5]", Reason: ReasonBrokenRow}},
		},
		{
			name:  "too deep, too large",
			input: `{"objects":[{"type":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `},{"type":"indicator","pattern":"` + strings.Repeat("A", maxElement) + `"}]}`,
			skips: []Skip{{Where: "objects[0]", Reason: ReasonTooDeep}, {Where: "objects[1]", Reason: ReasonTooLarge}},
		},
		{name: "bare list", input: `[{` + domain("a", "") + `}]`, items: []Item{item("[0]", "a.example")}},
		{name: "empty bundle", input: `{"type":"bundle","id":"bundle--1"}`},
		{name: "no objects", input: `{"type":"bundle","objects":[]}`},
		{name: "another document", input: `{"Event":{}}`, err: "no bundle"},
		{name: "cut short before its markings", input: `{"type":"bundle","objects":[{` + domain("a", "") + `},{"type":"marking-`, err: "ends in the middle"},
		{name: "empty", err: "empty"},
	})
}

// gone is an item that its source took back.
func gone(it Item, at time.Time) Item {
	it.LastSeen, it.ValidUntil, it.Tags = at, at, []string{"revoked"}
	return it
}

func tlpItem(it Item, tlp ioc.TLP) Item {
	it.TLP = tlp
	return it
}

// TestSTIXTooMany holds a bundle of more objects than may be held.
func TestSTIXTooMany(t *testing.T) {
	t.Parallel()
	got := collect(t, stixParser{}, "", `{"objects":[`+strings.Repeat(`7,`, maxHeldRows+1)+`]}`)
	if !errors.Is(got.err, errTooMuch) || len(got.items)+len(got.skips) != 0 {
		t.Errorf("error = %v after %d rows, want %v and none", got.err, len(got.items)+len(got.skips), errTooMuch)
	}
}

// TestSTIXManyReferences holds bundles of few objects that name very many
// others in few bytes each: what is made of them is bounded, not their text.
func TestSTIXManyReferences(t *testing.T) {
	t.Parallel()
	const objects, refs = 18, 100_000
	for _, test := range []struct{ name, before, after string }{
		{"observed data", `{"type":"observed-data","object_refs":[`, `]}`},
		{"reports", `{"type":"report","object_refs":[`, `]}`},
		{"samples", `{"type":"malware","sample_refs":[`, `]}`},
		{"markings", `{"type":"tool","object_marking_refs":[`, `]}`},
		{"markings twice", `{"type":"relationship","source_ref":"a","target_ref":"b","object_marking_refs":[`, `]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var parts []io.Reader
			for i := range 2 * objects {
				parts = append(parts, generated(func() string {
					list := make([]string, refs)
					for k := range list {
						list[k] = strconv.FormatInt(int64(i*refs+k), 36)
					}
					return `,` + test.before + `"` + strings.Join(list, `","`) + `"` + test.after
				}))
			}
			in := io.MultiReader(strings.NewReader(`{"objects":[7`), io.MultiReader(parts...), strings.NewReader(`]}`))
			err := stixParser{}.Parse(t.Context(), in, Source{}, Sink{Item: func(Item) error { return nil }, Skip: func(Skip) error { return nil }})
			if !errors.Is(err, errTooMuch) {
				t.Errorf("error %v, want %v", err, errTooMuch)
			}
		})
	}
}

// generated is a text that is made when it is first read.
func generated(make func() string) io.Reader {
	var made *strings.Reader
	return readerFunc(func(p []byte) (int, error) {
		if made == nil {
			made = strings.NewReader(make())
		}
		return made.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestSTIXKeptWords gives very many rows words of two sources each, which are
// not the words of any one.
func TestSTIXKeptWords(t *testing.T) {
	t.Parallel()
	d := newSTIXDocument()
	for i := range 3 * maxKeptWords / maxTags {
		d.keep(d.named, stixLevel{id: strconv.Itoa(i)}, stixWords{tags: make([]string, maxTags)})
	}
	if most := maxKeptWords / maxTags; len(d.named) > most || len(d.named) == 0 {
		t.Errorf("%d lists kept, want some and at most %d", len(d.named), most)
	}
}

// TestSTIXHub relates very many rows to one malware that uses very much, and
// gives very many rows one id: neither may cost the product.
func TestSTIXHub(t *testing.T) {
	t.Parallel()
	const rows = 3000
	objects := []string{`"type":"malware","id":"malware--1","name":"Red Fox"`}
	for i := range rows {
		objects = append(objects,
			stixIndicator(fmt.Sprint(i), fmt.Sprintf("[domain-name:value = 'd%d.example']", i), ""), stixRelation(fmt.Sprint("indicator--", i), "indicates", "malware--1", ""),
			stixRelation("malware--1", "uses", fmt.Sprint("tool--", i), ""), fmt.Sprintf(`"type":"tool","id":"tool--%d","name":"Tool %d"`, i, i),
			fmt.Sprintf(`"type":"url","id":"url--1","value":"http://u%d.example/"`, i), stixRelation(fmt.Sprint("tool--", i), "drops", "url--1", ""),
		)
	}
	began := time.Now()
	got := collect(t, stixParser{}, "", stixBundle(objects...))
	if len(got.items) != 2*rows || len(got.skips) != 0 || got.err != nil {
		t.Fatalf("%d items, %d skips, error %v, want %d items", len(got.items), len(got.skips), got.err, 2*rows)
	}
	for _, it := range got.items {
		if n := len(it.Families); n != maxTags && it.Type == ioc.Domain || n == 0 || n > maxTags {
			t.Fatalf("%s: %d families, want %d", it.Where, n, maxTags)
		}
	}
	t.Logf("%d rows in %v", 2*rows, time.Since(began))
}

func FuzzSTIX(f *testing.F) {
	fuzzParser(f, stixParser{}, samples()["stix"],
		stixBundle(stixIndicator("a", "[url:value = 'a' OR ipv4-addr:value LIKE 'b']", stixRed), stixRelation("indicator--a", "indicates", "malware--1", ""), `"type":"malware","id":"malware--1","name":"a;b"`),
		`{"objects":[{"type":"observed-data","objects":{"0":{"type":"file","hashes":{"md5":"a"}}}},{"type":"report","object_refs":["x"],"external_references":[{"url":"http://a"}]},{"type":"vulnerability","name":"CVE-1"}]}`)
}
