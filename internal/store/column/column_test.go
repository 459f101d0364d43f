package column_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/column"
)

func TestLabels(t *testing.T) {
	t.Parallel()
	r := store.Record{
		Tags: []string{"c2", "emotet"}, Families: []string{"emotet"}, Techniques: []string{"T1071"}, Industries: []string{"energy"},
		Warnings: []store.Warning{{List: "top sites", Reason: "listed"}}, Evidence: store.EvidenceDefanged | store.EvidenceDeclared,
	}
	for name, r := range map[string]store.Record{"all": r, "none": {}} {
		l := column.LabelsOf(&r)
		text, err := l.Text()
		if err != nil {
			t.Fatal(err)
		}
		back, err := column.ParseLabels(text)
		if err != nil {
			t.Fatal(err)
		}
		var got store.Record
		back.Apply(&got)
		if diff := cmp.Diff(got, r); diff != "" || !l.Equal(&back) {
			t.Errorf("%s: equal %t (-got +want):\n%s", name, l.Equal(&back), diff)
		}
	}
	var got []string
	l := column.LabelsOf(&r)
	if err := l.Each(func(k column.Kind, name string) error { got = append(got, string(rune('0'+k))+name); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, []string{"1c2", "1emotet", "2emotet", "3T1071", "4energy"}); diff != "" {
		t.Errorf("names (-got +want):\n%s", diff)
	}
	stop := errors.New("stop")
	if err := l.Each(func(column.Kind, string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Each = %v, want the function's error", err)
	}
	if _, err := column.ParseLabels("{"); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("ParseLabels of half a text = %v, want ErrCorrupt", err)
	}
}

func TestDetails(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 17, 10, 30, 0, 0, time.UTC)
	for name, want := range map[string]store.Article{
		"none": {ID: uuid.Max},
		"all": {
			ID: uuid.Max, OtherURLs: []string{"https://b.example/"}, GUID: "g", Digest: "d", Publisher: "p", Summary: "s", Category: "c", Actors: []string{"APT28"}, Severity: 45,
			Tags: []string{"t"}, TLP: ioc.Amber, Published: at, Modified: at.Add(time.Hour), Fetched: at.Add(2 * time.Hour),
			ArchivedAt: at.Add(3 * time.Hour),
		},
	} {
		text, err := column.Details(&want)
		if err != nil {
			t.Fatal(err)
		}
		got := store.Article{ID: uuid.Max}
		if err := column.ParseDetails(&got, text); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
	if err := column.ParseDetails(&store.Article{}, "[]"); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("ParseDetails of a list = %v, want ErrCorrupt", err)
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]uint16{"": nil, "443": {443}, "0,80,65535": {0, 80, 65535}} {
		if diff := cmp.Diff(column.ParsePorts(text), want); diff != "" || column.Ports(want) != text {
			t.Errorf("%q: written %q, read (-got +want):\n%s", text, column.Ports(want), diff)
		}
	}
	if diff := cmp.Diff(column.ParsePorts("80,x,70000,1"), []uint16{80, 1}); diff != "" {
		t.Errorf("what is no port (-got +want):\n%s", diff)
	}
}

func TestKeyLists(t *testing.T) {
	t.Parallel()
	want := store.Key{Scopes: []string{"read:iocs"}, AllowedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	scopes, ips, err := column.KeyLists(&want)
	if err != nil {
		t.Fatal(err)
	}
	var got store.Key
	if err := column.ParseKeyLists(&got, scopes, ips); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if err := column.ParseKeyLists(&got, "{", ips); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("half a text = %v, want ErrCorrupt", err)
	}
	if err := column.ParseKeyLists(&got, scopes, `["nowhere"]`); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("no address = %v, want ErrCorrupt", err)
	}
}
