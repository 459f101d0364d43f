package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		a, b, want []string
	}{
		{"nothing", nil, nil, nil},
		{"empty lists", []string{}, []string{}, nil},
		{"one side", []string{"b", "a"}, nil, []string{"a", "b"}},
		{"the other side", nil, []string{"b", "a"}, []string{"a", "b"}},
		{"repeated within and across", []string{"b", "a", "b"}, []string{"a", "c"}, []string{"a", "b", "c"}},
		{"by bytes", []string{"b", "B", "ä", "_"}, []string{""}, []string{"", "B", "_", "b", "ä"}},
	} {
		a := append([]string(nil), c.a...)
		if diff := cmp.Diff(union(c.a, c.b), c.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(append([]string(nil), c.a...), a); diff != "" {
			t.Errorf("%s: the argument is changed:\n%s", c.name, diff)
		}
	}
}

func TestGrow(t *testing.T) {
	t.Parallel()
	have := []string{"a", "c"}
	for _, c := range []struct {
		name  string
		more  [][]string
		want  []string
		grown bool
	}{
		{"nothing", nil, have, false},
		{"known", [][]string{{"c"}, {"a", "a"}}, have, false},
		{"new", [][]string{{"b"}, {"c", "d", "b"}}, []string{"a", "b", "c", "d"}, true},
	} {
		got, grown := grow(have, false, c.more...)
		if diff := cmp.Diff(got, c.want); diff != "" || grown != c.grown {
			t.Errorf("%s: grown %v (-got +want):\n%s", c.name, grown, diff)
		}
		if _, still := grow(have, true); !still {
			t.Errorf("%s: what grew before is forgotten", c.name)
		}
	}
	if diff := cmp.Diff(have, []string{"a", "c"}); diff != "" {
		t.Errorf("a shared list is changed:\n%s", diff)
	}
}

// TestGrowAllocates is not parallel: allocations are counted for the process.
func TestGrowAllocates(t *testing.T) { //nolint:paralleltest // see above
	have, known := []string{"a", "c"}, []string{"a", "c"}
	if n := testing.AllocsPerRun(100, func() { grow(have, false, known) }); n > 0 {
		t.Errorf("known words cost %v allocations", n)
	}
}

func TestGrowWarnings(t *testing.T) {
	t.Parallel()
	a, b := Warning{"a", "r"}, Warning{"b", "r"}
	have := make([]Warning, 1, 4) // room that another record must not write to
	have[0] = b
	got, grown := growWarnings(have, false, []Warning{a, b, a})
	if diff := cmp.Diff(got, []Warning{a, b}); diff != "" || !grown {
		t.Errorf("grown %v (-got +want):\n%s", grown, diff)
	}
	if diff := cmp.Diff(have[:2], []Warning{b, {}}); diff != "" {
		t.Errorf("a shared list is changed:\n%s", diff)
	}
	if got, grown = growWarnings(got, false, []Warning{b}); grown || len(got) != 2 {
		t.Errorf("known: grown %v, %v", grown, got)
	}
}
