// Package sqlite is the storage contract on embedded SQLite: one file, one
// writer at a time, any number of readers, in any number of processes.
//
// Layout. A record is a small row; what many records share (type, feed,
// confidence, marking, labels) is a facet, so that the list's filters narrow
// facets and then read an index that is already in the list's order. Exact
// search is one B-tree on the key. Contains asks an index of our own, kept in
// ordinary tables and written in the same transactions as the records:
// immutable segments hold one bitmap a trigram, blocks hold the keys in a row,
// and the last few thousand records are compared directly. No triggers, no
// virtual tables, no generated columns.
//
// SQL stands as constants next to the method that runs it.
package sqlite
