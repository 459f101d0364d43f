package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// clock is the one row that orders everything: see the migration for its
// columns. Whoever holds its lock owns it, so what it hands out is in commit
// order.
type clock struct {
	seq                                     int64
	updatedAt                               time.Time
	records, articles, sightings, deletions int64
	maxTLP                                  int16
	keysMade, keysChanged                   int64
}

const (
	selectClock = `SELECT seq, updated_at, records, articles, sightings, deletions, max_tlp, keys_made, keys_changed FROM clock WHERE id = 1`
	lockClock   = selectClock + ` FOR UPDATE`

	// byIndex keeps the planner, which may know nothing yet of a table that is
	// just being filled, from walking it, and from compiling what it then
	// takes for expensive. It holds for the transaction.
	byIndex = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)`
)

func (k *clock) scan(row pgx.Row) error {
	err := row.Scan(&k.seq, &k.updatedAt, &k.records, &k.articles, &k.sightings, &k.deletions, &k.maxTLP, &k.keysMade, &k.keysChanged)
	k.updatedAt = k.updatedAt.UTC()
	return err
}

const updateClock = `UPDATE clock SET seq = $1, updated_at = $2, records = $3, articles = $4, sightings = $5, deletions = $6, max_tlp = $7, keys_made = $8, keys_changed = $9 WHERE id = 1`

func (k *clock) save(b *pgx.Batch) {
	b.Queue(updateClock, k.seq, k.updatedAt, k.records, k.articles, k.sightings, k.deletions, k.maxTLP, k.keysMade, k.keysChanged)
}

// tick hands out the next sequence number and the record time that goes with
// it: now, or the last one when the machine's clock went back, so that the
// order of UpdatedAt is the order of Seq.
func (k *clock) tick(now time.Time) (seq int64, at time.Time) {
	k.seq++
	if now = now.UTC().Truncate(time.Second); now.After(k.updatedAt) {
		k.updatedAt = now
	}
	return k.seq, k.updatedAt
}
