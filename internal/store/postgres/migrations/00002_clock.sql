-- +goose NO TRANSACTION
-- +goose Up
-- One row: what is handed out in commit order, and the counts that would
-- otherwise be scans. Locked first in every write transaction, written last.
CREATE TABLE IF NOT EXISTS clock (
    id smallint PRIMARY KEY CHECK (id = 1),
    seq bigint NOT NULL,                -- last sequence number handed out
    updated_at timestamptz NOT NULL,    -- last record time handed out: never goes back
    records bigint NOT NULL,            -- how many there are
    articles bigint NOT NULL,
    sightings bigint NOT NULL,          -- each record's first one included
    deletions bigint NOT NULL,          -- counts deleted records
    max_tlp smallint NOT NULL,          -- strictest marking ever stored
    keys_made bigint NOT NULL,          -- counts keys ever made
    keys_changed bigint NOT NULL DEFAULT 0, -- counts changes of keys: what a replica must have to be asked for them
    store_id uuid NOT NULL DEFAULT gen_random_uuid() -- tells this store from another
);
