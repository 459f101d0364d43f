-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS runs_open ON runs (started_at) WHERE finished_at IS NULL;
