package feed

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEnvelope(t *testing.T) {
	t.Parallel()
	object := `{` + stixIndicator("a", "[domain-name:value = 'a.example']", "") + `}`
	tests := []struct {
		name, input string
		want        Envelope
		items       int
		err         string
	}{
		{"page", `{"more":true,"next":"abc/1","objects":[` + object + `]}`, Envelope{More: true, Next: "abc/1"}, 1, ""},
		{"words behind the objects", `{"objects":[` + object + `],"next":7,"more":"true"}`, Envelope{More: true, Next: "7"}, 1, ""},
		{"last page", `{"more":false,"objects":[` + object + `]}`, Envelope{}, 1, ""},
		{"nothing new", `{}`, Envelope{}, 0, ""},
		{"nothing new, said", `{"more":false}`, Envelope{}, 0, ""},
		{"bundle of TAXII 2.0", `{"type":"bundle","id":"bundle--1","objects":[` + object + `]}`, Envelope{}, 1, ""},
		{"error message", `{"title":"no such collection","http_status":"404"}`, Envelope{}, 0, "no objects"},
		{"endless mark", `{"more":true,"next":"` + strings.Repeat("a", maxNext+1) + `","objects":[]}`, Envelope{}, 0, "next is longer"},
		{"cut short", `{"more":true,"objects":[` + object, Envelope{}, 0, "ends in the middle"},
		{"page for people", `<html>`, Envelope{}, 0, "begins with"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			items := 0
			sink := Sink{Item: func(Item) error { items++; return nil }, Skip: func(Skip) error { return errors.New("skip") }}
			got, err := ParseEnvelope(context.Background(), strings.NewReader(test.input), sink)
			checkError(t, err, test.err)
			if got != test.want || items != test.items {
				t.Errorf("ParseEnvelope = %+v and %d items, want %+v and %d", got, items, test.want, test.items)
			}
		})
	}
}

func TestParseDiscovery(t *testing.T) {
	t.Parallel()
	got, err := ParseDiscovery(context.Background(), strings.NewReader(`{"title":"Example\u0000","contact":"a@example.test","default":"https://taxii.example/api1/",
		"api_roots":["https://taxii.example/api1/","/api2/","//other.example/","file:///etc/passwd","ftp://x.example/","/a b","/\\other.example",""]}`))
	want := Discovery{Title: "Example\uFFFD", Contact: "a@example.test", Default: "https://taxii.example/api1/", APIRoots: []string{"https://taxii.example/api1/", "/api2/"}}
	if diff := cmp.Diff(got, want); diff != "" || err != nil {
		t.Errorf("error %v, got - want +:\n%s", err, diff)
	}
	for _, input := range []string{``, `{}`, `[]`, `{"api_roots":"x"}`, `{"api_roots":["javascript:x"]}`, `{"api_roots":["/a"]} x`} {
		if got, err := ParseDiscovery(context.Background(), strings.NewReader(input)); err == nil {
			t.Errorf("ParseDiscovery(%s) = %+v, want an error", input, got)
		}
	}
	_, err = ParseDiscovery(context.Background(), &endless{`{"title":"`, `"}`, 'x', maxTAXII})
	checkError(t, err, "over the bound")
}

func TestParseAPIRoot(t *testing.T) {
	t.Parallel()
	got, err := ParseAPIRoot(context.Background(), strings.NewReader(`{"title":"One","versions":["application/taxii+json;version=2.1"],"max_content_length":1000}`))
	if diff := cmp.Diff(got, APIRoot{Title: "One", Versions: []string{"application/taxii+json;version=2.1"}}); diff != "" || err != nil {
		t.Errorf("error %v, got - want +:\n%s", err, diff)
	}
	if _, err := ParseAPIRoot(context.Background(), strings.NewReader(`<html>`)); err == nil {
		t.Error("ParseAPIRoot of a page gives no error")
	}
}

func TestParseCollections(t *testing.T) {
	t.Parallel()
	got, err := ParseCollections(context.Background(), strings.NewReader(`{"collections":[{"id":"91a7b528-80eb-42ed-a74d-c6fbd5a26116","title":"High","can_read":true,"can_write":false,"media_types":["application/stix+json;version=2.1"]},
		{"id":"b","alias":"../c","can_read":"true"},{"id":"c","alias":"c.d_e~1"}]}`))
	want := []Collection{
		{ID: "91a7b528-80eb-42ed-a74d-c6fbd5a26116", Title: "High", CanRead: true, MediaTypes: []string{"application/stix+json;version=2.1"}},
		{ID: "b", CanRead: true}, {ID: "c", Alias: "c.d_e~1"},
	}
	if diff := cmp.Diff(got, want); diff != "" || err != nil {
		t.Errorf("error %v, got - want +:\n%s", err, diff)
	}
	if got, err := ParseCollections(context.Background(), strings.NewReader(`{}`)); err != nil || len(got) != 0 {
		t.Errorf("ParseCollections({}) = %v, %v, want none", got, err)
	}
	for _, id := range []string{"", ".", "..", "a/b", `a\\b`, "a?b", "a#b", "a%2fb", "a b", "é", strings.Repeat("a", 200)} {
		if got, err := ParseCollections(context.Background(), strings.NewReader(`{"collections":[{"id":"`+id+`"}]}`)); err == nil {
			t.Errorf("id %q gives %+v, want an error", id, got)
		}
	}
	_, err = ParseCollections(context.Background(), strings.NewReader(`{"collections":[`+strings.Repeat(`{"id":"a"},`, maxCollections)+`{"id":"a"}]}`))
	checkError(t, err, "over the bound")
}

func FuzzTAXII(f *testing.F) {
	fuzzParser(f, taxiiParser{}, samples()["taxii"], `{}`, `{"more":"1","next":{},"objects":{"a":{"type":"url","value":"x"}}}`)
}
