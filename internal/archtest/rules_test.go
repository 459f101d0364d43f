package archtest

import (
	"strings"
	"testing"
)

// TestRulesFindViolations gives every rule a file that breaks it and one that
// does not: a rule that finds nothing in this repository must still be able to
// find something.
func TestRulesFindViolations(t *testing.T) {
	t.Parallel()
	long := "package ioc\n\nfunc f() {\n" + strings.Repeat("\t_ = 0\n", maxFunctionLines) + "}\n"
	cases := []struct {
		name  string
		check rule
		path  string
		src   string
		want  int
	}{
		{"import allowed", importTable, "internal/feed/a.go", "package feed\nimport _ \"spoor/internal/ioc\"\n", 0},
		{"import of own room", importTable, "internal/feed/rss/a.go", "package rss\nimport _ \"spoor/internal/feed\"\n", 0},
		{"import forbidden", importTable, "internal/ioc/a.go", "package ioc\nimport _ \"spoor/internal/store\"\n", 1},
		{"engine is no part of store", importTable, "internal/search/a.go", "package search\nimport _ \"spoor/internal/store/sqlite\"\n", 1},
		{"test may use an engine", importTable, "internal/search/a_test.go", "package search\nimport _ \"spoor/internal/store/sqlite\"\n", 0},
		{"test may not skip the table", importTable, "internal/ioc/a_test.go", "package ioc\nimport _ \"spoor/internal/server\"\n", 1},
		{"command wires everything", importTable, "cmd/spoor/a.go", "package main\nimport _ \"spoor/internal/store/sqlite\"\n", 0},
		{"folder without a room", importTable, "internal/misc/a.go", "package misc\n", 1},
		{"driver in engine", driversInEngines, "internal/store/sqlite/a.go", "package sqlite\nimport _ \"zombiezen.com/go/sqlite/sqlitex\"\n", 0},
		{"driver elsewhere", driversInEngines, "internal/search/a.go", "package search\nimport _ \"github.com/jackc/pgx/v5\"\n", 1},
		{"sql in engine", sqlInEngines, "internal/store/sqlite/a.go", "package sqlite\nconst q = `SELECT id FROM records`\n", 0},
		{"sql elsewhere", sqlInEngines, "internal/search/a.go", "package search\nconst q = `SELECT id\n\tFROM records`\n", 1},
		{"english is not sql", sqlInEngines, "internal/search/a.go", "package search\nconst s = `select one from the list`\n", 0},
		{"http in server", httpRooms, "internal/server/a.go", "package server\nimport _ \"net/http\"\n", 0},
		{"http in ingest", httpRooms, "internal/ingest/a.go", "package ingest\nimport _ \"net/http/httptrace\"\n", 1},
		{"http in a test", httpRooms, "internal/ingest/a_test.go", "package ingest\nimport _ \"net/http\"\n", 0},
		{"environment in config", environmentRooms, "internal/config/a.go", "package config\nvar x = os.Getenv(\"X\")\n", 0},
		{"environment in store", environmentRooms, "internal/store/a.go", "package store\nvar x = os.Getenv(\"X\")\n", 1},
		{"api with the standard library", apiStandardLibrary, "api/a.go", "package api\nimport _ \"encoding/json\"\n", 0},
		{"api with a dependency", apiStandardLibrary, "api/a.go", "package api\nimport _ \"github.com/google/uuid\"\n", 1},
		{"init", noInit, "internal/ioc/a.go", "package ioc\nfunc init() {}\n", 1},
		{"method called init", noInit, "internal/ioc/a.go", "package ioc\ntype t int\nfunc (t) init() {}\n", 0},
		{"long function", functionLength, "internal/ioc/a.go", long, 1},
		{"long test function", functionLength, "internal/ioc/a_test.go", long, 0},
		{"long file", fileLength, "internal/ioc/a.go", "package ioc\n" + strings.Repeat("\n", maxFileLines), 1},
		{"file at the limit", fileLength, "internal/ioc/a.go", "package ioc\n" + strings.Repeat("\n", maxFileLines-1), 0},
		{"vague package", packageNames, "internal/util/a.go", "package util\n", 1},
		{"package of two words", packageNames, "internal/a/a.go", "package trail_file\n", 1},
		{"package of one word", packageNames, "internal/feed/a_test.go", "package feed_test\n", 0},
		{"exported without comment", exportedComments, "internal/ioc/a.go", "package ioc\nfunc F() {}\ntype T int\nconst C, d = 1, 2\n", 3},
		{"exported method without comment", exportedComments, "internal/ioc/a.go", "package ioc\n// T is.\ntype T[E any] struct{}\nfunc (*T[E]) M() {}\n", 1},
		{"method of an unexported type", exportedComments, "internal/ioc/a.go", "package ioc\ntype t int\nfunc (t) String() string { return \"\" }\n", 0},
		{"group comment on constants", exportedComments, "internal/ioc/a.go", "package ioc\n// The colours.\nconst (\n\tRed = 1\n\tBlue = 2\n)\n", 0},
		{"group comment on types", exportedComments, "internal/ioc/a.go", "package ioc\n// The types.\ntype (\n\tA int\n\t// B is.\n\tB int\n)\n", 1},
		{"error text that complains", errorTexts, "internal/ioc/a.go", "package ioc\nvar e = fmt.Errorf(\"failed to parse: %w\", x)\n", 1},
		{"error text like a sentence", errorTexts, "internal/ioc/a.go", "package ioc\nvar e = errors.New(\"parse url.\")\n", 1},
		{"error text in style", errorTexts, "internal/ioc/a.go", "package ioc\nvar e = fmt.Errorf(\"parse url %q: %w\", u, x)\n", 0},
		{"open work without issue", openWorkHasIssue, "internal/ioc/a.go", "package ioc\n// TO" + "DO: later\nvar x int\n", 1},
		{"open work with issue", openWorkHasIssue, "internal/ioc/a.go", "package ioc\n// TO" + "DO(#12): later\nvar x int\n", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, err := parse(c.path, c.src)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.check(f); len(got) != c.want {
				t.Errorf("got %d violations, want %d: %q", len(got), c.want, got)
			}
		})
	}
}

func TestUndocumentedFindsPackages(t *testing.T) {
	t.Parallel()
	var files []*file
	for name, src := range map[string]string{
		"a/a.go": "// Package a is.\npackage a\n", "a/b.go": "package a\n",
		"b/b.go": "package b\n", "c/c_test.go": "package c\n",
	} {
		f, err := parse(name, src)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	got := undocumented(files)
	if len(got) != 1 || !strings.HasPrefix(got[0], "b:") {
		t.Errorf("got %q, want only b", got)
	}
}
