-- +goose NO TRANSACTION
-- +goose Up
-- New words wait in a list until it is this long (in kB), and then go to their
-- places sorted. Word by word costs an import three times as much; a longer
-- list spares it a third more, and costs a search, which reads the list,
-- hundreds of milliseconds while an import writes instead of two.
CREATE INDEX IF NOT EXISTS records_trigram ON records USING gin (ioc_value_normalized gin_trgm_ops) WITH (gin_pending_list_limit = 1024);
