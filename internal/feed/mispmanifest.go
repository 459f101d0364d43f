package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"spoor/internal/ioc"
)

// ManifestEvent is what the manifest of a MISP feed says about one event.
type ManifestEvent struct {
	// UUID is checked to be one, and as written: the event lies beside the
	// manifest as UUID.json.
	UUID string
	// Timestamp is when the event was last changed, Date when it happened; both
	// UTC, zero when unreadable.
	Timestamp, Date time.Time
	Info            string
	Publisher       string
	// TLP is zero when the event has no such tag, or its tags cannot be read.
	TLP ioc.TLP
}

// maxManifest is the largest manifest, in bytes.
const maxManifest = 32 << 20

// ParseManifest reads the manifest of a MISP feed, in its order. An entry whose
// name is no UUID refuses the whole: the name becomes a path, and no program
// that keeps feeds writes another. Bounded to maxHeldRows events and
// maxManifest bytes.
func ParseManifest(ctx context.Context, r io.Reader) ([]ManifestEvent, error) {
	var events []ManifestEvent
	limited := &io.LimitedReader{R: r, N: maxManifest + 1}
	err := document(limited, func(s *scanner, first byte) error {
		if first == '[' {
			// A manifest without events is an empty list to the program that
			// writes it.
			return s.entries(ctx, func(int) error { return errors.New("a list instead of events by their UUID") })
		}
		return s.members(ctx, func(name string) error {
			if !isUUID(name) {
				return fmt.Errorf("%s is no UUID of an event", quote(name))
			}
			if len(events) >= maxHeldRows {
				return fmt.Errorf("more than %d events: %w", maxHeldRows, errTooMuch)
			}
			ev := ManifestEvent{UUID: name}
			err := s.fields(func(raw []byte) { ev.read(raw) })
			events = append(events, ev)
			return err
		})
	})
	if limited.N <= 0 {
		err = fmt.Errorf("larger than %d bytes: %w", maxManifest, errTooMuch)
	}
	if err != nil {
		return nil, fmt.Errorf("read misp manifest: %w", err)
	}
	return events, nil
}

// read takes what the manifest says of the event; what cannot be read is left
// zero: the event itself says it again.
func (ev *ManifestEvent) read(raw []byte) {
	var entry struct {
		Info      text             `json:"info"`
		Date      text             `json:"date"`
		Timestamp text             `json:"timestamp"`
		Orgc      loose[mispOrg]   `json:"Orgc"`
		Tag       loose[[]mispTag] `json:"Tag"`
	}
	if json.Unmarshal(raw, &entry) != nil {
		return
	}
	ev.Info, ev.Publisher = prose(string(entry.Info)), prose(string(entry.Orgc.value.Name))
	ev.Date, ev.Timestamp = parseTime(string(entry.Date)), parseTime(string(entry.Timestamp))
	var marks mispMarks
	for _, tag := range entry.Tag.value {
		marks.add(string(tag.Name))
	}
	ev.TLP = marks.tlp
}

// isUUID reports whether s is a UUID in its one spelling (RFC 9562 section 4),
// in either case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !isHex([]byte{s[i]}) {
			return false
		}
	}
	return true
}
