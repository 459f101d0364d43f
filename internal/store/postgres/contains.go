package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// hit is a record that the needle matches, with what ranks it.
type hit struct {
	place    store.Place
	typ      ioc.Type
	key      string
	lastSeen time.Time
	id       uuid.UUID
}

// The two ways to candidates: a longer needle through pg_trgm, a shorter one
// as the beginning of a key.
const (
	candidateColumns = `SELECT added_seq, type, ioc_value_normalized, last_seen, id FROM records WHERE `
	newestCandidates = ` AND tlp <= $2 AND added_seq < $3 AND (cardinality($4::smallint[]) = 0 OR type = ANY($4)) ORDER BY added_seq DESC LIMIT $5`

	selectContaining = candidateColumns + `ioc_value_normalized LIKE $1` + newestCandidates
	selectBeginning  = candidateColumns + `ioc_value_normalized ^@ $1` + newestCandidates
)

// Contains implements store.Snapshot. It takes the newest candidates first and
// lets the needle judge their keys, so that it ends after the store.Cap newest
// matches; ranking is done here, where the rules of place are.
func (v *snapshot) Contains(ctx context.Context, q store.ContainsQuery) (store.Matches, error) {
	var m store.Matches
	if !storable(q.Needle.Text) {
		return m, v.failed
	}
	hits, work, err := v.hits(ctx, q)
	if err != nil {
		return m, fmt.Errorf("search keys: %w", err)
	}
	m.Work = work
	if len(hits) > store.Cap {
		m.LowerBound = true
		hits = hits[:store.Cap]
	}
	m.Total = len(hits)
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(len(a.key), len(b.key)), b.lastSeen.Compare(a.lastSeen), slices.Compare(a.id[:], b.id[:]))
	})
	var page hitIDs
	if !q.AsOf.IsZero() {
		if m.Records, err = v.containsAsOf(ctx, q, hits); err != nil {
			return store.Matches{}, fmt.Errorf("read matches: %w", err)
		}
		m.Work.Rows = len(m.Records)
		return m, nil
	}
	for _, h := range hits[min(q.Offset, len(hits)):min(q.Offset+q.Limit, len(hits))] {
		page.add(h.typ, h.key, h.id)
	}
	if m.Records, err = v.byPrimaryKey(ctx, page); err != nil {
		return store.Matches{}, fmt.Errorf("read matches: %w", err)
	}
	m.Work.Rows = len(m.Records)
	return m, nil
}

// hits returns the newest records that the needle matches, newest first, at
// most one more than can be ranked.
func (v *snapshot) hits(ctx context.Context, q store.ContainsQuery) (hits []hit, work store.Work, err error) {
	const chunk = store.Cap + 1
	sql, pattern := selectContaining, "%"+escape(q.Needle.Text)+"%"
	if q.Needle.Prefix() {
		sql, pattern = selectBeginning, q.Needle.Text
	}
	types := make([]int16, len(q.Types))
	for i, t := range q.Types {
		types[i] = int16(t)
	}
	before, err := v.addedAfter(ctx, q.AsOf)
	if err != nil {
		return nil, work, err
	}
	for {
		n := 0
		err := v.query(ctx, question{sql: sql, args: []any{pattern, seen(q.Visibility), before, types, chunk}, replan: true}, func(r pgx.Rows) error {
			var h hit
			var typ int16
			if err := r.Scan(&before, &typ, &h.key, &h.lastSeen, (*[16]byte)(&h.id)); err != nil {
				return err
			}
			n++
			h.typ = ioc.Type(typ) //nolint:gosec // written by us
			var ok bool
			if h.place, ok = q.Needle.Match(h.typ, h.key); ok {
				hits = append(hits, h)
			}
			return nil
		})
		work.Candidates += n
		if err != nil || n < chunk || len(hits) > store.Cap {
			return hits[:min(len(hits), chunk)], work, err
		}
	}
}

// escape makes every character of a text literal in a LIKE pattern.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
