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
	compare(t, reference, begin, end, table())
}

// TestFeedsReference compares docs/feeds.md with the struct of a feed and with
// the catalogue. The two tables are in one page, so they are not compared at
// the same time.
func TestFeedsReference(t *testing.T) {
	t.Parallel()
	const page = "../../docs/feeds.md"
	compare(t, page, "<!-- feed settings: written by go test ./internal/config -update -->\n", "<!-- /feed settings -->\n", feedTable())
	compare(t, page, "<!-- catalogue: written by go test ./internal/config -update -->\n", "<!-- /catalogue -->\n", catalogueTable())
}

// compare wants what is between two marks of a page to be the table.
func compare(t *testing.T, page, begin, end, want string) {
	t.Helper()
	text, err := os.ReadFile(page) //nolint:gosec // a page of ours
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	got, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has lost the marks around its table", page)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil { //nolint:gosec // a page
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is not up to date (-want +got), run the test with -update:\n%s", page, diff)
	}
}

func feedTable() string {
	var b strings.Builder
	b.WriteString("| setting | values | |\n|---|---|---|\n")
	for _, s := range config.FeedSettings() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Key, s.Kind, s.Doc)
	}
	return b.String()
}

func catalogueTable() string {
	var b strings.Builder
	b.WriteString("| name | what it is | category | format | every | confidence | key |\n|---|---|---|---|---|---|---|\n")
	for _, f := range config.Catalogue() {
		fmt.Fprintf(&b, "| `%s` | [%s](%s) | %s | `%s` | %s | %s | %s |\n",
			f.Name, f.About, f.URL, f.Category, f.Format, strings.TrimSuffix(strings.TrimSuffix(f.Interval.String(), "0s"), "0m"), f.Confidence, code("", f.KeyEnv))
	}
	return b.String()
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
