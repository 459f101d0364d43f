//go:build !linux

package pgtest

// quickFolder is where temporary files go: where files are kept in memory
// differs from system to system.
func quickFolder() string { return "" }
