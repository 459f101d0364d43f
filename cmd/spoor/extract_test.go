package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestExtractJSON: one object a line, of exactly the fields that scripts rely
// on; the offset is where the value stands in the input.
func TestExtractJSON(t *testing.T) {
	t.Parallel()
	const prose = "Beacons to hxxps://gate[.]example/a and 192.0.2.10, see CVE-2026-12345."
	path := filepath.Join(t.TempDir(), "prose.txt")
	if err := os.WriteFile(path, []byte(prose), 0o600); err != nil {
		t.Fatal(err)
	}
	got := spoor(t, prose, "extract", "--json", "-")
	if file := spoor(t, "", "extract", "--json", path); file.stdout != got.stdout || got.status != statusDone {
		t.Errorf("file and standard input differ: status %d\n%s\n%s", got.status, file.stdout, got.stdout)
	}
	var normalized []string
	for line := range strings.Lines(got.stdout) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		for _, field := range []string{"type", "value", "normalized", "context", "offset", "defanged"} {
			if _, ok := object[field]; !ok {
				t.Errorf("no %s in %s", field, line)
			}
		}
		if len(object) != 6 {
			t.Errorf("%d fields in %s", len(object), line)
		}
		at, value := int(object["offset"].(float64)), object["value"].(string)
		if !strings.HasPrefix(prose[at:], value) {
			t.Errorf("%q is not at offset %d", value, at)
		}
		normalized = append(normalized, object["normalized"].(string))
	}
	if want := []string{"https://gate.example/a", "192.0.2.10", "CVE-2026-12345"}; !slices.Equal(normalized, want) {
		t.Errorf("extracted %q, want %q", normalized, want)
	}
}

func TestExtractErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{filepath.Join(t.TempDir(), "none"): "check the path", t.TempDir(): "spoor import"} {
		if got := spoor(t, "", "extract", path); got.status != statusFailed || !strings.Contains(got.stderr, want) || got.stdout != "" {
			t.Errorf("extract %s: status %d, %q and %q", path, got.status, got.stdout, got.stderr)
		}
	}
}
