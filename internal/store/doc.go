// Package store is the storage contract: what a record, an article, a feed and
// a key are once they are kept, and what an engine has to do with them.
//
// It holds no SQL and opens nothing. internal/store/sqlite is the embedded
// engine; internal/store/storetest is the suite that every engine passes.
// Everything a query needs (keys, ids, times, the rule that decides whether a
// text matches) is computed here or in ioc, in Go, so that two engines cannot
// drift apart.
//
// Reading goes through one consistent Snapshot per request:
//
//	err := st.View(ctx, func(s store.Snapshot) error {
//		m, err := s.Exact(ctx, store.ExactQuery{Keys: keys, Window: w})
//		...
//	})
//
// Writing goes through a Run: one feed, one pass over its input, many batches,
// each batch one durable transaction.
package store
