-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS records_facet ON records (facet_id, updated_at, seq);
