-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS records_updated ON records (updated_at ASC, seq, facet_id);
