//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a new file to the owner of the old one, where it may: the
// server has to read what the administrator wrote.
func keepOwner(f *os.File, old fs.FileInfo) {
	if s, ok := old.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		_ = f.Chown(int(s.Uid), int(s.Gid)) // only an administrator may
	}
}
