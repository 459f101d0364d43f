package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"spoor/internal/config"
)

// settingFlags adds the flags of the settings with these keys. Their help
// comes from the configuration's own table; their values stay text until all
// sources are laid over one another.
func settingFlags(flags *pflag.FlagSet, keys ...string) {
	for _, key := range keys {
		for _, s := range config.Settings() {
			if s.Key != key {
				continue
			}
			help := s.Doc
			if s.Default != "" {
				help = fmt.Sprintf("%s (default %s)", s.Doc, s.Default)
			}
			flags.String(s.Flag, "", help)
		}
	}
}

// settings loads the configuration with the flags that cmd was given over it.
func (a *app) settings(cmd *cobra.Command) (*config.Loaded, error) {
	src := config.Sources{Environ: a.environ, Flags: map[string]string{}}
	for _, s := range config.Settings() {
		if f := cmd.Flags().Lookup(s.Flag); s.Flag != "" && f != nil && f.Changed {
			src.Flags[s.Flag] = f.Value.String()
		}
	}
	if f := cmd.Flags().Lookup("config"); f != nil && f.Changed {
		src.File = f.Value.String()
	}
	loaded, err := config.Load(src)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: name a file that exists after --config, or leave it out", err)
	case errors.Is(err, config.ErrInvalid) && len(src.Flags) > 0:
		return nil, a.blame(src, err)
	case err != nil:
		return nil, err
	}
	for _, w := range loaded.Warnings {
		fmt.Fprintf(a.stderr, "%s: warning: %s\n", cmd.CommandPath(), w)
	}
	return loaded, nil
}

// blame makes a mistake that only the flags brought in one of usage.
func (a *app) blame(src config.Sources, err error) error {
	src.Flags = nil
	if _, without := config.Load(src); without == nil {
		return usagef("%v", err)
	}
	return err
}

// logger returns the log on standard error: text for people, JSON for
// machines, unless the configuration says otherwise.
func (a *app) logger(c config.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		level = slog.LevelInfo // the configuration has been validated
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "text" || c.Log.Format == "auto" && isTerminal(a.stderr) {
		return slog.New(slog.NewTextHandler(a.stderr, options))
	}
	return slog.New(slog.NewJSONHandler(a.stderr, options))
}
