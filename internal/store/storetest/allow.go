package storetest

import (
	"testing"
	"time"

	"spoor/internal/store"
)

func allowCases() []testCase {
	return []testCase{
		{"the list by value", allowList},
		{"an entry takes the former one's place", allowReplaced},
		{"a removed entry", allowRemoved},
		{"records stay as they are", allowRecords},
	}
}

func (w *world) allow(value, reason string, at time.Time) {
	w.t.Helper()
	a := store.Allowed{Value: value, Reason: reason, AddedAt: at}
	must(w.t, w.st.Allow(w.ctx, a))
	must(w.t, w.model.Allow(w.ctx, a))
}

func allowList(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.remembered()
	at := time.Date(2026, 1, 2, 5, 4, 5, 999, time.FixedZone("", 7200))
	for _, value := range []string{"b.example", "192.0.2.0/24", "2001:db8::/32", "http://a.example/%20_?q='\"", "B", "ü.example", "10.0.0.0/8"} {
		w.allow(value, "because of "+value, at)
	}
	w.remembered()
	list, err := w.st.Allowed(w.ctx)
	must(t, err)
	same(t, "first", list[0], store.Allowed{Value: "10.0.0.0/8", Reason: "because of 10.0.0.0/8", AddedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	same(t, "zone", list[0].AddedAt.Location().String(), "UTC")
	same(t, "last", list[6].Value, "ü.example")
}

func allowReplaced(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.allow("a.example", "first", runNow(1))
	w.allow("a.example", "", runNow(2))
	w.remembered()
	list, err := w.st.Allowed(w.ctx)
	must(t, err)
	same(t, "list", list, []store.Allowed{{Value: "a.example", AddedAt: runNow(2)}})
}

func allowRemoved(t *testing.T, open Open) {
	w := newWorld(t, open)
	is(t, "Disallow on an empty list", w.st.Disallow(w.ctx, "a.example"), store.ErrNotFound)
	w.allow("a.example", "r", runNow(1))
	w.allow("b.example", "r", runNow(1))
	is(t, "Disallow of another spelling", w.st.Disallow(w.ctx, "A.example"), store.ErrNotFound)
	must(t, w.st.Disallow(w.ctx, "a.example"))
	must(t, w.model.Disallow(w.ctx, "a.example"))
	w.remembered()
	is(t, "Disallow twice", w.st.Disallow(w.ctx, "a.example"), store.ErrNotFound)
	w.allow("a.example", "again", runNow(3))
	w.remembered()
}

// allowRecords: the list is only kept; Rejudge is what goes by it.
func allowRecords(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), dated("a.example", 1))
	seq := w.seq()
	w.allow("a.example", "ours", runNow(1))
	same(t, "Seq", w.seq(), seq)
	w.verify()
}
