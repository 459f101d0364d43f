package storetest

import (
	"fmt"
	"strings"
	"testing"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// keysOf are the keys of the matches, in order.
func keysOf(m store.Matches) []string {
	var out []string
	for _, r := range m.Records {
		out = append(out, r.Key)
	}
	return out
}

func containsOrder(t *testing.T, open Open) {
	w := newWorld(t, open)
	url := dated("", 9)
	url.Indicator = indicator(ioc.URL, "http://x.example/evil")
	w.say(feedNamed("f"),
		dated("notevil.example", 30), dated("evil.example", 1), dated("a.evil.example", 2), dated("b.evil.example", 3),
		dated("xevil.example", 31), url, dated("evil-longer-name.example", 5), dated("deviled.example", 4))
	w.verify()
	same(t, "order", keysOf(w.contains(holding("evil"))), []string{
		"evil.example",                                              // at a boundary, shortest
		"b.evil.example", "a.evil.example", "http://x.example/evil", // longer; of equal length the later seen
		"evil-longer-name.example",
		"xevil.example", "notevil.example", "deviled.example", // inside a label
	})
}

func containsShort(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), dated("abc.example", 1), dated("ab.example", 2), dated("xab.example", 3), dated("a.example", 4),
		dated("b.ab.example", 5), dated("éa.example", 6))
	w.verify()
	for _, c := range []struct {
		text string
		want []string
	}{
		{"a", []string{"a.example", "ab.example", "abc.example"}},
		{"ab", []string{"ab.example", "abc.example"}},
		{"a.", []string{"a.example"}},
		{"éa", []string{"éa.example"}}, // two characters, three bytes
		{"é", []string{"éa.example"}},
		{"%", nil},
		{"a_", nil},
		{"zz", nil},
	} {
		m := w.contains(holding(c.text))
		same(t, c.text, keysOf(m), c.want)
		same(t, c.text+": total", m.Total, len(c.want))
	}
}

func containsLong(t *testing.T, open Open) {
	w := newWorld(t, open)
	var set []store.Observation
	for i := range 4 {
		o := dated("", 1+i)
		v := fmt.Sprintf("http://long%d.example/", i)
		o.Indicator = indicator(ioc.URL, v+strings.Repeat("abcdefghij", 210)[:ioc.MaxKeyBytes-len(v)-1]+fmt.Sprint(i))
		set = append(set, o)
	}
	w.say(feedNamed("f"), set...)
	all := w.verify()
	for i, o := range set {
		key := o.Indicator.Key
		same(t, "length", len(key), ioc.MaxKeyBytes)
		same(t, "exact", len(w.find(ioc.URL, key)), 1)
		for name, text := range map[string]string{"whole": key, "tail": key[40:], "end": key[len(key)-12:]} {
			m := w.contains(holding(text))
			same(t, fmt.Sprintf("%s of %d", name, i), keysOf(m), []string{key})
		}
	}
	same(t, "middle", w.contains(holding(all[0].Key[100:1100])).Total, 4)
	same(t, "too long to be in any", w.contains(holding(all[0].Key+"x")).Total, 0)
}

func containsNearMiss(t *testing.T, open Open) {
	w := newWorld(t, open)
	var set []store.Observation
	for _, i := range []ioc.Indicator{
		indicator(ioc.IPv4, "192.0.2.2"), indicator(ioc.IPv4, "192.0.2.22"), indicator(ioc.IPv4, "192.0.2.226"),
		indicator(ioc.URL, "http://192.0.2.22/x"), indicator(ioc.URL, "http://a.example/?ip=192.0.2.22&x"),
		indicator(ioc.Domain, "evil.example"), indicator(ioc.Domain, "a.evil.example"),
		indicator(ioc.Domain, "notevil.example"), indicator(ioc.Domain, "evil.example.com.example"),
		indicator(ioc.URL, "http://evil.example/x"), indicator(ioc.URL, "https://b.evil.example:8443/evil.example"),
		indicator(ioc.URL, "http://other.example/evil.example"), indicator(ioc.Email, "who@evil.example"),
		indicator(ioc.Email, "evil.example@other.example"),
	} {
		o := dated("", 1)
		o.Indicator = i
		set = append(set, o)
	}
	w.say(feedNamed("f"), set...)
	w.verify()
	for _, c := range []struct {
		needle store.Needle
		want   int
	}{
		{store.Needle{Text: "192.0.2.22"}, 4},
		{store.Needle{Text: "192.0.2.22", Rule: store.WholeToken}, 3},
		{store.Needle{Text: "192.0.2.22", Rule: store.WholeHost}, 2},
		{store.Needle{Text: "evil.example"}, 9},
		{store.Needle{Text: "evil.example", Rule: store.WholeHost}, 5},
		{store.Needle{Text: "vil.example", Rule: store.WholeHost}, 0},
		{store.Needle{Text: "example", Rule: store.WholeHost}, 10},
	} {
		q := holding("")
		q.Needle = c.needle
		got := w.contains(q)
		same(t, fmt.Sprintf("%+v in %q", c.needle, keysOf(got)), got.Total, c.want)
	}
}

func containsMarking(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.say(feedNamed("f"), marked()...)
	for may := ioc.TLP(0); may <= ioc.Red; may++ {
		for _, text := range []string{"marked.example", "m"} {
			q := holding(text)
			q.MaxTLP = may
			m := w.contains(q)
			want := 1 + int(max(may, ioc.Clear))
			same(t, may.String(), []int{m.Total, len(m.Records)}, []int{want, want})
			for _, r := range m.Records {
				same(t, may.String()+" sees "+r.TLP.String(), q.Sees(r.TLP), true)
			}
		}
	}
	o := marked()[1]
	o.TLP = ioc.Red
	w.say(feedNamed("f"), o)
	w.verify()
	q := holding("m1.marked")
	q.MaxTLP = ioc.Amber
	same(t, "after a stricter marking", w.contains(q).Total, 0)
}

// containsSameKey: an index by key must not forget that a key has many records.
func containsSameKey(t *testing.T, open Open) {
	w := newWorld(t, open)
	feed := feedNamed("f")
	w.say(feed, copies(feed, "a.example", 40, func(i int) int { return i % 6 })...)
	w.say(feedNamed("g"), copies(feedNamed("g"), "a.example", 10, func(i int) int { return i % 6 })...)
	all := w.verify()
	q := holding("a.exa")
	for _, q.Window = range []store.Window{{Limit: 100}, {Limit: 7, Offset: 21}} {
		got := w.contains(q)
		sameMatches(t, "all of them", got, oracleContains(all, q))
		same(t, "total", got.Total, 50)
	}
	w.remove(all[3].ID)
	w.remove(all[len(all)-1].ID)
	all = w.verify()
	sameMatches(t, "two fewer", w.contains(q), oracleContains(all, q))
}
