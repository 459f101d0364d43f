package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/config"
)

//nolint:gochecknoglobals // test flag
var update = flag.Bool("update", false, "rewrite the table in docs/config.md")

const (
	reference = "../../docs/config.md"
	begin     = "<!-- settings: written by go test ./internal/config -update -->\n"
	end       = "<!-- /settings -->\n"
)

// TestReferenceListsEverySetting compares docs/config.md with the struct.
func TestReferenceListsEverySetting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	got, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has lost the marks around its table", reference)
	}
	want := table()
	if *update {
		if err := os.WriteFile(reference, []byte(before+begin+want+end+after), 0o644); err != nil { //nolint:gosec // a page
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is not up to date (-want +got), run the test with -update:\n%s", reference, diff)
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("| setting | variable | flag | values | default | |\n|---|---|---|---|---|---|\n")
	for _, s := range config.Settings() {
		values := s.Kind
		if s.OneOf != nil {
			values = "`" + strings.Join(s.OneOf, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s | %s |\n", s.Key, s.Env, code("--", s.Flag), values, code("", s.Default), s.Doc)
	}
	return b.String()
}

func code(before, s string) string {
	if s == "" {
		return ""
	}
	return "`" + before + s + "`"
}
