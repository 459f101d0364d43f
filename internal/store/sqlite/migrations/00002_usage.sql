-- +goose Up

-- What each rationed key spent, in buckets of each of its windows; see
-- store.Usage. Amounts are tenths of a request.
CREATE TABLE usage (
    key_id BLOB NOT NULL,          -- the key's uuid
    span INTEGER NOT NULL,         -- the window's length in seconds
    start INTEGER NOT NULL,        -- Unix seconds
    last_at INTEGER NOT NULL,      -- Unix nanoseconds of the last spending in it
    amount INTEGER NOT NULL,
    PRIMARY KEY (key_id, span, start)
) WITHOUT ROWID;
CREATE INDEX usage_start ON usage (span, start);

-- The servers that took a grant of a key lately.
CREATE TABLE usage_keys (
    key_id BLOB PRIMARY KEY,
    holders TEXT NOT NULL          -- JSON array
) WITHOUT ROWID;

-- Who does which scheduled work, and until when.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until INTEGER                  -- Unix nanoseconds; NULL when nobody has it
) WITHOUT ROWID;
