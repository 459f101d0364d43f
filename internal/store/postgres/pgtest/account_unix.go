//go:build unix

package pgtest

import (
	"bytes"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// account returns the attributes of a process that may be PostgreSQL or
// PgBouncer, and gives it the folder. Both refuse to run as root; then the
// account "postgres", which their packages make, runs them.
func account(folder string) (*syscall.SysProcAttr, error) {
	attr := ownGroup()
	if os.Geteuid() != 0 {
		return attr, nil
	}
	postgres, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find the account that PostgreSQL runs as: %w", err)
	}
	uid, err := strconv.ParseUint(postgres.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read user id %q: %w", postgres.Uid, err)
	}
	gid, err := strconv.ParseUint(postgres.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read group id %q: %w", postgres.Gid, err)
	}
	if err := os.Chown(folder, int(uid), int(gid)); err != nil {
		return nil, fmt.Errorf("give folder to postgres: %w", err)
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, nil
}

// ownGroup keeps a process out of the signals that a terminal sends to ours.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// killTree kills the process and its children at once, as a power cut would,
// and waits until the children are gone: what they shared is free then. The
// parent is stopped first, so that it starts no more of them. PostgreSQL's
// children are no part of its process group; where there is no /proc they end
// by themselves when they find it gone.
func killTree(pid int) {
	_ = syscall.Kill(pid, syscall.SIGSTOP) // each of these may have ended by itself
	for range 1000 {
		living := children(pid)
		if len(living) == 0 {
			break
		}
		for _, child := range living {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
		time.Sleep(time.Millisecond)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// children returns the processes whose parent is pid and that have not ended.
func children(pid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	var found []int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name, in brackets, may hold anything; then state and parent.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) < 2 || string(fields[0]) == "Z" || string(fields[1]) != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			found = append(found, child)
		}
	}
	return found
}
