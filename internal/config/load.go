package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// ErrInvalid marks every error that the user can mend in the configuration.
var ErrInvalid = errors.New("configuration not usable")

// Sources is what Load reads.
type Sources struct {
	// File is the file that the user named; empty means the one in the
	// configuration folder, if it is there.
	File string
	// Environ is the environment, as os.Environ gives it.
	Environ []string
	// Flags are the flags that were given, by Setting.Flag.
	Flags map[string]string
}

// Loaded is a valid configuration and where it came from.
type Loaded struct {
	Config
	// File is the file that was read, or empty.
	File string
	// Warnings name environment variables that look like a misspelt setting.
	Warnings []string

	origin map[string]string // by Setting.Key; absent is the default
}

// Load lays the sources over one another and validates the result. Its errors
// are ErrInvalid, or say why the file could not be read.
func Load(src Sources) (*Loaded, error) {
	vars := environment(src.Environ)
	l := &Loaded{Config: Defaults(), origin: map[string]string{}}
	l.Data = defaultData(vars)
	if err := l.readFile(src.File, vars); err != nil {
		return nil, err
	}
	for _, s := range Settings() {
		if v := vars[s.Env]; v != "" {
			if err := l.set(s, v, "environment variable "+s.Env); err != nil {
				return nil, err
			}
		}
		if v, given := src.Flags[s.Flag]; given && s.Flag != "" {
			if err := l.set(s, v, "flag --"+s.Flag); err != nil {
				return nil, err
			}
		}
	}
	l.Store, l.ReadStore = strings.TrimLeft(l.Store, " \t\n"), strings.TrimLeft(l.ReadStore, " \t\n")
	l.flagsChooseStore(src.Flags)
	l.Warnings = misspelt(vars)
	if err := l.validate(); err != nil {
		return nil, err
	}
	return l, nil
}

// flagsChooseStore: who names a folder means the store in it, whatever the file
// says; and who names a store does not mean another one's replicas.
func (l *Loaded) flagsChooseStore(flags map[string]string) {
	_, data := flags["data"]
	_, both := flags["store"]
	if data && !both && l.Store != "" {
		l.Store, l.origin["store"] = "", "flag --data, which leaves it out"
	}
	if _, named := flags["read-store"]; !named && (data || both) && l.ReadStore != "" {
		l.ReadStore, l.origin["read_store"] = "", "flag --data or --store, which leaves it out"
	}
}

func (l *Loaded) readFile(named string, vars map[string]string) error {
	path := named
	if path == "" {
		path = vars[EnvPrefix+"CONFIG"]
	}
	optional := path == ""
	if optional {
		if path = defaultFile(vars); path == "" {
			return nil
		}
	}
	text, err := os.ReadFile(path) //nolint:gosec // the user names it
	if errors.Is(err, fs.ErrNotExist) && optional {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	lines, err := decode(path, text, &l.Config)
	if err != nil {
		return err
	}
	l.File = path
	for key, line := range lines {
		l.origin[key] = fmt.Sprintf("%s:%d", path, line)
	}
	return nil
}

// set puts a text into one field. The parsing is that of package env, one
// variable at a time so that an error names its setting.
func (l *Loaded) set(s Setting, value, origin string) error {
	l.origin[s.Key] = origin
	if value == "" { // only a flag can say it: empty overrules the file
		f := s.field(reflect.ValueOf(&l.Config).Elem())
		f.SetZero()
		return nil
	}
	err := env.ParseWithOptions(&l.Config, env.Options{
		Prefix: EnvPrefix, Environment: map[string]string{s.Env: value},
	})
	if err != nil {
		return fmt.Errorf("%w: %s: %s is %q, which is no %s", ErrInvalid, origin, s.Key, s.mask(value), expected(s.Kind))
	}
	if s.Kind == "list" {
		trim(s.field(reflect.ValueOf(&l.Config).Elem()).Interface().([]string))
	}
	return nil
}

func trim(list []string) {
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
}

func expected(kind string) string {
	switch kind {
	case "duration":
		return "duration such as 5s or 1m30s"
	case "number":
		return "whole number"
	case "true/false":
		return "true or false"
	default:
		return kind
	}
}

func environment(environ []string) map[string]string {
	vars := make(map[string]string, len(environ))
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok {
			vars[name] = value
		}
	}
	return vars
}

// misspelt names the SPOOR_ variables that are one slip away from a setting.
// Others are left alone: the commands and the tests have some of their own.
func misspelt(vars map[string]string) []string {
	known := map[string]bool{}
	names := make([]string, 0, 64)
	for _, s := range Settings() {
		known[s.Env] = true
		names = append(names, s.Env)
	}
	var out []string
	for name := range vars {
		if !strings.HasPrefix(name, EnvPrefix) || known[name] {
			continue
		}
		if near := nearest(name, names); near != "" {
			out = append(out, fmt.Sprintf("environment variable %s is no setting; did you mean %s?", name, near))
		}
	}
	return out
}

// defaultData returns the platform's place for a program's data, or "" when
// the environment names no home.
func defaultData(vars map[string]string) string {
	if dir := vars["XDG_DATA_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "spoor")
	}
	return platformData(vars)
}

// defaultFile returns the path of the configuration file that is read when
// none is named, or "".
func defaultFile(vars map[string]string) string {
	if dir := vars["XDG_CONFIG_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "spoor", "spoor.yaml")
	}
	if dir := platformConfig(vars); dir != "" {
		return filepath.Join(dir, "spoor", "spoor.yaml")
	}
	return ""
}
