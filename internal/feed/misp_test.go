package feed

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"spoor/internal/ioc"
)

// mispOne is an event of one attribute, written as in a real one: the tags
// behind the attributes.
func mispOne(attribute, more string) string {
	return `{"Event":{"info":"Fox in the den","uuid":"u","date":"2026-01-02","Attribute":[` + attribute + `]` + more + `}}`
}

func TestMISPTypes(t *testing.T) {
	t.Parallel()
	md5, sha1 := strings.Repeat("a", 32), strings.Repeat("b", 40)
	tests := []struct {
		kind, value string
		items       []Item // by type, value, ports and context
		reason      string
	}{
		{kind: "ip-src", value: "192.0.2.1", items: []Item{{Type: ioc.IPv4, Raw: "192.0.2.1"}}},
		{kind: "ip-dst", value: "2001:db8::1", items: []Item{{Type: ioc.IPv6, Raw: "2001:db8::1"}}},
		{kind: "ip-dst|port", value: "192.0.2.1|443", items: []Item{{Type: ioc.IPv4, Raw: "192.0.2.1", Ports: []uint16{443}}}},
		{kind: "ip-src|port", value: "192.0.2.1", items: []Item{{Type: ioc.IPv4, Raw: "192.0.2.1"}}},
		{kind: "domain", value: " fox.example ", items: []Item{{Type: ioc.Domain, Raw: "fox.example"}}},
		{kind: "hostname", value: "a.fox.example", items: []Item{{Type: ioc.Domain, Raw: "a.fox.example"}}},
		{kind: "hostname|port", value: "a.fox.example|80", items: []Item{{Type: ioc.Domain, Raw: "a.fox.example", Ports: []uint16{80}}}},
		{kind: "domain|ip", value: "fox.example|2001:db8::1", items: []Item{{Type: ioc.Domain, Raw: "fox.example"}, {Type: ioc.IPv6, Raw: "2001:db8::1"}}},
		{kind: "domain|ip", value: "fox.example", items: []Item{{Type: ioc.Domain, Raw: "fox.example"}}},
		{kind: "url", value: "http://fox.example/a|b", items: []Item{{Type: ioc.URL, Raw: "http://fox.example/a|b"}}},
		{kind: "uri", value: "/gate.php", items: []Item{{Type: ioc.URL, Raw: "/gate.php"}}},
		{kind: "MD5", value: md5, items: []Item{{Type: ioc.MD5, Raw: md5}}},
		{kind: "filename|sha1", value: `a|b.exe|` + sha1, items: []Item{{Type: ioc.SHA1, Raw: sha1, Context: "a|b.exe"}}},
		{kind: "filename|sha1", value: sha1, items: []Item{{Type: ioc.SHA1, Raw: sha1}}},
		{kind: "malware-sample", value: "fox.exe|" + md5, items: []Item{{Type: ioc.MD5, Raw: md5, Context: "fox.exe"}}},
		{kind: "email-src", value: "a@fox.example", items: []Item{{Type: ioc.Email, Raw: "a@fox.example"}}},
		{kind: "vulnerability", value: "CVE-2026-0001", items: []Item{{Type: ioc.CVE, Raw: "CVE-2026-0001"}}},
		{kind: "link", value: "https://blog.example/a"},
		{kind: "imphash", value: md5, reason: ReasonUnknownType},
		{kind: "filename|imphash", value: "a|" + md5, reason: ReasonUnknownType},
		{kind: "filename|domain", value: "a|b", reason: ReasonUnknownType},
		{kind: "x509-fingerprint-sha1", value: sha1, reason: ReasonUnknownType},
		{kind: "text", value: "fox.example", reason: ReasonUnknownType},
		{kind: "target-email", value: "victim@den.example", reason: ReasonUnknownType},
		{kind: "", value: "fox.example", reason: ReasonBrokenRow},
		{kind: "domain", value: " ", reason: ReasonBrokenRow},
		{kind: "filename|md5", value: "fox.exe|", reason: ReasonBrokenRow},
	}
	for _, test := range tests {
		got := collect(t, mispParser{}, "", mispOne(`{"type":"`+test.kind+`","value":"`+test.value+`"}`, ""))
		if got.err != nil {
			t.Errorf("%s: error %v", test.kind, got.err)
		}
		if test.reason != "" && (len(got.skips) != 1 || got.skips[0].Reason != test.reason) || test.reason == "" && len(got.skips) != 0 {
			t.Errorf("%s %q: skips %v, want %q", test.kind, test.value, got.skips, test.reason)
		}
		if len(got.items) != len(test.items) {
			t.Errorf("%s %q: items %v, want %v", test.kind, test.value, got.items, test.items)
			continue
		}
		for i, want := range test.items {
			it := got.items[i]
			if it.Type != want.Type || it.Raw != want.Raw || it.Context != want.Context || len(it.Ports) != len(want.Ports) || len(want.Ports) == 1 && it.Ports[0] != want.Ports[0] {
				t.Errorf("%s %q: item %+v, want %+v", test.kind, test.value, it, want)
			}
		}
	}
}

func TestMISPParse(t *testing.T) {
	t.Parallel()
	day, changed := date(t, "2026-01-02 00:00:00"), time.Unix(1767500000, 0).UTC()
	first, last := date(t, "2025-12-01 01:02:03"), date(t, "2025-12-02 00:00:00")
	bare := &Article{GUID: "u", Title: "Fox in the den", Published: day}
	item := func(where, value string, confidence ioc.Confidence) Item {
		return Item{Where: where, Type: ioc.Domain, Raw: value, Confidence: confidence, FirstSeen: day, Article: bare}
	}
	whole := &Article{
		URL: "https://blog.example/fox", OtherURLs: []string{"https://www.virustotal.com/gui/file/a", "https://other.example/"},
		GUID: "5b5e2bb6", Title: "Fox in the den", Publisher: "Example CERT", Published: day, Modified: time.Unix(1767600000, 0).UTC(),
		Tags: []string{"fancy-fox", "osint:source-type=blog-post", "energy"},
	}
	runCases(t, mispParser{}, []parseCase{
		{
			name: "event with everything",
			input: `{"response":[{"Event":{"id":"1","Orgc":{"name":"Example CERT","id":"2"},"info":"Fox in the den","uuid":"5b5e2bb6","date":"2026-01-02",
				"timestamp":"1767500000","publish_timestamp":"1767600000","RelatedEvent":[{"Event":{"info":"other","Attribute":[{"type":"domain","value":"other.example"}]}}],
				"Attribute":[
					{"type":"link","category":"External analysis","value":"https://www.virustotal.com/gui/file/a"},
					{"type":"link","category":"Network activity","value":"https://other.example/"},
					{"type":"link","category":"External analysis","value":"https://blog.example/fox"},
					{"type":"link","category":"External analysis","value":"not a link"},
					{"type":"domain","value":"fox.example","to_ids":true,"timestamp":"1767500000","comment":" control server ","deleted":false,
						"Tag":[{"name":"tlp:red"},{"name":"misp-galaxy:tool=\"Fox Hole\""},{"name":"C2"}],
						"Galaxy":[{"type":"mitre-attack-pattern","GalaxyCluster":[{"type":"mitre-attack-pattern","value":"Web Protocols - T1071.001"}]}]},
					{"type":"domain","value":"den.example","to_ids":false,"timestamp":"1767500000","first_seen":"2025-12-01T01:02:03.000000+00:00","last_seen":"2025-12-02T00:00:00+00:00"},
					{"type":"text","value":"words"},
					{"type":"md5","value":"x","deleted":"1"}],
				"ShadowAttribute":[{"type":"domain","value":"proposed.example"}],
				"Object":[{"name":"file","comment":"dropper","first_seen":"2025-12-01T01:02:03+00:00","Attribute":[{"type":"sha1","value":"aa","to_ids":"1","timestamp":"1"},{"type":"filename","value":"a.exe"}]},
					{"deleted":true,"Attribute":[{"type":"domain","value":"gone.example"},{"type":"link","category":"External analysis","value":"https://gone.example/"}]}],
				"Galaxy":[{"type":"threat-actor","GalaxyCluster":[{"type":"threat-actor","value":"Fancy Fox"}]}],
				"Tag":[{"name":"TLP:AMBER"},{"name":"osint:source-type=\"blog-post\""},{"name":"misp-galaxy:threat-actor=\"Fancy Fox\""},
					{"name":"misp-galaxy:sector=\"Energy\""},{"name":"misp-galaxy:malpedia=\"win.red_fox\""},{"name":"misp:confidence-level=\"fairly-confident\""},
					{"name":"misp-galaxy:mitre-attack-pattern=\"Phishing - T1566\""}]}}]}`,
			items: []Item{
				{
					Where: "response[0].Event.Attribute[4]", Type: ioc.Domain, Raw: "fox.example", Confidence: ioc.Medium, TLP: ioc.Red,
					FirstSeen: day, LastSeen: changed, Context: "control server", Article: whole,
					Tags: []string{"c2", "fancy-fox", "osint:source-type=blog-post", "energy"}, Families: []string{"fox-hole", "red-fox"}, Techniques: []string{"T1071.001", "T1566"},
				},
				{
					Where: "response[0].Event.Attribute[5]", Type: ioc.Domain, Raw: "den.example", Confidence: ioc.Low, TLP: ioc.Amber, FirstSeen: first, LastSeen: last,
					Article: whole, Tags: whole.Tags, Families: []string{"red-fox"}, Techniques: []string{"T1566"},
				},
				{
					Where: "response[0].Event.Object[0].Attribute[0]", Type: ioc.SHA1, Raw: "aa", Confidence: ioc.Medium, TLP: ioc.Amber, FirstSeen: first,
					Context: "dropper", Article: whole, Tags: whole.Tags, Families: []string{"red-fox"}, Techniques: []string{"T1566"},
				},
			},
			skips: []Skip{
				{Where: "response[0].Event.Attribute[6]", Reason: ReasonUnknownType}, {Where: "response[0].Event.Attribute[7]", Reason: ReasonWithdrawn},
				{Where: "response[0].Event.Object[0].Attribute[1]", Reason: ReasonUnknownType}, {Where: "response[0].Event.Object[1].Attribute[0]", Reason: ReasonWithdrawn},
			},
		},
		{
			name: "deleted attributes and objects",
			input: mispOne(`{"type":"domain","value":"a.example","deleted":true,"timestamp":"1767500000"},{"type":"domain","value":"b.example","deleted":true,"timestamp":"1767500000"},{"type":"domain","value":"B.example"}`,
				`,"Object":[{"deleted":true,"timestamp":"1767500000","Attribute":[{"type":"domain","value":"c.example","timestamp":"1767400000"},{"type":"domain","value":"d.example","deleted":true,"timestamp":"1767400000"},{"type":"text","value":"x"}]}]`),
			items: []Item{
				taken(item("Event.Attribute[0]", "a.example", 0), 1767500000), item("Event.Attribute[2]", "B.example", 0),
				taken(item("Event.Object[0].Attribute[0]", "c.example", 0), 1767500000), taken(item("Event.Object[0].Attribute[1]", "d.example", 0), 1767400000),
			},
			skips: []Skip{{Where: "Event.Attribute[1]", Reason: ReasonWithdrawn}, {Where: "Event.Object[0].Attribute[2]", Reason: ReasonUnknownType}},
		},
		{
			name: "list of events, wrapped and bare",
			input: `[` + mispOne(`{"type":"domain","value":"a.example","to_ids":true}`, "") +
				`,{"info":"Fox in the den","uuid":"u","date":"2026-01-02","Attribute":{"0":{"type":"domain","value":"b.example"}}},7]`,
			items: []Item{item("[0].Event.Attribute[0]", "a.example", 0), item("[1].Attribute.0", "b.example", 0)},
			skips: []Skip{{Where: "[2]", Reason: ReasonBrokenRow}},
		},
		{
			name: "broken rows cost only themselves",
			input: mispOne(`{"type":"domain","value":"a.example"},{"type":,},7,{"type":"domain","value":"b.example","Tag":"tlp:red"},{"type":"domain","value":["c"]},`+
				"{\"type\":\"domain\",\"value\":\"d\xff\"},{\"type\":\"domain\",\"value\":\"open\n},{\"type\":\"domain\",\"value\":\"e.example\",\"Galaxy\":{}}", `,"Object":[7,{"Attribute":null}]`),
			items: []Item{item("Event.Attribute[0]", "a.example", 0), item("Event.Attribute[7]", "e.example", 0)},
			skips: []Skip{
				{Where: "Event.Attribute[1]", Reason: ReasonBrokenRow}, {Where: "Event.Attribute[2]", Reason: ReasonBrokenRow}, {Where: "Event.Attribute[3]", Reason: ReasonBrokenRow},
				{Where: "Event.Attribute[4]", Reason: ReasonBrokenRow}, {Where: "Event.Attribute[5]", Reason: ReasonBrokenRow}, {Where: "Event.Attribute[6]", Reason: ReasonBrokenRow},
				{Where: "Event.Object[0]", Reason: ReasonBrokenRow},
			},
		},
		{
			name:  "a tag of the event that cannot be read may be its marking",
			input: mispOne(`{"type":"domain","value":"a.example"}`, `,"Tag":[{"name":"a"},7]`),
			skips: []Skip{{Where: "Event.Attribute[0]", Reason: ReasonBrokenRow}},
		},
		{
			name:  "members twice",
			input: `{"Event":{"uuid":"x","uuid":"u","info":7,"info":"Fox in the den","date":"2026-01-02","Attribute":[{"type":"domain","value":"a.example","value":"b.example"}],"Attribute":[{"type":"domain","value":"c.example"}]}}`,
			items: []Item{item("Event.Attribute[0]", "b.example", 0), item("Event.Attribute[0]", "c.example", 0)},
		},
		{
			name:  "too deep, too large",
			input: mispOne(`{"type":"domain","value":"a.example","x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`},{"type":"attachment","data":"`+strings.Repeat("A", maxElement)+`"}`, ""),
			skips: []Skip{{Where: "Event.Attribute[0]", Reason: ReasonTooDeep}, {Where: "Event.Attribute[1]", Reason: ReasonTooLarge}},
		},
		{name: "events inside events", input: strings.Repeat(`{"Event":`, 1000) + "{}" + strings.Repeat("}", 1000), skips: []Skip{{Where: "Event.Event.Event.Event", Reason: ReasonBrokenRow}}},
		{
			name:  "written for people",
			input: "{\n  \"Event\" : {\n    \"info\" : \"Fox in the den\",\n \"uuid\": \"u\",\n\t\"date\":\t\"2026-01-02\",\r\n \"published\": false ,\n \"Attribute\": [\n {\n \"type\": \"domain\",\n \"value\": \"a.example\"\n }\n ]\n , \"Tag\" : [ ] }\n}\n",
			items: []Item{item("Event.Attribute[0]", "a.example", 0)},
		},
		{name: "no events", input: `{"response":[]}`},
		{name: "empty list", input: `[]`},
		{name: "another document", input: `{"type":"bundle","objects":[]}`, err: `no "Event"`},
		{name: "cut short before its tags", input: `{"Event":{"info":"x","Attribute":[{"type":"domain","value":"a.example"}],"Tag":[{"name":"tlp:`, err: "ends in the middle"},
		{name: "empty", err: "empty"},
	})
}

// TestMISPTooMany holds an event of more rows than may be held.
func TestMISPTooMany(t *testing.T) {
	t.Parallel()
	got := collect(t, mispParser{}, "", mispOne(strings.Repeat(`{},`, maxHeldRows)+`{}`, ""))
	if !errors.Is(got.err, errTooMuch) || len(got.items)+len(got.skips) != 0 {
		t.Errorf("error = %v after %d rows, want %v and none", got.err, len(got.items)+len(got.skips), errTooMuch)
	}
}

func TestMISPMarks(t *testing.T) {
	t.Parallel()
	tests := []struct{ tag, want string }{
		{"tlp:white", "clear [] [] []"},
		{"TLP:AMBER+STRICT", "amber+strict [] [] []"},
		{"tlp:ex:chr", "unknown [tlp:ex:chr] [] []"},
		{"red", "unknown [red] [] []"},
		{`PAP:RED`, "unknown [pap:red] [] []"},
		{`misp-galaxy:mitre-malware="Fox Den - S0001"`, "unknown [] [fox-den] []"},
		{`misp-galaxy:ransomware="Fox"`, "unknown [] [fox] []"},
		{`misp-galaxy:mitre-intrusion-set="APT Fox - G0001"`, "unknown [apt-fox] [] []"},
		{`misp-galaxy:microsoft-activity-group="Fox"`, "unknown [fox] [] []"},
		{`misp-galaxy:mitre-attack-pattern="Phishing"`, "unknown [] [] []"},
		{`misp-galaxy:mitre-enterprise-attack-attack-pattern="A - B - T1001"`, "unknown [] [] [T1001]"},
		{`misp-galaxy:mitre-attack-pattern="Tactic - TA0001"`, "unknown [] [] []"},
		{`misp-galaxy:country="Far, Land"`, "unknown [misp-galaxy:country=far-land] [] []"},
		{`misp-galaxy:example-threat-actor="5b5e2bb6-e3a8-4d2c-8aaf-3b0a950d210f"`, "unknown [] [] []"},
		{`type:OSINT`, "unknown [type:osint] [] []"},
		{`admiralty-scale:source-reliability="b"`, "unknown [admiralty-scale:source-reliability=b] [] []"},
		{" ", "unknown [] [] []"},
	}
	for _, test := range tests {
		var m mispMarks
		m.add(test.tag)
		if got := m.tlp.String() + " " + words(m.tags) + " " + words(m.families) + " " + words(m.techniques); got != test.want {
			t.Errorf("add(%q) = %s, want %s", test.tag, got, test.want)
		}
	}
}

func words(list []string) string { return "[" + strings.Join(list, " ") + "]" }

func TestParseManifest(t *testing.T) {
	t.Parallel()
	const a, b = "5b5e2bb6-e3a8-4d2c-8aaf-3b0a950d210f", "5B5E2BB6-E3A8-4D2C-8AAF-3B0A950D2100"
	events, err := ParseManifest(context.Background(), strings.NewReader(`{"`+a+`":{"info":"Fox","date":"2026-01-02","timestamp":1767500000,"Orgc":{"name":"Example CERT"},
		"Tag":[{"name":"tlp:green","colour":"#fff"},{"name":"x"}],"analysis":"2"},"`+b+`":{"info":"Den","timestamp":"1767500001","Orgc":7,"Tag":"x"}}`))
	if err != nil || len(events) != 2 {
		t.Fatalf("ParseManifest = %v, %v, want two events", events, err)
	}
	want := ManifestEvent{UUID: a, Timestamp: time.Unix(1767500000, 0).UTC(), Date: date(t, "2026-01-02 00:00:00"), Info: "Fox", Publisher: "Example CERT", TLP: ioc.Green}
	if events[0] != want {
		t.Errorf("first event = %+v, want %+v", events[0], want)
	}
	if want = (ManifestEvent{UUID: b, Timestamp: time.Unix(1767500001, 0).UTC(), Info: "Den"}); events[1] != want {
		t.Errorf("second event = %+v, want %+v", events[1], want)
	}
	for _, input := range []string{`{}`, `[]`} {
		if events, err := ParseManifest(context.Background(), strings.NewReader(input)); err != nil || len(events) != 0 {
			t.Errorf("ParseManifest(%s) = %v, %v, want none", input, events, err)
		}
	}
}

func TestParseManifestRefuses(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	many.WriteByte('{')
	for range maxHeldRows + 1 {
		many.WriteString(`"5b5e2bb6-e3a8-4d2c-8aaf-3b0a950d210f":{},`)
	}
	tests := []struct{ name, input, want string }{
		{"path", `{"../../etc/passwd":{}}`, "no UUID"},
		{"path as long as a UUID", `{"../../../../../../../../etc/passwd..":{}}`, "no UUID"},
		{"escape in the name", `{"\u0035b5e2bb6-e3a8-4d2c-8aaf-3b0a950d210f":{}}`, "no UUID"},
		{"URN", `{"urn:uuid:5b5e2bb6-e3a8-4d2c-8aaf-3b0a950d210f":{}}`, "no UUID"},
		{"no hyphens", `{"5b5e2bb6e3a84d2c8aaf3b0a950d210f":{}}`, "no UUID"},
		{"events in a list", `[{"uuid":"5b5e2bb6-e3a8-4d2c-8aaf-3b0a950d210f"}]`, "a list"},
		{"too many", many.String(), "over the bound"},
		{"cut short", `{"5b5e2bb6-e3a8-4d2c-8aaf-3b0a950d210f":{"info":"x"`, "ends in the middle"},
		{"page", `<html>`, "begins with"},
		{"empty", ``, "empty"},
	}
	for _, test := range tests {
		events, err := ParseManifest(context.Background(), strings.NewReader(test.input))
		if len(events) != 0 {
			t.Errorf("%s: %d events, want none", test.name, len(events))
		}
		checkError(t, err, test.want)
	}
	_, err := ParseManifest(context.Background(), &endless{`{"5b5e2bb6-e3a8-4d2c-8aaf-3b0a950d210f":"`, `"}`, 'x', maxManifest})
	checkError(t, err, "over the bound")
}

func FuzzMISP(f *testing.F) {
	fuzzParser(f, mispParser{}, samples()["misp"],
		`[{"Event":{"Tag":[{"name":"tlp:red"},{"name":"misp-galaxy:tool=\"a b\""}],"Object":{"0":{"Attribute":[{"type":"domain|ip","value":"a|1"}]}}}}]`,
		`{"response":{"Event":{"date":"2026-01-02","Galaxy":[{"type":"x-tool","GalaxyCluster":[{"value":"a - S0001"}]}],"Attribute":[{"type":"filename|md5","value":"a|b","comment":"c"},}]}}`,
		mispOne(`{"type":"link","value":"http://blog.example/a","category":"External analysis"},{"type":"url","value":"b"}`, `,"Tag":[7]`))
}

func FuzzManifest(f *testing.F) {
	f.Add(`{"5b5e2bb6-e3a8-4d2c-8aaf-3b0a950d210f":{"info":"x","Tag":[{"name":"tlp:red"}]}}`)
	f.Fuzz(func(t *testing.T, input string) {
		events, err := ParseManifest(context.Background(), strings.NewReader(input))
		if err != nil && events != nil {
			t.Errorf("%d events and %v", len(events), err)
		}
		for _, ev := range events {
			if len(ev.UUID) != 36 || strings.Trim(ev.UUID, "0123456789abcdefABCDEF-") != "" {
				t.Errorf("UUID = %q", ev.UUID)
			}
		}
	})
}

// taken is an item that its source deleted.
func taken(it Item, at int64) Item {
	it.ValidUntil, it.Tags = time.Unix(at, 0).UTC(), []string{"revoked"}
	return it
}
