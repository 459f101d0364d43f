package sqlite

import (
	"context"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"spoor/internal/store"
)

// selectByKey reads latest made first: the order in which the index already
// has them.
const selectByKey = `SELECT ` + recordColumns + ` FROM records WHERE key = ? ORDER BY rid DESC`

// Exact implements store.Snapshot.
func (v *snapshot) Exact(_ context.Context, q store.ExactQuery) (store.Matches, error) {
	var rows []row
	var m store.Matches
	for i, k := range q.Keys {
		if slices.ContainsFunc(q.Keys[:i], func(o store.TypedKey) bool { return o.Key == k.Key }) {
			continue // the earlier one looked for all types of this key
		}
		found, err := v.byKey(q, k.Key)
		if err != nil {
			return m, fmt.Errorf("find key: %w", err)
		}
		m.Work.Rows += len(found)
		rows = append(rows, found...)
	}
	if len(rows) > store.Cap {
		m.LowerBound = true
		slices.SortFunc(rows, func(a, b row) int { return int(b.rid - a.rid) })
		rows = rows[:store.Cap]
	}
	m.Total = len(rows)
	for i := range rows {
		if q.AsOf.IsZero() {
			break
		}
		if err := v.was(&rows[i], q.AsOf); err != nil {
			return m, fmt.Errorf("read match: %w", err)
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return store.ByLastSeen(&a.Record, &b.Record) })
	rows = rows[min(q.Offset, len(rows)):min(q.Offset+q.Limit, len(rows))]
	if len(rows) > 0 {
		m.Records = make([]store.Record, len(rows))
	}
	for i := range rows {
		if q.AsOf.IsZero() {
			if err := v.resolve(&rows[i]); err != nil {
				return m, fmt.Errorf("read match: %w", err)
			}
		}
		m.Records[i] = rows[i].Record
	}
	return m, nil
}

// byKey returns the rows of a key that have a type the query asks for with
// this key, and that the caller may see, and that were there: at most one more than can be ranked.
// Articles are left to resolve.
func (v *snapshot) byKey(q store.ExactQuery, key string) ([]row, error) {
	var rows []row
	_, err := v.query(selectByKey, func(st *sqlite.Stmt) error {
		rows = append(rows, row{})
		r := &rows[len(rows)-1]
		r.scan(st)
		f, err := v.facet(r.facetID)
		if err != nil {
			return err
		}
		if !q.Sees(f.tlp) || !q.AsOf.IsZero() && r.AddedAt.After(q.AsOf) || !slices.Contains(q.Keys, store.TypedKey{Type: f.typ, Key: key}) {
			rows = rows[:len(rows)-1]
		}
		if len(rows) > store.Cap {
			return errStop
		}
		return nil
	}, key)
	return rows, err
}
