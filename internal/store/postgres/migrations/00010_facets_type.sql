-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS facets_type ON facets (type);
