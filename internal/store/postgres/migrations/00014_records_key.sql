-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS records_key ON records (ioc_value_normalized ASC);
