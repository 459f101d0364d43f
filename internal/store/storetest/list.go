package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func listCases() []testCase {
	return []testCase{
		{"order", listOrder},
		{"every filter alone and combined", listFilters},
		{"since and until are half-open", listTimes},
		{"without warned", listWarned},
		{"settled while a run writes", listSettled},
		{"offsets", listOffsets},
		{"marking", listMarking},
		{"marking, after a look-up in the same view", listAfterExact},
		{"article", listArticle},
		{"words are whole words", listWords},
	}
}

func (w *world) list(f store.Filter, p store.Page) store.List {
	w.t.Helper()
	var l store.List
	w.view(func(s store.Snapshot) {
		var err error
		l, err = s.List(w.ctx, f, p)
		must(w.t, err)
	})
	return l
}

// listSettled: whoever lists what changed since a view's settled time misses
// nothing that a run was about to write.
func listSettled(t *testing.T, open Open) {
	w := newWorld(t, open)
	settled := func() (at time.Time) {
		w.view(func(s store.Snapshot) {
			var err error
			at, err = s.Settled(w.ctx)
			must(t, err)
		})
		return at
	}
	same(t, "settled in an empty store", settled().IsZero(), true)
	p, idle := w.start(feedNamed("f")), w.start(feedNamed("idle"))
	same(t, "settled once a run is open", settled().IsZero(), true)
	p.write(dated("c.example", 1))
	before := settled()
	same(t, "settled once it has written", before.IsZero(), false)
	p.write(dated("a.example", 1))
	since := settled()
	p.write(dated("b.example", 1))
	for at, want := range map[time.Time]int{before: 2, since: 1} {
		f := unfiltered()
		f.Since = at
		if l := w.list(f, store.Page{Limit: 10}); l.Total < want || l.Records[0].Value != "b.example" {
			t.Errorf("since %s: %d records, want %d at least, the last one first", at, l.Total, want)
		}
	}
	p.finish()
	same(t, "settled once it is finished", settled().IsZero(), true)
	idle.finish()
}

// unfiltered is the filter of the caller who may see all.
func unfiltered() store.Filter { return store.Filter{Visibility: everything()} }

func listOrder(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.say(feed, dated("a.example", 1), dated("b.example", 9))
	w.say(feed, dated("c.example", 5))
	w.say(feed, tagged(dated("a.example", 1), "news"))
	w.verify()
	l := w.list(unfiltered(), store.Page{Limit: 10})
	same(t, "first", l.Records[0].Value, "a.example")
	same(t, "second", l.Records[1].Value, "c.example")
	same(t, "third", l.Records[2].Value, "b.example")
	same(t, "rest", []any{l.Total, l.LowerBound, l.Next == nil}, []any{3, false, true})
}

// narrowings is each filter by itself.
func narrowings(all []store.Record) []func(*store.Filter) {
	some := uuid.Nil
	for _, r := range all {
		if r.Article != nil {
			some = r.Article.ID
		}
	}
	return []func(*store.Filter){
		func(f *store.Filter) { f.Types = []ioc.Type{ioc.Domain} },
		func(f *store.Filter) { f.Types = []ioc.Type{ioc.CVE, ioc.URL, ioc.MD5} },
		func(f *store.Filter) { f.Categories = []store.Category{store.News} },
		func(f *store.Filter) { f.Categories = []store.Category{store.News, store.ThreatIntel} },
		func(f *store.Filter) { f.Confidences = []ioc.Confidence{ioc.Low} },
		func(f *store.Filter) { f.Confidences = []ioc.Confidence{ioc.High, ioc.Medium} },
		func(f *store.Filter) { f.Industries = []string{"energy"} },
		func(f *store.Filter) { f.Industries = []string{"dams", "communications", "nuclear"} },
		func(f *store.Filter) { f.Tags = []string{"c2"} },
		func(f *store.Filter) { f.Tags = []string{"loader", "tinfox", "unheard-of"} },
		func(f *store.Filter) { f.Feeds = []string{"news"} },
		func(f *store.Filter) { f.Feeds = []string{"Generated", "nobody"} },
		func(f *store.Filter) { f.Feeds = []string{"nobody"} },
		func(f *store.Filter) { f.Origins = []store.Origin{store.OriginFeed} },
		func(f *store.Filter) { f.Origins = store.Origins() },
		func(f *store.Filter) { f.Techniques = []string{"T1566.002"} },
		func(f *store.Filter) { f.Techniques = []string{"T1071", "T1027"} },
		func(f *store.Filter) { f.Article = some },
		func(f *store.Filter) { f.WithoutWarned = true },
		func(f *store.Filter) { f.Since = all[len(all)/3].UpdatedAt },
		func(f *store.Filter) { f.Until = all[2*len(all)/3].UpdatedAt },
		func(f *store.Filter) { f.MaxTLP = ioc.Clear },
		func(f *store.Filter) { f.MaxTLP = ioc.Amber },
	}
}

func listFilters(t *testing.T, open Open) {
	w := newWorld(t, open)
	news := store.Feed{Name: "news", Category: store.News}
	w.run(GeneratedFeed(), batches(Generate(700, 41), 60)...)
	w.run(news, batches(generate(news, 300, 42), 60)...)
	w.run(GeneratedFeed(), Generate(800, 41))
	all, seq := w.verify(), w.seq()
	narrow := narrowings(all)
	check := func(what string, f store.Filter) {
		t.Helper()
		for _, p := range []store.Page{{Limit: 50}, {Limit: 7, Offset: 5}} {
			sameList(t, fmt.Sprintf("%s %+v %+v", what, f, p), w.list(f, p), oracleList(all, f, p, seq))
		}
	}
	check("none", unfiltered())
	for i, n := range narrow {
		f := unfiltered()
		n(&f)
		check(fmt.Sprint("alone, ", i), f)
	}
	rng := seeded(41)
	for i := range 150 {
		f := unfiltered()
		for range 2 + rng.IntN(3) {
			narrow[rng.IntN(len(narrow))](&f)
		}
		check(fmt.Sprint("combined, ", i), f)
	}
}

func listTimes(t *testing.T, open Open) {
	w := newWorld(t, open)
	for i := range 6 {
		w.say(feedNamed("f"), dated(fmt.Sprintf("a%d.example", i), 1), dated(fmt.Sprintf("b%d.example", i), 1))
	}
	all, seq := w.verify(), w.seq()
	first, mid, last := all[0].UpdatedAt, all[6].UpdatedAt, all[11].UpdatedAt
	if !first.Before(mid) || !mid.Before(last) {
		t.Fatal("the store's clock does not move between batches: open it with storetest.Clock")
	}
	for i, f := range []store.Filter{
		{Since: mid}, {Until: mid}, {Since: mid, Until: mid}, {Since: mid, Until: mid.Add(time.Second)},
		{Since: first}, {Until: first}, {Since: last}, {Until: last}, {Since: last.Add(time.Second)},
		{Since: mid.Add(-time.Second), Until: last}, {Since: last, Until: first}, {Since: mid.Add(time.Nanosecond)},
		{Until: mid.Add(time.Nanosecond)}, {Since: mid.In(time.FixedZone("", 3600))},
		{Since: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		f.Visibility = everything()
		p := store.Page{Limit: 20}
		sameList(t, fmt.Sprint(i, f.Since, f.Until), w.list(f, p), oracleList(all, f, p, seq))
	}
}

func listWarned(t *testing.T, open Open) {
	w := newWorld(t, open)
	o := dated("warned.example", 1)
	o.Warnings = []store.Warning{{List: "l", Reason: "r"}}
	w.say(feedNamed("f"), o, dated("clean.example", 1))
	w.verify()
	f := unfiltered()
	same(t, "with", w.list(f, store.Page{Limit: 9}).Total, 2)
	f.WithoutWarned = true
	l := w.list(f, store.Page{Limit: 9})
	same(t, "without", []any{l.Total, l.Records[0].Value}, []any{1, "clean.example"})
	later := dated("clean.example", 1)
	later.Warnings = o.Warnings
	w.say(feedNamed("f"), later)
	w.verify()
	same(t, "warned later", w.list(f, store.Page{Limit: 9}).Total, 0)
}

func listOffsets(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(Generate(230, 43), 60)...)
	all, seq := w.verify(), w.seq()
	f := unfiltered()
	f.Types = []ioc.Type{ioc.Domain, ioc.URL, ioc.IPv4}
	whole := w.list(f, store.Page{Limit: 1000})
	var parts []store.Record
	for p := (store.Page{Limit: 17}); p.Offset < whole.Total; p.Offset += p.Limit {
		l := w.list(f, p)
		sameList(t, fmt.Sprint("offset ", p.Offset), l, oracleList(all, f, p, seq))
		parts = append(parts, l.Records...)
	}
	sameRecords(t, "pages together", parts, whole.Records)
	for _, p := range []store.Page{
		{Limit: 5, Offset: whole.Total - 5}, {Limit: 5, Offset: whole.Total - 6}, {Limit: whole.Total},
		{Limit: 5, Offset: whole.Total}, {Limit: 5, Offset: store.Cap}, {Limit: 5, NoTotal: true},
	} {
		sameList(t, fmt.Sprintf("%+v", p), w.list(f, p), oracleList(all, f, p, seq))
	}
}

func listMarking(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), marked()...)
	for may := ioc.TLP(0); may <= ioc.Red; may++ {
		l := w.list(store.Filter{Visibility: store.Visibility{MaxTLP: may}}, store.Page{Limit: 10})
		want := 1 + int(max(may, ioc.Clear))
		same(t, may.String(), []int{l.Total, len(l.Records)}, []int{want, want})
	}
	// A single record says its marking: whoever asked by id decides.
	w.view(func(s store.Snapshot) {
		for _, r := range w.verify() {
			got, err := s.Record(w.ctx, r.ID)
			must(t, err)
			same(t, "marking of a single record", got.TLP, r.TLP)
		}
	})
}

// listAfterExact: what an engine left out of a first question is there for the
// second.
func listAfterExact(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), marked()...)
	clearOnly := store.Visibility{MaxTLP: ioc.Clear}
	all := w.verify()
	w.view(func(s store.Snapshot) {
		for i := range all {
			k := store.TypedKey{Type: all[i].Type, Key: all[i].Key}
			_, err := s.Exact(w.ctx, store.ExactQuery{Keys: []store.TypedKey{k}, Visibility: clearOnly, Window: store.Window{Limit: 1}})
			must(t, err)
		}
		l, err := s.List(w.ctx, store.Filter{Visibility: clearOnly}, store.Page{Limit: 10})
		must(t, err)
		same(t, "clear ones", []int{l.Total, len(l.Records)}, []int{2, 2})
	})
	for i := range all { // each as the first question of a view
		w.view(func(s store.Snapshot) {
			k := store.TypedKey{Type: all[i].Type, Key: all[i].Key}
			_, err := s.Exact(w.ctx, store.ExactQuery{Keys: []store.TypedKey{k}, Visibility: clearOnly, Window: store.Window{Limit: 1}})
			must(t, err)
			l, err := s.List(w.ctx, store.Filter{Visibility: clearOnly}, store.Page{Limit: 10})
			must(t, err)
			same(t, "clear ones", []int{l.Total, len(l.Records)}, []int{2, 2})
		})
	}
}

func listArticle(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), in("1", dated("a.example", 1)), in("2", dated("a.example", 1)), in("1", dated("b.example", 1)),
		dated("c.example", 1))
	all := w.verify()
	f := unfiltered()
	f.Article = all[0].Article.ID
	l := w.list(f, store.Page{Limit: 10})
	same(t, "total", l.Total, 2)
	for _, r := range l.Records {
		same(t, "article", r.Article.ID, f.Article)
	}
	f.Article = uuid.Must(uuid.NewV7())
	same(t, "unknown article", w.list(f, store.Page{Limit: 10}), store.List{})
}

// listWords: a tag is found as it is, not as a part of another, whatever is in
// it.
func listWords(t *testing.T, open Open) {
	w := newWorld(t, open)
	tags := []string{"c2", "c2-server", "C2", "a,b", "a", "b", `"c2"`, "%", "_", "tag with space", "ünï", "a;b", "[\"a\"]"}
	for i, tag := range tags {
		o := tagged(dated(fmt.Sprintf("a%d.example", i), 1), tag)
		o.Techniques, o.Industries = []string{tag}, []string{tag}
		w.say(feedNamed(tag), o)
	}
	w.verify()
	for i, tag := range tags {
		for name, f := range map[string]store.Filter{
			"tag": {Tags: []string{tag}}, "technique": {Techniques: []string{tag}},
			"industry": {Industries: []string{tag}}, "feed": {Feeds: []string{tag}},
		} {
			l := w.list(f, store.Page{Limit: 10})
			if l.Total != 1 || l.Records[0].Value != fmt.Sprintf("a%d.example", i) {
				t.Fatalf("%s %q: got %d records: %q", name, tag, l.Total, values(l.Records))
			}
		}
	}
}
