package storetest

import (
	"fmt"
	"slices"
	"testing"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func relatedCases() []testCase {
	return []testCase{
		{"the same article, in order", relatedArticle},
		{"articles in match order", relatedArticleOrder},
		{"distinct by type and key", relatedDistinct},
		{"never a match", relatedNotMatch},
		{"campaign fills up", relatedCampaign},
		{"no article and no family", relatedNothing},
		{"marking", relatedMarking},
		{"limits", relatedLimits},
		{"against the oracle", relatedOracle},
		{"a family of thousands", relatedBigFamily},
	}
}

func (w *world) related(q store.RelatedQuery) []store.Related {
	w.t.Helper()
	var out []store.Related
	w.view(func(s store.Snapshot) {
		var err error
		out, err = s.Related(w.ctx, q)
		must(w.t, err)
	})
	return out
}

// relatedTo asks for ten of all that belongs to the matches.
func relatedTo(matches ...store.Record) store.RelatedQuery {
	return store.RelatedQuery{Matches: matches, Limit: store.RelatedLimit, Visibility: everything()}
}

func relatedNames(rs []store.Related) []string {
	var out []string
	for _, r := range rs {
		out = append(out, string(r.Relation)+" "+r.Value)
	}
	return out
}

// in puts an observation in an article of feed f.
func in(a string, o store.Observation) store.Observation {
	o.Origin, o.Article = store.OriginArticle, article(feedNamed("f"), "https://reports.example/"+a)
	return o
}

func sure(c ioc.Confidence, o store.Observation) store.Observation {
	o.Confidence = c
	return o
}

func ofFamily(name string, o store.Observation) store.Observation {
	o.Families = []string{name}
	return o
}

func relatedArticle(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"),
		in("1", sure(ioc.Low, dated("low.example", 9))), in("1", dated("medium-old.example", 1)),
		in("1", dated("medium-new.example", 2)), in("1", sure(ioc.High, dated("high.example", 1))),
		in("1", dated("match.example", 3)), in("2", dated("elsewhere.example", 3)), dated("nowhere.example", 3))
	w.verify()
	m := w.one(ioc.Domain, "match.example")
	got := w.related(relatedTo(m))
	same(t, "related", relatedNames(got), []string{
		"article high.example", "article medium-new.example", "article medium-old.example", "article low.example",
	})
	same(t, "whole record", got[0].Record, w.one(ioc.Domain, "high.example"))
}

func relatedArticleOrder(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), in("1", dated("m1.example", 1)), in("2", dated("m2.example", 2)), in("3", dated("m3.example", 3)),
		in("1", sure(ioc.High, dated("a1.example", 20))), in("2", sure(ioc.Low, dated("a2.example", 10))),
		in("3", sure(ioc.Medium, dated("a3.example", 1))))
	w.verify()
	m1, m2, m3 := w.one(ioc.Domain, "m1.example"), w.one(ioc.Domain, "m2.example"), w.one(ioc.Domain, "m3.example")
	same(t, "2 3 1", relatedNames(w.related(relatedTo(m2, m3, m1))),
		[]string{"article a2.example", "article a3.example", "article a1.example"})
	same(t, "3 1 2, one twice", relatedNames(w.related(relatedTo(m3, m1, m3, m2))),
		[]string{"article a3.example", "article a1.example", "article a2.example"})
}

func relatedDistinct(t *testing.T, open Open) {
	w := newWorld(t, open)
	upper, lower := in("1", sure(ioc.Low, dated("", 1))), in("1", dated("", 1))
	upper.Indicator = indicator(ioc.URL, "http://a.example/X")
	lower.Indicator = indicator(ioc.URL, "http://a.example/x")
	w.say(feedNamed("f"), in("1", dated("m1.example", 1)), in("2", dated("m2.example", 2)), upper, lower,
		in("1", sure(ioc.Low, dated("both.example", 1))), in("2", sure(ioc.High, dated("both.example", 2))),
		in("2", dated("own.example", 2)))
	w.verify()
	got := w.related(relatedTo(w.one(ioc.Domain, "m1.example"), w.one(ioc.Domain, "m2.example")))
	same(t, "related", relatedNames(got),
		[]string{"article http://a.example/x", "article both.example", "article own.example"})
	same(t, "the one of the first article", got[1].Article.URL, "https://reports.example/1")
}

func relatedNotMatch(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), in("1", ofFamily("tinfox", dated("m.example", 1))), in("2", dated("m.example", 2)),
		in("1", dated("shown.m.example", 1)), in("1", dated("other.example", 1)),
		ofFamily("tinfox", dated("hidden.m.example", 3)), ofFamily("tinfox", dated("kin.example", 3)))
	w.verify()
	q := relatedTo(w.find(ioc.Domain, "m.example")...)
	q.IsMatch = func(typ ioc.Type, key string) bool {
		_, ok := store.Needle{Text: "m.example"}.Match(typ, key)
		return ok
	}
	same(t, "with IsMatch", relatedNames(w.related(q)), []string{"article other.example", "campaign kin.example"})
	q.IsMatch = nil
	got := relatedNames(w.related(q))
	same(t, "m.example among the related", slices.Contains(got, "article m.example"), false)
	same(t, "related without IsMatch", len(got), 4)
}

func relatedCampaign(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.say(feed, in("1", ofFamily("tinfox", dated("m.example", 1))), in("1", ofFamily("tinfox", dated("sister.example", 1))))
	// Last changed first: not by date, not by confidence, not by name.
	w.say(feed, ofFamily("tinfox", sure(ioc.High, dated("c1.example", 28))))
	w.say(feed, in("2", ofFamily("tinfox", dated("c2.example", 2))))
	w.say(feed, ofFamily("mudlark", dated("stranger.example", 3)), tagged(dated("only-tagged.example", 3), "tinfox"))
	two := dated("c3.example", 1)
	two.Families = []string{"mudlark", "tinfox"}
	w.say(feedNamed("g"), two)
	w.say(feed, tagged(ofFamily("tinfox", sure(ioc.High, dated("c1.example", 28))), "touched"))
	w.verify()
	got := w.related(relatedTo(w.one(ioc.Domain, "m.example")))
	same(t, "related", relatedNames(got), []string{
		"article sister.example", "campaign c1.example", "campaign c3.example", "campaign c2.example",
	})
	loner := w.one(ioc.Domain, "c3.example") // no article, two families
	byFamily := relatedNames(w.related(relatedTo(loner)))
	same(t, "by family alone", byFamily[:3],
		[]string{"campaign c1.example", "campaign stranger.example", "campaign c2.example"})
	same(t, "number by family alone", len(byFamily), 5)
}

func relatedNothing(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), dated("m.example", 1), in("1", dated("a.example", 1)), dated("b.example", 1))
	same(t, "no article", w.related(relatedTo(w.one(ioc.Domain, "m.example"))), nil)
	same(t, "alone in its article", w.related(relatedTo(w.one(ioc.Domain, "a.example"))), nil)
	same(t, "no matches", w.related(relatedTo()), nil)
	w.verify()
}

func relatedMarking(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), append(marked(), in("1", ofFamily("tinfox", dated("other.example", 1))))...)
	w.verify()
	for may := ioc.TLP(0); may <= ioc.Red; may++ {
		q := relatedTo(w.one(ioc.Domain, "m0.marked.example"))
		q.MaxTLP = may
		byArticle := w.related(q)
		same(t, may.String()+": by article", len(byArticle), 1+int(max(may, ioc.Clear)))
		q = relatedTo(w.one(ioc.Domain, "other.example"))
		q.MaxTLP = may
		byFamily := w.related(q)
		same(t, may.String()+": by family", len(byFamily), 1+int(max(may, ioc.Clear)))
		for _, r := range append(byArticle, byFamily...) {
			same(t, may.String()+" sees "+r.TLP.String(), q.Sees(r.TLP), true)
		}
	}
}

func relatedLimits(t *testing.T, open Open) {
	w := newWorld(t, open)
	set := []store.Observation{in("1", ofFamily("tinfox", dated("m.example", 1)))}
	for i := range 25 {
		set = append(set, in("1", dated(fmt.Sprintf("a%02d.example", i), 25-i)), ofFamily("tinfox", dated(fmt.Sprintf("c%02d.example", i), 1)))
	}
	w.say(feedNamed("f"), set...)
	all := w.verify()
	for _, limit := range []int{0, 1, 3, store.RelatedLimit} {
		q := relatedTo(w.one(ioc.Domain, "m.example"))
		q.Limit = limit
		got := w.related(q)
		same(t, "number", len(got), limit)
		sameRelated(t, "related", got, oracleRelated(all, q))
	}
}

func relatedOracle(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.run(GeneratedFeed(), batches(Generate(1500, 31), 200)...)
	w.run(feedNamed("g"), generate(feedNamed("g"), 300, 32))
	all := w.verify()
	w.remove(idsOf(every(40, all))...) // and so that the order of change is not that of birth
	w.run(GeneratedFeed(), Generate(700, 31))
	all = w.verify()
	rng := seeded(31)
	for range 100 {
		var q store.RelatedQuery
		q.Limit, q.MaxTLP = 1+rng.IntN(store.RelatedLimit), ioc.TLP(rng.IntN(6)) //nolint:gosec // below six
		keys := map[store.TypedKey]bool{}
		for range 1 + rng.IntN(5) {
			m := all[rng.IntN(len(all))]
			q.Matches = append(q.Matches, m)
			keys[store.TypedKey{Type: m.Type, Key: m.Key}] = true
		}
		q.IsMatch = func(t ioc.Type, key string) bool { return keys[store.TypedKey{Type: t, Key: key}] }
		got, want := w.related(q), oracleRelated(all, q)
		sameRelated(t, "related", got, want)
	}
}

// relatedBigFamily: where everybody is of one family and most are matches or
// may not be seen, the ten are found all the same.
func relatedBigFamily(t *testing.T, open Open) {
	w := newWorld(t, open)
	var set []store.Observation
	for i := range 2400 {
		o := ofFamily("tinfox", dated(fmt.Sprintf("n%d.many.example", i), 1+i%20))
		if i < 30 {
			o.Indicator = indicator(ioc.Domain, fmt.Sprintf("rare%d.example", i))
		} else if i%2 == 0 {
			o.TLP = ioc.Red
		}
		set = append(set, o)
	}
	w.run(feedNamed("f"), batches(set, 800)...)
	all := w.verify()
	q := relatedTo(w.one(ioc.Domain, "n51.many.example"))
	q.MaxTLP = ioc.Green
	q.IsMatch = func(_ ioc.Type, key string) bool { return len(key) > len("rare99.example") }
	got := w.related(q)
	same(t, "number", len(got), store.RelatedLimit)
	sameRelated(t, "related", got, oracleRelated(all, q))
}
