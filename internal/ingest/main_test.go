package ingest

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when an import leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
