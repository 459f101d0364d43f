package postgres

import (
	"errors"
	"syscall"
)

// limitSilence has the system end a connection whose other side has taken
// nothing for silence: without it, a write on its way to a machine that is gone
// is sent again for a quarter of an hour.
func limitSilence(_, _ string, c syscall.RawConn) (err error) {
	const tcpUserTimeout = 18 // tcp(7); the syscall package does not name it
	controlled := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(silence.Milliseconds())) //nolint:gosec // a file's number
	})
	if controlled != nil {
		return controlled
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOPROTOOPT) {
		return nil // a socket in a folder
	}
	return err
}
