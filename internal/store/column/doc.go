// Package column has the text forms of columns that both engines keep: a
// facet's labels, an article's details, a record's ports, a key's scopes, a
// run's stats, what a schedule remembers of a feed. What one engine wrote the
// other reads, which is what moving a store relies on.
package column
