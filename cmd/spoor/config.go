package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"spoor/internal/config"
)

// newConfigCommand returns "spoor config": what is in force, and why.
func newConfigCommand(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings in force and where each came from",
		Long: `Shows every setting, its value and the source that had the last word: the default, a line of the
configuration file, an environment variable or a flag. Passwords are masked. The settings themselves are
explained in docs/config.md.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := a.settings(cmd)
			if err != nil {
				return err
			}
			if asJSON {
				return a.settingsJSON(loaded)
			}
			return a.settingsTable(loaded)
		},
	}
	var all []string
	for _, s := range config.Settings() {
		if s.Flag != "" && s.Key != "log.level" && s.Key != "log.format" {
			all = append(all, s.Key)
		}
	}
	settingFlags(cmd.Flags(), all...)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object by setting")
	return cmd
}

func (a *app) settingsTable(loaded *config.Loaded) error {
	if loaded.File != "" {
		fmt.Fprintf(a.stderr, "configuration file: %s\n", loaded.File)
	} else {
		fmt.Fprintln(a.stderr, "configuration file: none")
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for _, e := range loaded.Explain() {
		value := e.Value
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", e.Key, value, e.Origin)
	}
	return w.Flush()
}

func (a *app) settingsJSON(loaded *config.Loaded) error {
	type entry struct {
		Value string `json:"value"`
		From  string `json:"from"`
	}
	out := map[string]entry{}
	for _, e := range loaded.Explain() {
		out[e.Key] = entry{e.Value, e.Origin}
	}
	return a.writeJSON(out)
}

// writeJSON writes one indented object to standard output.
func (a *app) writeJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
