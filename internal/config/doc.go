// Package config is the configuration of the program: one struct, its
// defaults, where values come from, what is allowed, and how to explain it.
//
// Sources lie over one another: the defaults, then one YAML file, then the
// environment variables SPOOR_*, then the command line's flags. Every value
// remembers the source that had the last word, so that an error and
// "spoor config" can name it.
//
// The package opens no store, starts nothing and knows no other room. It reads
// the file and the environment only through what Sources hands it.
package config
