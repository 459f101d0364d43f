package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func writeCases() []testCase {
	return []testCase{
		{"empty store", writeEmpty},
		{"empty batch", writeEmptyBatch},
		{"all fields come back", writeAllFields},
		{"least there is", writeLeast},
		{"ids are reproducible", writeIDs},
		{"new, updated, unchanged, merged", writeCounts},
		{"reading twice changes nothing", writeTwice},
		{"repeating a batch changes nothing", writeRepeat},
		{"same value in three articles", writeThreeArticles},
		{"same value from two feeds", writeTwoFeeds},
		{"urls that differ in path case", writePathCase},
		{"an existing feed keeps its category", writeFeedCategory},
		{"articles", writeArticles},
		{"seq grows with every change", writeSeq},
		{"a generated set", writeGenerated},
		{"unfinished run", writeUnfinished},
	}
}

func writeEmpty(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.verify()
	same(t, "Seq of an empty store", w.seq(), 0)
	same(t, "exact", w.find(ioc.IPv4, "192.0.2.1"), nil)
	same(t, "contains", w.contains(holding("192")).Total, 0)
	unknown := uuid.Must(uuid.NewV7())
	w.view(func(s store.Snapshot) {
		_, err := s.Record(w.ctx, unknown)
		is(t, "Record", err, store.ErrNotFound)
		_, err = s.Article(w.ctx, unknown)
		is(t, "Article", err, store.ErrNotFound)
		_, err = s.Sightings(w.ctx, unknown)
		is(t, "Sightings", err, store.ErrNotFound)
		feeds, err := s.Feeds(w.ctx)
		must(t, err)
		same(t, "Feeds", feeds, nil)
		rel, err := s.Related(w.ctx, store.RelatedQuery{Limit: 10, Visibility: everything()})
		must(t, err)
		same(t, "Related", rel, nil)
		l, err := s.List(w.ctx, store.Filter{Visibility: everything()}, store.Page{Limit: 10})
		must(t, err)
		same(t, "List", l, store.List{})
	})
	is(t, "DeleteRecord", w.st.DeleteRecord(w.ctx, unknown), store.ErrNotFound)
	must(t, w.st.Reindex(w.ctx))
}

func writeEmptyBatch(t *testing.T, open Open) {
	w := newWorld(t, open)
	same(t, "outcome", w.say(feedNamed("f")), store.Outcome{})
	same(t, "seq", w.seq(), 0)
	w.verify()
}

// full is an observation with every field set.
func full() store.Observation {
	return store.Observation{
		Indicator: ioc.Indicator{
			Type: ioc.URL, Value: "http://a.example:8080/Gate.php?q=%41", Key: "http://a.example:8080/gate.php?q=%41",
		},
		Article:    article(feedNamed("full"), "https://reports.example/full"),
		Confidence: ioc.High, TLP: ioc.Amber, Origin: store.OriginArticle,
		FirstSeen: time.Date(2025, 5, 15, 8, 21, 30, 987654321, time.FixedZone("", 7200)),
		LastSeen:  time.Date(2025, 5, 16, 18, 42, 11, 1, time.FixedZone("", -3600)),
		Context:   "it said \"a\"\n\tand 'b' — ünïcødé \U0001f9a0",
		Tags:      []string{"c2", "b;c", "c2", "a,b"}, Families: []string{"tinfox", "grey heron"},
		Techniques: []string{"T1105", "T1071"}, Industries: []string{"energy", "dams"},
		Ports:    []uint16{8080, 443, 65535, 443},
		Warnings: []store.Warning{{List: "a", Reason: "one"}, {List: "b", Reason: "two, or 'three'"}},
		Evidence: store.EvidenceDefanged | store.EvidenceDeclared, ValidUntil: time.Date(2025, 6, 30, 0, 0, 0, 0, time.UTC),
	}
}

func writeAllFields(t *testing.T, open Open) {
	w := newWorld(t, open)
	o := full()
	w.say(feedNamed("full"), o)
	r := w.verify()[0]
	same(t, "FirstSeen", r.FirstSeen, time.Date(2025, 5, 15, 6, 21, 30, 0, time.UTC))
	same(t, "LastSeen", r.LastSeen, time.Date(2025, 5, 16, 19, 42, 11, 0, time.UTC))
	same(t, "Tags", r.Tags, []string{"a,b", "b;c", "c2", "grey heron", "tinfox"})
	same(t, "Families", r.Families, []string{"grey heron", "tinfox"})
	same(t, "Ports", r.Ports, []uint16{443, 8080, 65535})
	same(t, "Context", r.Context, o.Context)
	same(t, "Evidence", r.Evidence, store.EvidenceDefanged|store.EvidenceDeclared)
	same(t, "ValidUntil", []time.Time{r.ValidUntil, r.ValidSaid}, []time.Time{o.ValidUntil, r.LastSeen})
	same(t, "Article", r.Article, &store.ArticleRef{ID: o.Article.ID, Title: o.Article.Title, URL: o.Article.URL})
	w.view(func(s store.Snapshot) {
		again, err := s.Record(w.ctx, r.ID)
		must(t, err)
		same(t, "Record", again, r)
		seen, err := s.Sightings(w.ctx, r.ID)
		must(t, err)
		same(t, "number of sightings", len(seen), 1)
		g := seen[0]
		if g.Run == uuid.Nil || g.SeenAt.IsZero() {
			t.Fatalf("sighting without run or time: %+v", g)
		}
		same(t, "what else was said", []any{g.Evidence, g.ValidUntil, g.Families, g.Techniques, g.Industries, g.Ports, g.Seq},
			[]any{o.Evidence, r.ValidUntil, r.Families, r.Techniques, r.Industries, r.Ports, r.Seq})
		same(t, "sighting", []any{g.Confidence, g.TLP, g.Context, g.FirstSeen.UTC(), g.LastSeen.UTC()},
			[]any{o.Confidence, o.TLP, o.Context, r.FirstSeen, r.LastSeen})
	})
	same(t, "exact", w.find(r.Type, r.Key), []store.Record{r})
	same(t, "contains", w.contains(holding("gate.php")).Records, []store.Record{r})
}

func writeLeast(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), store.Observation{Indicator: indicator(ioc.IPv4, "192.0.2.1"), Origin: store.OriginFeed})
	r := w.verify()[0]
	same(t, "Article", r.Article, nil)
	same(t, "Confidence", r.Confidence, ioc.Medium)
	same(t, "TLP", r.TLP, ioc.Clear)
	same(t, "dates", []time.Time{r.FirstSeen, r.LastSeen}, []time.Time{runNow(1), runNow(1)})
	w.view(func(s store.Snapshot) {
		seen, err := s.Sightings(w.ctx, r.ID)
		must(t, err)
		if len(seen) != 1 || !seen[0].FirstSeen.IsZero() || !seen[0].LastSeen.IsZero() {
			t.Fatalf("got sightings %+v, want one without dates", seen)
		}
	})
}

func writeIDs(t *testing.T, open Open) {
	feed := feedNamed("f")
	a, b := newWorld(t, open), newWorld(t, open)
	set := generate(feed, 60, 7)
	a.run(feed, set)
	reversed := make([]store.Observation, 0, len(set))
	for i := range set {
		reversed = append(reversed, set[len(set)-1-i])
	}
	b.run(feed, batches(reversed, 7)...)
	inA := map[uuid.UUID]bool{}
	for _, r := range a.verify() {
		inA[r.ID] = true
		art := uuid.Nil
		if r.Article != nil {
			art = r.Article.ID
		}
		same(t, "id", r.ID, store.RecordID("f", art, r.Type, r.Value))
	}
	for _, r := range b.verify() {
		if !inA[r.ID] {
			t.Fatalf("record %s of %q is only in one of two stores of the same input", r.ID, r.Value)
		}
	}
}

// dated is a domain as reported on a day of January 2025.
func dated(name string, day int) store.Observation {
	at := time.Date(2025, 1, day, 0, 0, 0, 0, time.UTC)
	return store.Observation{
		Indicator: indicator(ioc.Domain, name), Confidence: ioc.Medium, TLP: ioc.Clear, Origin: store.OriginFeed,
		FirstSeen: at, LastSeen: at,
	}
}

func tagged(o store.Observation, tags ...string) store.Observation {
	o.Tags = tags
	return o
}

func writeCounts(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	a, b, c := dated("a.example", 1), dated("b.example", 1), dated("c.example", 1)

	p := w.start(feed)
	same(t, "within a batch", p.write(a, a, tagged(a, "x"), b), store.Outcome{New: 2, Merged: 2})
	same(t, "across batches", p.write(a, tagged(b, "y"), c), store.Outcome{New: 1, Merged: 2})
	p.finish()

	p = w.start(feed)
	same(t, "next run", p.write(a, tagged(b, "z"), tagged(c, "z"), tagged(c, "z")),
		store.Outcome{Unchanged: 1, Updated: 2, Merged: 1})
	same(t, "said before in this run", p.write(a, tagged(a, "more"), b), store.Outcome{Merged: 3})
	p.finish()
	all := w.verify()
	same(t, "tags of a", all[0].Tags, []string{"more", "x"})
	same(t, "tags of b", all[1].Tags, []string{"y", "z"})
	same(t, "another feed", w.say(feedNamed("g"), a), store.Outcome{New: 1})
	w.verify()
}

func writeTwice(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	set := generate(feed, 400, 11)
	first := w.run(feed, batches(set, 150)...)
	before, seq, counts := w.verify(), w.seq(), w.counts()
	for _, size := range []int{400, 33} {
		again := w.run(feed, batches(set, size)...)
		same(t, "outcome of reading again", again, store.Outcome{Unchanged: first.New, Merged: first.Merged})
		same(t, "seq", w.seq(), seq)
		same(t, "counts", w.counts(), counts)
		sameRecords(t, "records", w.verify(), before)
	}
}

func (w *world) counts() store.Counts {
	w.t.Helper()
	var c store.Counts
	w.view(func(s store.Snapshot) {
		var err error
		c, err = s.Counts(w.ctx)
		must(w.t, err)
	})
	return c
}

func writeRepeat(t *testing.T, open Open) {
	w := newWorld(t, open)
	p := w.start(feedNamed("f"))
	set := generate(feedNamed("f"), 50, 3)
	p.write(set...)
	before, seq, counts := w.verify(), w.seq(), w.counts()
	same(t, "repeated", p.write(set...), store.Outcome{Merged: 50})
	same(t, "seq", w.seq(), seq)
	same(t, "counts", w.counts(), counts)
	sameRecords(t, "records", w.verify(), before)
	p.finish()
}

func writeThreeArticles(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	var set []store.Observation
	for i := range 3 {
		o := dated("a.example", 1+i)
		o.Origin, o.Article = store.OriginArticle, article(feed, fmt.Sprintf("https://reports.example/%d", i))
		set = append(set, o)
	}
	same(t, "outcome", w.say(feed, set...), store.Outcome{New: 3})
	same(t, "and without an article", w.say(feed, dated("a.example", 9)), store.Outcome{New: 1})
	w.verify()
	same(t, "found", len(w.find(ioc.Domain, "a.example")), 4)
}

func writeTwoFeeds(t *testing.T, open Open) {
	w := newWorld(t, open)
	same(t, "one", w.say(feedNamed("one"), dated("a.example", 1)), store.Outcome{New: 1})
	same(t, "two", w.say(feedNamed("two"), dated("a.example", 2)), store.Outcome{New: 1})
	w.verify()
	got := w.find(ioc.Domain, "a.example")
	same(t, "feeds", []string{got[0].Feed.Name, got[1].Feed.Name}, []string{"two", "one"})
}

func writePathCase(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	var set []store.Observation
	for _, v := range []string{"http://a.example/Up", "http://a.example/up", "http://a.example/UP"} {
		o := dated("a.example", 1)
		o.Indicator = indicator(ioc.URL, v)
		set = append(set, o)
	}
	same(t, "outcome", w.say(feed, set...), store.Outcome{New: 3})
	w.verify()
	same(t, "exact", len(w.find(ioc.URL, "http://a.example/up")), 3)
	same(t, "contains", w.contains(holding("le/up")).Total, 3)
}

func writeFeedCategory(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(store.Feed{Name: "b", Category: store.News}, dated("a.example", 1))
	w.say(store.Feed{Name: "b", Category: store.Government}, dated("b.example", 1))
	w.say(store.Feed{Name: "a", Category: store.Vendor})
	for _, r := range w.verify() {
		same(t, "category", r.Feed, store.Feed{Name: "b", Category: store.News})
	}
	w.view(func(s store.Snapshot) {
		feeds, err := s.Feeds(w.ctx)
		must(t, err)
		same(t, "Feeds", feeds, []store.Feed{{Name: "a", Category: store.Vendor}, {Name: "b", Category: store.News}})
	})
}

func writeArticles(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := store.Feed{Name: "f", Category: store.Research}
	a := &store.Article{
		ID: store.ArticleID("f", "https://reports.example/1"), Feed: feed, Title: "T \"1\"", URL: "https://reports.example/1",
		OtherURLs: []string{"https://reports.example/z", "https://reports.example/b"},
		Digest:    "00ff", Publisher: "P", Summary: "S\nS", Category: "research", Tags: []string{"a", "b"}, Actors: []string{"APT28"}, Severity: 45, TLP: ioc.Green,
		Published: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC), Modified: time.Date(2025, 1, 3, 3, 4, 5, 0, time.UTC),
		Fetched: time.Date(2025, 1, 4, 3, 4, 5, 0, time.UTC),
	}
	bare := &store.Article{ID: store.ArticleID("f", "guid-1"), Feed: feed, Title: "bare", GUID: "guid-1", Fetched: a.Fetched}
	one, two := dated("a.example", 1), dated("b.example", 1)
	one.Article, two.Article = a, bare
	w.say(feed, one, two)
	for _, want := range []*store.Article{a, bare} {
		w.view(func(s store.Snapshot) {
			got, err := s.Article(w.ctx, want.ID)
			must(t, err)
			same(t, "Article", got, *want)
		})
	}
	w.verify()
	same(t, "title in the record", w.one(ioc.Domain, "b.example").Article.Title, "bare")

	// A new title may be taken or left, but not without saying so, and not by
	// halves.
	renamed := *a
	renamed.Title, renamed.Fetched = "T2", a.Fetched.Add(time.Hour)
	one.Article = &renamed
	seq := w.seq()
	r, err := w.st.StartRun(w.ctx, store.RunSpec{Feed: feed, Now: runNow(9)})
	must(t, err)
	_, err = r.Write(w.ctx, []store.Observation{one})
	must(t, err)
	w.view(func(s store.Snapshot) {
		got, err := s.Article(w.ctx, a.ID)
		must(t, err)
		if s.Seq() == seq {
			same(t, "article at the same Seq", got, *a)
		}
		rec, err := s.Exact(w.ctx, store.ExactQuery{
			Keys: []store.TypedKey{{Type: ioc.Domain, Key: "a.example"}}, Window: store.Window{Limit: 1},
		})
		must(t, err)
		same(t, "title in the record", *rec.Records[0].Article, got.Ref())
	})
}

func writeSeq(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	step := func(what string, moves bool, do func()) {
		t.Helper()
		before, old := w.seq(), readAll(t, w.ctx, w.st)
		do()
		after := w.seq()
		if moves != (after > before) || after < before {
			t.Fatalf("%s: Seq went from %d to %d", what, before, after)
		}
		for id, r := range readAll(t, w.ctx, w.st) {
			if was, ok := old[id]; ok && r.Seq == was.Seq {
				sameRecords(t, what+": record of the same Seq", []store.Record{r}, []store.Record{was})
			} else if r.Seq <= before || r.Seq > after {
				t.Fatalf("%s: changed record has Seq %d, want (%d, %d]", what, r.Seq, before, after)
			} else if ok && r.UpdatedAt.Before(was.UpdatedAt) {
				t.Fatalf("%s: UpdatedAt went back", what)
			}
		}
	}
	a, b := dated("a.example", 1), dated("b.example", 1)
	step("two new", true, func() { w.say(feed, a, b) })
	step("no-op", false, func() { w.say(feed, a, b) })
	step("update of one", true, func() { w.say(feed, a, tagged(b, "x")) })
	step("new feed without records", false, func() { w.say(feedNamed("g")) })
	step("delete", true, func() { w.remove(w.one(ioc.Domain, "a.example").ID) })
	step("failed delete", false, func() {
		is(t, "DeleteRecord", w.st.DeleteRecord(w.ctx, uuid.Must(uuid.NewV7())), store.ErrNotFound)
	})
	step("made again", true, func() { w.say(feed, a) })
	step("reindex", false, func() { must(t, w.st.Reindex(w.ctx)) })
	w.verify()
}

func writeGenerated(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(Generate(1000, 1), 170)...)
	w.run(feedNamed("other"), generate(feedNamed("other"), 500, 2))
	w.run(GeneratedFeed(), Generate(1200, 1))
	for _, r := range w.verify() {
		found := false
		for _, hit := range w.find(r.Type, r.Key) {
			found = found || hit.ID == r.ID
		}
		if !found && len(w.find(r.Type, r.Key)) < 100 {
			t.Fatalf("%s %q is in the list and not found exactly", r.Type, r.Key)
		}
	}
}

func writeUnfinished(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.start(feedNamed("f")).write(dated("a.example", 1))
	w.verify()
	same(t, "contains", w.contains(holding("a.ex")).Total, 1)
	same(t, "next run", w.say(feedNamed("f"), dated("a.example", 1)), store.Outcome{Unchanged: 1})
	w.verify()
}
