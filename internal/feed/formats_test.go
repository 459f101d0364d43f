package feed

import (
	"slices"
	"strings"
	"testing"
)

func TestByName(t *testing.T) {
	t.Parallel()
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
		if f.Feed == "" || f.Category == "" || (f.Parser == nil) != f.News() || f.detect == nil {
			t.Errorf("format %q is not complete: %+v", f.Name, f)
		}
		if got, err := ByName(strings.ToUpper(f.Name)); err != nil || got.Name != f.Name {
			t.Errorf("ByName(%q) = %q, %v", strings.ToUpper(f.Name), got.Name, err)
		}
		if !slices.Contains(detectOrder, f.Name) {
			t.Errorf("format %q is never detected", f.Name)
		}
	}
	if !slices.IsSorted(names) || len(detectOrder) != len(names) {
		t.Errorf("names = %v, want them sorted and each in %v", names, detectOrder)
	}
	_, err := ByName("pdf")
	if err == nil || !strings.Contains(err.Error(), strings.Join(names, ", ")) {
		t.Errorf("ByName(pdf) error = %v, want the names listed", err)
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	digests := strings.Repeat(strings.Repeat("0a", 20)+"\n", 30)
	tests := []struct{ name, file, head, want string }{
		{"maltrail by its header", "fox.txt", "# Copyright (c) Maltrail developers\n\n/path\n", "maltrail"},
		{"maltrail by references", "fox.txt", "# Reference: https://blog.example/a\n\nfox.example\n", "maltrail"},
		{"urlhaus", "x.csv", urlhausHead, "urlhaus"},
		{"urlhaus without comment", "dump", "id,dateadded,url,url_status\n", "urlhaus"},
		{"feodo csv", "x.csv", "# a\n\"first_seen_utc\",\"dst_ip\",\"dst_port\"\n", "feodo"},
		{"threatfox no result", "x.json", `{"query_status":"no_result"}`, "threatfox"},
		{"threatfox cut short", "x.json", `{"data":[{"ioc":"a.example","ioc_type":"domain","malware":"x"},{"io`, "threatfox"},
		{"csv", "x.txt", "value,type\na,b\n", "csv"},
		{"csv of one column by name", "x.csv", "domain\nfox.example\n", "csv"},
		{"csv with too many columns", "x", "value" + strings.Repeat(",c", 10_000) + "\nfox.example\n", "csv"},
		{"csv with too many columns, the value late", "x.csv", strings.Repeat("c;", 10_000) + "domain\n", "csv"},
		{"too many words", "x.txt", strings.Repeat("alpha,", 10_000) + "\n", ""},
		{"list with a NUL", "x.txt", "fox.example\nfox\x00.example\n", "list"},
		{"list", "x.txt", "# a list\nfox.example\n192.0.2.1 # note\nhxxps://fox[.]example/a\nCVE-2026-0001\nT1071.001\n2001:db8::1\n", "list"},
		{"digests", "samples.sha1", digests, "list"},
		{"list with one odd line", "x.txt", strings.Repeat("fox.example\n", 30) + "and some words\n", "list"},
		{"misp event", "x.json", `{"Event":{"info":"x","Attribute":[{"type":"domain","value":"fox.example","category":"Network"}]}}`, "misp"},
		{"misp answer", "x.json", "{\"response\": [\n{ \"Event\" :{\"id\":\"1\",\"analysis\":\"2\",\"uuid\":\"x\"", "misp"},
		{"misp list", "x", `[{"Event":{"id":"1","analysis":"2","uuid":"x"`, "misp"},
		{"an event of something else", "x.json", `{"Event":{"Attribute":[]}}`, ""},
		{"misp manifest", "manifest.json", `{"5b5e2bb6-e3a8-4d2c-8aaf-3b0a950d210f":{"info":"x","Orgc":{"name":"y"},"analysis":"2"}}`, ""},
		{"stix bundle", "x.json", `{"type":"bundle","objects":[{"type":"indicator","pattern":"[x]"}]}`, "stix"},
		{"stix bundle, its type last", "x.json", `{"id":"bundle--1","objects":[{"type":"indicator","pattern":"[x]"}`, "stix"},
		{"stix objects", "x.json", `{"objects":[{"type":"indicator","id":"indicator--1"}]}`, "stix"},
		{"stix list", "x.json", `[{"type":"indicator","id":"indicator--1"}]`, "stix"},
		{"taxii", "x.json", `{"more":true,"next":"a","objects":[{"type":"indicator","id":"indicator--1"}]}`, "taxii"},
		{"objects of something else", "x.json", `{"more":true,"objects":[{"type":"indicator","id":"1"}]}`, ""},
		{"json lines", "x.txt", "{\"a\":\"b.c\"}\n{\"a\":\"b.d\"}\n", ""},
		{"json list of strings", "x.json", "[\n\"fox.example\",\n\"b.example\"\n]\n", ""},
		{"markdown by name", "README.md", "fox.example\n", ""},
		{"asciidoc by name", "README.adoc", "# Reference: https://blog.example/a\nfox.example\n", ""},
		{"prose", "report.txt", "The fox came at night.\nIt went to fox.example and left.\n", ""},
		{"prose with references", "report.txt", "# Reference: https://blog.example/a\nThe fox came at night.\nIt left at dawn.\n", ""},
		{"words", "words.txt", "alpha\nbeta\ngamma\n", ""},
		{"properties", "app.txt", "server.host=fox.example\nserver.port=80\n", ""},
		{"html", "page", "<html>\n<p>fox.example</p>\n", ""},
		{"unknown csv", "x.csv", "alpha,beta\n1,2\n", ""},
		{"picture", "x", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01.\x02\n", ""},
		{"NULs", "x", "\x00\x00\n\x00.\x00\n", ""},
		{"comments only", "x.txt", "# nothing\n", ""},
		{"empty", "x.txt", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := Detect(test.file, []byte(test.head)); got.Name != test.want || ok != (test.want != "") {
				t.Errorf("Detect = %q, %v, want %q", got.Name, ok, test.want)
			}
		})
	}
}

// TestDetectCutHead cuts a long list in the middle of a line, and of a UTF-16
// character.
func TestDetectCutHead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("fox.example\n", HeadSize)
	for name, input := range map[string]string{"UTF-8": long, "UTF-16": encodeUTF16(long, true)} {
		for _, size := range []int{HeadSize, HeadSize + 1} {
			if got, ok := Detect("x.txt", []byte(input[:size])); !ok || got.Name != "list" {
				t.Errorf("Detect(%d bytes of %s) = %q, %v, want list", size, name, got.Name, ok)
			}
		}
	}
}

func FuzzDetect(f *testing.F) {
	for _, sample := range samples() {
		f.Add("x.txt", []byte(sample))
	}
	f.Fuzz(func(t *testing.T, name string, head []byte) {
		got, ok := Detect(name, head)
		again, _ := Detect(name, head)
		if ok != (got.Name != "") || got.Name != again.Name {
			t.Errorf("Detect = %q, %v and then %q", got.Name, ok, again.Name)
		}
	})
}
