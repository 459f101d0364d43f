// Package pgtest starts private PostgreSQL clusters on loopback for tests and
// benchmarks, and stops them again. It knows nothing of the engine: a database
// that it hands out is empty.
//
// A package whose tests need a database asks for one, and stops the server
// that all of them share when the last test is through:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		dsn := pgtest.DSN(t)
//		…
//	}
//
// A test that needs a server of its own, standbys or failures takes
// StartCluster; a program that is no test takes Start.
//
// Nothing outlives the process that started it: should that be killed, a guard
// stops its servers and removes their folders.
package pgtest
