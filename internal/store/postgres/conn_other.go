//go:build !linux

package postgres

import "syscall"

// limitSilence leaves it to the system when a connection has been silent for
// too long.
func limitSilence(string, string, syscall.RawConn) error { return nil }
