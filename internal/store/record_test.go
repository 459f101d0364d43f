package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func day(d int) time.Time { return time.Date(2025, 1, d, 0, 0, 0, 0, time.UTC) }

func domain(name string) ioc.Indicator {
	return ioc.Indicator{Type: ioc.Domain, Value: name, Key: name}
}

func said(first, last time.Time) store.Observation {
	return store.Observation{
		Indicator: domain("a.example"), Confidence: ioc.Medium, Origin: store.OriginFeed, FirstSeen: first, LastSeen: last,
	}
}

func TestNewRecordDates(t *testing.T) {
	t.Parallel()
	never, now := time.Time{}, time.Date(2026, 1, 1, 10, 0, 0, 999, time.FixedZone("", 3600))
	second := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name                             string
		first, last, wantFirst, wantLast time.Time
	}{
		{"both", day(1), day(2), day(1), day(2)},
		{"undated", never, never, second, second},
		{"first only", day(3), never, day(3), day(3)},
		{"last only", never, day(3), day(3), day(3)},
		{"the wrong way round", day(5), day(2), day(2), day(5)},
		{"parts of a second", now, now.Add(time.Second), second, second.Add(time.Second)},
	} {
		r := store.NewRecord(store.Feed{Name: "f"}, said(c.first, c.last), now)
		if !r.FirstSeen.Equal(c.wantFirst) || !r.LastSeen.Equal(c.wantLast) ||
			r.FirstSeen.Location() != time.UTC || r.LastSeen.Location() != time.UTC {
			t.Errorf("%s: got %v to %v, want %v to %v", c.name, r.FirstSeen, r.LastSeen, c.wantFirst, c.wantLast)
		}
	}
}

func TestNewRecord(t *testing.T) {
	t.Parallel()
	feed := store.Feed{Name: "f", Category: store.News}
	article := &store.Article{ID: store.ArticleID("f", "x"), Title: "T", URL: "https://reports.example/x", GUID: "g"}
	got := store.NewRecord(feed, store.Observation{
		Indicator: ioc.Indicator{Type: ioc.IPv4, Value: "192.0.2.1", Key: "192.0.2.1", Port: 8080}, Article: article,
		Confidence: ioc.Low, TLP: ioc.Red, Origin: store.OriginArticle, FirstSeen: day(1), LastSeen: day(2), Context: "c",
		Tags: []string{"b", "a", "b"}, Families: []string{"z", "a"}, Techniques: []string{"T2", "T1"},
		Industries: []string{"energy", "dams", "dams"}, Ports: []uint16{443, 80, 8080},
		Warnings: []store.Warning{{List: "l", Reason: "r"}, {List: "k"}, {List: "l", Reason: "r"}},
		Evidence: store.EvidenceDefanged, ValidUntil: day(20),
	}, day(9))
	want := store.Record{
		ID: store.RecordID("f", article.ID, ioc.IPv4, "192.0.2.1"), Type: ioc.IPv4, Value: "192.0.2.1", Key: "192.0.2.1",
		Confidence: ioc.Low, Origin: store.OriginArticle, Feed: feed,
		Article:   &store.ArticleRef{ID: article.ID, Title: "T", URL: "https://reports.example/x"},
		FirstSeen: day(1), LastSeen: day(2), Context: "c",
		Tags: []string{"a", "b", "z"}, Families: []string{"a", "z"}, Techniques: []string{"T1", "T2"},
		Industries: []string{"dams", "energy"}, Ports: []uint16{80, 443, 8080}, TLP: ioc.Red,
		Warnings: []store.Warning{{List: "k"}, {List: "l", Reason: "r"}},
		Evidence: store.EvidenceDefanged, ValidUntil: day(20), ValidSaid: day(2),
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("record (-got +want):\n%s", diff)
	}
	least := store.NewRecord(feed, store.Observation{Indicator: domain("a.example")}, day(9))
	if least.Confidence != ioc.Medium || least.TLP != ioc.Clear || least.Article != nil ||
		least.ID != store.RecordID("f", uuid.Nil, ioc.Domain, "a.example") {
		t.Errorf("record of the least there is: %+v", least)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	base := store.NewRecord(store.Feed{Name: "f"}, said(day(10), day(12)), day(30))
	with := func(change func(*store.Observation)) store.Observation {
		o := said(day(10), day(12))
		change(&o)
		return o
	}
	for _, c := range []struct {
		name string
		o    store.Observation
		want func(*store.Record) // nil: nothing changes
	}{
		{"the same", said(day(10), day(12)), nil},
		{"undated", said(time.Time{}, time.Time{}), nil},
		{"within", said(day(11), day(11)), nil},
		{"parts of a second", said(day(10), day(12).Add(time.Second-1)), nil},
		{"earlier", said(day(3), day(11)), func(r *store.Record) { r.FirstSeen = day(3) }},
		{"later", said(day(11), day(20)), func(r *store.Record) { r.LastSeen = day(20) }},
		{"later, first only", said(day(20), time.Time{}), func(r *store.Record) { r.LastSeen = day(20) }},
		{"earlier, last only", said(time.Time{}, day(3)), func(r *store.Record) { r.FirstSeen = day(3) }},
		{"surer, undated", func() store.Observation {
			o := said(time.Time{}, time.Time{})
			o.Confidence = ioc.High
			return o
		}(), nil},
		{"wider", said(day(1), day(20)), func(r *store.Record) { r.FirstSeen, r.LastSeen = day(1), day(20) }},
		{"surer, equally late", with(func(o *store.Observation) { o.Confidence = ioc.High }),
			func(r *store.Record) { r.Confidence = ioc.High }},
		{"less sure, equally late", with(func(o *store.Observation) { o.Confidence = ioc.Low }), nil},
		{"less sure, later", with(func(o *store.Observation) { o.Confidence, o.LastSeen = ioc.Low, day(13) }),
			func(r *store.Record) { r.Confidence, r.LastSeen = ioc.Low, day(13) }},
		{"surer, earlier", with(func(o *store.Observation) { o.Confidence, o.LastSeen = ioc.High, day(11) }), nil},
		{"no confidence, later", with(func(o *store.Observation) { o.Confidence, o.LastSeen = 0, day(13) }),
			func(r *store.Record) { r.LastSeen = day(13) }},
		{"stricter", with(func(o *store.Observation) { o.TLP = ioc.Amber }), func(r *store.Record) { r.TLP = ioc.Amber }},
		{"no marking", with(func(o *store.Observation) { o.TLP = 0 }), nil},
		{"context", with(func(o *store.Observation) { o.Context = "c" }), func(r *store.Record) { r.Context = "c" }},
		{"a port", with(func(o *store.Observation) { o.Indicator.Port = 80 }), func(r *store.Record) { r.Ports = []uint16{80} }},
		{"a family is a tag", with(func(o *store.Observation) { o.Families = []string{"x"} }),
			func(r *store.Record) { r.Tags, r.Families = []string{"x"}, []string{"x"} }},
		{"a tag is no family", with(func(o *store.Observation) { o.Tags = []string{"x"} }),
			func(r *store.Record) { r.Tags = []string{"x"} }},
		{"a technique", with(func(o *store.Observation) { o.Techniques = []string{"T1"} }),
			func(r *store.Record) { r.Techniques = []string{"T1"} }},
		{"an industry", with(func(o *store.Observation) { o.Industries = []string{"dams"} }),
			func(r *store.Record) { r.Industries = []string{"dams"} }},
		{"a warning", with(func(o *store.Observation) { o.Warnings = []store.Warning{{List: "l"}} }),
			func(r *store.Record) { r.Warnings = []store.Warning{{List: "l"}} }},
		{"evidence", with(func(o *store.Observation) { o.Evidence = store.EvidenceListed }),
			func(r *store.Record) { r.Evidence = store.EvidenceListed }},
		{"an end", with(func(o *store.Observation) { o.ValidUntil = day(20).Add(1) }),
			func(r *store.Record) { r.ValidUntil, r.ValidSaid = day(20), day(12) }},
		{"an end, undated", func() store.Observation {
			o := said(time.Time{}, time.Time{})
			o.ValidUntil = day(20)
			return o
		}(), func(r *store.Record) { r.ValidUntil = day(20) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := base
			if c.want != nil {
				c.want(&want)
			}
			got, changed := store.Merge(base, c.o)
			if diff := cmp.Diff(got, want); diff != "" || changed != (c.want != nil) {
				t.Errorf("changed %v (-got +want):\n%s", changed, diff)
			}
			if again, changed := store.Merge(got, c.o); changed {
				t.Errorf("saying it again changes (-got +want):\n%s", cmp.Diff(again, got))
			}
		})
	}
}

// TestMergeValidity: the latest dated statement decides, an undated one only
// among its like, whatever came in between.
func TestMergeValidity(t *testing.T) {
	t.Parallel()
	until := func(said, end int) store.Observation {
		o := store.Observation{Indicator: domain("a.example")}
		if said > 0 {
			o.FirstSeen, o.LastSeen = day(1), day(said)
		}
		if end > 0 {
			o.ValidUntil = day(end)
		}
		return o
	}
	for _, c := range []struct {
		name string
		said []store.Observation
		want int // 0: none
	}{
		{"none", []store.Observation{until(1, 0), until(2, 0)}, 0},
		{"the later one, shorter", []store.Observation{until(1, 25), until(2, 20)}, 20},
		{"the later one, longer", []store.Observation{until(1, 20), until(2, 25)}, 25},
		{"the later one, read first", []store.Observation{until(2, 20), until(1, 25)}, 20},
		{"equally late: the longer", []store.Observation{until(2, 20), until(2, 25), until(2, 21)}, 25},
		{"silence ends nothing", []store.Observation{until(1, 20), until(9, 0)}, 20},
		{"silence in between", []store.Observation{until(1, 25), until(9, 0), until(5, 20)}, 20},
		{"undated: the longer", []store.Observation{until(0, 20), until(0, 25), until(0, 21)}, 25},
		{"dated beats undated", []store.Observation{until(0, 25), until(1, 20), until(0, 26)}, 20},
	} {
		r := read(c.said)
		want := time.Time{}
		if c.want > 0 {
			want = day(c.want)
		}
		if !r.ValidUntil.Equal(want) {
			t.Errorf("%s: valid until %v, want %v", c.name, r.ValidUntil, want)
		}
	}
}

// TestMergeOrder reads sets of dated statements in several orders, and then
// again: the record is the same, and reading again changes nothing.
func TestMergeOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		set := make([]store.Observation, 1+rng.IntN(6))
		for i := range set {
			set[i] = statement(rng)
		}
		want := read(set)
		for range 4 {
			rng.Shuffle(len(set), func(i, j int) { set[i], set[j] = set[j], set[i] })
			got := read(set)
			if diff := cmp.Diff(got, want); diff != "" {
				t.Fatalf("another order makes another record (-got +want):\n%s\nsaid %+v", diff, set)
			}
			for _, o := range set {
				if again, changed := store.Merge(got, o); changed {
					t.Fatalf("reading again changes the record (-got +want):\n%s\nsaid %+v", cmp.Diff(again, got), set)
				}
			}
		}
	}
}

// TestReadingAgain reads sets in which some statements are undated or have one
// date only, and then again in the same order: nothing changes.
func TestReadingAgain(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		set := make([]store.Observation, 1+rng.IntN(6))
		for i := range set {
			set[i] = statement(rng)
			if rng.IntN(2) == 0 {
				set[i].FirstSeen = time.Time{}
			}
			if rng.IntN(2) == 0 {
				set[i].LastSeen = time.Time{}
			}
		}
		got := read(set)
		for _, o := range set {
			if again, changed := store.Merge(got, o); changed {
				t.Fatalf("reading again changes the record (-got +want):\n%s\nsaid %+v", cmp.Diff(again, got), set)
			}
		}
	}
}

func read(set []store.Observation) store.Record {
	r := store.NewRecord(store.Feed{Name: "f"}, set[0], day(30))
	for _, o := range set[1:] {
		r, _ = store.Merge(r, o)
	}
	return r
}

// statement is dated on both sides and has one context: what came first, and
// when undated input was read, are what a record keeps of the order.
func statement(rng *rand.Rand) store.Observation {
	words := func() []string { return []string{"a", "b", "c", "d"}[rng.IntN(4):] }
	first := 1 + rng.IntN(6)
	o := said(day(first), day(first+rng.IntN(4)))
	o.Confidence, o.TLP = ioc.Low+ioc.Confidence(rng.IntN(3)), ioc.TLP(rng.IntN(6))
	o.Tags, o.Families, o.Techniques, o.Industries = words(), words(), words(), words()
	o.Ports = []uint16{uint16(1 + rng.IntN(4))}
	o.Evidence = store.Evidence(rng.IntN(8))
	if rng.IntN(2) == 0 {
		o.ValidUntil = day(10 + rng.IntN(5))
	}
	if rng.IntN(3) == 0 {
		o.Warnings = []store.Warning{{List: words()[0], Reason: "r"}}
	}
	return o
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	for may := ioc.TLP(0); may <= ioc.Red; may++ {
		for marked := ioc.TLP(0); marked <= ioc.Red; marked++ {
			want := marked <= may || marked <= ioc.Clear
			if got := (store.Visibility{MaxTLP: may}).Sees(marked); got != want {
				t.Errorf("who may see %s sees %s: got %v, want %v", may, marked, got, want)
			}
		}
	}
}

func TestArticleIDs(t *testing.T) {
	t.Parallel()
	ref := func(name string) *store.ArticleRef { return &store.ArticleRef{ID: store.ArticleID("f", name)} }
	q := store.RelatedQuery{Matches: []store.Record{
		{Article: ref("b")}, {}, {Article: ref("a")}, {Article: ref("b")}, {Article: ref("c")},
	}}
	want := []uuid.UUID{ref("b").ID, ref("a").ID, ref("c").ID}
	if diff := cmp.Diff(q.ArticleIDs(), want); diff != "" {
		t.Errorf("articles (-got +want):\n%s", diff)
	}
}
