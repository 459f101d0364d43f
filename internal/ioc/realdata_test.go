package ioc

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// realTrails is where a checkout finds real input beside it; the repository
// holds none of it.
const realTrails = "../../../shared/data/maltrail/trails/static"

// TestRealTrails runs every indicator line of the maltrail set through
// Identify: whatever is accepted is stable, whatever is refused has a reason
// that the set is known for.
func TestRealTrails(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("real input takes seconds")
	}
	if _, err := os.Stat(realTrails); err != nil {
		t.Skipf("SKIPPED, real input is not here: %v", err)
	}
	types, reasons := map[Type]int{}, map[Reason]int{}
	examples := map[Reason][]string{}
	total := 0
	walkTrails(t, func(line string) {
		total++
		ind, err := Identify(line)
		if err != nil {
			var invalid *InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("refusal of %q: %v", line, err)
			}
			reasons[invalid.Reason]++
			if len(examples[invalid.Reason]) < 20 {
				examples[invalid.Reason] = append(examples[invalid.Reason], line)
			}
			return
		}
		types[ind.Type]++
		if again, err := Identify(ind.Value); err != nil || again.Type != ind.Type || again.Value != ind.Value || again.Key != ind.Key {
			t.Errorf("Identify(%q) = %+v, then %+v, %v", line, ind, again, err)
		}
		if r := Readings(line); len(r) == 0 || r[0].Key != ind.Key {
			t.Errorf("Readings(%q) = %v, want first %q", line, r, ind.Key)
		}
	})
	t.Logf("%d lines, types %v, refused %v", total, types, reasons)
	for reason, lines := range examples {
		if reason != ReasonBarePath && reason != ReasonRange {
			t.Logf("%s: %q", reason, lines)
		}
	}
	known := []Reason{ReasonBarePath, ReasonRange, ReasonNotIndicator, ReasonHost, ReasonWrongType, ReasonPort}
	for reason, n := range reasons {
		if !slices.Contains(known, reason) {
			t.Errorf("%d lines are refused as %s", n, reason)
		}
		if reason != ReasonBarePath && reason != ReasonRange && n > 200 {
			t.Errorf("%d lines are refused as %s, want at most 200 unexplained", n, reason)
		}
	}
}

// walkTrails calls f for every indicator line: comments, whole and at the end
// of a line, are the feed parser's matter.
func walkTrails(t *testing.T, f func(line string)) {
	t.Helper()
	err := filepath.WalkDir(realTrails, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".txt") {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			line, _, _ := strings.Cut(lines.Text(), " # ")
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				f(line)
			}
		}
		return lines.Err()
	})
	if err != nil {
		t.Fatalf("walk %s: %v", realTrails, err)
	}
}
