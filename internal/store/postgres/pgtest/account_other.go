//go:build !unix

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// account refuses: a guard needs a shell, and stopping needs signals.
func account(string) (*syscall.SysProcAttr, error) {
	return nil, fmt.Errorf("start a private server on this system: %w", errors.ErrUnsupported)
}

func ownGroup() *syscall.SysProcAttr { return nil }

func killTree(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill() // it may have ended by itself
	}
}
