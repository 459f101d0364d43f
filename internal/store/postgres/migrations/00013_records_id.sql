-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS records_id ON records (id);
