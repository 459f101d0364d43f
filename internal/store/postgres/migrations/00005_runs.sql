-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS runs (
    id uuid PRIMARY KEY,
    feed_id uuid NOT NULL REFERENCES feeds (id),
    source text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    stats text,                         -- JSON counts, once finished
    batches bigint NOT NULL             -- how many were written: tells a retry what a broken commit became
);
