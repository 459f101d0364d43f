package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"spoor/internal/store"
)

// Records are compared by hand, because go-cmp takes most of the suite's time
// when it compares what is equal. It explains what is not.

// equal says whether two records agree in all that is not stamped by the
// store. An empty list is as good as none.
func equal(a, b *store.Record) bool {
	return a.ID == b.ID && a.Type == b.Type && a.Value == b.Value && a.Key == b.Key &&
		a.Confidence == b.Confidence && a.Origin == b.Origin && a.Feed == b.Feed && equalRefs(a.Article, b.Article) &&
		a.FirstSeen.Equal(b.FirstSeen) && a.LastSeen.Equal(b.LastSeen) && a.Context == b.Context &&
		slices.Equal(a.Tags, b.Tags) && slices.Equal(a.Families, b.Families) &&
		slices.Equal(a.Techniques, b.Techniques) && slices.Equal(a.Industries, b.Industries) &&
		slices.Equal(a.Ports, b.Ports) && a.TLP == b.TLP && slices.Equal(a.Warnings, b.Warnings) &&
		a.Evidence == b.Evidence && a.ValidUntil.Equal(b.ValidUntil) && a.ValidSaid.Equal(b.ValidSaid)
}

// identical says whether two records agree in everything.
func identical(a, b *store.Record) bool {
	return equal(a, b) && a.Seq == b.Seq && a.AddedAt.Equal(b.AddedAt) && a.UpdatedAt.Equal(b.UpdatedAt)
}

func equalRefs(a, b *store.ArticleRef) bool { return a == b || a != nil && b != nil && *a == *b }

func identicalAll(a, b []store.Record) bool {
	return slices.EqualFunc(a, b, func(x, y store.Record) bool { return identical(&x, &y) })
}

// same compares two values of one type.
func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(got, want, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s (-got +want):\n%s", what, diff)
	}
}

// sameMatches compares all but the work.
func sameMatches(t testing.TB, what string, got, want store.Matches) {
	t.Helper()
	if got.Total == want.Total && got.LowerBound == want.LowerBound && identicalAll(got.Records, want.Records) {
		return
	}
	same(t, what+": order", values(got.Records), values(want.Records))
	got.Work, want.Work = store.Work{}, store.Work{}
	same(t, what, got, want)
}

func sameList(t testing.TB, what string, got, want store.List) {
	t.Helper()
	if got.Total == want.Total && got.LowerBound == want.LowerBound && identicalAll(got.Records, want.Records) {
		same(t, what+": next", got.Next, want.Next)
		return
	}
	same(t, what+": order", values(got.Records), values(want.Records))
	same(t, what, got, want)
}

func sameRecords(t testing.TB, what string, got, want []store.Record) {
	t.Helper()
	if !identicalAll(got, want) {
		same(t, what, got, want)
	}
}

func sameRelated(t testing.TB, what string, got, want []store.Related) {
	t.Helper()
	same(t, what, relatedNames(got), relatedNames(want))
	for i := range got {
		if !identical(&got[i].Record, &want[i].Record) {
			same(t, what, got[i], want[i])
		}
	}
}

// values names records for people, in order.
func values(rs []store.Record) []string {
	out := make([]string, 0, len(rs))
	for _, r := range rs {
		out = append(out, r.Type.String()+" "+r.Value+" "+r.LastSeen.Format(time.DateTime)+" "+r.ID.String())
	}
	return out
}
