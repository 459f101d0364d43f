// Package pgtest starts private PostgreSQL clusters on loopback for tests and
// benchmarks, and stops them again.
package pgtest
