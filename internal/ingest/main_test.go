package ingest

import (
	"testing"

	"go.uber.org/goleak"

	"spoor/internal/store/postgres/pgtest"
)

// TestMain fails when an import leaves a goroutine behind, and stops the
// PostgreSQL that the tests shared.
func TestMain(m *testing.M) { goleak.VerifyTestMain(withDatabase{m}) }

// withDatabase runs the tests with a PostgreSQL that they may share.
type withDatabase struct{ m *testing.M }

// Run implements goleak.TestingM.
func (d withDatabase) Run() int { return pgtest.Run(d.m) }
