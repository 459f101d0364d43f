// Package search answers "is this known, and what belongs to it?": query text
// becomes a plan (what the text may mean, what to look for when that is not
// there), the plan runs in one view of the store, exact first, contains only
// when exact finds nothing, related last (contract section 3).
//
// It keeps no state, caches nothing and does not know the wire: who asks, what
// they may see and how long it may take come with the query and the context.
//
//	s := search.New(st, time.Now)
//	a, err := s.Search(ctx, search.Query{
//		Text: "hxxp://evil[.]example/a", Related: true, Window: store.Window{Limit: 100},
//	})
package search
