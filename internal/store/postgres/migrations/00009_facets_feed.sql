-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS facets_feed ON facets (feed_id);
