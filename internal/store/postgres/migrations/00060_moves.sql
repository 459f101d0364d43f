-- +goose NO TRANSACTION
-- +goose Up
-- One row at the most: the store that was moved into this one, and how far
-- that got. While it is not finished nobody may use this store.
CREATE TABLE IF NOT EXISTS moves (
    id smallint PRIMARY KEY CHECK (id = 1),
    source text NOT NULL,               -- the source's ledger
    runs bigint NOT NULL,               -- positions in the source of what came last
    articles bigint NOT NULL,
    records bigint NOT NULL,
    moved bigint NOT NULL,              -- how many records came
    begun_at timestamptz NOT NULL,
    finished_at timestamptz
);
