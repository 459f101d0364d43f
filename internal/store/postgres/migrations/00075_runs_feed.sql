-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS runs_feed ON runs (feed_id, started_at, id);
