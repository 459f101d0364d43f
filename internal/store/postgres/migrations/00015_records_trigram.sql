-- +goose NO TRANSACTION
-- +goose Up
-- Without fastupdate: a search never has to go through a list of what is not
-- indexed yet.
CREATE INDEX IF NOT EXISTS records_trigram ON records USING gin (ioc_value_normalized gin_trgm_ops) WITH (fastupdate = off);
