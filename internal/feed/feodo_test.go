package feed

import (
	"testing"

	"spoor/internal/ioc"
)

func TestFeodoParse(t *testing.T) {
	t.Parallel()
	first, day := date(t, "2026-01-02 03:04:05"), date(t, "2026-01-03 00:00:00")
	c2, fox := []string{"c2"}, []string{"fox"}
	item := Item{
		Where: "line 2", Type: ioc.IPv4, Raw: "192.0.2.1", Ports: []uint16{443}, FirstSeen: first, LastSeen: day, Tags: c2, Families: fox,
	}
	at := func(where string) Item { i := item; i.Where = where; return i }
	const row = `"2026-01-02 03:04:05","192.0.2.1","443","online","2026-01-03","Fox"` + "\r\n"
	const header = `"first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"` + "\r\n"
	runCases(t, feodoParser{}, []parseCase{
		{
			name: "json",
			input: `[{"ip_address": "192.0.2.1", "port": 443, "status": "online", "hostname": null, "as_number": 64496, "as_name": "FOX-AS", "country": "AQ",
				"first_seen": "2026-01-02 03:04:05", "last_online": "2026-01-03", "malware": "Fox"},
				{"ip_address": "2001:db8::1", "port": "99999", "first_seen": "soon", "last_online": null}]`,
			items: []Item{
				{Where: "[0]", Type: ioc.IPv4, Raw: "192.0.2.1", Ports: []uint16{443}, FirstSeen: first, LastSeen: day, Tags: c2, Families: fox, Context: "FOX-AS, AQ"},
				{Where: "[1]", Type: ioc.IPv6, Raw: "2001:db8::1", Tags: c2},
			},
		},
		{name: "csv", input: header + row, items: []Item{item}},
		{name: "csv with commented header", input: "####\r\n# " + header + row, items: []Item{at("line 3")}},
		{name: "csv without header", input: row + "# END\n", items: []Item{at("line 1")}},
		{name: "csv without address", input: header + `"","","443","","",""`, skips: []Skip{{Where: "line 2", Reason: ReasonBrokenRow}}},
		{name: "json without address", input: `[{"port":1},{"ip_address":[}]`, skips: []Skip{{Where: "[0]", Reason: ReasonBrokenRow}, {Where: "[1]", Reason: ReasonBrokenRow}}},
		{name: "no rows", input: "[]"},
		{name: "truncated json", input: `[{"ip_address":"192.0.2.1"},`, items: []Item{{Where: "[0]", Type: ioc.IPv4, Raw: "192.0.2.1", Tags: c2}}, err: "ends in the middle"},
		{name: "empty", err: "empty"},
		{name: "something else", input: "a,b\n", err: "no usable header"},
	})
}

func FuzzFeodo(f *testing.F) {
	fuzzParser(f, feodoParser{}, samples()["feodo"], "dst_ip,dst_port\n192.0.2.1,443\n\"\n", `{"x":[{"ip_address":1}]}`)
}
