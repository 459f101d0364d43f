-- +goose NO TRANSACTION
-- +goose Up
-- What each rationed key spent, in buckets of each of its windows; see
-- store.Usage. Amounts are tenths of a request.
CREATE TABLE IF NOT EXISTS usage (
    key_id uuid NOT NULL,
    span integer NOT NULL,              -- the window's length in seconds
    start bigint NOT NULL,              -- Unix seconds
    last_at bigint NOT NULL,            -- Unix nanoseconds of the last spending in it
    amount bigint NOT NULL,
    PRIMARY KEY (key_id, span, start)
);
