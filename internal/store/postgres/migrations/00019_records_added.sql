-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS records_added ON records (added_seq ASC);
