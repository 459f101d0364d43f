package sqlite

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"spoor/internal/store"
)

// TestDump reads a store in pieces of every size: they come to the same, in
// the order in which records were made, and a writer beside it changes nothing.
func TestDump(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	fill(t, s, 300, 0)
	run := startRun(t, s)
	more := domains(50, 100)
	for i := range more {
		more[i].Tags = []string{"more"}
	}
	if _, err := run.Write(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	for _, r := range listed(t, s)[:3] {
		if err := s.DeleteRecord(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Dump(t.Context(), func(d store.Dump) error {
		before, err := d.Ledger(t.Context())
		if err != nil {
			return err
		}
		fill(t, s, 100, 1000)
		whole, err := d.Records(t.Context(), 0, 1000)
		if err != nil {
			return err
		}
		checkDump(t, before, whole)
		for _, size := range []int{1, 7, 296, 297, 298} {
			var got []store.MovedRecord
			for after := int64(0); ; {
				piece, err := d.Records(t.Context(), after, size)
				if err != nil {
					return err
				}
				if len(piece) == 0 {
					break
				}
				got = append(got, piece...)
				after = piece[len(piece)-1].Position
			}
			if diff := cmp.Diff(got, whole); diff != "" {
				t.Errorf("pieces of %d (-got +whole):\n%s", size, diff)
			}
		}
		after, err := d.Ledger(t.Context())
		if err != nil {
			return err
		}
		if after != before || before.OpenRuns != 1 || before.Runs != 2 || before.Records != 297 || before.Deletions != 3 || before.First == uuid.Nil {
			t.Errorf("ledger %v, before it %v", after, before)
		}
		ids, err := d.Sample(t.Context(), 100, rand.New(rand.NewPCG(1, 1))) //nolint:gosec // a sample
		distinct := map[uuid.UUID]bool{}
		for _, id := range ids {
			distinct[id] = true
		}
		if len(distinct) != 100 {
			t.Errorf("a sample of 100 has %d", len(distinct))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkDump checks what a dump of 300 records says, of which 50 were said more
// of and 3 of those deleted.
func checkDump(t *testing.T, l store.Ledger, records []store.MovedRecord) {
	t.Helper()
	said, last := int64(0), int64(0)
	for i := range records {
		r := &records[i]
		if r.AddedSeq <= last || r.AddedSeq > r.Seq || r.Run == uuid.Nil {
			t.Errorf("record %d was made at %d by %s, the one before at %d", i, r.AddedSeq, r.Run, last)
		}
		last = r.AddedSeq
		if n := len(r.Said); n == 1 || n == 2 && (r.Said[0].Seq != r.AddedSeq || r.Said[1].Seq != r.Seq || r.Said[1].Tags[0] != "more") {
			t.Errorf("record %d: said %+v", i, r.Said)
		}
		said += int64(max(1, len(r.Said)))
	}
	if said != l.Sightings || int64(len(records)) != l.Records {
		t.Errorf("%d records with %d sightings, want %d with %d", len(records), said, l.Records, l.Sightings)
	}
}
