//go:build !unix

package pgtest

import (
	"fmt"
	"os"
	"syscall"
)

// account refuses: a guard needs a shell, and stopping needs signals. Tests
// skip, as without PostgreSQL, unless SPOOR_TEST_POSTGRES names a server.
func account(string) (*syscall.SysProcAttr, error) {
	return nil, fmt.Errorf("a system with signals and a shell, to run a private server: %w", ErrMissing)
}

func ownGroup() *syscall.SysProcAttr { return nil }

func killTree(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill() // it may have ended by itself
	}
}
