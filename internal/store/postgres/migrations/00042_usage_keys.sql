-- +goose NO TRANSACTION
-- +goose Up
-- The servers that took a grant of a key lately. The row is also what whoever
-- spends for the key locks.
CREATE TABLE IF NOT EXISTS usage_keys (
    key_id uuid PRIMARY KEY,
    holders text NOT NULL               -- JSON array
);
