package column

import (
	"encoding/json"
	"fmt"
	"slices"

	"spoor/internal/store"
)

// Labels are the lists of a record and its evidence, which many records share.
// Field order and sorted lists make equal labels equal text.
type Labels struct {
	Tags       []string        `json:"t,omitempty"`
	Families   []string        `json:"f,omitempty"`
	Techniques []string        `json:"m,omitempty"`
	Industries []string        `json:"i,omitempty"`
	Warnings   []store.Warning `json:"w,omitempty"`
	Evidence   store.Evidence  `json:"e,omitempty"`
}

// LabelsOf returns the record's, which they share.
func LabelsOf(r *store.Record) Labels {
	return Labels{Tags: r.Tags, Families: r.Families, Techniques: r.Techniques, Industries: r.Industries, Warnings: r.Warnings, Evidence: r.Evidence}
}

// Apply gives them to a record, which shares them.
func (l *Labels) Apply(r *store.Record) {
	r.Tags, r.Families, r.Techniques, r.Industries = l.Tags, l.Families, l.Techniques, l.Industries
	r.Warnings, r.Evidence = l.Warnings, l.Evidence
}

// Said gives them to a sighting, which shares them. Its warnings are no word of
// the source.
func (l *Labels) Said(s *store.Sighting) {
	s.Tags, s.Families, s.Techniques, s.Industries, s.Evidence = l.Tags, l.Families, l.Techniques, l.Industries, l.Evidence
}

// Equal reports whether both say the same.
func (l *Labels) Equal(m *Labels) bool {
	return slices.Equal(l.Tags, m.Tags) && slices.Equal(l.Families, m.Families) && slices.Equal(l.Techniques, m.Techniques) &&
		slices.Equal(l.Industries, m.Industries) && slices.Equal(l.Warnings, m.Warnings) && l.Evidence == m.Evidence
}

// Size is about what they take in memory, in bytes.
func (l *Labels) Size() int {
	n := 128
	for _, list := range [][]string{l.Tags, l.Families, l.Techniques, l.Industries} {
		for _, s := range list {
			n += 16 + len(s)
		}
	}
	for _, w := range l.Warnings {
		n += 32 + len(w.List) + len(w.Reason)
	}
	return n
}

// Text returns the column.
func (l *Labels) Text() (string, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return "", fmt.Errorf("encode labels: %w", err)
	}
	return string(b), nil
}

// ParseLabels reads the column; what it cannot read is store.ErrCorrupt.
func ParseLabels(text string) (Labels, error) {
	var l Labels
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return l, fmt.Errorf("%w: labels: %w", store.ErrCorrupt, err)
	}
	return l, nil
}

// Kind says which list of Labels a name is in, where names stand alone.
type Kind int16

// The kinds, as they are stored.
const (
	Tag Kind = 1 + iota
	Family
	Technique
	Industry
)

// Each calls fn for each name with its kind, in the order of kinds and names.
// Warnings and evidence have no names.
func (l *Labels) Each(fn func(Kind, string) error) error {
	for i, names := range [][]string{l.Tags, l.Families, l.Techniques, l.Industries} {
		for _, name := range names {
			if err := fn(Tag+Kind(i), name); err != nil { //nolint:gosec // one of four
				return err
			}
		}
	}
	return nil
}
