-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS api_keys_id ON api_keys (id);
