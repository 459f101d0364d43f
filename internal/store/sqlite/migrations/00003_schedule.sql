-- +goose Up

-- What the schedule remembers of a feed. It needs no row in feeds: a feed may
-- have been asked for and never have answered.
CREATE TABLE feed_states (
    feed TEXT PRIMARY KEY,
    state TEXT NOT NULL            -- JSON
) WITHOUT ROWID;

-- The operator's own list of known-good values.
CREATE TABLE allowed (
    value TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    added_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Who is writing records: noted before the first transaction that dates any,
-- and taken back after the last. Views tell by it from when on they may lack
-- changes. What was killed stays for a day.
CREATE TABLE writers (
    id BLOB PRIMARY KEY,           -- the run's, or one of its own
    since INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO writers SELECT uuid, started_at FROM runs WHERE finished_at IS NULL;
DROP INDEX runs_open;

CREATE INDEX runs_feed ON runs (feed_id, started_at, uuid);
CREATE INDEX runs_started ON runs (started_at, uuid);
