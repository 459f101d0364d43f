package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// mergeRow is what is said of one value, and what it does to the record that
// the first day's word makes.
type mergeRow struct {
	name string
	said []store.Observation
	want func(*store.Record)
}

// validityRows are those about evidence and the end of validity.
func validityRows(with func(func(*store.Observation)) store.Observation, day func(int) time.Time) []mergeRow {
	until := func(said, end int) store.Observation {
		return with(func(o *store.Observation) {
			o.ValidUntil = day(end).Add(time.Second / 2)
			if o.LastSeen = day(said); said == 0 {
				o.FirstSeen, o.LastSeen = time.Time{}, time.Time{}
			}
		})
	}
	return []mergeRow{
		{"evidence grows", []store.Observation{with(func(*store.Observation) {}), with(func(o *store.Observation) {
			o.Evidence = store.EvidenceListed
		}), with(func(o *store.Observation) {
			o.Evidence = store.EvidenceDefanged
		})}, func(r *store.Record) { r.Evidence = store.EvidenceListed | store.EvidenceDefanged }},
		{"the latest statement decides validity", []store.Observation{until(10, 28), until(12, 20), until(11, 29)}, func(r *store.Record) {
			r.LastSeen, r.ValidUntil, r.ValidSaid = day(12), day(20), day(12)
		}},
		{"undated validity", []store.Observation{with(func(*store.Observation) {}), until(0, 20), until(0, 25)}, func(r *store.Record) {
			r.ValidUntil = day(25)
		}},
		{"dated validity beats undated", []store.Observation{until(10, 20), until(0, 25)}, func(r *store.Record) {
			r.ValidUntil, r.ValidSaid = day(20), day(10)
		}},
	}
}

// mergeCases see the rules of store.Merge through the engine: what it writes
// back is what Merge said.
func mergeCases() []testCase {
	base := func() store.Observation { return dated("a.example", 10) }
	with := func(change func(*store.Observation)) store.Observation {
		o := base()
		change(&o)
		return o
	}
	day := func(d int) time.Time { return time.Date(2025, 1, d, 0, 0, 0, 0, time.UTC) }
	rows := []mergeRow{
		{"dates widen", []store.Observation{base(), dated("a.example", 3), dated("a.example", 20)}, func(r *store.Record) {
			r.FirstSeen, r.LastSeen = day(3), day(20)
		}},
		{"undated moves nothing", []store.Observation{base(), with(func(o *store.Observation) {
			o.FirstSeen, o.LastSeen = time.Time{}, time.Time{}
		})}, func(*store.Record) {}},
		{"lists grow", []store.Observation{tagged(base(), "b", "a"), with(func(o *store.Observation) {
			o.Tags, o.Families, o.Ports = []string{"c", "a"}, []string{"tinfox"}, []uint16{443}
			o.Techniques, o.Industries = []string{"T1071"}, []string{"dams"}
			o.Warnings = []store.Warning{{List: "l", Reason: "r"}}
		})}, func(r *store.Record) {
			r.Tags, r.Families, r.Ports = []string{"a", "b", "c", "tinfox"}, []string{"tinfox"}, []uint16{443}
			r.Techniques, r.Industries = []string{"T1071"}, []string{"dams"}
			r.Warnings = []store.Warning{{List: "l", Reason: "r"}}
		}},
		{"the port of an address is a port", []store.Observation{with(func(o *store.Observation) {
			o.Indicator.Port = 8080
		}), with(func(o *store.Observation) {
			o.Indicator.Port = 443
		})}, func(r *store.Record) { r.Ports = []uint16{443, 8080} }},
		{"the stricter marking wins", []store.Observation{with(func(o *store.Observation) {
			o.TLP = ioc.Amber
		}), base()}, func(r *store.Record) { r.TLP = ioc.Amber }},
		{"the first context stays", []store.Observation{with(func(o *store.Observation) {
			o.Context = "first"
		}), with(func(o *store.Observation) {
			o.Context = "second"
		})}, func(r *store.Record) { r.Context = "first" }},
		{"the latest statement decides confidence", []store.Observation{with(func(o *store.Observation) {
			o.Confidence = ioc.High
		}), with(func(o *store.Observation) {
			o.Confidence, o.LastSeen = ioc.Low, day(12)
		}), with(func(o *store.Observation) {
			o.Confidence, o.FirstSeen, o.LastSeen = ioc.High, day(1), day(1)
		})}, func(r *store.Record) { r.Confidence, r.FirstSeen, r.LastSeen = ioc.Low, day(1), day(12) }},
		{"equally late: the higher confidence", []store.Observation{with(func(o *store.Observation) {
			o.Confidence = ioc.High
		}), base()}, func(r *store.Record) { r.Confidence = ioc.High }},
	}
	rows = append(rows, validityRows(with, day)...)
	var cases []testCase
	for _, row := range rows {
		cases = append(cases, testCase{row.name, func(t *testing.T, open Open) {
			for _, how := range []string{"in one batch", "across batches", "across runs"} {
				checkMerge(t, open, how, row.said, row.want)
			}
		}})
	}
	return append(cases, testCase{"sightings", mergeSightings}, testCase{"many lists", mergeLong})
}

func checkMerge(t *testing.T, open Open, how string, said []store.Observation, change func(*store.Record)) {
	t.Helper()
	w := newWorld(t, open)
	feed := feedNamed("f")
	switch how {
	case "in one batch":
		w.say(feed, said...)
	case "across batches":
		w.run(feed, batches(said, 1)...)
	default:
		for _, o := range said {
			w.say(feed, o)
		}
	}
	want := store.NewRecord(feed, dated("a.example", 10), runNow(1))
	want.Article = nil
	change(&want)
	got := w.verify()[0]
	want.AddedAt, want.UpdatedAt, want.Seq = got.AddedAt, got.UpdatedAt, got.Seq
	same(t, how, got, want)
	same(t, how+": exact", w.one(ioc.Domain, "a.example"), got)
	seq := w.seq()
	for _, o := range said {
		w.say(feed, o)
	}
	same(t, how+": seq after saying it again", w.seq(), seq)
}

// mergeSightings: one for what a run added, none for what it repeated, and
// none is ever changed.
func mergeSightings(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	read := func() []store.Sighting {
		t.Helper()
		var got []store.Sighting
		w.view(func(s store.Snapshot) {
			var err error
			got, err = s.Sightings(w.ctx, store.RecordID("f", uuid.Nil, ioc.Domain, "a.example"))
			must(t, err)
		})
		return got
	}
	a := dated("a.example", 1)
	w.say(feed, a)
	first := read()
	same(t, "after the first run", len(first), 1)
	w.say(feed, a)
	same(t, "after saying it again", read(), first)
	b := tagged(dated("a.example", 5), "x", "y")
	b.Confidence, b.TLP, b.Ports = ioc.High, ioc.Green, []uint16{80}
	w.say(feed, b)
	second := read()
	same(t, "after news", len(second), 2)
	same(t, "the older one", second[0], first[0])
	n := second[1]
	same(t, "what was said", []any{n.Confidence, n.TLP, n.Tags, n.Ports, n.FirstSeen.UTC(), n.LastSeen.UTC()},
		[]any{ioc.High, ioc.Green, []string{"x", "y"}, []uint16{80}, b.FirstSeen, b.LastSeen})
	if n.Run == first[0].Run || n.SeenAt.Before(first[0].SeenAt) {
		t.Fatalf("sighting of a later run: %+v after %+v", n, first[0])
	}
	w.verify()
}

// mergeLong holds lists that no packed column may cut short.
func mergeLong(t *testing.T, open Open) {
	w := newWorld(t, open)
	o := dated("a.example", 1)
	for i := range 300 {
		o.Tags = append(o.Tags, fmt.Sprintf("tag-%03d", i))
		o.Ports = append(o.Ports, uint16(1+i*200)) //nolint:gosec // at most 59,801
		o.Warnings = append(o.Warnings, store.Warning{List: fmt.Sprintf("list-%03d", i), Reason: "because"})
	}
	o.Context = fmt.Sprintf("%2000d", 1)
	w.say(feedNamed("f"), o)
	r := w.verify()[0]
	same(t, "lengths", []int{len(r.Tags), len(r.Ports), len(r.Warnings), len(r.Context)}, []int{300, 300, 300, 2000})
}
