package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

const oneDay = 24 * time.Hour

func TestPolicyExpiry(t *testing.T) {
	t.Parallel()
	p := store.Policy{Records: []store.Expiry{
		{Unseen: 1}, {Type: ioc.IPv4, Unseen: 2}, {Feed: "a", Unseen: 3}, {Feed: "a", Type: ioc.IPv4, Unseen: 4}, {Feed: "keep"},
		{Type: ioc.IPv4, Unseen: 5},
	}}
	for _, c := range []struct {
		feed string
		typ  ioc.Type
		want time.Duration
	}{
		{"b", ioc.MD5, 1}, {"b", ioc.IPv4, 2}, {"a", ioc.MD5, 3}, {"a", ioc.IPv4, 4}, {"keep", ioc.IPv4, 0},
	} {
		if got := p.Expiry(c.feed, c.typ).Unseen; got != c.want {
			t.Errorf("%s of %s: %d, want %d", c.typ, c.feed, got, c.want)
		}
	}
	var none store.Policy
	if e := none.Expiry("a", ioc.IPv4); e.Due(day(1), day(2), day(300000)) || !e.Never() {
		t.Errorf("the zero policy deletes: %+v", e)
	}
}

func TestExpiryDue(t *testing.T) {
	t.Parallel()
	never := time.Time{}
	for _, c := range []struct {
		name         string
		e            store.Expiry
		seen, valid  time.Time
		from, before int // due from that day on, not the day before; 0: never
	}{
		{"never", store.Expiry{}, day(1), day(2), 0, 0},
		{"negative", store.Expiry{Unseen: -1, Lapsed: -1}, day(1), day(2), 0, 0},
		{"unseen", store.Expiry{Unseen: 5 * oneDay}, day(1), never, 6, 5},
		{"unseen and valid", store.Expiry{Unseen: 5 * oneDay}, day(1), day(10), 10, 9},
		{"unseen, no longer valid", store.Expiry{Unseen: 5 * oneDay}, day(3), day(4), 8, 7},
		{"lapsed", store.Expiry{Lapsed: 5 * oneDay}, day(1), day(4), 9, 8},
		{"lapsed, not stated", store.Expiry{Lapsed: 5 * oneDay}, day(1), never, 0, 0},
		{"lapsed first", store.Expiry{Unseen: 20 * oneDay, Lapsed: oneDay}, day(1), day(4), 5, 4},
		{"unseen first", store.Expiry{Unseen: 5 * oneDay, Lapsed: 20 * oneDay}, day(1), day(2), 6, 5},
	} {
		if c.from == 0 {
			if c.e.Due(c.seen, c.valid, day(100000)) {
				t.Errorf("%s: due one day", c.name)
			}
			continue
		}
		if !c.e.Due(c.seen, c.valid, day(c.from)) || c.e.Due(c.seen, c.valid, day(c.from).Add(-1)) || c.e.Due(c.seen, c.valid, day(c.before)) {
			t.Errorf("%s: not due from day %d on", c.name, c.from)
		}
		// What may be due is among what is looked at.
		p := store.Policy{Records: []store.Expiry{{Feed: "another"}, c.e}}
		seen, valid := p.Oldest(day(c.from))
		if (seen.IsZero() || c.seen.After(seen)) && (valid.IsZero() || c.valid.IsZero() || c.valid.After(valid)) {
			t.Errorf("%s: due, and not looked at: %v, %v", c.name, seen, valid)
		}
	}
}

func TestArchived(t *testing.T) {
	t.Parallel()
	whole := store.Article{
		ID: store.ArticleID("f", "x"), Feed: store.Feed{Name: "f"}, Title: "T", URL: "https://reports.example/x", OtherURLs: []string{"u"}, GUID: "g",
		Digest: "00", Publisher: "p", Summary: "s", Category: "c", Tags: []string{"t"}, TLP: ioc.Green,
		Published: day(1), Modified: day(3), Fetched: day(2),
	}
	p := store.Policy{Articles: 10 * oneDay}
	if p.Archives(&whole, day(13).Add(-1)) || !p.Archives(&whole, day(13)) {
		t.Error("not archived ten days after it was last heard of")
	}
	kept := whole.Archived(day(13))
	want := store.Article{
		ID: whole.ID, Feed: whole.Feed, Title: "T", URL: whole.URL, GUID: "g", TLP: ioc.Green,
		Published: day(1), Modified: day(3), Fetched: day(2), ArchivedAt: day(13),
	}
	if diff := cmp.Diff(kept, want); diff != "" {
		t.Errorf("what is kept (-got +want):\n%s", diff)
	}
	if p.Archives(&kept, day(300)) || p.Archives(&store.Article{}, day(300)) || (&store.Policy{}).Archives(&whole, day(300)) {
		t.Error("archived twice, or without a date, or without a policy")
	}
	if again, changed := store.MergeArticle(kept, &whole); changed {
		t.Errorf("saying it again brings it back:\n%s", cmp.Diff(again, kept))
	}
	marked := whole
	marked.TLP = ioc.Red
	if got, changed := store.MergeArticle(kept, &marked); !changed || got.TLP != ioc.Red || got.ArchivedAt.IsZero() || got.Summary != "" {
		t.Errorf("a stricter marking: %v, %+v", changed, got)
	}
	newer := whole
	newer.Modified = day(20)
	got, changed := store.MergeArticle(kept, &newer)
	if diff := cmp.Diff(got, newer); diff != "" || !changed {
		t.Errorf("a newer version (-got +want):\n%s", diff)
	}
	if _, changed := store.MergeArticle(got, &newer); changed {
		t.Error("saying the newer version again changes it")
	}
}
