-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS runs_started ON runs (started_at, id);
