package main

import (
	"fmt"
	"strings"
	"testing"

	"spoor/internal/store"
)

func TestStoreErrorsGiveAdvice(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{store.ErrBusy, store.ErrFull, store.ErrReadOnly, store.ErrSchema} {
		err := fmt.Errorf("write batch: %w", cause)
		if got := advice(err); !strings.HasPrefix(got, ": ") {
			t.Errorf("%v: got advice %q", err, got)
		}
	}
}
