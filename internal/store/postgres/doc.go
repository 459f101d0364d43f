// Package postgres is the storage contract on PostgreSQL 15 and later: any
// number of servers on one database, reads on its replicas.
//
// Layout. It is the twin of package sqlite, file by file. A record is a row
// whose primary key begins with what all records of a value share; what many
// records have in common (type, feed, confidence, marking, labels) is a facet,
// so that the list's filters narrow facets and then read an index that is in
// the list's order already. Exact search is one B-tree, contains is pg_trgm.
//
// Every write transaction locks the one-row clock first: writers take turns,
// numbers are handed out in commit order, and merging is done in Go on rows
// that nobody else can change. A transaction that the database broke off is
// run again; each is written so that this changes nothing.
//
// The SQL keeps to what PostgreSQL, Citus, YugabyteDB and CockroachDB share
// (docs/scaling.md): no triggers, no generated columns, no volatile functions
// in updates, one change of a table a statement, keys and times made in Go,
// no advisory locks, no LISTEN. It stands as constants next to the method that
// runs it.
package postgres
