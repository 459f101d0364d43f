// Package storetest is the suite that every storage engine passes: Run is its
// behaviour, Bench its speed. It knows the contract of package store and
// nothing of any engine.
//
// Most cases do the same to the engine and to Model, a store that keeps
// everything in a slice and answers by looking at all of it, and compare: what
// the contract says once, in plain Go, is what two engines are held to. Model
// is also a stand-in for tests of packages above the store.
//
// It does not test what only one engine has: files, crashes, migrations,
// query plans. Those tests live beside the engine.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store {
//			return open(t, t.TempDir(), storetest.Clock())
//		})
//	}
package storetest
