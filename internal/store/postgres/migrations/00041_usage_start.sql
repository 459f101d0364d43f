-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS usage_start ON usage (span, start);
