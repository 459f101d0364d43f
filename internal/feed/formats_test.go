package feed

import (
	"slices"
	"strings"
	"testing"
)

func TestByName(t *testing.T) {
	t.Parallel()
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
		if f.Feed == "" || f.Category == "" || f.Parser == nil || f.detect == nil {
			t.Errorf("format %q is not complete: %+v", f.Name, f)
		}
		if got, err := ByName(strings.ToUpper(f.Name)); err != nil || got.Name != f.Name {
			t.Errorf("ByName(%q) = %q, %v", strings.ToUpper(f.Name), got.Name, err)
		}
		if !slices.Contains(detectOrder, f.Name) {
			t.Errorf("format %q is never detected", f.Name)
		}
	}
	if !slices.IsSorted(names) || len(detectOrder) != len(names) {
		t.Errorf("names = %v, want them sorted and each in %v", names, detectOrder)
	}
	_, err := ByName("pdf")
	if err == nil || !strings.Contains(err.Error(), strings.Join(names, ", ")) {
		t.Errorf("ByName(pdf) error = %v, want the names listed", err)
	}
}
