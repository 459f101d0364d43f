package config

import (
	"path/filepath"
	"runtime"
)

// platformData returns where this platform keeps a program's data when
// XDG_DATA_HOME does not say, or "" without a home.
func platformData(vars map[string]string) string {
	switch runtime.GOOS {
	case "windows":
		return under(vars["LocalAppData"], "spoor")
	case "darwin":
		return under(vars["HOME"], "Library", "Application Support", "spoor")
	default: // XDG Base Directory Specification, "Environment variables"
		return under(vars["HOME"], ".local", "share", "spoor")
	}
}

// platformConfig returns the folder of configuration files, or "".
func platformConfig(vars map[string]string) string {
	switch runtime.GOOS {
	case "windows":
		return under(vars["AppData"])
	case "darwin":
		return under(vars["HOME"], "Library", "Application Support")
	default:
		return under(vars["HOME"], ".config")
	}
}

func under(base string, more ...string) string {
	if base == "" {
		return ""
	}
	return filepath.Join(append([]string{base}, more...)...)
}
