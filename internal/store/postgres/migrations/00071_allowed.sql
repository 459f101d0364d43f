-- +goose NO TRANSACTION
-- +goose Up
-- The operator's own list of known-good values.
CREATE TABLE IF NOT EXISTS allowed (
    value text COLLATE "C" PRIMARY KEY,
    reason text NOT NULL,
    added_at timestamptz NOT NULL
);
