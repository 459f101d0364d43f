package sqlite

import (
	"time"

	"zombiezen.com/go/sqlite"
)

// clock is the one row that orders everything: see the migration for its
// columns. Whoever holds the write transaction owns it, so what it hands out
// is in commit order.
type clock struct {
	seq, updatedAt, lastRID, indexedRID                int64
	indexVersion, records, deletions, maxTLP, keysMade int64
}

const selectClock = `SELECT seq, updated_at, last_rid, indexed_rid, index_version, records, deletions, max_tlp, keys_made FROM clock WHERE id = 1`

func (k *clock) load(c *conn) error {
	_, err := c.query(selectClock, func(st *sqlite.Stmt) error {
		*k = clock{
			seq: st.ColumnInt64(0), updatedAt: st.ColumnInt64(1), lastRID: st.ColumnInt64(2), indexedRID: st.ColumnInt64(3),
			indexVersion: st.ColumnInt64(4), records: st.ColumnInt64(5), deletions: st.ColumnInt64(6), maxTLP: st.ColumnInt64(7),
			keysMade: st.ColumnInt64(8),
		}
		return nil
	})
	return err
}

const updateClock = `UPDATE clock SET seq = ?, updated_at = ?, last_rid = ?, indexed_rid = ?, index_version = ?, records = ?, deletions = ?, max_tlp = ?, keys_made = ? WHERE id = 1`

func (k *clock) save(c *conn) error {
	return c.exec(updateClock, k.seq, k.updatedAt, k.lastRID, k.indexedRID, k.indexVersion, k.records, k.deletions, k.maxTLP, k.keysMade)
}

// tick hands out the next sequence number and the record time that goes with
// it: now, or the last one when the machine's clock went back, so that the
// order of UpdatedAt is the order of Seq.
func (k *clock) tick(now time.Time) (seq, at int64) {
	k.seq++
	k.updatedAt = max(k.updatedAt, now.Unix())
	return k.seq, k.updatedAt
}
