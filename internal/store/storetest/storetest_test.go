package storetest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/storetest"
)

// TestModel holds the model to the suite: the named cases state by hand what
// the oracle computes.
func TestModel(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		m := storetest.NewModel(storetest.Clock())
		t.Cleanup(func() {
			if err := m.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		return m
	})
}

func TestModelClock(t *testing.T) {
	t.Parallel()
	storetest.RunClock(t, func(_ *testing.T, now func() time.Time) store.Store { return storetest.NewModel(now) })
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	set := storetest.Generate(3000, 9)
	if diff := cmp.Diff(set, storetest.Generate(3000, 9)); diff != "" {
		t.Errorf("the same seed makes another set:\n%s", diff)
	}
	types, values := map[ioc.Type]int{}, map[string]bool{}
	for _, o := range set {
		types[o.Indicator.Type]++
		values[o.Indicator.Value] = true
		got, err := ioc.Normalise(o.Indicator.Type, o.Indicator.Value)
		if err != nil || got != o.Indicator {
			t.Errorf("generated %+v, which normalises to %+v, %v", o.Indicator, got, err)
		}
	}
	if len(types) != 9 || len(values) < 2500 || len(values) == len(set) {
		t.Errorf("got %d types and %d values of %d", len(types), len(values), len(set))
	}
}
