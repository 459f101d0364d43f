package postgres

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// The statements of an exact search read one row more than can be ranked,
// latest made first, each with the clock's seq at the same moment. Identities
// stand one by one: of an array PostgreSQL does not know the length, and so
// makes a new plan for each query, which takes longer than the query.
const (
	exactRecords = `SELECT ` + recordColumns + `, (SELECT seq FROM clock WHERE id = 1)` + fromRecords + ` WHERE r.tlp <= $1 AND `
	newestFirst  = ` ORDER BY r.added_seq DESC LIMIT 10001`

	selectByIndicator      = exactRecords + `r.indicator_id = $2` + newestFirst
	selectByTwoIndicators  = exactRecords + `r.indicator_id IN ($2, $3)` + newestFirst
	selectByFourIndicators = exactRecords + `r.indicator_id IN ($2, $3, $4, $5)` + newestFirst
	selectByIndicators     = exactRecords + `r.indicator_id = ANY ($2)` + newestFirst
)

// byIndicator returns the question for the records of some identities, at
// least one.
func byIndicator(v store.Visibility, ids [][16]byte) question {
	last := ids[len(ids)-1]
	switch args := []any{seen(v), ids[0]}; len(ids) {
	case 1:
		return question{sql: selectByIndicator, args: args}
	case 2:
		return question{sql: selectByTwoIndicators, args: append(args, last)}
	case 3, 4: // three are four of which one is named twice
		return question{sql: selectByFourIndicators, args: append(args, ids[1], ids[2], last)}
	default:
		return question{sql: selectByIndicators, args: []any{seen(v), ids}}
	}
}

// Exact implements store.Snapshot.
func (v *snapshot) Exact(ctx context.Context, q store.ExactQuery) (store.Matches, error) {
	var m store.Matches
	ids := make([][16]byte, 0, len(q.Keys))
	for _, k := range q.Keys {
		if storable(k.Key) {
			ids = append(ids, indicatorID(k.Type, k.Key))
		}
	}
	if len(ids) == 0 {
		return m, v.failed
	}
	if !q.AsOf.IsZero() {
		return v.matchesAsOf(ctx, q, ids)
	}
	var rows []row
	err := v.first(ctx, byIndicator(q.Visibility, ids), func(r pgx.Rows) error {
		rows = append(rows, row{})
		return rows[len(rows)-1].scanWith(r, &v.clock.seq)
	})
	if err != nil {
		return m, fmt.Errorf("find key: %w", err)
	}
	m.Work.Rows = len(rows)
	if len(rows) > store.Cap {
		m.LowerBound = true
		rows = rows[:store.Cap]
	}
	m.Total = len(rows)
	slices.SortFunc(rows, func(a, b row) int { return store.ByLastSeen(&a.Record, &b.Record) })
	rows = rows[min(q.Offset, len(rows)):min(q.Offset+q.Limit, len(rows))]
	if m.Records, err = v.records(ctx, rows); err != nil {
		return m, fmt.Errorf("read match: %w", err)
	}
	return m, nil
}

// seen is the strictest marking that the caller may see.
func seen(v store.Visibility) int16 { return int16(max(v.MaxTLP, ioc.Clear)) }

// storable reports whether a text can be in the database at all; a key cannot
// hold anything else, so there is nothing to look for.
func storable(s string) bool {
	return utf8.ValidString(s) && !slices.Contains([]byte(s), 0)
}

// hitIDs name records by their primary key.
type hitIDs struct{ indicators, ids [][16]byte }

func (h *hitIDs) add(t ioc.Type, key string, id uuid.UUID) {
	h.indicators, h.ids = append(h.indicators, indicatorID(t, key)), append(h.ids, id)
}

const selectByPrimaryKey = `SELECT ` + recordColumns + ` FROM unnest($1::uuid[], $2::uuid[]) AS k (indicator_id, id) JOIN records r ON r.indicator_id = k.indicator_id AND r.id = k.id LEFT JOIN articles a ON a.id = r.article_id`

// byPrimaryKey returns the records in the order of the ids.
func (v *snapshot) byPrimaryKey(ctx context.Context, h hitIDs) ([]store.Record, error) {
	rows, err := v.rowsOf(ctx, h)
	if err != nil {
		return nil, err
	}
	return v.records(ctx, rows)
}

// rowsOf returns the rows in the order of the ids.
func (v *snapshot) rowsOf(ctx context.Context, h hitIDs) ([]row, error) {
	if len(h.ids) == 0 {
		return nil, nil
	}
	at := make(map[uuid.UUID]int, len(h.ids))
	for i, id := range h.ids {
		at[id] = i
	}
	rows := make([]row, len(h.ids))
	n := 0
	err := v.ask(ctx, selectByPrimaryKey, func(r pgx.Rows) error {
		var one row
		err := one.scan(r)
		rows[at[one.ID]] = one
		n++
		return err
	}, h.indicators, h.ids)
	if err == nil && n != len(rows) {
		err = fmt.Errorf("%w: an index names records that are not there", store.ErrCorrupt)
	}
	return rows, err
}
