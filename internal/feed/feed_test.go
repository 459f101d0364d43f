package feed

import (
	"context"
	"strings"
	"testing"
	"time"
)

// parsed is what a parser delivered.
type parsed struct {
	items []Item
	skips []Skip
	err   error
}

// collect runs a parser over input.
func collect(tb testing.TB, p Parser, name, input string) parsed {
	tb.Helper()
	var got parsed
	got.err = p.Parse(context.Background(), strings.NewReader(input), Source{Name: name}, Sink{
		Item: func(i Item) error { got.items = append(got.items, i); return nil },
		Skip: func(s Skip) error { got.skips = append(got.skips, s); return nil },
	})
	return got
}

// date is a time of a test case.
func date(tb testing.TB, s string) time.Time {
	tb.Helper()
	t, err := time.Parse(time.DateTime, s)
	if err != nil {
		tb.Fatalf("parse test date: %v", err)
	}
	return t
}
